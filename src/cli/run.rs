//! `run`: the keeper itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use log::{info, warn};
use tokio::runtime::Handle;

use super::global::Global;
use super::process::Ready;
use super::signals::Signals;
use super::{open, process, service_manager, settings, start};
use crate::actors::Keeper;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::ports::Store;
use crate::runtime::sleep;
use crate::store::{self, OpenError};
use crate::{calendly, server, services};

/// Between two tries to open a database that is away.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// That it is awaited is said once in so many tries.
const SAID_EVERY: u32 = 15;

const HELP: &str = "\
Runs until SIGTERM, SIGINT or SIGHUP, then finishes what is under way (75 s at most) and
ends with 0. Of several keepers on one database one works and the others stand by.

Examples:
  calendly-keeper --config keeper.toml import grants.jsonl
  calendly-keeper --config keeper.toml run";

/// What `run` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {}

/// Opens the database, waiting for one that is away.
async fn open_when_there(options: store::Options) -> Result<Arc<dyn Store>, OpenError> {
    let mut tries = 0_u32;
    loop {
        match store::open(options.clone()).await {
            Err(error) if !error.is_configuration() => {
                if tries.is_multiple_of(SAID_EVERY) {
                    warn!(target: "supervisor", error:% = error; "waiting for the database");
                }
                service_manager::waiting_for_database();
                tries += 1;
            }
            opened => return opened,
        }
        sleep(TRY_EVERY).await;
    }
}

/// Everything behind the actors. It may take as long as the database is away.
async fn open_all(
    config: Config,
    client: calendly::Settings,
    services: services::Settings,
    options: store::Options,
    io: Handle,
) -> anyhow::Result<Ready> {
    let (keys, clock) = (options.keys.clone(), options.clock.clone());
    let store = open_when_there(options).await.context("cannot start")?;
    if services.webhook.is_none() {
        info!(target: "supervisor", hint = "set webhook.callback_url"; "no callback URL, tokens are kept and no webhooks");
    }
    let beside = open::beside(&config.data_dir, &*store, keys, clock.clone(), &io);
    let beside = beside.await.context("cannot start")?;
    let tokens = settings::api_tokens(&config)?;
    let services = start::services(&client, services, store, beside, clock, &io)?;
    Ok(Ready { services, tokens })
}

/// Runs until it is told to stop.
///
/// # Errors
/// Where the configuration or the database does not allow a start, or not everything ended in order.
pub fn execute(_args: &Args, global: &Global) -> anyhow::Result<()> {
    let io = process::io_runtime()?;
    let signals = Signals::listen(&io)?;
    let config = global.start()?;
    let (client, services) = (settings::calendly(&config)?, settings::services(&config)?);
    let keys = open::keys(&config)?;
    let options = open::options(&config, keys, io.handle().clone(), Arc::new(SystemClock))?;
    let server = settings::server(&config).map(server::bind).transpose()?;
    let actors = settings::actors(&config);
    let opening = open_all(config, client, services, options, io.handle().clone());
    let for_ever = async |_: &Keeper| std::future::pending().await;
    process::keep(io, signals, server, actors, opening, for_ever)
}
