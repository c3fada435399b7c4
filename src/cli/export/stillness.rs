//! Before an export: nobody refreshes, and the database knows all that is known.

use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::cli::api::{Api, ApiFailure, path};
use crate::cli::open::Opened;
use crate::config::Config;
use crate::domain::facts::GrantFact;
use crate::domain::grant::Connection;
use crate::ports::Store;
use crate::runtime::sleep;

const PAGE: usize = 1000;
/// While all are paused new ones may come; nobody brings so many as to outrun this.
const PASSES: usize = 10;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// An answer of the token endpoint may take 60 s, and the database a little longer.
const PATIENCE: u32 = 5 * 90;

/// Where no keeper works: what a stopped one left in its journal is written into the database.
pub(super) async fn level(config: &Config, opened: &Opened) -> anyhow::Result<()> {
    let journal = opened.journal(config).await?;
    let known: Vec<_> =
        journal.known().await.context("the rotation journal cannot be read")?.into_known().collect();
    // It stays in the journal: whoever runs next settles it, and revokes what is nobody's.
    for some in known.chunks(PAGE) {
        let written = opened.store.write_forward(some.to_vec()).await;
        written.context("what the rotation journal knows cannot be written into the database")?;
    }
    Ok(())
}

/// Has the running keeper pause every connection that it may refresh, and waits for the refreshes under way.
pub(super) async fn pause_all(api: &Api, store: &dyn Store) -> anyhow::Result<()> {
    for _ in 0..PASSES {
        let working = all(store, |c| c.facts.paused.is_none() && is_live(c)).await?;
        if working.is_empty() {
            return wait(store).await;
        }
        for connection in working {
            match api.post(&path(&connection.id, "/pause")) {
                Ok(_) => {}
                Err(ApiFailure::Problem { status: 404, .. }) => {} // deleted meanwhile, or not known yet
                Err(failure) => {
                    return Err(failure).with_context(|| format!("{} cannot be paused", connection.id));
                }
            }
        }
    }
    bail!("connections are resumed or come in as fast as they are paused: stop the keeper, then export")
}

/// A rotation that has begun is in its row until its pair is there, too.
async fn wait(store: &dyn Store) -> anyhow::Result<()> {
    for _ in 0..PATIENCE {
        if all(store, |c| c.claim.is_some()).await?.is_empty() {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(()) // what is left is told as doubtful
}

fn is_live(connection: &Connection) -> bool {
    matches!(connection.facts.grant, GrantFact::Live { .. })
}

async fn all(store: &dyn Store, wanted: impl Fn(&Connection) -> bool) -> anyhow::Result<Vec<Connection>> {
    let (mut found, mut after) = (vec![], None);
    loop {
        let page = store.page(after.as_ref(), PAGE).await.context("the connections cannot be read")?;
        found.extend(page.connections.into_iter().filter(&wanted));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
}
