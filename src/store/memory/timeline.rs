//! What happened to each connection, as the memory tells it.

use crate::domain::ids::ConnectionId;
use crate::domain::timeline::{Entry, Place, Told};
use crate::store::time::stored;

/// A part of a connection's timeline, newest first.
pub(super) fn part(written: &[Entry], id: &ConnectionId, before: Option<Place>, limit: usize) -> Told {
    let numbered = (0_i64..).zip(written).filter(|(_, entry)| entry.connection == *id);
    let mut found: Vec<_> = numbered
        .map(|(number, entry)| {
            let at = stored(entry.at);
            (Place { at: at.timestamp_micros(), number }, Entry { at, ..entry.clone() })
        })
        .filter(|(place, _)| {
            before.is_none_or(|before| (place.at, place.number) < (before.at, before.number))
        })
        .collect();
    // Latest first; of two at the same moment the one written later.
    found.sort_by_key(|(place, _)| std::cmp::Reverse((place.at, place.number)));
    let next = found.get(limit.wrapping_sub(1)).filter(|_| found.len() > limit).map(|(place, _)| *place);
    found.truncate(limit);
    Told { entries: found.into_iter().map(|(_, entry)| entry).collect(), next }
}
