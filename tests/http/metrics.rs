//! What Prometheus reads, and what is written about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Served;
use crate::process::DEADLINE;
use crate::wait::until;

const DOCUMENT: &str = include_str!("../../docs/METRICS.md");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");

/// Names and types, as told.
fn families(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let name =
        |name: &str, kind: &str| if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
    types.map(|(of, kind)| (name(of, kind), kind.to_owned())).collect()
}

fn value(text: &str, metric: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.parse().ok())
}

fn documented() -> BTreeMap<String, String> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| (name.to_owned(), rest.split([' ', '|']).next().unwrap().to_owned())).collect()
}

#[test]
fn every_metric_is_documented_with_its_type_and_every_alert_uses_one_that_exists() {
    let served = Served::with(&["anna"]);
    served.keeper.wait_for(&["webhook found", "anna"]);
    let told = served.api.as_(None).get("/metrics").is(200);
    assert!(told.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let told = served.api.get("/metrics").is(200).text; // the second time: the first one was a request, too
    assert_eq!(families(&told), documented());
    let known: BTreeSet<String> = documented().into_keys().collect();
    let used = ALERTS
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("keeper_"));
    let used: BTreeSet<_> = used.map(|word| word.strip_suffix("_bucket").unwrap_or(word)).collect();
    assert!(used.len() > 5);
    for name in used {
        assert!(known.contains(name), "{name}");
    }
    assert!(told.ends_with("# EOF\n") && !told.contains("anna"), "no connection is a label");
}

#[test]
fn what_happens_is_counted_and_how_things_stand_is_told() {
    let served = Served::with(&["anna", "ben", "carla"]);
    served.api.post("/v1/connections/anna/refresh").is(200);
    served.api.post("/v1/connections/ben/pause").is(200);
    served.place.simulator.revoke_grant("carla").unwrap();
    served.api.post("/v1/connections/carla/refresh");
    served.keeper.wait_for(&["connection/carla", "reauthorization_required"]);
    let text = until("the refusal is counted", DEADLINE, || {
        let text = served.api.get("/metrics").is(200).text;
        (value(&text, "keeper_refreshes_total{outcome=\"refused\"}") == Some(1.0)).then_some(text)
    });
    for (metric, expected) in [
        ("keeper_connections{status=\"active\"}", 1.0),
        ("keeper_connections{status=\"paused\"}", 1.0),
        ("keeper_connections{status=\"reauthorization_required\"}", 1.0),
        ("keeper_connections_without_token", 0.0),
        ("keeper_refreshes_total{outcome=\"self_inflicted\"}", 0.0),
        ("keeper_standing{standing=\"working\"}", 1.0),
        ("keeper_system_fault{fault=\"database_away\"}", 0.0),
        ("keeper_journal_writable", 1.0),
        (
            "keeper_http_requests_total{method=\"POST\",route=\"/v1/connections/{id}/pause\",status=\"200\"}",
            1.0,
        ),
    ] {
        assert_eq!(value(&text, metric), Some(expected), "{metric}\n{text}");
    }
    let succeeded = value(&text, "keeper_refreshes_total{outcome=\"success\"}").unwrap();
    assert!(succeeded >= 1.0);
    assert_eq!(value(&text, "keeper_rotation_exposure_seconds_count"), Some(succeeded));
    assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6);
}
