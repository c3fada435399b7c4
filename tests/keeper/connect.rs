//! A connect flow under virtual time: what expires, what is given back, and a database that is away in between.

use std::time::Duration;

use calendly_keeper::domain::connect::ending::{Ending, Reason};
use calendly_keeper::domain::connect::flow::{LINK_LIVES, MOST, TICKET_LIVES};
use calendly_keeper::domain::ids::ConnectionId;
use calendly_keeper::domain::secrets::Ticket;
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::services::connect::{self, Ask, Link, NoFlow, NoLink, NotConfirmed, Progress};
use chrono::TimeDelta;
use url::Url;

use crate::support::world::{World, virtual_time};

const RETURN_URL: &str = "https://app.example/calendly/done";

fn id(text: &str) -> ConnectionId {
    text.parse().unwrap()
}

fn link(world: &World, connection: &str) -> Link {
    let ask = Ask {
        connection: id(connection),
        return_url: Some(RETURN_URL),
        change_user: false,
        redirect_uri: "https://keeper.example/oauth/callback".parse().unwrap(),
        by: "crm",
    };
    connect::begin(&world.services, ask).unwrap()
}

/// The browser comes back from the consent page, where `user` agreed.
async fn comes_back(world: &World, link: &Link, user: &str) -> Result<Progress, NoFlow> {
    let url: Url = link.authorization_url.parse().unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let query = format!("state={state}&code={user}");
    connect::came_back(&world.services, &query).await.map(|(_, progress)| progress)
}

async fn ticket(world: &World, connection: &str, user: &str) -> Ticket {
    let progress = comes_back(world, &link(world, connection), user).await.unwrap();
    assert_eq!(progress.ending, Ending::Connected);
    progress.ticket.unwrap()
}

fn given_back(world: &World) -> usize {
    world.calendly.book().revoked.len()
}

#[test]
fn a_link_works_for_ten_minutes_and_its_code_is_not_used_afterwards() {
    virtual_time(7200, async |mut world| {
        world.start();
        let (late, soon) = (link(&world, "late"), link(&world, "soon"));
        world.pass(LINK_LIVES.as_secs() - 1).await;
        comes_back(&world, &soon, "anna").await.unwrap();
        world.pass(1).await;
        assert_eq!(comes_back(&world, &late, "ben").await.unwrap_err(), NoFlow::Expired);
        assert_eq!(world.calendly.book().codes, ["anna"]);
    });
}

#[test]
fn a_link_is_as_old_as_the_older_clock_says() {
    virtual_time(7200, async |mut world| {
        world.start();
        let link = link(&world, "late");
        world.clock.set_by(-TimeDelta::hours(1));
        world.pass(LINK_LIVES.as_secs()).await;
        assert_eq!(comes_back(&world, &link, "anna").await.unwrap_err(), NoFlow::Expired);
    });
}

#[test]
fn what_nobody_confirms_is_given_back_after_ten_minutes() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(2).await;
        let before = world.cell("anna").connection();
        let ticket = ticket(&world, "anna", "anna").await;
        world.pass(TICKET_LIVES.as_secs() - 1).await;
        assert_eq!(given_back(&world), 0);
        world.pass(2).await;
        assert_eq!(given_back(&world), 1);
        let refused = connect::confirm(&world.services, &id("anna"), &ticket).await;
        assert!(matches!(refused, Err(NotConfirmed::Expired)), "{refused:?}");
        let after = world.cell("anna").connection();
        assert_eq!((after.grant_id, after.generation), (before.grant_id, before.generation));
        assert_eq!(world.services.io.running(), 0, "nobody holds anything any more");
    });
}

#[test]
fn a_stop_gives_back_what_is_not_confirmed_and_begins_nothing() {
    virtual_time(7200, async |mut world| {
        world.start();
        let unopened = link(&world, "ben");
        ticket(&world, "anna", "anna").await;
        world.services.stop();
        assert_eq!(comes_back(&world, &unopened, "ben").await.unwrap_err(), NoFlow::Stopping);
        assert_eq!(world.services.io.drain(Duration::from_secs(75)).await, 0);
        assert_eq!((given_back(&world), world.calendly.book().codes.len()), (1, 1));
    });
}

#[test]
fn while_the_database_is_away_a_ticket_stays_good() {
    virtual_time(7200, async |mut world| {
        world.start();
        world.pass(2).await;
        let ticket = ticket(&world, "anna", "anna").await;
        world.store.set_available(false);
        let refused = connect::confirm(&world.services, &id("anna"), &ticket).await;
        assert!(matches!(refused, Err(NotConfirmed::NotStored(_))), "{refused:?}");
        world.store.set_available(true);
        connect::confirm(&world.services, &id("anna"), &ticket).await.unwrap();
        world.until("active", 60, |w| w.services.registry.get(&id("anna")).is_some()).await;
        assert_eq!(given_back(&world), 0);
        let again = connect::confirm(&world.services, &id("anna"), &ticket).await;
        assert!(matches!(again, Err(NotConfirmed::Used)), "{again:?}");
    });
}

#[test]
fn while_nobody_knows_whether_tokens_are_in_use_they_are_not_given_back() {
    virtual_time(7200, async |mut world| {
        world.start();
        world.pass(2).await;
        let ticket = ticket(&world, "anna", "anna").await;
        world.store.set_available(false);
        assert!(connect::confirm(&world.services, &id("anna"), &ticket).await.is_err());
        world.pass(TICKET_LIVES.as_secs() + 5).await;
        assert_eq!(given_back(&world), 0, "the write may have been done all the same");
        world.store.set_available(true);
        world.pass(60).await;
        assert_eq!(given_back(&world), 1, "it was not");
    });
}

#[test]
fn the_user_who_agreed_is_asked_for_again_when_it_is_confirmed() {
    virtual_time(7200, async |mut world| {
        world.start();
        world.pass(2).await;
        let late = ticket(&world, "user-1", "ben").await;
        let first = ticket(&world, "user-1", "anna").await;
        connect::confirm(&world.services, &id("user-1"), &first).await.unwrap();
        let refused = connect::confirm(&world.services, &id("user-1"), &late).await;
        assert!(matches!(refused, Err(NotConfirmed::Failed(Reason::DifferentUser))), "{refused:?}");
        world.pass(2).await;
        assert_eq!(given_back(&world), 1);
        assert_eq!(world.kinds("user-1").await[0], Kind::Connected);
    });
}

#[test]
fn a_ticket_that_gives_way_to_a_newer_link_is_given_back() {
    virtual_time(7200, async |mut world| {
        world.start();
        let oldest = ticket(&world, "anna", "anna").await;
        world.pass(1).await;
        for _ in 0..5 {
            link(&world, "anna");
        }
        world.pass(1).await;
        assert_eq!(given_back(&world), 1);
        let refused = connect::confirm(&world.services, &id("anna"), &oldest).await;
        assert!(matches!(refused, Err(NotConfirmed::Expired)), "{refused:?}");
    });
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    virtual_time(7200, async |mut world| {
        world.start();
        let link = link(&world, "anna");
        let state = link.authorization_url.split("state=").nth(1).unwrap().split('&').next().unwrap();
        let progress = comes_back(&world, &link, "anna-s-code").await.unwrap();
        let ticket = progress.ticket.clone().unwrap();
        let printed = format!("{link:?} {progress:?} {:?}", world.services.flows);
        for secret in [state, ticket.expose(), "anna-s-code"] {
            assert!(!printed.replace("users/anna-s-code", "").contains(secret), "{printed}");
        }
    });
}

#[test]
fn without_confirmation_a_database_that_is_away_for_a_moment_costs_nothing() {
    virtual_time(7200, async |world| {
        let mut world = world.without_confirmation();
        world.start();
        world.pass(2).await;
        let link = link(&world, "anna");
        world.store.set_available(false);
        let (came, ()) = tokio::join!(comes_back(&world, &link, "anna"), async {
            world.pass(2).await;
            world.store.set_available(true);
        });
        assert_eq!(came.unwrap().ending, Ending::Connected);
        world.until("active", 60, |w| w.services.registry.get(&id("anna")).is_some()).await;
        assert_eq!(given_back(&world), 0);
    });
}

#[test]
fn without_confirmation_what_could_not_be_stored_is_given_back_once_that_is_certain() {
    virtual_time(7200, async |world| {
        let mut world = world.without_confirmation();
        world.start();
        world.pass(2).await;
        let link = link(&world, "anna");
        world.store.set_available(false);
        let progress = comes_back(&world, &link, "anna").await.unwrap();
        assert_eq!(progress.ending, Ending::Failed(Reason::NotStored));
        assert_eq!(given_back(&world), 0);
        world.store.set_available(true);
        world.pass(15).await;
        assert_eq!(given_back(&world), 1);
        assert!(world.services.registry.get(&id("anna")).is_none());
    });
}

#[test]
fn flows_are_bounded_and_make_room_when_their_time_is_over() {
    virtual_time(7200, async |mut world| {
        world.start();
        for n in 0..MOST {
            link(&world, &format!("user-{n}"));
        }
        let ask = || Ask {
            connection: id("one-more"),
            return_url: None,
            change_user: false,
            redirect_uri: "https://keeper.example/oauth/callback".parse().unwrap(),
            by: "crm",
        };
        let full = connect::begin(&world.services, ask());
        assert!(matches!(full, Err(NoLink::Full(MOST))), "{full:?}");
        world.pass(LINK_LIVES.as_secs()).await;
        connect::begin(&world.services, ask()).unwrap();
    });
}
