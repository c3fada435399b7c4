//! What must not come of a link: an OAuth client's conformance pass, after RFC 6749, 7636 and 9700.

use ureq::http::Method;
use url::Url;

use crate::api::{Answer, Served};
use crate::browser::{connecting, parameter, visit, with};

fn with_users() -> Served {
    let served = connecting(|_| {});
    for name in ["anna", "mallory"] {
        served.knows(name);
    }
    served
}

fn nothing_came_of_it(answer: &Answer) {
    assert!(answer.header("location").is_none(), "never a redirect");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn a_state_that_is_missing_or_not_ours_is_a_problem_page_and_uses_nothing_up() {
    let served = with_users();
    let back = served.agree(&served.link("user-1"), "anna");
    let state = parameter(&back, "state").unwrap();
    let mut tampered = state.clone().into_bytes();
    tampered[10] = if tampered[10] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for wrong in
        [None, Some(""), Some("state"), Some(&*tampered), Some(&state[..20]), Some(&*state.repeat(2))]
    {
        let answer = served.come_back(&with(&back, "state", wrong));
        nothing_came_of_it(&answer);
        answer.fails_with(400, "unknown-flow");
    }
    let twice = Url::parse(&format!("{back}&state={state}")).unwrap();
    served.come_back(&twice).fails_with(400, "unknown-flow");
    let page = visit(
        Method::GET,
        &served.at_keeper(&with(&back, "state", Some("<script>"))),
        &[("Accept", "text/html,*/*")],
    );
    nothing_came_of_it(&page);
    assert_eq!((page.status, page.header("content-type")), (400, Some("text/html; charset=utf-8")));
    assert!(page.text.contains("open a new link") && !page.text.contains("<script>"), "{}", page.text);
    served.come_back(&with(&back, "code", None)).fails_with(400, "invalid-request");
    served
        .come_back(&Url::parse(&format!("{back}&error=access_denied")).unwrap())
        .fails_with(400, "invalid-request");
    assert_eq!(served.codes(), (0, 0));
    served.come_back(&back).is(303);
}

#[test]
fn a_callback_twice_at_once_and_later_gets_the_first_one_s_result() {
    let served = with_users();
    let back = served.at_keeper(&served.agree(&served.link("user-1"), "anna"));
    let browsers: Vec<_> = (0..8)
        .map(|_| {
            let back = back.clone();
            std::thread::spawn(move || visit(Method::GET, &back, &[]).is(303).sent_to())
        })
        .collect();
    let mut there: Vec<_> = browsers.into_iter().map(|browser| browser.join().unwrap()).collect();
    there.push(visit(Method::GET, &back, &[]).is(303).sent_to());
    there.dedup();
    assert_eq!(there.len(), 1, "all are sent to the same place with the same ticket");
    assert_eq!(served.codes(), (1, 0));
    let ticket = parameter(&there[0], "ticket").unwrap();
    served.confirm("user-1", &ticket).is(200);
    assert_eq!(visit(Method::GET, &back, &[]).is(303).sent_to(), there[0]);
    served.confirm("user-1", &ticket).fails_with(409, "ticket-used");
}

#[test]
fn of_two_confirmations_at_once_one_is_right() {
    let served = with_users();
    let ticket = parameter(&served.goes_through("user-1", "anna"), "ticket").unwrap();
    let body = serde_json::json!({ "id": "user-1", "ticket": ticket });
    let both: Vec<_> = (0..2)
        .map(|_| {
            let (api, body) = (served.api.clone(), body.clone());
            std::thread::spawn(move || api.send("/v1/connect/confirm", &body).status)
        })
        .collect();
    let mut answers: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 409]);
    assert_eq!(served.api.get("/v1/connections/user-1").is(200).body["generation"], 1);
}

#[test]
fn a_state_replayed_with_another_code_is_refused_and_the_first_one_stands() {
    let served = with_users();
    let link = served.link("user-1");
    let back = served.agree(&link, "anna");
    let there = served.come_back(&back).is(303).sent_to();
    let again = served.agree(&link, "mallory");
    assert_eq!(parameter(&again, "state"), parameter(&back, "state"));
    let answer = served.come_back(&again);
    nothing_came_of_it(&answer);
    answer.fails_with(409, "link-used");
    served
        .come_back(&with(&with(&back, "code", None), "error", Some("access_denied")))
        .fails_with(409, "link-used");
    assert_eq!(served.codes(), (1, 0));
    served.confirm("user-1", &parameter(&there, "ticket").unwrap()).is(200);
}

#[test]
fn a_code_is_not_taken_a_second_time_by_another_flow() {
    let served = with_users();
    let first = served.agree(&served.link("user-1"), "anna");
    served.come_back(&first).is(303);
    let second = served.agree(&served.link("user-2"), "anna");
    let replayed = with(&second, "code", parameter(&first, "code").as_deref());
    let there = served.come_back(&replayed).is(303).sent_to();
    assert_eq!(parameter(&there, "reason").as_deref(), Some("invalid_grant"));
    assert_eq!(served.codes(), (1, 1));
    served.api.get("/v1/connections/user-2").fails_with(404, "unknown-connection");
}

#[test]
fn codes_of_two_flows_mixed_up_are_worth_nothing_since_each_has_its_own_verifier() {
    let served = with_users();
    let hers = served.agree(&served.link("anna"), "anna");
    let his = served.agree(&served.link("mallory"), "mallory");
    let mixed = with(&his, "code", parameter(&hers, "code").as_deref());
    let there = served.come_back(&mixed).is(303).sent_to();
    assert_eq!(parameter(&there, "connection").as_deref(), Some("mallory"));
    assert_eq!(parameter(&there, "outcome").as_deref(), Some("failed"));
    assert_eq!(served.codes(), (0, 1));
}

#[test]
fn a_link_opened_by_somebody_else_connects_him_to_nobody() {
    let served = with_users();
    // Mallory asks for a link as himself and has Anna open it: her browser comes to the application with her session.
    let there = served.goes_through("mallory", "anna");
    assert_eq!(parameter(&there, "connection").as_deref(), Some("mallory"));
    let ticket = parameter(&there, "ticket").unwrap();
    served.confirm("anna", &ticket).fails_with(409, "other-connection");
    served.gives_back(1);
    served.confirm("mallory", &ticket).fails_with(410, "flow-expired");
    for id in ["anna", "mallory"] {
        served.api.get(&format!("/v1/connections/{id}")).fails_with(404, "unknown-connection");
    }
}

#[test]
fn looking_ahead_uses_nothing_up() {
    let served = with_users();
    let back = served.at_keeper(&served.agree(&served.link("user-1"), "anna"));
    let head = visit(Method::HEAD, &back, &[]);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for (name, value) in [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
        ("X-Purpose", "preview"),
    ] {
        let ahead = visit(Method::GET, &back, &[(name, value)]).is(503);
        nothing_came_of_it(&ahead);
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        visit(method, &back, &[]).fails_with(405, "method-not-allowed");
    }
    assert_eq!(served.codes(), (0, 0));
    let there = visit(Method::GET, &back, &[]).is(303).sent_to();
    served.confirm("user-1", &parameter(&there, "ticket").unwrap()).is(200);
}

#[test]
fn what_the_consent_page_refuses_is_told_by_a_word_of_ours() {
    let served = with_users();
    for (error, reason) in [
        ("invalid_scope", "invalid_scope"),
        ("server_error", "calendly_failing"),
        ("<script>alert(1)</script>", "consent_failed"),
    ] {
        let link: Url = served.link("user-1").url.parse().unwrap();
        let mut back: Url = parameter(&link, "redirect_uri").unwrap().parse().unwrap();
        let state = parameter(&link, "state").unwrap();
        back.query_pairs_mut().append_pair("state", &state).append_pair("error", error);
        let there = served.come_back(&back).is(303).sent_to();
        assert_eq!(parameter(&there, "outcome").as_deref(), Some("failed"));
        assert_eq!(parameter(&there, "reason").as_deref(), Some(reason));
    }
}

#[test]
fn a_user_who_asks_again_and_again_keeps_his_last_links_alone() {
    let served = with_users();
    let links: Vec<_> = (0..6).map(|_| served.link("user-1")).collect();
    let first = served.come_back(&served.agree(&links[0], "anna"));
    nothing_came_of_it(&first);
    first.fails_with(410, "flow-expired");
    served.come_back(&served.agree(&links[5], "anna")).is(303);
    assert_eq!(served.codes(), (1, 0));
}
