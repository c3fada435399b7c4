//! The settings: where they come from, what they must be like, and what they are as values.
//!
//! Later wins: `config/default.toml`, a file, the environment, flags. All mistakes are reported together, each with its
//! key, its place and its remedy. No other module knows that files or variables exist.

pub mod api_token_file;
mod database;
mod effective;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod key;
pub mod key_file;
mod layers;
mod problem;
mod reader;
mod rules;
mod schema;
mod secret_file;
mod sections;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use database::DatabaseUrl;
pub use effective::Effective;
pub use layers::{Flag, Sources};
pub use problem::{ConfigError, Problem};
pub use sections::{
    Backfill, Calendly, Connect, Database, Encryption, Inbox, Log, LogFormat, Notify, Relay, Server, Webhook,
};

use crate::domain::intensity::RestartPolicy;
use reader::Reader;

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Lock, instance id, journal, and by default database and key file.
    pub data_dir: PathBuf,
    /// The application and where Calendly is.
    pub calendly: Calendly,
    /// Where facts are stored.
    pub database: Database,
    /// What tokens are stored under.
    pub encryption: Encryption,
    /// `refresh.max_concurrent`: refreshes under way at once.
    pub max_concurrent_refreshes: u32,
    /// The subscription that each connection shall have.
    pub webhook: Webhook,
    /// When a failing connection is started again, and when it is given up.
    pub supervision: RestartPolicy,
    /// Where the HTTP API listens, and for whom.
    pub server: Server,
    /// Connecting users by a link.
    pub connect: Connect,
    /// Where notices go; `None`: nowhere.
    pub notify: Option<Notify>,
    /// Where events are passed on.
    pub relay: Relay,
    /// How events are kept.
    pub inbox: Inbox,
    /// What was missed.
    pub backfill: Backfill,
    /// `timeline.keep`: how long is remembered what happened.
    pub timeline_keep: Duration,
    /// How a line looks, how often the supervisor sums up.
    pub log: Log,
    effective: Vec<Effective>,
    secret_files: Vec<PathBuf>,
}

impl Config {
    /// Reads and checks all sources.
    ///
    /// # Errors
    /// Every mistake, together.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        Self::layered(sources, |problems| sources.file.as_ref().map(|path| layers::file(path, problems)))
    }

    fn layered(
        sources: &Sources,
        file: impl FnOnce(&mut Vec<Problem>) -> Option<layers::Layer>,
    ) -> Result<Self, ConfigError> {
        let mut problems = vec![];
        let mut builder = ::config::Config::builder().add_source(layers::defaults(&mut problems));
        if let Some(file) = file(&mut problems) {
            builder = builder.add_source(file);
        }
        let merged = builder
            .add_source(layers::environment(&sources.environment, &mut problems))
            .add_source(layers::flags(&sources.flags, &mut problems))
            .build()
            .map_err(|error| unmergeable(&error))?;
        let mut reader = Reader::new(merged.cache, problems);
        let config = Self::read(&mut reader, sources.file.as_deref());
        match (config, reader.into_problems()) {
            (Ok(config), problems) if problems.is_empty() => Ok(config),
            (_, problems) => Err(ConfigError(problems)),
        }
    }

    fn read(r: &mut Reader, file: Option<&Path>) -> Result<Self, reader::Noted> {
        let data_dir = r.text("data_dir").map(PathBuf::from);
        let calendly = rules::calendly(r);
        let database = rules::database(r, data_dir.as_deref().unwrap_or(".".as_ref()));
        let encryption = rules::encryption(r);
        let max_concurrent = r.number("refresh.max_concurrent", 1, 10_000);
        let webhook = rules::webhook(r);
        let supervision = rules::supervision(r);
        let server = rules::server(r);
        let connect = rules::connect(r);
        let notify = rules::notify(r);
        let relay = rules::relay(r, server.as_ref().ok());
        let inbox = rules::inbox(r);
        let backfill = rules::backfill(r);
        let timeline_keep = rules::timeline_keep(r);
        let log = rules::log(r);
        Ok(Self {
            data_dir: data_dir?,
            calendly: calendly?,
            database: database?,
            encryption: encryption?,
            max_concurrent_refreshes: max_concurrent?,
            webhook: webhook?,
            supervision: supervision?,
            server: server?,
            connect: connect?,
            notify: notify?,
            relay: relay?,
            inbox: inbox?,
            backfill: backfill?,
            timeline_keep: timeline_keep?,
            log: log?,
            effective: r.effective(),
            secret_files: r.secret_files(file),
        })
    }

    /// What is in force and who said so, secrets masked, in the order of `config/default.toml`.
    #[must_use]
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }

    /// The files that secrets were read from, the configuration file among them where it holds one.
    #[must_use]
    pub fn secret_files(&self) -> &[PathBuf] {
        &self.secret_files
    }
}

/// Layers hold known keys only, so this does not happen; if it does, it is said.
fn unmergeable(error: &::config::ConfigError) -> ConfigError {
    ConfigError(vec![Problem {
        key: "the sources".into(),
        value: None,
        origin: None,
        what: format!("cannot be merged: {error}"),
        remedy: "report this".into(),
    }])
}
