//! What was announced, as rows and back.

use super::database::Database;
use super::pool::ask;
use super::row::NoticeRow;
use super::time::{micros, time};
use crate::domain::notice::{Announced, Kind, Open, Subject, Told};
use crate::ports::StoreError;

/// So many in one transaction: others wait for the writer meanwhile.
const AT_ONCE: usize = 500;

pub(super) async fn all(database: &Database) -> Result<Vec<(Subject, Announced)>, StoreError> {
    let rows = ask!(database.db, read, notices::all())?;
    // One that cannot be read is announced anew.
    Ok(rows.into_iter().filter_map(announced).collect())
}

pub(super) async fn save(
    database: &Database,
    mut some: Vec<(Subject, Option<Announced>)>,
) -> Result<(), StoreError> {
    some.sort_by_cached_key(|(subject, _)| subject.to_string());
    for some in some.chunks(AT_ONCE) {
        let rows = some.iter().filter_map(|(subject, known)| Some(row(subject, known.as_ref()?))).collect();
        let forgotten =
            some.iter().filter(|(_, known)| known.is_none()).map(|(subject, _)| subject.to_string());
        let forgotten: Vec<_> = forgotten.collect();
        ask!(database.db, write, notices::save(rows, forgotten))?;
    }
    Ok(())
}

fn row(subject: &Subject, known: &Announced) -> NoticeRow {
    let Announced { told, open, seen, since, recent, withheld } = known;
    let recent: Vec<String> = recent.iter().map(|at| micros(*at).to_string()).collect();
    NoticeRow {
        subject: subject.to_string(),
        told: told.map(|told| told.kind.as_str().into()),
        told_at: told.map(|told| micros(told.at)),
        reminders: told.map_or(0, |told| told.reminders.into()),
        open_id: open.map(|open| open.id.to_string()),
        open_kind: open.map(|open| open.kind.as_str().into()),
        open_at: open.map(|open| micros(open.at)),
        attempts: open.map_or(0, |open| open.attempts.into()),
        next_at: open.map(|open| micros(open.next_at)),
        reached: open.is_some_and(|open| open.reached).into(),
        changes: open.map_or(0, |open| open.changes.into()),
        reminder: open.map_or(0, |open| open.reminder.into()),
        seen: seen.map(|kind| kind.as_str().into()),
        since_at: since.map(micros),
        recent: recent.join(","),
        withheld: (*withheld).into(),
    }
}

fn announced(row: NoticeRow) -> Option<(Subject, Announced)> {
    let number = |of: i64| u32::try_from(of).unwrap_or_default();
    let told = match row.told {
        Some(kind) => {
            Some(Told { kind: Kind::parse(&kind)?, at: time(row.told_at?), reminders: number(row.reminders) })
        }
        None => None,
    };
    let open = match row.open_id {
        Some(id) => Some(Open {
            id: id.parse().ok()?,
            kind: Kind::parse(&row.open_kind?)?,
            at: time(row.open_at?),
            attempts: number(row.attempts),
            next_at: time(row.next_at?),
            reached: row.reached != 0,
            changes: number(row.changes),
            reminder: number(row.reminder),
        }),
        None => None,
    };
    let known = Announced {
        told,
        open,
        seen: row.seen.and_then(|kind| Kind::parse(&kind)),
        since: row.since_at.map(time),
        recent: row.recent.split(',').filter_map(|at| at.parse().ok()).map(time).collect(),
        withheld: number(row.withheld),
    };
    Some((row.subject.parse().ok()?, known))
}
