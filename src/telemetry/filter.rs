//! Which records are written: the keeper's from `info` on, those of the libraries below it from `warn` on, but for what
//! actix-http says of requests that it cannot read: whoever sends such requests would fill the log with errors.
//!
//! The keeper's targets name actors, so a record's origin is told by its module. `KEEPER_LOG` (else `RUST_LOG`) says
//! otherwise, but nobody below gets beyond `debug`: at `trace` libraries print what they send.

use log::{Level, Record};

/// What is asked, in this order.
const VARIABLES: [&str; 2] = ["KEEPER_LOG", "RUST_LOG"];

/// Speaks of what others send.
const OF_STRANGERS: &str = "actix_http::";

/// Decided once, at start.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// What the environment says, in `env_logger`'s words.
    pub(super) spec: Option<String>,
}

impl Filter {
    pub(super) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self { spec: VARIABLES.iter().find_map(|name| variable(name).filter(|spec| !spec.trim().is_empty())) }
    }

    /// Whether a record that passed `env_logger`'s own filter is written.
    pub(super) fn admits(&self, record: &Record<'_>) -> bool {
        let most = match &self.spec {
            _ if is_ours(record.module_path().unwrap_or_default()) => return true,
            Some(_) => Level::Debug,
            None if record.target().starts_with(OF_STRANGERS) => return false,
            None => Level::Warn,
        };
        record.level() <= most
    }
}

fn is_ours(module: &str) -> bool {
    let name = module.split("::").next().unwrap_or_default();
    name == "calendly_keeper" || name == "calendly_simulator"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(filter: &Filter, module: &str, level: Level) -> bool {
        filter.admits(&Record::builder().module_path(Some(module)).target("webhook").level(level).build())
    }

    #[test]
    fn by_default_libraries_only_warn() {
        let filter = Filter::from_environment(|_| None);
        assert!(admits(&filter, "calendly_keeper::actors", Level::Info));
        assert!(admits(&filter, "hyper::client", Level::Warn));
        assert!(!admits(&filter, "hyper::client", Level::Info));
        assert!(!admits(&filter, "calendly_keeper_else", Level::Info));
    }

    #[test]
    fn what_strangers_send_is_told_to_who_asks_alone() {
        let quiet = Filter::from_environment(|_| None);
        let asked = Filter::from_environment(|name| (name == "KEEPER_LOG").then(|| "info".into()));
        let module = "actix_http::h1::dispatcher";
        let record =
            || Record::builder().module_path(Some(module)).target(module).level(Level::Error).build();
        assert!(!quiet.admits(&record()) && asked.admits(&record()));
    }

    #[test]
    fn libraries_never_trace() {
        let filter = Filter::from_environment(|name| (name == "RUST_LOG").then(|| "trace".into()));
        assert!(admits(&filter, "calendly_keeper::store", Level::Trace));
        assert!(admits(&filter, "hyper::client", Level::Debug));
        assert!(!admits(&filter, "hyper::client", Level::Trace));
    }

    #[test]
    fn the_keepers_own_variable_goes_first() {
        let filter =
            Filter::from_environment(|name| Some(if name == "KEEPER_LOG" { "warn" } else { "trace" }.into()));
        assert_eq!(filter.spec.as_deref(), Some("warn"));
    }
}
