//! Start and exit codes; everything else is in the library.

use std::io::Write as _;
use std::process::ExitCode;

use calendly_keeper::cli::{self, Cli, Done, failure};
use calendly_keeper::telemetry;
use clap::Parser as _;
use rustix::process::{Resource, Rlimit, setrlimit};

/// A keeper allocates on one thread and frees on another all the time, where the system's allocator is slow.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse(); // wrong usage ends here, with 2
    telemetry::log_panics();
    // Memory holds tokens and keys: a crash must not write it to a disk. Where that is not allowed it is so already.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    match checked().and_then(|()| cli::execute(cli)) {
        Ok(Done::Fine) => ExitCode::SUCCESS,
        Ok(Done::Failed) => ExitCode::from(failure::FAILED),
        Err(error) => {
            // A standard error that is gone is no reason for another exit code.
            let _ = writeln!(std::io::stderr(), "{}", failure::message(&error));
            ExitCode::from(failure::exit_code(&error))
        }
    }
}

/// Supervision rests on caught panics: a build that aborts instead would take every connection down with one.
fn checked() -> anyhow::Result<()> {
    if cfg!(panic = "unwind") {
        return Ok(());
    }
    anyhow::bail!("this build aborts on a panic; build it with panic = \"unwind\"")
}
