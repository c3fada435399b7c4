//! How much is logged: a line for each refresh where there are few connections, a sum where there are many.

use std::time::Duration;

use calendly_keeper::domain::subscription::State;

use crate::support::heard;
use crate::support::world::{EVENTS, World, virtual_time};

/// A key of the status lines so far, summed up.
fn sum(key: &str) -> u64 {
    let lines = heard::lines(&["INFO supervisor status "]);
    let value = |line: &String| {
        line.split_whitespace()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse::<u64>().ok())
    };
    lines.iter().filter_map(value).sum()
}

async fn expired(world: &mut World, count: i64) {
    world.connect_many(count, |_| -10).await;
    for n in 0..count / 2 {
        let (name, url) = (format!("user-{n}"), format!("https://app.example/hooks/user-{n}"));
        world.calendly.add_subscription(&name, &url, &EVENTS, State::Active);
    }
    world.calendly.book().takes = Duration::from_millis(20);
    world.start();
    world.pass(120).await;
    assert_eq!(world.without_a_token(), 0);
}

#[test]
fn of_few_connections_each_refresh_and_each_webhook_has_its_line() {
    virtual_time(7200, async |mut world| {
        expired(&mut world, 10).await;
        assert_eq!(heard::lines(&["INFO connection/user-", "token refreshed", "reason=expired"]).len(), 10);
        assert_eq!(heard::lines(&["INFO webhook webhook found in Calendly connection=user-"]).len(), 5);
        assert_eq!(heard::lines(&["INFO webhook webhook was missing, created connection=user-"]).len(), 5);
        assert_eq!(heard::lines(&["status=active"]).len(), 0, "that is no change");
        assert_eq!(sum("refreshed"), 10);
        assert_eq!(heard::lines(&["INFO supervisor status ", "verified="]).len(), 0);
    });
}

#[test]
fn of_many_they_are_summed_up_and_what_is_wrong_still_has_its_line() {
    virtual_time(7200, async |mut world| {
        expired(&mut world, 1001).await;
        for text in
            ["token refreshed", "webhook found in Calendly", "webhook was missing, created", "status=active"]
        {
            assert_eq!(heard::lines(&[text]), Vec::<String>::new());
        }
        world.pass(900).await;
        assert_eq!(sum("refreshed"), 1001);
        assert_eq!(sum("repaired"), 501);
        assert!(sum("verified") >= 1001, "{}", sum("verified"));

        world.calendly.revoke_user("user-7");
        world.calendly.add_subscription("user-8", "https://other.example/x", &EVENTS, State::Active);
        world
            .calendly
            .book()
            .subscriptions
            .retain(|_, (_, found)| !found.callback_url.ends_with("hooks/user-8"));
        let before = heard::lines(&[""]).len();
        world.pass(7200).await;
        assert_eq!(heard::lines(&["WARN connection/user-7 ", "status=reauthorization_required"]).len(), 1);
        assert_eq!(heard::lines(&["INFO webhook webhook was missing, created connection=user-8 "]).len(), 1);
        let lines = heard::lines(&[""]).len() - before;
        let status = 7200 / 30;
        assert!(lines <= status + 100, "{lines} lines in two hours of 1001 connections");
    });
}
