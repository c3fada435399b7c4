//! What the keeper decides: pure functions and types. No I/O, no clock, no async, no actors live here.
//!
//! A decision takes facts and the time and returns an enum; carrying it out is the business of `services`.

pub mod api_token;
pub mod backfill;
pub mod backoff;
pub mod connect;
pub mod decision;
pub mod event;
pub mod facts;
pub mod grant;
pub mod grant_line;
pub mod ids;
pub mod intensity;
pub mod journal;
pub mod loose_json;
pub mod notice;
pub mod outcome;
pub mod outlook;
pub mod refresh_outcome;
pub mod relay;
pub mod rotation;
pub mod scopes;
pub mod secrets;
pub mod slow_start;
pub mod standard_webhooks;
pub mod status;
pub mod subscription;
pub mod timeline;
pub mod token;
pub mod token_budget;
