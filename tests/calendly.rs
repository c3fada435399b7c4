//! The Calendly client against servers that answer, cut, hang and redirect as told, and against the simulator.

#[path = "calendly/api.rs"]
mod api;
#[path = "calendly/canned.rs"]
mod canned;
#[path = "calendly/resend.rs"]
mod resend;
#[path = "calendly/secrets.rs"]
mod secrets;
#[cfg(feature = "simulator")]
#[path = "calendly/simulated.rs"]
mod simulated;
#[path = "calendly/tokens.rs"]
mod tokens;
