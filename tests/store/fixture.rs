//! One store of each kind, made anew for each test.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calendly_keeper::domain::grant::{NewGrant, Put};
use calendly_keeper::ports::{Clock, Store};
use calendly_keeper::store::{KeyRing, MemoryStore, OpenError, Options, open};
use chrono::{DateTime, Utc};
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::runtime::{Builder, Handle};

use crate::given::offered;
use crate::support::postgres::{Postgres, psql};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

/// A store, and the way to the same data by another door.
pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) memory: Option<MemoryStore>,
    pub(crate) url: String,
    pub(crate) data_dir: TempDir,
    pub(crate) key: String,
}

/// Runs a test on the store's own kind of runtime.
pub(crate) fn run<F: Future<Output = ()>>(backend: Backend, test: impl FnOnce(Fixture) -> F) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { test(Fixture::new(backend).await).await });
}

impl Fixture {
    pub(crate) async fn new(backend: Backend) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let key = KeyRing::generate("k1").expose_secret().to_owned();
        let url = match backend {
            Backend::Postgres => Postgres::shared().create_database(),
            Backend::Sqlite | Backend::Memory => "sqlite://keeper.db".into(),
        };
        if backend == Backend::Memory {
            let memory = MemoryStore::new();
            return Self { store: Arc::new(memory.clone()), memory: Some(memory), url, data_dir, key };
        }
        let options = options(&url, data_dir.path(), &[&key]);
        let store = open(options).await.unwrap();
        Self { store, memory: None, url, data_dir, key }
    }

    /// Gives grants; what was decided about each.
    pub(crate) async fn put(&self, grants: Vec<NewGrant>) -> Vec<Put> {
        offered(&*self.store, grants, false).await
    }

    /// A second store on the same database.
    pub(crate) async fn open_again(&self) -> Arc<dyn Store> {
        open(self.options()).await.unwrap()
    }

    /// A keeper on another machine: the same database, a data directory of its own.
    pub(crate) async fn open_elsewhere(&self, require_lock: bool) -> (Arc<dyn Store>, TempDir) {
        let data_dir = tempfile::tempdir().unwrap();
        let options = Options { require_lock, ..options(&self.url, data_dir.path(), &[&self.key]) };
        (open(options).await.unwrap(), data_dir)
    }

    pub(crate) async fn open_with(&self, keys: &[&str]) -> Result<Arc<dyn Store>, OpenError> {
        open(options(&self.url, self.data_dir.path(), keys)).await
    }

    pub(crate) fn options(&self) -> Options {
        options(&self.url, self.data_dir.path(), &[&self.key])
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// The database refuses every change of this row's generation from now on.
    pub(crate) fn refuse_commits_of(&self, id: &str) {
        if let Some(memory) = &self.memory {
            memory.refuse_commits_of(id.parse().unwrap());
        } else if self.is_postgres() {
            self.sql(&format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'check_violation'; END $$;
                 CREATE TRIGGER refuse BEFORE UPDATE OF generation ON connections
                     FOR EACH ROW WHEN (OLD.id = '{id}') EXECUTE FUNCTION refuse()"
            ));
        } else {
            self.sql(&format!(
                "CREATE TRIGGER refuse AFTER UPDATE OF generation ON connections WHEN OLD.id = '{id}'
                 BEGIN UPDATE connections SET lifetime = 0 WHERE id = '{id}'; END"
            ));
        }
    }

    /// Changes the database from outside.
    pub(crate) fn sql(&self, sql: &str) {
        if self.is_postgres() {
            psql(&self.url, &format!("SET search_path = calendly_keeper; {sql}"));
        } else {
            let path = self.data_dir.path().join("keeper.db");
            let mut db = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
            db.batch_execute(&format!("PRAGMA busy_timeout = 5000; {sql}")).unwrap();
        }
    }
}

pub(crate) fn options(url: &str, data_dir: &Path, keys: &[&str]) -> Options {
    Options {
        url: url.into(),
        data_dir: data_dir.into(),
        keys: KeyRing::parse(keys).unwrap(),
        max_connections: 4,
        handle: Handle::current(),
        clock: Arc::new(StandingClock),
        require_lock: false,
    }
}

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn boot(&self) -> Duration {
        Duration::ZERO
    }
}
