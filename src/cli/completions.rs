//! `completions`: what a shell needs to complete a command line.

use std::io::Write;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Done};

const HELP: &str = "\
Examples:
  calendly-keeper completions bash > /etc/bash_completion.d/calendly-keeper
  calendly-keeper completions zsh > \"${fpath[1]}/_calendly-keeper\"
  calendly-keeper completions fish > ~/.config/fish/completions/calendly-keeper.fish";

/// What `completions` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// For which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// Where standard output cannot be written.
pub fn execute(args: &Args, out: &mut impl Write) -> anyhow::Result<Done> {
    // Into memory first: what writes it panics at a pipe that was closed.
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "calendly-keeper", &mut script);
    out.write_all(&script)?;
    Ok(Done::Fine)
}
