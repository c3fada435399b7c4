//! What is printed, from a store in memory.

use chrono::TimeDelta;

use super::*;
use crate::cli::print::span;
use crate::config::Sources;
use crate::domain::grant::NewGrant;
use crate::domain::ids::GrantId;
use crate::domain::secrets::RefreshToken;
use crate::domain::token::DEFAULT_LIFETIME;
use crate::store::MemoryStore;

fn now() -> DateTime<Utc> {
    "2026-11-24T10:00:00Z".parse().unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn store(connections: usize) -> MemoryStore {
    let store = MemoryStore::new();
    let grants = (0..connections)
        .map(|n| NewGrant {
            id: format!("user-{n:04}").parse().unwrap(),
            grant_id: GrantId::new(uuid::Uuid::from_u128(n as u128)),
            granted_at: now() - TimeDelta::days(3),
            client_id: None,
            access_token: None,
            refresh_token: RefreshToken::new(format!("r{n}")),
            expires_at: (n > 0).then(|| now() + TimeDelta::minutes(101)),
            lifetime: DEFAULT_LIFETIME,
            scope: None,
            user: None,
            organization: None,
            replace: false,
        })
        .collect();
    block_on(store.put(grants, false)).unwrap();
    store
}

fn shown(store: &MemoryStore, id: Option<&str>, json: bool) -> anyhow::Result<String> {
    let args = Args { id: id.map(|id| id.parse().unwrap()), json };
    let mut out = vec![];
    block_on(show(&args, &Config::load(&Sources::default())?, store, now(), &mut out))?;
    Ok(String::from_utf8(out)?)
}

#[test]
fn all_connections_are_a_table_with_counts() {
    let store = store(2);
    block_on(store.pause(&"user-0001".parse().unwrap(), Some(now()))).unwrap();
    insta::assert_snapshot!(shown(&store, None, false).unwrap(), @r"
        ID         STATUS  REASON  TOKEN EXPIRES  WEBHOOK  SINCE
        user-0000  active  -       unknown        off      2026-11-21T10:00:00Z
        user-0001  paused  paused  in 1h41m       off      2026-11-24T10:00:00Z

        connections=2 active=1 paused=1
        ");
}

#[test]
fn one_connection_is_shown_with_what_to_do() {
    let store = store(2);
    block_on(store.pause(&"user-0001".parse().unwrap(), Some(now()))).unwrap();
    insta::assert_snapshot!(shown(&store, Some("user-0001"), false).unwrap(), @r"
        id             user-0001
        status         paused since 2026-11-24T10:00:00Z
        reason         paused
        what to do     resume it when it is to work again
        token expires  in 1h41m
        refreshed at   -
        generation     1
        Calendly user  -
        organization   -
        scopes         -
        webhook        off
        verified at    -
        subscription   -
        ");
}

#[test]
fn json_has_the_shapes_of_the_http_api_over_all_pages() {
    let store = store(1001);
    let list: serde_json::Value = serde_json::from_str(&shown(&store, None, true).unwrap()).unwrap();
    assert_eq!(list["connections"].as_array().unwrap().len(), 1001);
    assert_eq!(list["next_cursor"], serde_json::Value::Null);
    let one: serde_json::Value =
        serde_json::from_str(&shown(&store, Some("user-0007"), true).unwrap()).unwrap();
    assert_eq!(one, list["connections"][7]);
}

#[test]
fn an_empty_store_says_how_connections_come_in() {
    assert!(shown(&store(0), None, false).unwrap().contains("import --help"));
    assert_eq!(shown(&store(0), None, true).unwrap(), "{\"connections\":[],\"next_cursor\":null}\n");
}

#[test]
fn an_unknown_connection_is_an_error() {
    assert!(
        shown(&store(1), Some("nobody"), false).unwrap_err().to_string().contains("no connection nobody")
    );
}

#[test]
fn spans_have_two_units_at_most() {
    let text = |seconds| span(TimeDelta::seconds(seconds));
    assert_eq!([0, 59, 61, 6060, 273_600].map(text), ["0s", "59s", "1m1s", "1h41m", "3d4h"]);
}
