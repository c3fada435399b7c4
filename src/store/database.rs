//! An open database: its pools, the vault, the keeper lock. Carries out the writer's batches.

use std::sync::{Arc, Mutex};

use diesel::OptionalExtension as _;
use diesel_async::RunQueryDsl as _;
use diesel_async::pooled_connection::deadpool::Pool;

use super::backend::{postgres, sqlite};
use super::batch::{Done, Op};
use super::failure::Failure;
use super::lock::KeeperLock;
use super::migrations;
use super::pool::{Db, held};
use super::session::MayClaim;
use super::vault::Vault;
use super::writer::Executor;
use crate::domain::ids::InstanceId;
use crate::ports::{Lock, StoreError};

pub(super) struct Database {
    pub(super) db: Db,
    pub(super) vault: Vault,
    pub(super) lock: KeeperLock,
    pub(super) instance: InstanceId,
    /// Which database this is.
    pub(super) id: String,
    /// The keys that this keeper has said to have while it had the lock.
    pub(super) noted_keys: Mutex<Vec<String>>,
}

impl Database {
    pub(super) fn backend(&self) -> &'static str {
        match self.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }

    /// Takes or keeps the keeper lock. What a newer keeper added to the database, this one would not keep: on PostgreSQL
    /// the lock's own session looks, here one of SQLite's readers.
    pub(super) async fn keep_lock(&self) -> Result<Lock, StoreError> {
        let lock = self.lock.keep().await?;
        if let (Db::Sqlite { read, .. }, Lock::Ours { .. }) = (&self.db, &lock) {
            let unknown = migrations::unknown_to_sqlite()?;
            let found = unknown_migration(read, unknown).await;
            // That the file cannot be read is told by whoever works on it.
            if let Some(version) = found.ok().flatten() {
                return Err(StoreError::Refused(migrations::newer(&version)));
            }
        }
        if let Lock::Ours { .. } = &lock {
            self.note_keys().await;
        }
        Ok(lock)
    }

    /// Says that nothing is left in this instance's journal that the database lacks. SQLite's journal stands beside it.
    pub(super) async fn note_replayed(&self) -> Result<(), Failure> {
        if let Db::Postgres(pool) = &self.db {
            let mut db = held(pool).await?;
            let replayed = "UPDATE instances SET journal_open = false WHERE id = $1";
            let instance = self.instance.to_string();
            diesel::sql_query(replayed)
                .bind::<diesel::sql_types::Text, _>(instance)
                .execute(&mut *db)
                .await?;
        }
        Ok(())
    }
}

#[derive(diesel::QueryableByName)]
struct Migration {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

async fn unknown_migration(read: &Pool<sqlite::Conn>, query: String) -> Result<Option<String>, Failure> {
    let mut db = held(read).await?;
    let found: Option<Migration> = diesel::sql_query(query).get_result(&mut *db).await.optional()?;
    Ok(found.map(|migration| migration.version))
}

impl Executor for Arc<Database> {
    /// On SQLite they share a write to the disk; on PostgreSQL a statement alone needs one round trip, a transaction five.
    fn mixes(&self) -> bool {
        matches!(self.db, Db::Sqlite { .. })
    }

    async fn execute(&self, ops: Arc<[Op]>) -> Result<Vec<Done>, Failure> {
        match &self.db {
            Db::Sqlite { write, .. } => {
                let mut db = held(write).await?;
                // Asked now: the lock may have been lost since the claim was handed in.
                let may_claim = !matches!(self.lock.may_claim(), MayClaim::No);
                Ok(sqlite::batch(&mut db, ops, may_claim).await?)
            }
            Db::Postgres(pool) => {
                let mut db = held(pool).await?;
                let done = postgres::batch(&mut db, ops, self.lock.may_claim()).await;
                Ok(db.noting(done)?)
            }
        }
    }
}
