//! From the configuration to an open store: keys, runtime, database. The one place where commands do that.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use tokio::runtime::{Builder, Runtime};

use crate::clock::SystemClock;
use crate::config::key::EncryptionKey;
use crate::config::key_file::{self, Keys, Watch};
use crate::config::{Config, DatabaseUrl};
use crate::ports::{Clock, Journal, JournalError, Lock, Spill, Store, StoreError};
use crate::services::journal::Use;
use crate::spool::{self, JournalFile, SpillFile};
use crate::store::{self, KeyRing, KeySource, MemoryStore, OpenError, Options};

/// An open store and the runtime that its operations run on.
pub struct Opened {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// What it is sealed with; `None` for one in memory.
    keys: Option<KeyRing>,
    /// To be dropped last.
    pub runtime: Runtime,
}

impl Opened {
    /// The rotation journal beside this store.
    ///
    /// # Errors
    /// As for [`journal`].
    pub async fn journal(&self, config: &Config) -> anyhow::Result<Arc<dyn Journal>> {
        let Some(keys) = self.keys.clone() else { bail!("a store in memory has no journal") };
        let (clock, handle) = (self.clock.clone(), self.runtime.handle());
        Ok(journal(&config.data_dir, &*self.store, keys, clock, handle).await?)
    }

    /// Takes over at once what has been put into the key file.
    pub fn look_for_keys(&self) {
        self.keys.as_ref().map(KeyRing::look);
    }

    /// The keeper that works on this database. Where there is none nobody begins to until [`Opened::let_go`].
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn keeper_at_work(&self) -> Result<Option<String>, StoreError> {
        match self.store.keep_lock().await {
            Ok(Lock::Ours { .. }) => Ok(None),
            Ok(Lock::Theirs { holder }) => Ok(Some(holder)),
            // On PostgreSQL: the one with this very data directory.
            Err(StoreError::Refused(why)) => Ok(Some(why)),
            Err(error) => Err(error),
        }
    }

    /// Lets a keeper begin to work.
    pub async fn let_go(&self) {
        // Else it goes with the process.
        let _ = self.store.unlock(false).await;
    }

    /// The ids of its keys, the sealing one first.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.keys.as_ref().map(KeyRing::ids).unwrap_or_default()
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// Opens the store for a command that takes no keeper lock, so a running keeper is not disturbed. Where there is no
/// SQLite database yet, it is made.
///
/// # Errors
/// Where keys are missing or the database cannot be opened.
pub fn open(config: &Config) -> anyhow::Result<Opened> {
    let keys = keys(config)?;
    let runtime = runtime()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut options = options(config, keys, runtime.handle().clone(), clock.clone())?;
    options.require_lock = false;
    let keys = Some(options.keys.clone());
    let store = runtime.block_on(store::open(options))?;
    Ok(Opened { store, clock, keys, runtime })
}

/// Opens the store for a command that only looks: nothing is made in a directory that was named by mistake.
///
/// # Errors
/// Where there is no database yet; so for [`open`].
pub fn open_existing(config: &Config) -> anyhow::Result<Opened> {
    match missing(config) {
        None => open(config),
        Some(path) => bail!(
            "there is no database at {} yet; `calendly-keeper import` and `run` make it, or should data_dir or \
             database.url be another one?",
            path.display()
        ),
    }
}

/// Opens the store for a command that only says what it would do: an empty one where there is no database yet.
///
/// # Errors
/// As for [`open`].
pub fn open_or_pretend(config: &Config) -> anyhow::Result<Opened> {
    if missing(config).is_none() {
        return open(config);
    }
    Ok(Opened {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(SystemClock),
        keys: None,
        runtime: runtime()?,
    })
}

/// Whether there is no database yet, as far as that can be told without asking it.
pub(super) fn is_missing(config: &Config) -> bool {
    missing(config).is_some()
}

fn missing(config: &Config) -> Option<&Path> {
    match &config.database.url {
        DatabaseUrl::Sqlite { path, .. } if !path.exists() => Some(path),
        _ => None,
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build()
        .context("the runtime cannot be started")
}

/// The keys in force; on SQLite one is made where none can be lost by it. Says so in the log.
///
/// # Errors
/// Where there are none, or the key file is not safe to use.
pub fn keys(config: &Config) -> anyhow::Result<Keys> {
    if let DatabaseUrl::Sqlite { .. } = config.database.url {
        fs::create_dir_all(&config.data_dir)
            .with_context(|| format!("data_dir {} cannot be made", config.data_dir.display()))?;
    }
    let url = config.database.url.expose();
    let keys = key_file::resolve(config, || store::sqlite_holds_ciphertext(&url, &config.data_dir))?;
    if let Some(warning) = &keys.warning {
        log::warn!(target: "keeper", "{warning}");
    }
    if let Some(path) = &keys.made {
        log::info!(target: "keeper", key_file:% = path.display(); "made an encryption key, keep a copy elsewhere");
    }
    Ok(keys)
}

/// What the store is opened with; the keeper lock is required.
///
/// # Errors
/// Where the keys cannot be used.
pub fn options(
    config: &Config,
    keys: Keys,
    handle: tokio::runtime::Handle,
    clock: Arc<dyn Clock>,
) -> Result<Options, store::KeyError> {
    let ring = KeyRing::parse(&lines(&keys))?;
    let keys = match key_file::file(config) {
        Some((path, own)) => {
            ring.learning(Arc::new(KeysInFile { watch: Watch::new(path, own), clock: clock.clone() }))
        }
        None => ring,
    };
    Ok(Options {
        url: config.database.url.expose(),
        data_dir: config.data_dir.clone(),
        keys,
        max_connections: config.database.max_connections as usize,
        handle,
        clock,
        require_lock: true,
    })
}

fn lines(keys: &Keys) -> Vec<String> {
    keys.keys.iter().map(EncryptionKey::expose_line).collect()
}

/// A key file, which `keys rotate` adds a key to while the keeper runs.
struct KeysInFile {
    watch: Watch,
    clock: Arc<dyn Clock>,
}

impl KeySource for KeysInFile {
    fn changed(&self, needed: bool) -> Option<Vec<String>> {
        self.watch.changed(needed, self.clock.boot()).map(|keys| lines(&keys))
    }
}

/// What is durable beside the database.
#[derive(Clone)]
pub struct Beside {
    /// For rotations.
    pub journal: Arc<dyn Journal>,
    /// For deliveries.
    pub spill: Arc<dyn Spill>,
}

/// Opens both in the data directory. They belong to one database.
///
/// # Errors
/// As [`journal`], for either.
pub async fn beside(
    data_dir: &Path,
    store: &dyn Store,
    keys: KeyRing,
    clock: Arc<dyn Clock>,
    handle: &tokio::runtime::Handle,
) -> anyhow::Result<Beside> {
    let spill = SpillFile::open(data_dir.join("spill"), store.id().into(), clock.clone(), handle).await;
    let spill = spill.context("the inbox's spill cannot be used")?;
    let journal = journal(data_dir, store, keys, clock, handle).await?;
    Ok(Beside { journal, spill: Arc::new(spill) })
}

/// The rotation journal in the data directory. It belongs to one database and is sealed with that one's keys.
///
/// # Errors
/// Where it is of another database, sealed with another key or damaged: nothing is changed then.
pub async fn journal(
    data_dir: &Path,
    store: &dyn Store,
    keys: KeyRing,
    clock: Arc<dyn Clock>,
    handle: &tokio::runtime::Handle,
) -> Result<Arc<dyn Journal>, JournalError> {
    let place = spool::Place { directory: data_dir.join("journal"), database: store.id().into() };
    Ok(Arc::new(JournalFile::open(place, Arc::new(keys), clock, handle).await?))
}

/// SQLite's database is on the journal's own disk and never fails over.
#[must_use]
pub fn use_of_journal(config: &Config) -> Use {
    match config.database.url {
        DatabaseUrl::Sqlite { .. } => Use::Instead,
        DatabaseUrl::Postgres(_) => Use::Beside,
    }
}

/// Whether an error says that something must be configured otherwise.
pub(super) fn is_configuration(error: &(dyn Error + 'static)) -> bool {
    error.is::<store::KeyError>()
        || matches!(error.downcast_ref(), Some(JournalError::Unusable(_)))
        || error.downcast_ref::<OpenError>().is_some_and(OpenError::is_configuration)
}
