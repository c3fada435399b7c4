//! The simulator as a process: its command line, its seeding, its end. What it simulates is the library's.
#![allow(clippy::print_stderr, reason = "a command that tells its user where it listens")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use calendly_keeper::simulator::{NewGrant, Options, SeedGrant, SeedUser, Simulator};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// A local Calendly: OAuth with single-use refresh tokens, webhook subscriptions, meetings and what is delivered of
/// them, errors, limits.
///
/// The defaults are what Calendly documents. Where nobody knows what Calendly does there is a switch, and
/// faults are set while it runs: POST /simulator/faults.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Makes so many users with a grant each, called PREFIX-1 and so on.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    users: usize,
    /// What the names of seeded users start with.
    #[arg(long, value_name = "PREFIX", default_value = "user")]
    user_prefix: String,
    /// Where the grants of the seeded users go, as JSON lines that an import takes; without it they go to
    /// standard output.
    #[arg(long, value_name = "PATH", requires = "users")]
    import_file: Option<PathBuf>,
    /// Threads that serve requests.
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    threads: usize,
}

const EXAMPLES: &str = "\
Examples:
  calendly-simulator --users 5 --import-file grants.jsonl
  calendly-simulator --expires-in 60 --tokens-per-minute 0 --users 1000 --import-file grants.jsonl
  calendly-simulator --reuse revoke-grant --old-access-token revoke --unique-callback global
  calendly-simulator --users 20 --import-file grants.jsonl --bookings-per-minute 60 --delivery-clock 60

A fault, while it runs: the next answer of the token endpoint is lost after it took effect
  curl -d '{\"endpoint\":\"token\",\"fault\":{\"kind\":\"reset_after\"}}' http://127.0.0.1:8788/simulator/faults
A delivery in twenty comes twice
  curl -d '{\"endpoint\":\"delivery\",\"probability\":0.05,\"fault\":{\"kind\":\"duplicate\"}}' http://127.0.0.1:8788/simulator/faults
Somebody books, a hundred changes come by themselves
  curl -d '{\"hosts\":[\"user-1\"]}' http://127.0.0.1:8788/simulator/meetings
  curl -d '{\"count\":100}' http://127.0.0.1:8788/simulator/bookings/draw
What happened, what an application should have heard, what was delivered
  curl http://127.0.0.1:8788/simulator/ledger
  curl http://127.0.0.1:8788/simulator/events
  curl http://127.0.0.1:8788/simulator/deliveries";

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.threads > 0, "--threads: 0, use 1 or more");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Before the port is open, so that whoever sees the start line can already end us cleanly.
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;

    let listen = arguments.options.listen;
    let simulator =
        Simulator::start(arguments.options).with_context(|| format!("cannot start on {listen}"))?;
    let user = SeedUser::named(arguments.user_prefix);
    let grants = simulator.add_users(arguments.users, &user, &NewGrant::default())?;
    match &arguments.import_file {
        Some(path) => {
            write_file(path, &grants).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => write_lines(std::io::stdout().lock(), &grants).context("cannot write to standard output")?,
    }
    eprintln!(
        "calendly-simulator listens on {} client_id={} users={} seed={}",
        simulator.url(),
        simulator.client_id(),
        grants.len(),
        simulator.seed(),
    );
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    simulator.stop();
    let counters = simulator.counters();
    eprintln!(
        "calendly-simulator ended requests={} rotations={} tokens_reused={} events_due={} deliveries={}",
        counters.requests,
        counters.rotations,
        counters.tokens_reused,
        counters.events_due,
        counters.deliveries_attempted,
    );
    Ok(())
}

fn write_file(path: &Path, grants: &[SeedGrant]) -> std::io::Result<()> {
    write_lines(File::create(path)?, grants)
}

fn write_lines(out: impl Write, grants: &[SeedGrant]) -> std::io::Result<()> {
    let mut out = BufWriter::new(out);
    for grant in grants {
        writeln!(out, "{}", grant.import_line())?;
    }
    out.flush()
}
