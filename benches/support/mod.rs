//! What the benches share: the real keeper and the simulator as processes, the bare loop beside them, and how figures
//! are printed. Each bench compiles this for itself and uses a part of it.
#![allow(dead_code, reason = "no bench uses all of it")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench that cannot do its work ends; it runs on real time and prints"
)]

pub(crate) mod bare;
pub(crate) mod bare_inbox;
pub(crate) mod calendly;
pub(crate) mod database;
pub(crate) mod deliveries;
#[path = "../../tests/support/keeper_process.rs"]
pub(crate) mod keeper_process;
#[path = "../../tests/support/postgres.rs"]
pub(crate) mod postgres;
pub(crate) mod proc;
pub(crate) mod sink;
#[path = "../../tests/support/wait.rs"]
pub(crate) mod wait;

use std::time::Duration;

/// Nothing here takes longer on a machine that is not broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1_800);

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// For CI: shows that the bench works and that nothing is far off.
    Short,
    /// What the aims are about.
    Usual,
    /// What takes minutes and gigabytes as well.
    Long,
}

impl Size {
    /// From `--short` or `--long`, or `KEEPER_BENCH_SHORT=1` or `KEEPER_BENCH_LONG=1`.
    pub(crate) fn asked_for() -> Self {
        let asked = |flag: &str, variable: &str| {
            std::env::args().any(|argument| argument == flag)
                || std::env::var(variable).is_ok_and(|value| !value.is_empty() && value != "0")
        };
        match (asked("--short", "KEEPER_BENCH_SHORT"), asked("--long", "KEEPER_BENCH_LONG")) {
            (true, _) => Self::Short,
            (_, true) => Self::Long,
            _ => Self::Usual,
        }
    }

    pub(crate) fn pick<T>(self, short: T, usual: T) -> T {
        if self == Self::Short { short } else { usual }
    }
}

/// One line a figure: what was measured, its limit from the same run, the aim and whether it is met.
pub(crate) fn figure(what: &str, measured: &str, limit: &str, aim: &str, met: bool) {
    let verdict = if met { "met" } else { "MISSED" };
    println!("{what}: {measured}; beside it {limit}; aim {aim}: {verdict}");
}
