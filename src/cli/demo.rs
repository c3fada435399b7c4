//! `demo`: what it takes.

use std::time::Duration;

const HELP: &str = "\
Starts a simulated Calendly and a keeper with a few connections, each with a story of its own: a token that expired
while nobody looked, a webhook that was disabled, a user who revoked. Nothing leaves this machine.

Examples:
  calendly-keeper demo --once               the stories, then an end
  calendly-keeper demo --chaos --seed 7     faults at random, the same ones each time";

/// What `demo` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// End when every connection has come to rest, with 0 where all came out as they should
    #[arg(long)]
    pub once: bool,
    /// How many connections
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Let the simulated Calendly fail at random: errors, lost answers, disabled webhooks
    #[arg(long)]
    pub chaos: bool,
    /// Repeat the chaos of an earlier run
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// End after this time, as in 90s or 10m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
}
