//! Exactly one right subscription each: missing, disabled, drifted, duplicated ones are repaired, refusals are told.

use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::subscription::State;
use calendly_keeper::domain::timeline::Kind;

use crate::support::world::{EVENTS, World, virtual_time};

const URL: &str = "https://app.example/hooks/anna";

async fn verified(world: &mut World) {
    world.connect("anna").await;
    world.start();
    world.pass(10).await;
}

#[test]
fn a_missing_one_is_created_and_its_gap_recorded() {
    virtual_time(7200, async |mut world| {
        verified(&mut world).await;
        assert_eq!(world.calendly.subscriptions_of("anna"), [(URL.to_owned(), true, 2)]);
        assert_eq!(world.store.gaps().len(), 1);
        world.calendly.book().subscriptions.clear();
        world.pass(901).await;
        assert_eq!(world.calendly.subscriptions_of("anna").len(), 1);
        let gaps = world.store.gaps();
        assert_eq!(gaps.len(), 2);
        assert!(
            gaps[1].from > gaps[0].opened_at - chrono::TimeDelta::seconds(1),
            "since the last good verification"
        );
    });
}

/// Created, and then the database is away: all that is found afterwards is a right one.
#[test]
fn a_repair_that_is_broken_off_leaves_its_gap_all_the_same() {
    virtual_time(7200, async |mut world| {
        verified(&mut world).await;
        world.pass(120).await;
        world.calendly.book().subscriptions.clear();
        world.store.set_writable(false);
        let broken_off_at = world.now();
        world.pass(901).await;
        assert_eq!(world.calendly.subscriptions_of("anna").len(), 1);
        assert_eq!(world.store.gaps().len(), 1);
        world.store.set_writable(true);
        world.pass(1000).await;
        let gaps = world.store.gaps();
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        assert!(gaps[1].from <= broken_off_at && gaps[1].reason == "missing");
        assert_eq!(world.calendly.subscriptions_of("anna").len(), 1);
        let told = world.kinds("anna").await.into_iter().filter(|kind| *kind == Kind::GapOpened).count();
        assert_eq!(told, 2, "what could not be written is not told of");
    });
}

#[test]
fn one_in_the_place_of_the_recorded_leaves_a_gap() {
    virtual_time(7200, async |mut world| {
        verified(&mut world).await;
        world.pass(120).await;
        let verified_until = world.now();
        world.calendly.book().subscriptions.clear();
        world.calendly.add_subscription("anna", URL, &EVENTS, State::Active);
        world.pass(901).await;
        let gaps = world.store.gaps();
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        assert!(gaps[1].from <= verified_until && gaps[1].from > gaps[0].opened_at);
        world.pass(1800).await;
        assert_eq!(world.store.gaps().len(), 2, "once");
    });
}

/// Deleted before creating, creation refused: left with none (PostHog#77463).
#[test]
fn a_disabled_one_is_replaced_create_first_under_another_version() {
    virtual_time(7200, async |mut world| {
        world.calendly.add_subscription("anna", URL, &EVENTS, State::Disabled);
        verified(&mut world).await;
        assert_eq!(world.calendly.subscriptions_of("anna"), [(format!("{URL}?v=1"), true, 2)]);
        let calls: Vec<_> = world.calendly.book().api_calls.clone();
        assert_eq!(calls, ["list", "create", "delete"]);
        assert!(world.kinds("anna").await.contains(&Kind::WebhookReplaced));
    });
}

#[test]
fn one_with_wrong_events_is_replaced_and_foreign_ones_are_left_alone() {
    virtual_time(7200, async |mut world| {
        world.calendly.add_subscription("anna", URL, &EVENTS[..1], State::Active);
        world.calendly.add_subscription("anna", "https://app.example/hooks/annabel", &EVENTS, State::Active);
        world.calendly.add_subscription("anna", "https://other.example/x", &EVENTS[..1], State::Disabled);
        verified(&mut world).await;
        let mut urls = world.calendly.subscriptions_of("anna");
        urls.sort();
        assert_eq!(
            urls,
            [
                ("https://app.example/hooks/anna?v=1".to_owned(), true, 2),
                ("https://app.example/hooks/annabel".to_owned(), true, 2),
                ("https://other.example/x".to_owned(), false, 1)
            ]
        );
    });
}

#[test]
fn of_duplicates_one_stays() {
    virtual_time(7200, async |mut world| {
        world.calendly.add_subscription("anna", URL, &EVENTS, State::Active);
        world.calendly.add_subscription("anna", &format!("{URL}?v=1"), &EVENTS, State::Active);
        verified(&mut world).await;
        assert_eq!(world.calendly.subscriptions_of("anna"), [(URL.to_owned(), true, 2)]);
    });
}

#[test]
fn a_refused_creation_costs_nothing_and_is_looked_at_again_after_a_day() {
    virtual_time(7200, async |mut world| {
        world.calendly.add_subscription("anna", URL, &EVENTS, State::Disabled);
        world.calendly.book().refuse_subscriptions = true;
        verified(&mut world).await;
        assert_eq!(world.status("anna"), Status::WebhookUnavailable);
        assert_eq!(world.calendly.subscriptions_of("anna").len(), 1, "the disabled one was not deleted");
        world.calendly.book().refuse_subscriptions = false;
        world.pass(25 * 3600).await;
        assert_eq!(world.status("anna"), Status::Active);
    });
}

#[test]
fn missing_scopes_are_named_before_anything_is_asked() {
    virtual_time(7200, async |mut world| {
        let mut grant = world.offer("anna", "anna", -7200);
        grant.scope = Some("users:read webhooks:read".into());
        world.put(grant).await;
        world.start();
        world.pass(10).await;
        let status = world.cell("anna").status();
        assert_eq!(status.status, Status::WebhookUnavailable);
        assert_eq!(status.reason.as_deref(), Some("missing_scopes=scheduled_events:read webhooks:write"));
        assert!(world.calendly.book().api_calls.is_empty());
    });
}

#[test]
fn a_taken_url_whose_twin_cannot_be_seen_is_got_round() {
    virtual_time(7200, async |mut world| {
        world.calendly.add_subscription("somebody", URL, &EVENTS, State::Active);
        verified(&mut world).await;
        assert_eq!(world.calendly.subscriptions_of("anna"), [(format!("{URL}?v=1"), true, 2)]);
        assert_eq!(world.calendly.subscriptions_of("somebody").len(), 1);
    });
}

#[test]
fn one_that_is_not_listed_is_asked_for_before_it_is_made_again() {
    virtual_time(7200, async |mut world| {
        verified(&mut world).await;
        world.pass(120).await; // the repair is looked at once more
        world.calendly.book().hidden_urls.insert(URL.into());
        world.calendly.book().api_calls.clear();
        world.pass(901).await;
        assert_eq!(world.calendly.book().api_calls, ["list", "get"]);
        assert_eq!(world.calendly.subscriptions_of("anna").len(), 1);
    });
}

#[test]
fn a_rejected_token_is_refreshed_once_a_generation_never_in_a_loop() {
    virtual_time(7200, async |mut world| {
        world.calendly.book().reject_access_tokens = true;
        verified(&mut world).await;
        world.pass(20).await;
        assert_eq!(world.calendly.book().token_requests, 1);
        world.pass(3600).await;
        assert!(world.calendly.book().token_requests <= 8, "{}", world.calendly.book().token_requests);
        world.calendly.book().reject_access_tokens = false;
        world.pass(3700).await;
        assert!(world.kinds("anna").await.contains(&Kind::WebhookCreated));
    });
}

#[test]
fn whose_connection_it_is_is_asked_where_the_grant_does_not_say() {
    virtual_time(7200, async |mut world| {
        let mut grant = world.offer("anna", "anna", -7200);
        (grant.user, grant.organization) = (None, None);
        world.put(grant).await;
        world.start();
        world.pass(10).await;
        assert_eq!(world.calendly.subscriptions_of("anna").len(), 1);
        assert_eq!(world.calendly.book().api_calls, ["me", "list", "create"]);
    });
}

#[test]
fn while_nobody_can_be_verified_all_wait_longer_and_not_long_after_that() {
    virtual_time(7200, async |mut world| {
        world.connect_many(100, |_| 7000).await;
        world.start();
        world.pass(60).await;
        {
            let mut book = world.calendly.book();
            assert_eq!(book.subscriptions.len(), 100);
            book.subscriptions.clear();
            book.api_calls.clear();
            book.api_is_away = true;
        }
        world.pass(3600).await;
        let calls = world.calendly.book().api_calls.len();
        assert!((100..3500).contains(&calls), "{calls}"); // each half a minute they would be 8000
        world.calendly.book().api_is_away = false;
        world.pass(180).await;
        assert_eq!(world.calendly.book().subscriptions.len(), 100);
    });
}
