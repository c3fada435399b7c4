//! What a stormy life leaves in logs, metrics, answers and files: no secret in the clear.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};

use crate::api::{Api, Served};
use crate::installation::Installation;

const NAMES: [&str; 4] = ["anna", "ben", "carla", "dora"];
const ADMIN: &str = "admin-secret-0123456789abcdef";
const LIFE: Duration = Duration::from_secs(3);

/// Every token that anybody has now.
fn collect(served: &Served, secrets: &mut BTreeSet<String>) {
    for name in NAMES {
        let grant = served.place.simulator.current_grant(name).unwrap();
        secrets.extend([grant.access_token, grant.refresh_token]);
    }
}

#[test]
fn no_secret_of_a_stormy_life_stands_anywhere_in_the_clear() {
    let mut place = Installation::new(6);
    place.import(&NAMES.map(|name| place.user(name, 5)));
    place.variable("KEEPER_LOG", "trace");
    place.set("SERVER__API_TOKENS", &format!("ops:admin:{ADMIN}"));
    place.set("SERVER__LISTEN", "127.0.0.1:0");
    let (mut secrets, mut shown) = (BTreeSet::new(), String::new());
    secrets.extend([ADMIN.to_owned(), place.simulator.client_secret().to_owned()]);
    let troubles = [
        FaultKind::NotJson,
        FaultKind::Truncate,
        FaultKind::Status { code: 500, body: Some("refresh_token=leaked".into()), headers: BTreeMap::new() },
        FaultKind::ResetAfter,
    ];
    for life in 0..troubles.len() {
        let keeper = place.started();
        let api = Api::of(&place, &keeper).as_(Some(ADMIN));
        let served = Served { place, keeper, api };
        served.place.simulator.fault(Fault::next(Endpoint::Token, troubles[life].clone())).unwrap();
        let began = Instant::now();
        while began.elapsed() < LIFE {
            collect(&served, &mut secrets);
            for path in
                ["/metrics", "/v1/connections", "/v1/connections/anna/timeline", "/v1/connections/anna"]
            {
                shown.push_str(&served.api.get(path).text);
            }
            let secret = secrets.iter().next().unwrap();
            let body = format!(r#"{{"refresh_token":"{secret}","access_token":"{secret}"}}"#);
            shown.push_str(
                &served.api.put("/v1/connections/anna", &body).fails_with(400, "invalid-request").text,
            );
            shown.push_str(
                &served.api.as_(Some(secret)).get("/v1/connections").fails_with(401, "unauthorized").text,
            );
            served.api.post(&format!("/v1/connections/{}/refresh", NAMES[life % NAMES.len()]));
        }
        collect(&served, &mut secrets);
        shown.push_str(&if life % 2 == 0 { served.keeper.kill() } else { stopped(served.keeper) });
        place = served.place;
    }
    assert!(secrets.len() > 12 && shown.contains("token refreshed"), "{} secrets", secrets.len());
    let files = place.snapshot();
    assert!(files.keys().any(|name| name.ends_with("keeper.db")));
    for secret in &secrets {
        assert!(!shown.contains(secret.as_str()), "a secret is shown");
        for (name, bytes) in files.iter().filter(|(name, _)| *name != "grants.jsonl") {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{name} holds a secret");
        }
    }
}

fn stopped(keeper: crate::process::Keeper) -> String {
    keeper.terminate();
    keeper.ended().1
}

#[test]
fn a_crash_writes_no_memory_to_the_disk() {
    let served = Served::with(&[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", served.keeper.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<_> = core.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
}
