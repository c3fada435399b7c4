//! What came of it, as a table, and what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::stage::Stage;

/// Events that may be on their way when a keeper is killed.
const UNDER_WAY: usize = 16;

pub(crate) fn judge(stage: &Stage, took: Option<Duration>) {
    let (due, got, missing) = (stage.simulator.due_events(), stage.application.got(), stage.missing());
    let mut ids: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let mut first: BTreeMap<&str, &crate::application::Got> = BTreeMap::new();
    for one in &got {
        ids.entry((&one.event, &one.invitee)).or_default().insert(&one.id);
        *times.entry(&one.id).or_default() += 1;
        first.entry(&one.id).or_insert(one);
    }
    let backfilled = first.values().filter(|got| got.backfilled).count();
    let again: usize = times.values().map(|times| times - 1).sum();
    let since = |at: chrono::DateTime<chrono::Utc>| (chrono::Utc::now() - at).to_std().unwrap_or_default();
    let delay = due.iter().filter_map(|due| {
        let id = ids.get(&(due.event, due.invitee.as_str()))?.iter().next()?;
        Some(since(due.at).saturating_sub(first.get(id)?.at.elapsed()))
    });
    let longest = delay.max().unwrap_or_default();
    eprintln!(
        "| events | by webhook | by backfill | acknowledged again | kills | longest delay | after the trouble | missing |"
    );
    eprintln!("|---|---|---|---|---|---|---|---|");
    eprintln!(
        "| {} | {} | {backfilled} | {again} | {} | {:.1} s | {} | {} |",
        due.len(),
        first.len() - backfilled,
        stage.kills,
        longest.as_secs_f64(),
        took.map_or_else(|| "never".into(), |took| format!("{:.1} s", took.as_secs_f64())),
        missing.len()
    );

    assert!(due.len() > 50, "too little was booked: {}", due.len());
    assert!(missing.is_empty(), "{} missing, as {:?}\n{}", missing.len(), missing.first(), stage.warnings());
    assert_eq!(stage.application.wrong(), [] as [&str; 0]);
    let of_two_ids: Vec<_> = ids.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(of_two_ids.is_empty(), "one id an event: {of_two_ids:?}");
    assert!(again <= stage.kills * UNDER_WAY, "{again} acknowledged again, {} kills", stage.kills);
    in_order(stage, &first);
}

/// Of each invitee the application has events in the order in which they were kept.
fn in_order(stage: &Stage, first: &BTreeMap<&str, &crate::application::Got>) {
    let listed = stage.setup.command(&["inbox", "list", "--limit", "1000000", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let mut latest: BTreeMap<&str, (std::time::Instant, &str)> = BTreeMap::new();
    for event in listed["events"].as_array().unwrap().iter().rev() {
        let Some(got) = first.get(event["id"].as_str().unwrap()) else { continue };
        if let Some((before, id)) = latest.insert(&got.invitee, (got.at, &got.id)) {
            assert!(before <= got.at, "{} came before {id}, which was kept earlier", got.id);
        }
    }
}
