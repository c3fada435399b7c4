//! Each cause that is wrong for all: recognised within seconds, said once, marks nobody, ends by itself without a herd.
#![allow(clippy::print_stdout, reason = "figures for whoever runs it with --nocapture")]

use std::time::Duration;

use calendly_keeper::domain::status::Status;
use calendly_keeper::ports::{Clock as _, Store as _};
use calendly_keeper::services::system_fault::Kind as Fault;

use crate::support::fake_calendly::Trouble;
use crate::support::heard;
use crate::support::world::{World, virtual_time};

const LIFETIME: i64 = 7200;
const CONNECTIONS: i64 = 300;
/// How long each lasts.
const LASTS: u64 = 600;

/// What is wrong, and what it must be recognised as.
struct Cause {
    fault: Fault,
    /// In seconds, where one refresh a second is due.
    recognised_within: u64,
    /// Words that the line must have.
    says: &'static str,
    /// Tokens sent while it lasts, at most.
    sent: u64,
}

/// 300 connections of which one is due each second meet a cause for ten minutes.
fn comes_and_goes(cause: &Cause, begin: impl Fn(&World), end: impl Fn(&World)) {
    virtual_time(LIFETIME, async |mut world| {
        // Due between 15 and 21 min before its end: the tokens outlive the fault.
        world.connect_many(CONNECTIONS, |n| 1000 + n).await;
        world.calendly.book().takes = Duration::from_millis(100);
        world.start();
        world.pass(60).await;
        assert!(world.calendly.book().rotations.len() > 5, "all is well first");
        let sent_before = world.calendly.book().tries;

        begin(&world);
        let recognised =
            world.until("recognised", cause.recognised_within, |w| w.fault() == Some(cause.fault)).await;
        for _ in 0..LASTS / 10 {
            world.pass(10).await;
            assert_eq!(world.fault(), Some(cause.fault), "it does not flap");
            assert_eq!(world.marked(), []);
            assert_eq!(world.without_a_token(), 0, "living tokens are served");
        }
        let sent = world.calendly.book().tries - sent_before;
        assert!(sent <= cause.sent, "{sent} tokens were sent");
        let said = heard::lines(&["system fault, ", cause.says]);
        assert_eq!(said.len(), 1, "{:?}", heard::lines(&["system fault"]));
        assert_eq!(heard::lines(&["system fault, "]).len(), 1, "{:?}", heard::lines(&["system fault"]));
        let shown = format!("fault={}", cause.fault.as_str());
        assert!(!heard::lines(&["INFO supervisor status", &shown]).is_empty(), "in the status line");

        world.calendly.book().most_under_way = 0;
        let (ended_at, rotated) = (world.clock.boot(), rotations(&world));
        end(&world);
        let ended = world.until("its end", 180, |w| w.fault().is_none()).await;
        let caught_up = world.until("all refreshed", 180 - ended, |w| w.overdue(5) == 0).await;
        world.pass(30).await;
        assert_eq!(heard::lines(&["system fault is over", &shown]).len(), 1);
        assert_eq!((world.fault(), world.marked(), world.without_a_token()), (None, vec![], 0));
        assert_eq!(world.calendly.book().reused, 0);

        // One, then two, then four, …, each round 100 ms.
        let first = first_arrival_after(&world, ended_at);
        let at_first = world.calendly.arrived(first, Duration::from_millis(350));
        let most = world.calendly.book().most_under_way;
        println!(
            "{}: recognised after {recognised} s, {sent} tokens sent in {LASTS} s, over {ended} s after its cause, \
             caught up {caught_up} s later, {at_first} in the first 350 ms, {most} at once at most, {} refreshed",
            cause.says,
            rotations(&world) - rotated
        );
        assert!(at_first <= 16 && most <= 64, "a herd: {at_first} at first, {most} at once");
    });
}

fn rotations(world: &World) -> u64 {
    world.calendly.book().rotations.values().sum()
}

fn first_arrival_after(world: &World, from: Duration) -> Duration {
    world.calendly.book().arrivals.iter().copied().find(|at| *at >= from).unwrap()
}

fn trouble(fault: Fault, says: &'static str, trouble: Trouble) {
    // At the most six to recognise it and a probe each minute; a refused one is sent again to be sure of it.
    let cause = Cause { fault, recognised_within: 10, says, sent: 30 };
    let set = |to| move |world: &World| world.calendly.book().trouble_for_all = to;
    comes_and_goes(&cause, set(Some(trouble)), set(None));
}

#[test]
fn wrong_client_credentials() {
    trouble(
        Fault::ClientRefused,
        "check calendly.client_id and calendly.client_secret",
        Trouble::InvalidClient,
    );
}

#[test]
fn a_token_endpoint_that_redirects() {
    trouble(Fault::ClientRefused, "the token endpoint must not redirect", Trouble::Redirected);
}

#[test]
fn everybody_refused() {
    trouble(Fault::EverybodyRefused, "fault=everybody_refused", Trouble::InvalidGrant);
}

/// A name that does not resolve is one: nothing was sent.
#[test]
fn calendly_unreachable() {
    trouble(Fault::CalendlyUnreachable, "fault=calendly_unreachable", Trouble::NotSent);
}

#[test]
fn calendly_answering_5xx() {
    trouble(Fault::CalendlyFailing, "fault=calendly_failing", Trouble::FailsBefore);
}

#[test]
fn calendly_answering_html_with_200() {
    trouble(Fault::CalendlyFailing, "fault=calendly_failing", Trouble::Html);
}

#[test]
fn calendly_rate_limiting_everybody() {
    trouble(Fault::EverybodyThrottled, "fault=everybody_throttled", Trouble::Throttled);
}

fn database(fault: Fault, says: &'static str, set: impl Fn(&World, bool)) {
    let cause = Cause { fault, recognised_within: 10, says, sent: 1 };
    comes_and_goes(&cause, |world| set(world, true), |world| set(world, false));
}

#[test]
fn the_database_down() {
    database(Fault::DatabaseAway, "fault=database_away", |world, is| world.store.set_available(!is));
}

#[test]
fn the_database_so_slow_that_nothing_ends() {
    database(Fault::DatabaseAway, "no answer for 5 s", |world, is| world.store.set_hanging(is));
}

#[test]
fn the_database_read_only_or_its_disk_full() {
    database(Fault::DatabaseUnwritable, "fault=database_unwritable", |world, is| {
        world.store.set_writable(!is);
    });
}

/// The lock may be had and small writes go well, but no commit does: no ping-pong of a fault that ends and begins.
#[test]
fn a_database_that_takes_all_but_what_matters_is_one_fault() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect_many(CONNECTIONS, |n| 1000 + n).await;
        world.start();
        world.pass(60).await;
        world.store.fail_commits(usize::MAX);
        world.pass(600).await;
        assert_eq!(world.fault(), Some(Fault::DatabaseAway));
        let said = heard::lines(&["system fault"]).len();
        assert!(said <= 3, "{:?}", heard::lines(&["system fault"]));
        assert_eq!((world.marked(), world.without_a_token()), (vec![], 0));
        world.store.fail_commits(0);
        world.until("its end", 180, |w| w.fault().is_none() && w.overdue(5) == 0).await;
        assert_eq!(world.calendly.book().reused, 0);
    });
}

/// What nobody knows any more is said at once, and is no reason to keep the others waiting.
#[test]
fn the_database_gone_back_in_time() {
    virtual_time(LIFETIME, async |world| {
        let mut world = world.wanting(|wanted| wanted.backfill = Some(super::backfill::settings()));
        world.connect_many(100, |n| 1260 + 10 * n).await;
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        world.journal.set_full(true); // so that nobody knows them but memory
        world.pass(2 * 3600).await;
        world.journal.set_full(false);
        world.store.set_available(false);
        world.pass(5).await;
        world.store.restore(&before);
        world.store.set_available(true);
        let recognised = world.until("recognised", 5, |w| w.fault() == Some(Fault::DatabaseWentBack)).await;
        assert_eq!(heard::lines(&["system fault, ", "fault=database_went_back"]).len(), 1);
        assert_eq!((world.marked(), world.without_a_token()), (vec![], 0), "what lives is served");
        assert!(!world.services.system.is_holding(), "the others are not kept waiting");
        world.pass(2 * LIFETIME as u64).await;
        assert_eq!(world.fault(), None);
        assert_eq!(world.calendly.book().reused, 0, "nothing spent is sent");
        let lost = world.marked().len();
        let mut gaps = world.store.gaps();
        gaps.retain(|gap| gap.reason == "database_went_back");
        assert_eq!(gaps.len(), 100, "what was acknowledged last is looked for");
        assert!(gaps.iter().all(|gap| gap.opened_at - gap.from == chrono::TimeDelta::minutes(15)));
        println!("went back: recognised after {recognised} s, {lost} of 100 need their user");
        assert!(heard::lines(&["system fault is over", "fault=database_went_back"]).len() == 1);
    });
}

#[test]
fn another_client_id_than_the_grants() {
    virtual_time(LIFETIME, async |mut world| {
        for n in 0..20 {
            let name = format!("user-{n}");
            let mut grant = world.offer(&name, &name, -(1000 + n));
            grant.client_id = Some("another".into());
            world.put(grant).await;
        }
        let ben = world.offer("ben", "ben", 5);
        world.put(ben).await;
        world.start();
        world.until("recognised", 3, |w| w.fault() == Some(Fault::ForeignClient)).await;
        world.pass(600).await;
        let said = heard::lines(&["system fault, ", "client_id another ", "configured is client"]);
        assert_eq!(said.len(), 1, "{:?}", heard::lines(&["system fault"]));
        assert_eq!(world.calendly.book().token_requests, 1, "ben's");
        assert!(world.cell("ben").living(world.now()).is_some());
        assert_eq!(world.marked(), []);

        // Another configuration is another process; here its users connect anew.
        for n in 0..20 {
            let name = format!("user-{n}");
            let grant = world.offer(&name, &name, -100_000 - n);
            world.put(grant).await;
        }
        world.until("its end", 60, |w| w.fault().is_none()).await;
        assert_eq!(world.marked(), []);
    });
}

/// A bad ten minutes of the provider's: nothing is consumed, and everybody is told `invalid_grant`.
#[test]
fn a_thousand_connections_refused_for_ten_minutes_lose_nothing() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect_many(1000, |n| 300 + 7 * n).await;
        world.calendly.book().takes = Duration::from_millis(50);
        world.start();
        world.pass(60).await;
        let generations = |world: &World| -> Vec<_> {
            (0..1000).map(|n| world.cell(&format!("user-{n}")).read(|c| c.generation)).collect()
        };
        world.calendly.book().trouble_for_all = Some(Trouble::InvalidGrant);
        let before = (generations(&world), world.calendly.book().token_requests);
        let recognised = world.until("recognised", 60, |w| w.fault() == Some(Fault::EverybodyRefused)).await;
        for _ in 0..60 {
            world.pass(10).await;
            assert_eq!(world.marked(), [], "not one status changed");
        }
        assert_eq!(generations(&world), before.0);
        let sent = world.calendly.book().token_requests - before.1;
        // No token was dropped: whoever's has not ended has it.
        let now = world.now();
        for cell in world.services.registry.cells() {
            let (ends, token) = cell.read(|c| (c.expires_at.unwrap(), c.access_token.is_some()));
            assert!(token);
            assert_eq!(
                cell.living(now).is_some(),
                ends > now + chrono::TimeDelta::seconds(3),
                "{}",
                cell.id()
            );
        }
        world.calendly.book().trouble_for_all = None;
        let over = world.until("its end", 180, |w| w.fault().is_none() && w.without_a_token() == 0).await;
        world.pass(2 * LIFETIME as u64).await;
        assert_eq!((world.marked(), world.without_a_token(), world.overdue(5)), (vec![], 0, 0));
        assert_eq!(world.calendly.book().reused, 0);
        assert_eq!(world.services.counters().read().refused, 0);
        println!(
            "1000 refused: recognised after {recognised} s, {sent} tokens sent in 600 s, all well {over} s after"
        );
    });
}

/// It ends between the refusal of one connection and a witness that is not refused any more.
#[test]
fn a_refusal_that_a_witness_shared_is_asked_again_before_it_stands() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect_many(20, |n| 6000 + n).await;
        let anna = world.offer("anna", "anna", 10);
        world.put(anna).await;
        world.calendly.book().takes = Duration::from_millis(100);
        world.calendly.book().trouble_for_all = Some(Trouble::InvalidGrant);
        world.start();
        world.until("a witness is refused, too", 20, |w| w.calendly.book().tries >= 2).await;
        world.pass(1).await;
        world.calendly.book().trouble_for_all = None;
        world.until("all well", 180, |w| w.without_a_token() == 0 && w.overdue(5) == 0).await;
        world.pass(60).await;
        assert_eq!((world.marked(), world.fault()), (vec![], None));
        assert!(world.cell("anna").living(world.now()).is_some());
    });
}

/// Thirty users really went away, one now and then, among the refreshes of all others.
#[test]
fn real_revocations_are_marked_within_a_minute_of_the_refusal() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect_many(600, |n| 1300 + 10 * n).await;
        world.start();
        world.pass(5).await;
        let gone: Vec<String> = (0..600).step_by(20).map(|n| format!("user-{n}")).collect();
        gone.iter().for_each(|name| world.calendly.revoke_user(name));
        let mut slowest = 0;
        for _ in 0..8000 {
            world.pass(1).await;
            for name in &gone {
                let cell = world.cell(name);
                let refused = world.calendly.refused_since(name);
                if cell.status().status == Status::Active
                    && let Some(since) = refused
                {
                    let waits = (world.clock.boot() - since).as_secs();
                    slowest = slowest.max(waits);
                    assert!(waits <= 60, "{name} was refused {waits} s ago and is not marked");
                }
            }
        }
        let mut marked: Vec<_> = world.marked().iter().map(ToString::to_string).collect();
        let mut wanted = gone.clone();
        marked.sort();
        wanted.sort();
        assert_eq!(marked, wanted);
        println!("30 revocations among successes: the slowest was marked after {slowest} s");
        assert_eq!(world.services.counters().read().refused, 30);
        assert_eq!(heard::lines(&["system fault"]), Vec::<String>::new());
    });
}

#[test]
fn a_wrong_secret_with_ten_thousand_connections() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect_many(10_000, |n| -1 - n / 100).await;
        world.calendly.book().takes = Duration::from_millis(100);
        world.calendly.book().trouble_for_all = Some(Trouble::InvalidClient);
        world.start();
        world.pass(60).await;
        let sent = world.calendly.book().token_requests;
        assert!(sent < 20, "{sent} token requests in the first minute");
        assert_eq!((world.fault(), world.marked()), (Some(Fault::ClientRefused), vec![]));
        assert_eq!(heard::lines(&["system fault, "]).len(), 1);

        world.pass(600).await;
        let sent_after = world.calendly.book().token_requests;
        world.calendly.book().trouble_for_all = None;
        world.calendly.book().most_under_way = 0;
        let refreshed = world.until("all refreshed", 120, |w| w.without_a_token() == 0).await;
        let most = world.calendly.book().most_under_way;
        assert!(most <= 64, "{most} at once");
        assert_eq!((world.fault(), world.marked(), world.calendly.book().reused), (None, vec![], 0));
        println!(
            "wrong secret, 10 000: {sent} token requests in the first minute, {sent_after} in eleven, all refreshed \
             {refreshed} s after the right one, {most} at once at most"
        );
    });
}

/// The right secret comes with a restart.
#[test]
fn a_right_secret_after_a_restart_refreshes_all_within_two_minutes() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect_many(2000, |n| -1 - n / 100).await;
        world.calendly.book().takes = Duration::from_millis(100);
        world.calendly.book().trouble_for_all = Some(Trouble::InvalidClient);
        world.start();
        world.pass(300).await;
        let mut next = world.stopped().await;
        next.calendly.book().trouble_for_all = None;
        next.start();
        next.pass(2).await;
        let refreshed = next
            .until("all refreshed", 120, |w| w.services.registry.len() == 2000 && w.without_a_token() == 0);
        println!("after a restart, 2000: all refreshed within {} s", refreshed.await + 2);
        assert_eq!((next.fault(), next.marked(), next.calendly.book().reused), (None, vec![], 0));
        let row = next.store.get(&"user-1".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(row.generation.0, 2);
    });
}

/// Three users are not six: all of them are enough.
#[test]
fn with_a_few_connections_all_of_them_show_that_calendly_is_away() {
    for count in [1, 3] {
        virtual_time(LIFETIME, async |mut world| {
            world.connect_many(count, |n| n - 10).await;
            world.calendly.book().trouble_for_all = Some(Trouble::NotSent);
            world.start();
            let recognised =
                world.until("recognised", 15, |w| w.fault() == Some(Fault::CalendlyUnreachable)).await;
            world.pass(300).await;
            world.calendly.book().trouble_for_all = None;
            let over = world.until("its end", 65, |w| w.fault().is_none() && w.without_a_token() == 0).await;
            println!(
                "{count} connections: recognised after {recognised} s, all well {over} s after its cause"
            );
            assert_eq!(world.marked(), []);
        });
    }
}
