//! A commit that no row took: what stands there instead.

use super::database::Database;
use super::pool::ask;
use crate::domain::rotation::{Commit, Committed};
use crate::domain::secrets::AccessToken;
use crate::ports::StoreError;

/// No row took the pair. An answer of the database may have been lost before: our own token there is success.
pub(super) async fn look(database: &Database, commit: &Commit) -> Result<Committed, StoreError> {
    let Some(row) = ask!(database.db, read, connections::get(commit.id.as_str().to_owned()))? else {
        return Ok(Committed::Superseded(None));
    };
    let fingerprint = commit.refresh_token.as_ref().map(|token| database.vault.fingerprint(token));
    let same_token = fingerprint.as_ref().map(|fingerprint| *fingerprint == row.refresh_fingerprint);
    let current = database.vault.connection(row)?;
    let same_pair = || {
        let access_token = current.access_token.as_ref().map(AccessToken::expose);
        current.generation == commit.generation && access_token == Some(commit.access_token.expose())
    };
    let ours = current.grant_id == commit.grant_id && same_token.unwrap_or_else(same_pair);
    Ok(if ours { Committed::Kept } else { Committed::Superseded(Some(Box::new(current))) })
}
