//! The store: what the keeper knows, kept in SQLite, PostgreSQL or, for tests, in memory. Same behaviour in all.
//!
//! SQL stands here and nowhere else. What a state means and what follows from it is decided in `domain`.
//! [`open`] gives a database's store, [`MemoryStore`] is one without.

mod announced;
mod backend;
mod batch;
mod clean;
mod database;
mod deletion;
mod event_row;
mod failure;
mod forward;
mod gaps;
mod inbox;
mod instance;
mod key_ring;
mod keys;
mod lock;
mod memory;
mod migrations;
mod open_postgres;
mod open_sqlite;
mod options;
mod pool;
mod put;
mod row;
mod rows;
#[rustfmt::skip] // generated
mod schema;
mod server;
mod session;
mod shared_text;
mod sql;
mod superseded;
mod time;
mod tls;
mod vault;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex};

use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use self::database::Database;
use self::key_ring::Place;
pub use self::key_ring::{KeyError, KeyRing, KeySource};
use self::lock::{DatabaseLock, KeeperLock};
pub use self::memory::{MemorySnapshot, MemoryStore};
use self::options::Location;
pub use self::options::{OpenError, Options};
use self::pool::{Db, ask};
use self::server::Server;
use self::sql::SqlStore;
use self::vault::Vault;
use crate::ports::Store;

/// Opens a database, making and migrating it where needed.
///
/// # Errors
/// Where it cannot be reached, is not the keeper's, is newer than this program, or was sealed with other keys.
pub async fn open(options: Options) -> Result<Arc<dyn Store>, OpenError> {
    let handle = options.handle.clone();
    let opened = handle.spawn(open_here(options)).await;
    opened.unwrap_or_else(|error| Err(OpenError::Unavailable(error.to_string())))
}

/// Whether a SQLite database holds tokens already: then its key must be found, and none may be made. False where
/// there is no file yet, and for a PostgreSQL URL, whose keys are configured. Blocks.
///
/// # Errors
/// Where the file is something else or cannot be read.
pub fn sqlite_holds_ciphertext(url: &str, data_dir: &Path) -> Result<bool, OpenError> {
    match Location::parse(url, data_dir)? {
        Location::Sqlite(path) => open_sqlite::holds_ciphertext(&path),
        Location::Postgres(_) => Ok(false),
    }
}

async fn open_here(options: Options) -> Result<Arc<dyn Store>, OpenError> {
    let Options { url, data_dir, keys, max_connections, handle, clock, require_lock } = options;
    let location = Location::parse(&url, &data_dir)?;
    std::fs::create_dir_all(&data_dir)
        .map_err(|error| OpenError::Configuration(format!("data_dir {}: {error}", data_dir.display())))?;
    let instance = instance::load_or_create(&data_dir)?;
    let (db, sqlite, among_all) = match location {
        Location::Sqlite(path) => (open_sqlite::open(&path, max_connections).await?, Some(path), None),
        Location::Postgres(url) => {
            let server = Server::parse(&url)?;
            let lock = DatabaseLock::new(server.clone(), instance, rand::random());
            (open_postgres::open(server, max_connections).await?, None, Some(lock))
        }
    };
    let vault = unlock_vault(&db, keys).await?;
    let id = database_id(&db).await?;
    let lock = KeeperLock::new(require_lock, data_dir, sqlite.as_deref(), clock, among_all);
    let database = Arc::new(Database { db, vault, lock, instance, id, noted_keys: Mutex::default() });
    Ok(Arc::new(SqlStore::new(database, handle)))
}

/// Where the key of the fingerprints stands.
const FINGERPRINTS: Place<'_> = Place { row: "meta", column: "fingerprint_key" };

/// The key of the fingerprints stands sealed in the database, made by whoever was there first. It is also what shows
/// whether the configured keys are the right ones.
async fn unlock_vault(db: &Db, keys: KeyRing) -> Result<Vault, OpenError> {
    let mut made = Zeroizing::new([0_u8; 32]);
    rand::fill(&mut made[..]);
    let sealed = keys.seal(FINGERPRINTS, &made[..]).unwrap_or_default();
    let sealed = ask!(db, write, meta::first(FINGERPRINTS.column, sealed))?;
    let opened = keys.open(FINGERPRINTS, &sealed).ok_or_else(|| wrong_keys(&keys, &sealed))?;
    made = Zeroizing::new(opened.as_slice().try_into().map_err(|_| wrong_keys(&keys, &sealed))?);
    Ok(Vault::new(keys, made))
}

/// A random name that a database is given when it is made; a copy or a restored backup has it too.
async fn database_id(db: &Db) -> Result<String, OpenError> {
    let made = Uuid::new_v4().to_string().into_bytes();
    let id = ask!(db, write, meta::first("database_id", made))?;
    String::from_utf8(id).map_err(|_| OpenError::Configuration("the database's own id is damaged".into()))
}

fn wrong_keys(keys: &KeyRing, sealed: &[u8]) -> OpenError {
    let needed = KeyRing::sealed_with(sealed).unwrap_or_else(|| "?".into());
    let remedy = if keys.ids().contains(&needed) {
        format!("the key configured as {needed:?} is another one than the database was sealed with")
    } else {
        format!("it was sealed with the key {needed:?}, configured are {:?}", keys.ids())
    };
    OpenError::Unreadable(format!(
        "no configured encryption key opens the database: {remedy}; add the right one"
    ))
}
