//! Who may ask for what.

use ureq::http::Method;

use crate::api::Served;
use crate::installation::Installation;

const SECRETS: [(&str, &str); 4] = [
    ("tokens", "tokens-0123456789abcdef"),
    ("read", "read-0123456789abcdef"),
    ("events", "events-0123456789abcdef"),
    ("admin", "admin-0123456789abcdef"),
];

#[test]
fn each_role_reaches_what_is_its_own_and_nothing_else() {
    let mut place = Installation::new(7200);
    place.import(&[place.user("anna", 3600)]);
    let tokens: Vec<_> = SECRETS.iter().map(|(role, secret)| format!("{role}-one:{role}:{secret}")).collect();
    place.set("SERVER__API_TOKENS", &tokens.join(","));
    let served = Served::start(place);
    let asked = [
        (Method::GET, "/v1/connections/anna/access-token", "tokens"),
        (Method::GET, "/v1/connections", "read"),
        (Method::GET, "/v1/connections/anna", "read"),
        (Method::GET, "/v1/connections/anna/timeline", "read"),
        (Method::POST, "/v1/connections/anna/verify", "admin"),
        (Method::POST, "/v1/connections/anna/pause", "admin"),
        (Method::POST, "/v1/connections/anna/resume", "admin"),
        (Method::POST, "/v1/connections/anna/refresh", "admin"),
        (Method::DELETE, "/v1/connections/nobody", "admin"),
    ];
    for (method, path, needed) in asked {
        for (role, secret) in SECRETS {
            let answer = served.api.as_(Some(secret)).ask(method.clone(), path, None);
            if role == needed || role == "admin" {
                assert!(
                    answer.status < 300 || answer.status == 404,
                    "{role} {method} {path}: {}",
                    answer.text
                );
            } else {
                let answer = answer.fails_with(403, "forbidden");
                assert!(answer.body["detail"].as_str().unwrap().contains(&format!("{role}-one")));
            }
        }
        for wrong in
            [None, Some("admin-0123456789abcdeF"), Some(""), Some("admin-one:admin:admin-0123456789abcdef")]
        {
            let answer =
                served.api.as_(wrong).ask(method.clone(), path, None).fails_with(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert!(!served.place.file("api.token").exists(), "none is made where some are configured");
    for (_, secret) in SECRETS {
        assert!(!served.keeper.said().contains(secret));
    }
}

#[test]
fn whether_it_lives_and_works_is_told_without_a_token() {
    let served = Served::with(&[]);
    let anybody = served.api.as_(None);
    assert_eq!(anybody.get("/healthz").is(200).body["status"], "ok");
    assert_eq!(anybody.get("/readyz").is(200).body["status"], "ready");
}

#[test]
fn a_keeper_that_stands_by_lives_is_not_ready_and_says_who_works() {
    let served = Served::with(&["anna"]);
    let other = served.place.start();
    other.wait_for(&["standing by"]);
    let api = crate::api::Api::of(&served.place, &other);
    api.get("/healthz").is(200);
    for path in ["/readyz", "/v1/connections", "/v1/connections/anna", "/v1/connections/anna/access-token"] {
        let answer = api.get(path).fails_with(503, "not-working");
        assert!(answer.body["detail"].as_str().unwrap().contains("stands by"), "{}", answer.text);
        assert!(answer.header("retry-after").is_some());
    }
}

#[test]
fn the_internet_sees_no_api() {
    let mut place = Installation::new(7200);
    place.import(&[place.user("anna", 3600)]);
    place.set("SERVER__PUBLIC_LISTEN", "127.0.0.1:0");
    let served = Served::start(place);
    let line = served.keeper.wait_for(&["server", "listening", "serves=public"]);
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).unwrap();
    let mut outside = served.api.clone();
    outside.url = format!("http://{address}");
    for path in ["/v1/connections/anna/access-token", "/openapi.json", "/metrics", "/readyz", "/healthz"] {
        outside.get(path).fails_with(404, "not-found");
    }
    served.api.get("/v1/connections/anna/access-token").is(200);
}

#[test]
fn an_address_that_is_taken_ends_the_start_with_2_and_the_remedy() {
    let served = Served::with(&[]);
    let mut place = Installation::new(7200);
    place.set("SERVER__LISTEN", served.api.url.strip_prefix("http://").unwrap());
    let ran = place.run(&["run"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(ran.err.contains("server.listen") && ran.err.contains("another address"), "{}", ran.err);
}
