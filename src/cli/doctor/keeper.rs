//! The running keeper, over its API.

use super::Finding;
use crate::cli::api::{Api, ApiFailure};
use crate::config::Config;

const CHECK: &str = "keeper";

pub(super) fn check(config: &Config) -> Finding {
    if config.server.listen.is_none() {
        let remedy = "set server.listen, or do without the commands that need a running keeper";
        return Finding::warn(CHECK, "the HTTP API is turned off (server.listen = \"\")", remedy);
    }
    let api = match Api::of(config) {
        Ok(api) => api,
        Err(error) => {
            return Finding::warn(CHECK, error.to_string(), "then run `calendly-keeper doctor` again");
        }
    };
    match api.get("/v1/connections?limit=1") {
        Err(failure @ ApiFailure::NotRunning { .. }) => {
            Finding::warn(CHECK, failure.to_string(), "where it is to run, look at its log")
        }
        Err(failure) => {
            Finding::fail(CHECK, failure.to_string(), "ask the keeper that this configuration is of")
        }
        Ok(_) => match api.get("/readyz") {
            Ok(_) => Finding::ok(CHECK, format!("works, and answers at {}", api.url())),
            Err(failure) => Finding::warn(
                CHECK,
                failure.to_string(),
                "wait until it has loaded, or ask the one that works",
            ),
        },
    }
}
