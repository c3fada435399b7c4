//! An open database: its pools, the vault, the keeper lock. Carries out the writer's batches.

use std::sync::Arc;

use super::backend::{postgres, sqlite};
use super::batch::{Done, Op};
use super::failure::Failure;
use super::lock::KeeperLock;
use super::pool::{Db, held};
use super::session::MayClaim;
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
            Db::Sqlite { write, .. } => {
                let mut db = held(write).await?;
                // Asked now: the lock may have been lost since the claim was handed in.
                let may_claim = !matches!(self.lock.may_claim(), MayClaim::No);
                Ok(sqlite::batch(&mut db, ops, may_claim).await?)
            }
            Db::Postgres(pool) => {
                let mut db = held(pool).await?;
                Ok(postgres::batch(&mut db, ops, self.lock.may_claim()).await?)
            }
        }
    }
}
