//! The backfill of one owner's gaps: through all meetings twice, then the gaps are closed with what was found.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use log::{info, log};
use serde_json::json;

use super::asker::{Asker, Askers, Barred, End, Stop};
use super::group::gathered;
use super::look::Look;
use super::whose::{Member, Members};
use crate::domain::backfill::{Progress, Window, changed_since, resumed};
use crate::domain::ids::Generation;
use crate::domain::subscription::Owner;
use crate::domain::timeline::Kind;
use crate::ports::OpenGap;
use crate::registry::cell::Cell;
use crate::services::Services;
use crate::services::verification::each_of;

/// A meeting that is under way can still be cancelled.
const UNDER_WAY: TimeDelta = TimeDelta::days(1);
/// The second look is for what changed so long before the first one began, too: lists lag behind.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);
/// It begins so long after the first one, at the earliest.
const SECOND_LOOK: TimeDelta = TimeDelta::seconds(60);
/// A list is asked for anew so often in a row where its page token was refused.
const MOST_STALE: u32 = 3;

/// A connection with its open gaps, oldest first.
pub(super) type Gaps = (Arc<Cell>, Vec<OpenGap>);

/// What came of it.
pub(super) struct Outcome {
    pub(super) barred: Vec<Barred>,
    pub(super) end: Result<Done, End>,
}

/// What was done.
#[derive(Debug)]
pub(super) enum Done {
    /// The gaps are closed.
    Closed,
    /// The second look is due then.
    SecondLook(DateTime<Utc>),
}

/// The gaps of an owner while they are read through.
struct Backfilling<'a> {
    services: &'a Services,
    members: Members,
    numbers: Vec<i64>,
    progress: Progress,
    /// Where it begins.
    from: DateTime<Utc>,
    /// For each member.
    found: Vec<u64>,
}

/// Reads through the gaps once; `may_ask` leaves out whose token does not do.
pub(super) async fn backfill(
    services: &Services,
    owner: &Owner,
    gaps: Vec<Gaps>,
    may_not_ask: HashSet<crate::domain::ids::ConnectionId>,
) -> Outcome {
    let now = services.adapters.clock.now();
    let open = || gaps.iter().flat_map(|(_, gaps)| gaps);
    let progress = resumed(&open().map(|open| open.progress).collect::<Vec<_>>());
    let progress = progress.unwrap_or(Progress { since: None, began_at: now, reached: None });
    let all: Vec<_> = gaps.iter().filter_map(|(cell, gaps)| member(cell, gaps, progress)).collect();
    let numbers = open().map(|open| open.number).collect();
    let (members, mut askers) = gathered(services, owner, all);
    askers.retain(|cell| !may_not_ask.contains(cell.id()));
    let from = members.earliest().unwrap_or(now) - UNDER_WAY;
    let found = vec![0; members.all.len()];
    let mut work = Backfilling { services, members, numbers, progress, from, found };
    let mut askers = Askers::new(askers);
    let end = loop {
        let cell = match askers.next(services) {
            Ok(cell) => cell,
            Err(end) => break Err(end),
        };
        let asker = Asker::new(services, &cell, owner);
        let grant = asker.grant;
        match work.go_on(&asker).await {
            Ok(()) => {
                break match work.finish(&gaps).await {
                    Ok(done) => Ok(done),
                    Err(Stop::Later(after, why)) => Err(End::Later(after, why)),
                    Err(_) => Err(End::Later(None, "the gaps could not be closed".into())),
                };
            }
            Err(stop) => {
                if let Some(end) = askers.stopped(&cell, grant, stop) {
                    break Err(end);
                }
            }
        }
    };
    Outcome { barred: askers.barred, end }
}

fn member(cell: &Arc<Cell>, gaps: &[OpenGap], progress: Progress) -> Option<Member> {
    let (granted_at, first) = cell.read(|c| (c.granted_at, c.granted_generation == Generation(1)));
    let since =
        gaps.iter().map(|open| changed_since(open.gap.from, &open.gap.reason, granted_at, first)).min()?;
    let since = progress.since.map_or(since, |second| second.max(since));
    Some(Member {
        cell: cell.clone(),
        window: Window::from(since),
        gap: gaps.first().map(|open| open.number),
    })
}

impl Backfilling<'_> {
    /// To the end of the list; how far it has come is kept after each page.
    async fn go_on(&mut self, asker: &Asker<'_>) -> Result<(), Stop> {
        let (services, members) = (self.services, &self.members);
        let mut look = Look { services, asker, members, done: HashSet::new() };
        let mut stale = 0;
        loop {
            let from = self.progress.reached.unwrap_or(self.from);
            let step = match look.step(from).await {
                Err(Stop::Invalid(_)) if stale < MOST_STALE => {
                    stale += 1;
                    continue;
                }
                other => other?,
            };
            stale = 0;
            let gap = |(place, found): &(usize, u64)| Some((members.all[*place].gap?, *found));
            let counts: Vec<_> = step.found.iter().filter_map(gap).collect();
            for (place, found) in &step.found {
                self.found[*place] += found;
                services.counters().backfilled.add(*found);
            }
            let progress = Progress { reached: step.reached.or(self.progress.reached), ..self.progress };
            services.adapters.store.note_progress(self.numbers.clone(), progress, counts).await?;
            self.progress = progress;
            if step.reached.is_none() {
                return Ok(());
            }
        }
    }

    /// After the first look the second one, after that the gaps are closed.
    async fn finish(&self, gaps: &[Gaps]) -> Result<Done, Stop> {
        let store = &self.services.adapters.store;
        let now = self.services.adapters.clock.now();
        if self.progress.since.is_none() {
            let since = Some(self.progress.began_at - OVERLAP);
            let second = Progress { since, began_at: now, reached: None };
            store.note_progress(self.numbers.clone(), second, vec![]).await?;
            return Ok(Done::SecondLook(self.progress.began_at + SECOND_LOOK));
        }
        store.close_gaps(self.numbers.clone(), now).await?;
        let closed = gaps.iter().zip(&self.found).map(|((cell, gaps), now_found)| {
            let found = gaps.iter().map(|open| open.found).sum::<u64>() + now_found;
            (cell.clone(), gaps.iter().map(|open| open.gap.from).min().unwrap_or(now), gaps.len(), found)
        });
        let closed: Vec<_> = closed.collect();
        for (cell, from, gaps, found) in &closed {
            let text = "everything since then has been looked through";
            let detail = json!({ "from": from, "found": found, "gaps": gaps });
            self.services.timeline.note(cell.id(), Kind::GapClosed, text, detail);
        }
        each_of(&closed, |(cell, from, _, found)| {
            let from = from.to_rfc3339_opts(SecondsFormat::Secs, true);
            let level = if *found > 0 { log::Level::Info } else { self.services.routine() };
            log!(target: "backfill", level, connection:% = cell.id(), gap_from = from.as_str(), found; "gap closed");
        });
        if let Some(more) = closed.len().checked_sub(crate::services::verification::NAMED).filter(|n| *n > 0)
        {
            info!(target: "backfill", connections = more; "more gaps closed");
        }
        Ok(Done::Closed)
    }
}
