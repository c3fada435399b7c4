//! Grants handed over by file: taken, refused by line, and noticed by a keeper that runs.

use serde_json::Value;

use crate::installation::{Installation, lines};

fn counted(out: &str, kind: &str) -> u64 {
    let line =
        out.lines().find(|line| line.trim_start().starts_with(kind)).unwrap_or_else(|| panic!("{out}"));
    line.split_whitespace().last().unwrap().parse().unwrap()
}

fn listed(place: &Installation) -> Vec<Value> {
    let ran = place.run(&["status", "--json"]).fine();
    let list: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(list["next_cursor"], Value::Null);
    list["connections"].as_array().unwrap().clone()
}

#[test]
fn grants_come_in_as_jsonl_and_as_csv() {
    let place = Installation::new(7200);
    let [anna, ben, carla] = ["anna", "ben", "carla"].map(|name| place.user(name, 3600));
    place.write("grants.jsonl", &lines(&[anna, ben]));
    place.write(
        "grants.csv",
        &format!(
            "created_at,refresh_token,id,access_token,expires_at\r\n2020-01-01,{},carla,{},{}\r\n",
            carla.refresh_token,
            carla.access_token,
            carla.expires_at.to_rfc3339()
        ),
    );

    let jsonl = place.run(&["import", "grants.jsonl"]).fine();
    let csv = place.run(&["import", "grants.csv"]).fine();

    assert_eq!((counted(&jsonl.out, "created"), counted(&csv.out, "created")), (2, 1));
    assert!(jsonl.out.contains("only one refresher"), "{}", jsonl.out);
    let list = listed(&place);
    let ids: Vec<_> = list.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["anna", "ben", "carla"]);
    assert!(list.iter().all(|one| one["generation"] == 1 && one["status"] == "active"));
    assert_eq!(place.simulator.counters().requests, 0, "nothing is spent on an import");
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let place = Installation::new(7200);
    place.import(&[place.user("anna", 3600)]);
    place.write("more.jsonl", &lines(&[place.user("ben", 3600)]));
    let before = place.snapshot();

    let dry = place.run(&["import", "more.jsonl", "--dry-run"]).fine();

    assert!(dry.out.contains("nothing was stored"), "{}", dry.out);
    assert_eq!(counted(&dry.out, "created"), 1);
    assert!(place.snapshot() == before, "the data directory has changed");
    assert_eq!(listed(&place).len(), 1);
}

#[test]
fn bad_lines_are_reported_by_number_and_reason_and_stop_nothing_else() {
    let place = Installation::new(7200);
    let [anna, ben] = ["anna", "ben"].map(|name| place.user(name, 3600));
    let text = [
        anna.import_line(),
        "{\"id\":\"carla\"}".into(),
        "not json".into(),
        String::new(),
        format!("{{\"id\":\"no blanks\",\"refresh_token\":\"{}x\"}}", anna.refresh_token),
        "{\"id\":\"dan\",\"refresh_token\":\"r\",\"expires_at\":\"tomorrow\"}".into(),
        ben.import_line(),
    ];
    place.write("grants.jsonl", &text.join("\n"));

    let ran = place.run(&["import", "grants.jsonl"]);

    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!((counted(&ran.out, "created"), counted(&ran.out, "refused  ")), (2, 4));
    for (line, reason) in
        [("line 2: ", "refresh_token"), ("line 3: ", "JSON"), ("line 5: ", "id"), ("line 6: ", "expires_at")]
    {
        let said = ran.out.lines().find(|said| said.contains(line)).unwrap_or_else(|| panic!("{}", ran.out));
        assert!(said.contains(reason), "{said}");
    }
    assert!(!ran.all().contains(&anna.refresh_token));
    assert_eq!(listed(&place).len(), 2);
}

#[test]
fn the_same_refresh_token_under_two_ids_is_refused_in_a_file_and_against_the_database() {
    let place = Installation::new(7200);
    let anna = place.user("anna", 3600);
    let mut other = anna.clone();
    other.id = "other".into();
    place.write("grants.jsonl", &lines(&[anna.clone(), other.clone()]));
    place.write("other.jsonl", &lines(&[other]));

    for (file, reason) in [
        ("grants.jsonl", "line 2: other has the refresh token of anna in line 1"),
        ("other.jsonl", "line 1: other: its refresh token belongs to anna"),
    ] {
        let ran = place.run(&["import", file]);
        assert_eq!(ran.code, 1, "{}", ran.all());
        assert!(ran.out.contains(reason), "{}", ran.out);
        assert!(!ran.all().contains(&anna.refresh_token));
    }
    assert_eq!(listed(&place).len(), 1);
}

#[test]
fn importing_again_changes_nothing_also_after_the_token_was_spent() {
    let place = Installation::new(60);
    place.connect_expired(&["anna"]);
    let ran = place.run(&["import", "grants.jsonl"]).fine();
    assert_eq!((counted(&ran.out, "created"), counted(&ran.out, "unchanged")), (0, 1));

    let keeper = place.start();
    keeper.wait_for(&["connection/anna", "token refreshed", "generation=2"]);
    let ran = place.run(&["import", "grants.jsonl"]).fine();

    assert_eq!((counted(&ran.out, "replaced"), counted(&ran.out, "unchanged")), (0, 1), "{}", ran.out);
    let anna = place.status("anna");
    assert_eq!((&anna["generation"], &anna["status"]), (&2.into(), &"active".into()));
    keeper.terminate();
    assert_eq!(keeper.ended().0, 0);
    place.assert_nothing_reused();
}

#[test]
fn an_import_into_a_running_keepers_database_is_noticed_and_refreshed_within_seconds() {
    let place = Installation::new(60);
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    keeper.wait_for(&["connection/anna", "token refreshed"]);

    let imported = std::time::Instant::now();
    place.connect_expired(&["ben"]);

    keeper.wait_for(&["connections changed in the database", "new=1"]);
    keeper.wait_for(&["connection/ben", "token refreshed", "generation=2"]);
    keeper.wait_for(&["webhook found in Calendly", "connection=ben"]);
    assert!(imported.elapsed().as_secs() < 20, "{:?}", imported.elapsed());
    place.assert_nothing_reused();
}
