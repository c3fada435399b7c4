//! What the integration tests share. Each test binary compiles this for itself and uses a part of it.
#![allow(dead_code, reason = "no test binary uses all of it")]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that cannot do its work fails the test that called it"
)]

pub(crate) mod application;
pub(crate) mod book;
pub(crate) mod database;
pub(crate) mod exposures;
pub(crate) mod fake_calendly;
pub(crate) mod fake_meetings;
pub(crate) mod heard;
pub(crate) mod keeper_process;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod receiver;
pub(crate) mod rig;
pub(crate) mod test_clock;
pub(crate) mod wait;
pub(crate) mod world;
