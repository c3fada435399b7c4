//! The running process: two runtimes, the system of actors, signals, and a stop that loses nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use log::{error, info, warn};
use tokio::runtime::Runtime;

use super::signals::Signals;
use super::{failure, progress, service_manager};
use crate::actors::arbiters::Arbiters;
use crate::actors::heartbeat::{self, Heartbeat, Pace, Watched};
use crate::actors::{self, Keeper, Shared};
use crate::domain::api_token::ApiToken;
use crate::server;
use crate::services::Services;

/// Longer than an answer of the token endpoint may take (60 s), shorter than a service manager's patience (90 s).
const DRAIN: Duration = Duration::from_secs(75);
/// Connections whose rotation was left open, named at most.
const NAMED: usize = 20;
/// For the last entries of the timeline.
const FLUSH: Duration = Duration::from_secs(5);

/// The I/O runtime: one for the process, made before and ended after everything else.
///
/// # Errors
/// Where the system gives no threads.
pub fn io_runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("io")
        .enable_all()
        .build()
        .context("cannot start the I/O runtime")
}

/// What actors need, put together.
pub struct Ready {
    /// What is done for them.
    pub services: Arc<Services>,
    /// Whom the HTTP server answers.
    pub tokens: Vec<ApiToken>,
}

/// Carries `opening` out on the I/O runtime, then runs the actors until `until` ends, a signal comes or they cannot be
/// kept up; then stops in order. The server says from the beginning that the process lives.
///
/// # Errors
/// What `opening` or `until` failed with, or why the process did not end well. Nothing in flight is lost by a stop within
/// its deadline.
pub fn keep<F>(
    io: Runtime,
    mut signals: Signals,
    server: Option<server::Bound>,
    settings: actors::Settings,
    opening: impl Future<Output = Result<Ready>> + Send + 'static,
    until: F,
) -> Result<()>
where
    F: AsyncFnOnce(&Keeper) -> Result<()>,
{
    let outcome = actix::System::new().block_on(async {
        let serving = server.map(server::Bound::start).transpose();
        let serving = serving.context("the HTTP server cannot be started")?;
        let opened = tokio::select! {
            opened = io.spawn(opening) => opened.context("the start failed").flatten(),
            name = signals.next() => {
                // A migration that has begun is undone by the database.
                info!(target: "supervisor", signal = name; "asked to stop while the database was being opened");
                return Ok(());
            }
        };
        let Ready { services, tokens } = opened?;
        let connections = std::thread::available_parallelism().map_or(1, usize::from);
        let keeper = actors::start(services.clone(), settings, Arbiters::start(connections));
        let mut failed = keeper.failed.clone();
        services.io.spawn_loop(progress::loading(keeper.shared.clone()));
        let told = keeper.shared.clone();
        services
            .io
            .spawn_loop(async move { service_manager::tell_standing(&told, settings.status_every).await });
        if let Some(serving) = &serving {
            serving.open(keeper.shared.clone(), tokens);
        }
        let heartbeat = watch(&keeper.shared).context("the heartbeat cannot be started")?;
        let ended = tokio::select! {
            ended = until(&keeper) => ended,
            name = signals.next() => {
                info!(target: "supervisor", signal = name; "asked to stop");
                Ok(())
            }
            _ = failed.wait_for(Option::is_some) => {
                let why = keeper.failed.borrow().clone().unwrap_or_default();
                Err(anyhow::anyhow!("the actors cannot be kept up: {why}"))
            }
        };
        let in_order = async {
            let stopped = finish(&services, services.io.drain(DRAIN)).await;
            if let Some(serving) = serving {
                serving.stop().await; // last: tokens are served while everything else ends
            }
            stopped
        };
        let stopped = tokio::select! {
            biased; // no new work is begun even where both signals came together
            stopped = in_order => stopped,
            _ = signals.next() => insisted(&services),
        };
        drop(heartbeat);
        keeper.shared.arbiters.stop();
        ended.and(stopped)
    });
    io.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Ends the process where an arbiter, or the I/O runtime, does not turn any more: the service manager starts it anew.
fn watch(shared: &Arc<Shared>) -> std::io::Result<Heartbeat> {
    let services = shared.services.clone();
    let mut watched = vec![Watched::io(services.io.clone())];
    watched.extend(shared.arbiters.all().into_iter().map(|(name, arbiter)| Watched::arbiter(name, arbiter)));
    let end = move |name: &str| {
        error!(target: "supervisor", silent = name; "does not answer its heartbeat, the process ends");
        if name != heartbeat::IO {
            // What is in flight runs there, and ends well. Whoever is blocked cannot be waited for.
            let _ = services.io.handle().block_on(finish(&services, services.io.drain(DRAIN)));
        }
        #[expect(
            clippy::exit,
            clippy::disallowed_methods,
            reason = "the main thread may be the one that is blocked"
        )]
        std::process::exit(failure::FAILED.into());
    };
    Heartbeat::start(watched, Pace::default(), service_manager::alive, end)
}

/// A second signal ends at once, whatever is still waited for.
fn insisted(services: &Services) -> Result<()> {
    let in_flight = services.registry.in_flight.len();
    warn!(target: "supervisor", in_flight; "asked to stop a second time, ending at once");
    left_open(services, services.io.running())
}

/// No new work, then wait for what is in flight: everything that has to be done before the process ends, but for what
/// actors need.
async fn finish(services: &Services, drained: impl Future<Output = usize>) -> Result<()> {
    services.stop();
    service_manager::stopping();
    info!(target: "supervisor", in_flight = services.registry.in_flight.len(); "stopping, no new work");
    let left = drained.await;
    services.timeline.flush(FLUSH).await;
    let journalled = services.journal.left();
    if journalled > 0 {
        warn!(target: "supervisor", pairs = journalled;
            "new tokens that the database did not take are in the journal, the next start from this data directory writes them into it");
    }
    // What is left still runs: then the lock ends with the process, not before.
    if left == 0
        && let Err(error) = services.adapters.store.unlock(journalled == 0).await
    {
        warn!(target: "supervisor", error:% = error; "the keeper lock could not be given up in order");
    }
    left_open(services, left)?;
    info!(target: "supervisor", unfinished = 0; "stopped");
    Ok(())
}

fn left_open(services: &Services, left: usize) -> Result<()> {
    if left == 0 {
        return Ok(());
    }
    let open: Vec<_> = services.registry.in_flight.ids(NAMED).iter().map(ToString::to_string).collect();
    error!(target: "supervisor", unfinished = left, connections = open.join(",");
        "stopped before everything had ended, their outcome is unknown");
    bail!("{left} tasks did not end in time; their claims are taken up at the next start");
}
