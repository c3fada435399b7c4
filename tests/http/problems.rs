//! Errors that are about no connection.

use ureq::http::Method;

use crate::api::Served;

#[test]
fn unknown_paths_and_methods_are_problems_too() {
    let served = Served::with(&[]);
    served.api.get("/v2/connections").fails_with(404, "not-found");
    served.api.get("/").fails_with(404, "not-found");
    served.api.ask(Method::PATCH, "/v1/connections/anna", None).fails_with(405, "method-not-allowed");
    served.api.post("/v1/connections").fails_with(405, "method-not-allowed");
}

#[test]
fn a_body_that_is_not_said_to_be_json_is_not_read() {
    let served = Served::with(&[]);
    let url = format!("{}/v1/connections/anna", served.api.url);
    let token = std::fs::read_to_string(served.place.file("api.token")).unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = agent
        .put(url)
        .header("Authorization", format!("Bearer {}", token.trim()))
        .header("Content-Type", "text/plain")
        .send("{}")
        .unwrap();
    assert_eq!(answer.status(), 415);
}

#[test]
fn a_request_keeps_the_id_that_its_caller_gave_it() {
    let served = Served::with(&[]);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let ask = |id: &str| {
        let answer =
            agent.get(format!("{}/nothing", served.api.url)).header("X-Request-Id", id).call().unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask("crm-42.a"), "crm-42.a");
    for odd in ["a b", "<script>", &"x".repeat(65)] {
        assert_ne!(ask(odd), odd, "not into the log");
    }
}
