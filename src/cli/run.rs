//! `run`: the keeper itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use log::{info, warn};

use super::global::Global;
use super::signals::Signals;
use super::{open, process, service_manager, settings, start};
use crate::actors::Keeper;
use crate::clock::SystemClock;
use crate::ports::{Clock, Store};
use crate::runtime::sleep;
use crate::server;
use crate::store::{self, OpenError};

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

/// Runs until it is told to stop.
///
/// # Errors
/// Where the configuration or the database does not allow a start, or not everything ended in order.
pub fn execute(_args: &Args, global: &Global) -> anyhow::Result<()> {
    let io = process::io_runtime()?;
    let mut signals = Signals::listen(&io)?;
    let config = global.start()?;
    let (client, services) = (settings::calendly(&config)?, settings::services(&config)?);
    let keys = open::keys(&config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let options = open::options(&config, keys, io.handle().clone(), clock.clone())?;
    let keys = options.keys.clone();
    let opened = io.block_on(async {
        tokio::select! {
            opened = open_when_there(options) => Ok(opened),
            name = signals.next() => Err(name),
        }
    });
    let store = match opened {
        Ok(opened) => opened.context("cannot start")?,
        Err(signal) => {
            info!(target: "supervisor", signal; "asked to stop while the database was being opened");
            // A migration that has begun is undone by the database.
            io.shutdown_timeout(Duration::from_secs(1));
            return Ok(());
        }
    };
    if services.webhook.is_none() {
        info!(target: "supervisor", hint = "set webhook.callback_url"; "no callback URL, tokens are kept and no webhooks");
    }
    let beside = open::beside(&config.data_dir, &*store, keys, clock.clone(), io.handle());
    let beside = io.block_on(beside).context("cannot start")?;
    let server = settings::server(&config)?.map(server::bind).transpose()?;
    let services = start::services(&client, services, store, beside, clock, io.handle())?;
    let for_ever = async |_: &Keeper| std::future::pending().await;
    process::keep(io, signals, services, settings::actors(&config), server, for_ever)
}
