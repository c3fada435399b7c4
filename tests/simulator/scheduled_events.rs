//! `/scheduled_events` as a client sees it: filters, pages, permissions. What happens to meetings is `meetings`.

use std::time::{Duration, Instant};

use calendly_keeper::simulator::{Booking, Canceler, Options, Role, SeedGrant, Simulator};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;

use crate::support::{Answered, api, control, member, start, text, usual};

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn listed(simulator: &Simulator, grant: &SeedGrant, pairs: &[(&str, &str)]) -> Answered {
    let path = format!("/scheduled_events?{}", query(pairs));
    api(simulator, Method::GET, &path, &grant.access_token).await
}

fn uris(answer: &Answered) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    body["collection"].as_array().unwrap().iter().map(|item| text(item, "uri").to_owned()).collect()
}

fn hour(number: i64) -> DateTime<Utc> {
    "2027-02-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(number)
}

#[tokio::test]
async fn meetings_are_listed_by_their_start_and_filtered() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let user = anna.calendly_user.as_ref();
    // Not in the order of booking.
    let mut meetings = Vec::new();
    for number in [2, 0, 3, 1] {
        meetings.push((number, simulator.book(&Booking::with("anna").starting(hour(number))).unwrap()));
    }
    meetings.sort_by_key(|(number, _)| *number);
    let all: Vec<String> = meetings.iter().map(|(_, booked)| booked.meeting.clone()).collect();
    let reversed: Vec<String> = all.iter().rev().cloned().collect();
    simulator.cancel(&meetings[1].1.invitee, Canceler::Invitee).unwrap();
    let (from, to) = (hour(1).to_rfc3339(), hour(2).to_rfc3339());
    let email = |name: &str| format!("{name}@guests.example");
    for (more, expected) in [
        (vec![], all.clone()),
        (vec![("sort", "start_time:asc")], all.clone()),
        (vec![("sort", "start_time:desc")], reversed),
        (vec![("status", "canceled")], all[1..2].to_vec()),
        (vec![("status", "active"), ("min_start_time", &*from)], all[2..].to_vec()),
        (vec![("min_start_time", &*from), ("max_start_time", &*to)], all[1..3].to_vec()),
        (vec![("invitee_email", &*email("nobody"))], vec![]),
        // The second who ever booked, and the first to start.
        (vec![("invitee_email", &*email("invitee-1"))], all[..1].to_vec()),
    ] {
        let mut pairs = vec![("user", user)];
        pairs.extend(&more);
        assert_eq!(uris(&listed(&simulator, &anna, &pairs).await), expected, "{more:?}");
    }
    for (name, wrong) in
        [("status", "gone"), ("sort", "created_at:asc"), ("min_start_time", "noon"), ("count", "101")]
    {
        let refused = listed(&simulator, &anna, &[("user", user), (name, wrong)]).await;
        assert_eq!(refused.status, 400, "{name}");
        assert_eq!(refused.json()["title"], "Invalid Argument");
        assert_eq!(refused.json()["details"][0]["parameter"], name);
    }
    let nobodys = listed(&simulator, &anna, &[]).await;
    assert_eq!((nobodys.status, &nobodys.json()["title"]), (400, &json!("Invalid Argument")));
}

#[tokio::test]
async fn pages_miss_nothing_though_meetings_come_between_and_start_together() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let mut expected = Vec::new();
    for number in 0..7 {
        // In pairs at the same time.
        expected.push(simulator.book(&Booking::with("anna").starting(hour(number / 2))).unwrap().meeting);
    }
    let user = anna.calendly_user.as_ref();
    let mut page = listed(&simulator, &anna, &[("user", user), ("count", "3")]).await;
    let mut seen = uris(&page);
    while let Some(next) = page.json()["pagination"]["next_page"].as_str() {
        // Before everything that is still to be read.
        simulator.book(&Booking::with("anna").starting(hour(-1))).unwrap();
        page = api(&simulator, Method::GET, next, &anna.access_token).await;
        seen.extend(uris(&page));
    }
    assert_eq!(seen, expected);
    let back = page.json()["pagination"]["previous_page"].as_str().unwrap().to_owned();
    assert_eq!(uris(&api(&simulator, Method::GET, &back, &anna.access_token).await), expected[3..6]);
}

#[tokio::test]
async fn a_page_token_goes_stale() {
    let options = Options { page_token_lifetime: 1, paid_requests_per_minute: 0, ..Options::default() };
    let simulator = start(options);
    let anna = simulator.connect("anna").unwrap();
    for _ in 0..2 {
        simulator.book(&Booking::with("anna")).unwrap();
    }
    let user = anna.calendly_user.as_ref();
    let page = listed(&simulator, &anna, &[("user", user), ("count", "1")]).await.json();
    let token = text(&page["pagination"], "next_page_token");
    let pairs = [("user", user), ("count", "1"), ("page_token", token)];
    let mut answer = listed(&simulator, &anna, &pairs).await;
    assert_eq!(answer.status, 200);
    let deadline = Instant::now() + Duration::from_secs(10);
    while answer.status == 200 && Instant::now() < deadline {
        answer = listed(&simulator, &anna, &pairs).await;
    }
    assert_eq!((answer.status, &answer.json()["details"][0]["parameter"]), (400, &json!("page_token")));
    let forever = json!({"page_token_lifetime": 0});
    assert_eq!(control(&simulator, Method::PATCH, "options", &forever).await.status, 200);
    assert_eq!(listed(&simulator, &anna, &pairs).await.status, 200);
}

#[tokio::test]
async fn who_may_see_whose_meetings() {
    let simulator = usual();
    let anna = member(&simulator, "anna", Role::Admin);
    let ben = member(&simulator, "ben", Role::User);
    let carla = simulator.connect("carla").unwrap();
    let [annas, bens, carlas] =
        ["anna", "ben", "carla"].map(|name| simulator.book(&Booking::with(name)).unwrap());
    let organization = ("organization", &*anna.calendly_organization);
    let [a, b, c] = [&anna, &ben, &carla].map(|grant| ("user", grant.calendly_user.as_ref()));

    for (who, pairs, expected) in [
        (&anna, vec![a], vec![&annas]),
        (&ben, vec![b], vec![&bens]),
        (&anna, vec![organization], vec![&annas, &bens]),
        (&anna, vec![organization, b], vec![&bens]),
    ] {
        let mut seen = uris(&listed(&simulator, who, &pairs).await);
        let mut expected: Vec<String> = expected.iter().map(|booked| booked.meeting.clone()).collect();
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "{} {pairs:?}", who.id);
    }
    let resource = "You do not have permission to access this resource.";
    let also = "Please also specify organization when requesting events for a user within your organization.";
    for (who, pairs, message) in [
        (&anna, vec![b], also),
        (&ben, vec![a], also),
        (&anna, vec![c], "You do not have permission"),
        (&ben, vec![organization], resource),
        (&ben, vec![organization, b], resource),
        (&carla, vec![organization], resource),
        (&anna, vec![organization, c], "This user is not in your organization"),
        (&anna, vec![("group", "https://api.calendly.com/groups/x")], "You do not have permission"),
    ] {
        let refused = listed(&simulator, who, &pairs).await;
        assert_eq!(refused.status, 403, "{} {pairs:?}", who.id);
        assert_eq!(refused.json(), json!({"title": "Permission Denied", "message": message}));
    }
    let view = json!({"title": "Permission Denied", "message": "You are not allowed to view this event"});
    for (who, booked, expected) in [
        (&anna, &bens, 200),
        (&ben, &bens, 200),
        (&ben, &annas, 403),
        (&carla, &bens, 403),
        (&anna, &carlas, 403),
    ] {
        for uri in [booked.meeting.clone(), format!("{}/invitees", booked.meeting), booked.invitee.clone()] {
            let answer = api(&simulator, Method::GET, &uri, &who.access_token).await;
            assert_eq!(answer.status, expected, "{} {uri}", who.id);
            assert!(expected == 200 || answer.json() == view, "{}", answer.text);
        }
    }
    simulator.remove_scope("ben", "scheduled_events:read").unwrap();
    let refused = listed(&simulator, &ben, &[b]).await;
    assert_eq!((refused.status, &refused.json()["title"]), (403, &json!("Insufficient scope")));
    assert_eq!(refused.json()["required_scopes"], json!(["scheduled_events:read"]));
}

#[tokio::test]
async fn invitees_are_listed_and_found_in_their_own_meeting_alone() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let first = simulator.book(&Booking::with("anna").seats(5)).unwrap();
    let mut all = vec![first.invitee.clone()];
    for _ in 0..3 {
        all.push(simulator.join(&first.meeting).unwrap().invitee);
    }
    simulator.cancel(&all[1], Canceler::Invitee).unwrap();
    let other = simulator.book(&Booking::with("anna")).unwrap();
    let ask = |pairs: Vec<(&'static str, &'static str)>| {
        let (simulator, token) = (simulator.clone(), anna.access_token.clone());
        let path = format!("{}/invitees?{}", first.meeting, query(&pairs));
        async move { api(&simulator, Method::GET, &path, &token).await }
    };
    assert_eq!(uris(&ask(vec![]).await), all);
    assert_eq!(uris(&ask(vec![("status", "canceled")]).await), all[1..2]);
    let active = [&all[..1], &all[2..]].concat();
    assert_eq!(uris(&ask(vec![("status", "active")]).await), active);
    assert_eq!(uris(&ask(vec![("email", "invitee-2@guests.example")]).await), all[2..3]);
    let newest = ask(vec![("sort", "created_at:desc"), ("count", "3")]).await;
    assert_eq!(uris(&newest), [&*all[3], &*all[2], &*all[1]]);
    let next = newest.json()["pagination"]["next_page"].as_str().unwrap().to_owned();
    assert_eq!(uris(&api(&simulator, Method::GET, &next, &anna.access_token).await), all[..1]);
    assert_eq!(ask(vec![("sort", "name:asc")]).await.status, 400);

    let one = api(&simulator, Method::GET, &all[2], &anna.access_token).await.json();
    assert_eq!((&one["resource"]["uri"], &one["resource"]["event"]), (&json!(all[2]), &json!(first.meeting)));
    assert_eq!(one["resource"].get("scheduled_event"), None);
    let stray = all[2].replace(&first.meeting, &other.meeting);
    for nothing in [stray, format!("{}/invitees/x", first.meeting), "/scheduled_events/x/invitees".into()] {
        let answer = api(&simulator, Method::GET, &nothing, &anna.access_token).await;
        assert_eq!(
            (answer.status, &answer.json()["title"]),
            (404, &json!("Resource Not Found")),
            "{nothing}"
        );
    }
}
