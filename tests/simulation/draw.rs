//! A plan drawn from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::plan::{Act, ApiTrouble, Crash, Event, Fault, Hook, Plan, Top, Trouble, Weather};

const DAY: u64 = 24 * 3600;
/// Nothing happens at the end, so that all must be well then.
pub(crate) const QUIET: u64 = 3600;
/// Things that happen to one connection, a day and connection.
const OWN_A_DAY: f64 = 0.6;
/// Things that happen to all, a day.
const COMMON_A_DAY: f64 = 10.0;

type Spans = Vec<(u64, u64)>;

/// The plan that belongs to a seed.
pub(crate) fn draw(seed: u64, connections: u32, days: u64) -> Plan {
    let mut chance = StdRng::seed_from_u64(seed);
    let ends = days * DAY;
    let last = ends - QUIET - 1800;
    let mut events = vec![];
    let mut happen = |at: u64, fault: Fault| events.push(Event { at: Duration::from_secs(at), fault });
    let own = (f64::from(connections) * OWN_A_DAY * days as f64).ceil() as usize;
    for _ in 0..own {
        let (at, of) = (chance.random_range(60..last), chance.random_range(0..connections));
        match own_fault(&mut chance, of) {
            // Who paused or left comes back.
            Fault::User { of, does } => {
                happen(at, Fault::User { of, does });
                let back = match does {
                    Act::Pause => Some(Act::Resume),
                    Act::Delete => Some(Act::Connect),
                    Act::Resume | Act::Connect => None,
                };
                let later = at + chance.random_range(30..8 * 3600);
                if let Some(does) = back.filter(|_| later < last) {
                    happen(later, Fault::User { of, does });
                }
            }
            fault => happen(at, fault),
        }
    }
    // (from, to) of what cannot be at the same time. Without a journal, what the database loses is lost. And a database
    // that fails over while it hangs ends the sessions that wait for it, which the one in memory does not.
    let (mut full, mut relying, mut hanging): (Spans, Spans, Spans) = Default::default();
    let meets =
        |spans: &[(u64, u64)], (from, to): (u64, u64)| spans.iter().any(|(f, t)| *f < to && from < *t);
    for _ in 0..(COMMON_A_DAY * days as f64).ceil() as usize {
        let at = chance.random_range(600..last - 4 * 3600);
        let fault = common_fault(&mut chance);
        let span = |seconds: u64| (at.saturating_sub(120), at + seconds + 900);
        match fault {
            Fault::JournalFull { seconds } if meets(&relying, span(seconds)) => continue,
            Fault::JournalFull { seconds } => full.push(span(seconds)),
            Fault::Stopped { seconds } | Fault::Killed { seconds } if meets(&full, span(seconds)) => continue,
            Fault::Stopped { seconds } | Fault::Killed { seconds } => relying.push(span(seconds)),
            Fault::DatabaseHangs { seconds } if meets(&relying, span(seconds)) => continue,
            Fault::DatabaseHangs { seconds } => hanging.push(span(seconds)),
            Fault::DatabaseGoesBack { after, away }
                if meets(&full, span(after + away)) || meets(&hanging, span(after + away)) =>
            {
                continue;
            }
            Fault::DatabaseGoesBack { after, away } => relying.push(span(after + away)),
            _ => {}
        }
        happen(at, fault);
    }
    events.sort_by_key(|event| event.at);
    let connections = (0..connections).collect();
    Plan { seed, connections, ends: Duration::from_secs(ends), repeats: chance.random(), events }
}

fn own_fault(chance: &mut StdRng, of: u32) -> Fault {
    match chance.random_range(0..100) {
        0..30 => Fault::Token { of, meets: harmless(chance) },
        30..35 => Fault::Token { of, meets: costly(chance) },
        35..50 => {
            let all = [
                ApiTrouble::FailsBefore,
                ApiTrouble::FailsAfter,
                ApiTrouble::Throttled,
                ApiTrouble::Unauthenticated,
            ];
            Fault::Api { of, meets: all[chance.random_range(0..all.len())] }
        }
        50..54 => Fault::Revoked { of },
        // Not for as long as a token lives: one more could not be kept.
        54..58 => Fault::RowRefused { of, seconds: chance.random_range(60..3600) },
        58..70 => {
            let all = [Hook::Deleted, Hook::Disabled, Hook::Drifted, Hook::Duplicated];
            Fault::Webhook { of, is: all[chance.random_range(0..all.len())] }
        }
        70..84 => {
            let all = [Act::Pause, Act::Pause, Act::Delete, Act::Connect];
            Fault::User { of, does: all[chance.random_range(0..all.len())] }
        }
        _ => {
            let times = if chance.random_bool(0.1) { 6 } else { 1 };
            Fault::Actor { of, fails: crash(chance), times }
        }
    }
}

/// Costs the grant nothing.
fn harmless(chance: &mut StdRng) -> Trouble {
    match chance.random_range(0..5) {
        0 => Trouble::NotSent,
        1 => Trouble::Throttled,
        2 => Trouble::FailsBefore,
        3 => Trouble::ResetBefore,
        _ => Trouble::Slow(chance.random_range(4..59)),
    }
}

/// The answer is lost after the effect.
fn costly(chance: &mut StdRng) -> Trouble {
    match chance.random_range(0..4) {
        0 => Trouble::FailsAfter,
        1 => Trouble::ResetAfter,
        2 => Trouble::UnreadableAfter,
        _ => Trouble::TimesOut,
    }
}

fn crash(chance: &mut StdRng) -> Crash {
    [Crash::Panic, Crash::Error, Crash::Stop][chance.random_range(0..3)]
}

fn common_fault(chance: &mut StdRng) -> Fault {
    match chance.random_range(0..100) {
        0..30 => {
            let is = Weather::ALL[chance.random_range(0..Weather::ALL.len())];
            let seconds = match is {
                Weather::Refusing => 600,
                Weather::Away | Weather::Failing => chance.random_range(60..3 * 3600),
                _ => chance.random_range(60..1800),
            };
            Fault::Calendly { is, seconds }
        }
        30..42 => Fault::DatabaseAway { seconds: chance.random_range(5..3600) },
        42..48 => Fault::DatabaseHangs { seconds: chance.random_range(5..600) },
        48..58 => {
            // Mostly a failover, now and then one that somebody has to see to first.
            let away = if chance.random_bool(0.3) { 2 * 3600 } else { 240 };
            Fault::DatabaseGoesBack {
                after: chance.random_range(10..300),
                away: chance.random_range(10..away),
            }
        }
        58..64 => Fault::CommitsFail { times: chance.random_range(1..20) },
        64..70 => Fault::CommitAnswersLost { times: chance.random_range(1..20) },
        70..76 => Fault::JournalFull { seconds: chance.random_range(60..3 * 3600) },
        76..84 => {
            let which = if chance.random() { Top::Supervisor } else { Top::Webhook };
            Fault::Top { which, fails: crash(chance) }
        }
        84..92 => Fault::Stopped { seconds: chance.random_range(1..1800) },
        _ => Fault::Killed { seconds: chance.random_range(1..600) },
    }
}
