//! What a run came to: the table, and what must be true of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use calendly_keeper::simulator::{Counters, LedgerView, PresentationOutcome};
use chrono::{DateTime, TimeDelta, Utc};

use crate::crew::Record;
use crate::settings::Settings;
use crate::stage::Stage;
use crate::support::book::Token;

/// Without a valid token outside of all troubles: for backoff after Calendly's own faults, on a busy machine.
const PATIENCE: TimeDelta = TimeDelta::seconds(15);

/// A trouble, from its beginning over its end to when it had no consequences any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) what: &'static str,
    pub(crate) from: DateTime<Utc>,
    /// Or when somebody was due, where that came later.
    pub(crate) over: DateTime<Utc>,
    /// The next refresh.
    pub(crate) refreshed: Option<DateTime<Utc>>,
    /// Everything was as it should be; not where the next trouble came before.
    pub(crate) to: Option<DateTime<Utc>>,
}

/// A time in which a connection, whose grant was not lost, had no valid token.
struct Gap {
    id: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

pub(crate) struct Report {
    settings: Settings,
    took: Duration,
    counters: Counters,
    /// Requests that Calendly failed, without effect.
    failed: u64,
    on_its_way: usize,
    arrived: usize,
    /// Spent tokens that were presented again, and those of them whose answer had left whole.
    twice: BTreeSet<Token>,
    after_whole_answer: BTreeSet<Token>,
    gaps: Vec<Gap>,
    record: Record,
    spans: Vec<Span>,
}

impl Report {
    pub(crate) fn new(
        settings: Settings,
        stage: &Stage,
        record: Record,
        spans: Vec<Span>,
        (ended, failed): (DateTime<Utc>, u64),
    ) -> Self {
        let ledger = stage.simulator.ledger();
        let (on_its_way, arrived) = stage.book.counts();
        let presented = |wanted: fn(bool, PresentationOutcome) -> bool| {
            let entries = ledger.presented.iter();
            let wanted = entries.filter(|entry| wanted(entry.after_whole_answer, entry.outcome));
            wanted.filter_map(|entry| entry.grant.zip(entry.generation)).collect()
        };
        Self {
            settings,
            took: (ended - spans[0].from).to_std().unwrap(),
            counters: ledger.counters,
            failed,
            on_its_way,
            arrived,
            twice: presented(|_, outcome| outcome == PresentationOutcome::Reused),
            after_whole_answer: presented(|after, _| after),
            gaps: gaps(stage, &ledger, ended),
            record,
            spans,
        }
    }

    /// What must be true of every run. That only kills lost answers, and that nothing else was presented again, was
    /// looked at all along.
    pub(crate) fn judge(&self) {
        let (counters, record) = (&self.counters, &self.record);
        assert_eq!(counters.unknown_refresh_tokens + counters.refresh_tokens_of_revoked_grants, 0);
        assert_eq!(record.actors, 0, "actors failed");
        let without = self.gaps.iter().filter(|gap| self.outside_of_troubles(gap) > PATIENCE);
        let without: Vec<_> = without.map(|gap| (&gap.id, gap.from, gap.to)).collect();
        assert!(without.is_empty(), "without a valid token though nothing was in the way: {without:?}");
        let met = record.killed >= 2 && record.stopped > self.settings.keepers && !record.frozen.is_empty();
        assert!(met && self.spans.len() > 4, "too little was done: {record:?} {:?}", self.spans);
        assert!(self.failed > 0, "no request failed");
        assert!(
            counters.rotations as usize > self.settings.connections / 5,
            "too few refreshes to prove anything"
        );
        assert!(!self.settings.is_long() || !record.exposures.is_empty(), "no exposure was measured");
    }

    fn outside_of_troubles(&self, gap: &Gap) -> TimeDelta {
        let end = |span: &Span| span.to.or(span.refreshed).unwrap_or(span.over);
        let inside = |span: &Span| (gap.to.min(end(span)) - gap.from.max(span.from)).max(TimeDelta::zero());
        // They come one after another, but for what an outage leaves to be waited for.
        let troubles = self.spans.iter().filter(|span| span.what != "pairs in the database");
        gap.to - gap.from - troubles.map(inside).sum::<TimeDelta>()
    }
}

/// A token's: from when to when.
type Life = (DateTime<Utc>, DateTime<Utc>);

/// By what Calendly gave out: an answer that was lost is no token.
fn gaps(stage: &Stage, ledger: &LedgerView, ended: DateTime<Utc>) -> Vec<Gap> {
    let lost: BTreeSet<_> =
        stage.book.lost.iter().map(|lost| (lost.consumed.0, lost.consumed.1 + 1)).collect();
    let mut pairs = BTreeMap::<u32, Vec<Life>>::new();
    for pair in ledger.issued.iter().filter(|pair| !lost.contains(&(pair.grant, pair.generation))) {
        pairs.entry(pair.grant).or_default().push((pair.at, pair.expires_at));
    }
    let mut gaps = vec![];
    for (number, given) in &stage.book.given {
        let mut until = given.expires_at;
        let mut gap = |from: DateTime<Utc>, to| {
            if to > from {
                gaps.push(Gap { id: given.id.clone(), from, to });
            }
        };
        for (at, expires_at) in pairs.get(number).into_iter().flatten() {
            gap(until, *at);
            until = *expires_at;
        }
        // A lost grant had its end: what comes after it waits for the user.
        if !lost.iter().any(|(grant, _)| grant == number) {
            gap(until, ended);
        }
    }
    gaps
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (counters, record) = (&self.counters, &self.record);
        let seconds = |duration: TimeDelta| format!("{:.1} s", duration.as_seconds_f64());
        let mut row = |name: &str, value: String| writeln!(f, "  {name:<52} {value}");
        row("chaos on", format!("{}; took {:.0} s", self.settings, self.took.as_secs_f64()))?;
        let rate = counters.rotations as f64 / self.took.as_secs_f64();
        row("refreshes", format!("{} ({rate:.1}/s), failed requests {}", counters.rotations, self.failed))?;
        row("rotations lost, answer on its way", self.on_its_way.to_string())?;
        row("rotations lost, answer arrived, not durable", self.arrived.to_string())?;
        row("tokens presented twice", self.twice.len().to_string())?;
        row("  after a whole answer", self.after_whole_answer.len().to_string())?;
        let longest = self.gaps.iter().map(|gap| gap.to - gap.from).max().unwrap_or_default();
        let outside = self.gaps.iter().map(|gap| self.outside_of_troubles(gap)).max().unwrap_or_default();
        let outside = seconds(outside.max(TimeDelta::zero()));
        row(
            "longest time without a valid token",
            format!("{} (outside of troubles {outside})", seconds(longest)),
        )?;
        let Record { starts, killed, stopped, supplanted, .. } = record;
        row("restarts", format!("{starts} (killed {killed}, stopped {stopped}, supplanted {supplanted})"))?;
        let frozen = record.frozen.iter().max().copied().unwrap_or_default().as_secs_f64();
        row("frozen", format!("{} (longest {frozen:.1} s)", record.frozen.len()))?;
        let mut recoveries: BTreeMap<(&str, &str), Vec<TimeDelta>> = BTreeMap::new();
        for Span { what, over, refreshed, to, .. } in &self.spans {
            for (end, at) in [("refreshing", refreshed), ("all in order", to)] {
                let took = at.map(|at| (at - over).max(TimeDelta::zero()));
                recoveries.entry((what, end)).or_default().extend(took);
            }
        }
        for ((what, end), mut took) in recoveries.into_iter().filter(|(_, took)| !took.is_empty()) {
            took.sort();
            let (median, longest) = (seconds(took[took.len() / 2]), seconds(took[took.len() - 1]));
            let name = format!("recovered from {what}, {end}");
            row(&name, format!("median {median}, longest {longest} ({})", took.len()))?;
        }
        let (median, p99, worst) = record.exposures.figures();
        row("exposure, median of lives: median", format!("{median:.1?}"))?;
        row(
            "exposure, median of lives: 99th percentile",
            format!("{p99:.1?} (worst, frozen or without its database: {worst:.1?})"),
        )
    }
}
