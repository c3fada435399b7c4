//! An open database: its pools, the vault, the keeper lock. Carries out the writer's batches.

use std::sync::Arc;

use super::backend::{postgres, sqlite};
use super::batch::{Done, Op};
use super::failure::Failure;
use super::lock::{KeeperLock, MayClaim};
use super::pool::{Db, held};
use super::vault::Vault;
use super::writer::Executor;
use crate::domain::ids::InstanceId;

pub(super) struct Database {
    pub(super) db: Db,
    pub(super) vault: Vault,
    pub(super) lock: KeeperLock,
    pub(super) instance: InstanceId,
}

impl Database {
    pub(super) fn backend(&self) -> &'static str {
        match self.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }
}

impl Executor for Arc<Database> {
    async fn execute(&self, ops: Arc<[Op]>) -> Result<Vec<Done>, Failure> {
        match &self.db {
            Db::Sqlite { write, .. } => Ok(sqlite::batch(&mut *held(write).await?, ops).await?),
            Db::Postgres(pool) => {
                let session = match self.lock.may_claim() {
                    MayClaim::While(session) => Some(session),
                    // Claims were turned away before they came here.
                    MayClaim::Yes | MayClaim::No => None,
                };
                Ok(postgres::batch(&mut *held(pool).await?, ops, session).await?)
            }
        }
    }
}
