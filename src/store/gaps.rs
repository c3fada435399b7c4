//! The ledger of gaps over a database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::pool::ask;
use super::row::{GapRow, OpenGapRow, ProgressRow};
use super::sql::{SqlStore, bounded};
use super::time::{micros, time};
use crate::domain::backfill::Progress;
use crate::ports::{Gap, Gaps, OpenGap, StoreError};

/// Ids in one statement.
const AT_ONCE: usize = 1000;
/// Under this name stands when a keeper last took deliveries.
const ALIVE: &str = "alive_at";

#[async_trait]
impl Gaps for SqlStore {
    async fn open_gap(&self, gap: Gap) -> Result<(), StoreError> {
        self.run(|database, _| async move {
            ask!(database.db, write, gaps::open(row(gap)))?;
            Ok(())
        })
        .await
    }

    async fn open_gaps(&self, after: i64, limit: usize) -> Result<Vec<OpenGap>, StoreError> {
        self.run(move |database, _| async move {
            let rows = ask!(database.db, read, gaps::all_open(after, bounded(limit)))?;
            Ok(rows.into_iter().filter_map(open).collect())
        })
        .await
    }

    async fn note_progress(
        &self,
        gaps: Vec<i64>,
        progress: Progress,
        found: Vec<(i64, u64)>,
    ) -> Result<(), StoreError> {
        self.run(move |database, _| async move {
            let number = |of| i64::try_from(of).unwrap_or(i64::MAX);
            let found: Vec<_> = found.into_iter().map(|(id, found)| (id, number(found))).collect();
            // What was found first: the other way round a crash between the two would lose the count.
            for (ids, found) in parts(&gaps, found) {
                ask!(database.db, write, gaps::progress(ids, progress_row(progress), found))?;
            }
            Ok(())
        })
        .await
    }

    async fn close_gaps(&self, gaps: Vec<i64>, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.run(move |database, _| async move {
            for ids in gaps.chunks(AT_ONCE) {
                ask!(database.db, write, gaps::close(ids.to_vec(), micros(at)))?;
            }
            Ok(())
        })
        .await
    }

    async fn alive_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.run(|database, _| async move {
            let value = ask!(database.db, read, meta::get(ALIVE))?;
            let micros = value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
            Ok(micros.map(time))
        })
        .await
    }

    async fn note_alive(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        let value = micros(at).to_string().into_bytes();
        self.run(|database, _| async move {
            ask!(database.db, write, meta::set(ALIVE, value))?;
            Ok(())
        })
        .await
    }
}

/// Gaps, and what was found for each.
type Part = (Vec<i64>, Vec<(i64, i64)>);

/// Some at a time, each with what was found for it.
fn parts(gaps: &[i64], mut found: Vec<(i64, i64)>) -> Vec<Part> {
    let part = |ids: &[i64]| (ids.to_vec(), found.extract_if(.., |(id, _)| ids.contains(id)).collect());
    gaps.chunks(AT_ONCE).map(part).collect()
}

fn row(gap: Gap) -> GapRow {
    GapRow {
        connection_id: gap.connection.into(),
        from_at: micros(gap.from),
        opened_at: micros(gap.opened_at),
        reason: gap.reason,
    }
}

fn progress_row(progress: Progress) -> ProgressRow {
    ProgressRow {
        since_at: progress.since.map(micros),
        began_at: Some(micros(progress.began_at)),
        reached_at: progress.reached.map(micros),
    }
}

/// A row that somebody else wrote: `None`.
fn open(row: OpenGapRow) -> Option<OpenGap> {
    let progress = row.began_at.map(|began_at| Progress {
        since: row.since_at.map(time),
        began_at: time(began_at),
        reached: row.reached_at.map(time),
    });
    let gap = Gap {
        connection: row.connection_id.parse().ok()?,
        from: time(row.from_at),
        opened_at: time(row.opened_at),
        reason: row.reason,
    };
    Some(OpenGap { number: row.id, gap, progress, found: u64::try_from(row.found).unwrap_or_default() })
}
