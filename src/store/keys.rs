//! What commands do with sealed tokens: hand them over, seal them anew; and which keys the keeper at work has.

use std::sync::{Mutex, MutexGuard, PoisonError};

use log::debug;

use super::FINGERPRINTS;
use super::database::Database;
use super::pool::ask;
use crate::domain::ids::ConnectionId;
use crate::ports::{HandedPage, Resealed, StoreError};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which keys the keeper has that has the lock, or had it last.
const AT_WORK: &str = "keys_at_work";

impl Database {
    pub(super) async fn hand_over(&self, after: String, limit: usize) -> Result<HandedPage, StoreError> {
        let bound = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = ask!(self.db, read, keys::with_refresh_tokens(after, bound))?;
        let full = rows.len() >= limit;
        let mut page = HandedPage::default();
        for (row, sealed) in rows {
            let id = row.id.parse::<ConnectionId>().ok();
            if full {
                page.next.clone_from(&id);
            }
            match self.vault.handed(row, sealed) {
                Ok(handed) => page.connections.push(handed),
                Err(_) => page.unreadable.extend(id),
            }
        }
        Ok(page)
    }

    pub(super) async fn reseal(&self, after: String, limit: usize) -> Result<Resealed, StoreError> {
        let bound = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = ask!(self.db, read, keys::sealed(after, bound))?;
        let full = rows.len() >= limit;
        let (mut done, mut again) = (Resealed::default(), vec![]);
        for row in rows {
            let id = row.id.parse::<ConnectionId>().ok();
            if full {
                done.next.clone_from(&id);
            }
            match self.vault.resealed(row) {
                Ok(resealed) => again.extend(resealed),
                Err(_) => done.unreadable.extend(id),
            }
        }
        if !again.is_empty() {
            let meant = again.len();
            done.changed = ask!(self.db, write, keys::reseal(again))?;
            done.moved_on = meant - done.changed;
        }
        Ok(done)
    }

    pub(super) async fn reseal_own(&self) -> Result<bool, StoreError> {
        let name = FINGERPRINTS.column;
        let Some(old) = ask!(self.db, read, keys::value(name))? else { return Ok(false) };
        let Some(new) = self.vault.resealed_own(FINGERPRINTS, &old) else { return Ok(false) };
        Ok(ask!(self.db, write, keys::replace(name, old, new))? > 0)
    }

    pub(super) async fn keys_at_work(&self) -> Result<Vec<String>, StoreError> {
        let noted = ask!(self.db, read, keys::value(AT_WORK))?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&noted)
            .split(',')
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// Says which keys this keeper has, where it has not said so yet.
    pub(super) async fn note_keys(&self) {
        let keys = self.vault.keys();
        if *locked(&self.noted_keys) == keys {
            return;
        }
        match self.set_keys(keys.join(",").into_bytes()).await {
            Ok(()) => *locked(&self.noted_keys) = keys,
            // A database that takes no writes is told by whoever needs it; tried again at the next look.
            Err(error) => {
                debug!(target: "store", error:% = error; "which keys are in use could not be noted");
            }
        }
    }

    async fn set_keys(&self, ids: Vec<u8>) -> Result<(), StoreError> {
        ask!(self.db, write, keys::set(AT_WORK, ids))?;
        Ok(())
    }
}
