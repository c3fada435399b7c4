//! The Calendly client against servers that answer, cut, hang and redirect as told, and against the simulator.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and serve and wait on a runtime and clock of their own"
)]

#[path = "calendly/api.rs"]
mod api;
#[path = "calendly/canned.rs"]
mod canned;
#[path = "calendly/meetings.rs"]
mod meetings;
#[path = "calendly/resend.rs"]
mod resend;
#[path = "calendly/secrets.rs"]
mod secrets;
#[cfg(feature = "simulator")]
#[path = "calendly/simulated.rs"]
mod simulated;
#[path = "calendly/tokens.rs"]
mod tokens;
