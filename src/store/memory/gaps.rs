//! The ledger of gaps in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::domain::backfill::Progress;
use crate::ports::{Gap, Gaps, OpenGap, StoreError};
use crate::store::time::stored;

/// Every gap, and when a keeper was last alive.
#[derive(Clone, Default)]
pub(super) struct Ledger {
    lines: Vec<(OpenGap, Option<DateTime<Utc>>)>,
    alive_at: Option<DateTime<Utc>>,
}

impl Ledger {
    pub(super) fn gaps(&self) -> Vec<Gap> {
        self.lines.iter().map(|(open, _)| open.gap.clone()).collect()
    }

    /// Those that are closed, with how many events were found for each.
    pub(super) fn closed(&self) -> Vec<(Gap, u64)> {
        let closed = self.lines.iter().filter(|(_, closed)| closed.is_some());
        closed.map(|(open, _)| (open.gap.clone(), open.found)).collect()
    }

    fn of(&mut self, numbers: &[i64]) -> impl Iterator<Item = &mut (OpenGap, Option<DateTime<Utc>>)> {
        self.lines.iter_mut().filter(|(open, _)| numbers.contains(&open.number))
    }
}

#[async_trait]
impl Gaps for MemoryStore {
    async fn open_gap(&self, gap: Gap) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        let lines = &mut inner.state.gaps.lines;
        let gap = Gap { from: stored(gap.from), opened_at: stored(gap.opened_at), ..gap };
        let number = i64::try_from(lines.len()).unwrap_or(i64::MAX) + 1;
        match lines.iter_mut().find(|(open, _)| open.gap == gap) {
            None => lines.push((OpenGap { number, gap, progress: None, found: 0 }, None)),
            Some((open, closed)) => {
                if closed.take().is_some() {
                    (open.progress, open.found) = (None, 0);
                }
            }
        }
        Ok(())
    }

    async fn open_gaps(&self, after: i64, limit: usize) -> Result<Vec<OpenGap>, StoreError> {
        let inner = self.available().await?;
        let open = inner.state.gaps.lines.iter().filter(|(_, closed)| closed.is_none()).map(|(open, _)| open);
        Ok(open.filter(|open| open.number > after).take(limit).cloned().collect())
    }

    async fn note_progress(
        &self,
        gaps: Vec<i64>,
        progress: Progress,
        found: Vec<(i64, u64)>,
    ) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        let progress = Progress {
            since: progress.since.map(stored),
            began_at: stored(progress.began_at),
            reached: progress.reached.map(stored),
        };
        inner.state.gaps.of(&gaps).for_each(|(open, _)| open.progress = Some(progress));
        for (number, more) in found {
            inner.state.gaps.of(&[number]).for_each(|(open, _)| open.found += more);
        }
        Ok(())
    }

    async fn close_gaps(&self, gaps: Vec<i64>, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        inner.state.gaps.of(&gaps).for_each(|(_, closed)| *closed = Some(closed.unwrap_or(at)));
        Ok(())
    }

    async fn alive_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.available().await?.state.gaps.alive_at)
    }

    async fn note_alive(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.writable().await?.state.gaps.alive_at = Some(stored(at));
        Ok(())
    }
}
