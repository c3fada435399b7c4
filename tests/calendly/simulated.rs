//! The client and the simulator, which share no types: what one sends the other understands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use calendly_keeper::calendly::{Calendly, Settings};
use calendly_keeper::domain::outcome::{ClientFault, Doubt, Outcome};
use calendly_keeper::domain::secrets::{AccessToken, ClientSecret, RefreshToken};
use calendly_keeper::domain::subscription::{Owner, State};
use calendly_keeper::ports::{ApiErrorClass, Caller, NewSubscription, Subscriptions, TokenEndpoint};
use calendly_keeper::simulator::{
    Endpoint, Fault, FaultKind, NewSubscription as Seeded, Options, Plan, RefreshTokenState, SeedGrant,
    Simulator, SubscriptionScope,
};

use crate::canned::{HandClock, soon};

fn start(options: Options) -> (Simulator, Calendly, Arc<HandClock>) {
    let simulator = Simulator::start(options).unwrap();
    let url: url::Url = simulator.url().parse().unwrap();
    let secret = ClientSecret::new(simulator.client_secret());
    let mut settings = Settings::new(url.clone(), url, simulator.client_id(), secret);
    settings.token_timeout = Duration::from_millis(500);
    let clock = Arc::new(HandClock::default());
    let calendly = Calendly::new(&settings, clock.clone()).unwrap();
    (simulator, calendly, clock)
}

async fn refresh(calendly: &Calendly, token: &str) -> Outcome {
    soon(calendly.tokens.refresh(&RefreshToken::new(token))).await
}

fn owner(grant: &SeedGrant, user: bool) -> Owner {
    Owner {
        organization: grant.calendly_organization.as_str().into(),
        user: user.then(|| grant.calendly_user.0.as_str().into()),
    }
}

async fn with_token<T>(grant: &SeedGrant, call: impl AsyncFnOnce(Caller<'_>) -> T) -> T {
    let token = AccessToken::new(grant.access_token.as_str());
    soon(call(Caller { rate_key: &grant.calendly_user.0, token: &token })).await
}

#[tokio::test]
async fn a_pair_is_exchanged_for_the_next_and_then_revoked() {
    let (simulator, calendly, _) = start(Options::default());
    let anna = simulator.connect("anna").unwrap();

    let Outcome::Success(pair) = refresh(&calendly, &anna.refresh_token).await else { panic!() };

    let held = simulator.current_grant("anna").unwrap();
    assert_eq!(pair.access_token.expose(), held.access_token);
    let new = pair.refresh_token.unwrap();
    assert_eq!(new.expose(), held.refresh_token);
    assert_eq!(
        (pair.owner, pair.organization),
        (Some(anna.calendly_user.0), Some(anna.calendly_organization))
    );
    assert!(pair.oddities.is_empty(), "{:?}", pair.oddities);
    assert!(matches!(refresh(&calendly, &anna.refresh_token).await, Outcome::InvalidGrant));

    soon(calendly.tokens.revoke(&new)).await.unwrap();
    assert_ne!(simulator.refresh_token_state(new.expose()), RefreshTokenState::Living);
}

#[tokio::test]
async fn every_fault_has_its_outcome_and_costs_one_presentation() {
    let lost = |outcome: &Outcome| matches!(outcome, Outcome::Unknown(Doubt::Lost));
    type Fits = fn(&Outcome) -> bool;
    let faults: [(FaultKind, Fits); 12] = [
        (FaultKind::ResetBefore, |it| matches!(it, Outcome::Unknown(Doubt::Lost))),
        (FaultKind::ResetAfter, |it| matches!(it, Outcome::Unknown(Doubt::Lost))),
        (FaultKind::Truncate, |it| matches!(it, Outcome::Unknown(Doubt::Lost))),
        (FaultKind::NotJson, |it| matches!(it, Outcome::Unknown(Doubt::Unreadable))),
        (FaultKind::HtmlBefore, |it| matches!(it, Outcome::Unknown(Doubt::Unreadable))),
        (FaultKind::GatewayAfterEffect { code: 502 }, |it| {
            matches!(it, Outcome::Unknown(Doubt::Status(502)))
        }),
        (FaultKind::DelayAnswer { ms: 20 }, |it| matches!(it, Outcome::Success(_))),
        (
            FaultKind::RateLimited { retry_after: None, reset: Some(9) },
            |it| matches!(it, Outcome::Throttled { wait: Some(wait) } if wait.as_secs() == 9),
        ),
        (FaultKind::InvalidClient, |it| matches!(it, Outcome::ClientRefused(ClientFault::InvalidClient))),
        (FaultKind::InvalidGrantOnce, |it| matches!(it, Outcome::InvalidGrant)),
        (FaultKind::Redirect { code: 307, location: "/oauth/token".into() }, |it| {
            matches!(it, Outcome::ClientRefused(ClientFault::Redirected))
        }),
        (FaultKind::Status { code: 503, body: None, headers: BTreeMap::new() }, |it| {
            matches!(it, Outcome::Unknown(Doubt::Status(503)))
        }),
    ];
    let (simulator, calendly, _) = start(Options::default());
    for (number, (kind, fits)) in faults.into_iter().enumerate() {
        let grant = simulator.connect(&format!("user-{number}")).unwrap();
        simulator.fault(Fault::next(Endpoint::Token, kind.clone())).unwrap();
        let outcome = refresh(&calendly, &grant.refresh_token).await;
        assert!(fits(&outcome), "{kind:?}: {outcome:?}");
        assert_eq!(simulator.ledger_of(&grant.calendly_user).unwrap().presented.len(), 1, "{kind:?}");
    }
    // An answer that never comes, and a port where nobody listens.
    let grant = simulator.connect("late").unwrap();
    simulator.fault(Fault::next(Endpoint::Token, FaultKind::Hold)).unwrap();
    assert!(lost(&refresh(&calendly, &grant.refresh_token).await));
    simulator.stop();
    assert!(matches!(refresh(&calendly, &grant.refresh_token).await, Outcome::NotSent));
    assert_eq!(simulator.ledger_of("late").unwrap().presented.len(), 1);
}

#[tokio::test]
async fn exchanges_under_random_resets_present_each_token_once() {
    let (simulator, calendly, _) = start(Options::default());
    for kind in [FaultKind::ResetBefore, FaultKind::ResetAfter, FaultKind::Truncate] {
        simulator.fault(Fault::always(Endpoint::Token, kind).probability(0.2)).unwrap();
    }
    let grants = simulator.add_users(300, &Default::default(), &Default::default()).unwrap();
    let exchanges: Vec<_> = grants
        .into_iter()
        .map(|grant| {
            let tokens = calendly.tokens.clone();
            tokio::spawn(async move { tokens.refresh(&RefreshToken::new(grant.refresh_token)).await })
        })
        .collect();
    for exchange in exchanges {
        let outcome = soon(exchange).await.unwrap();
        assert!(matches!(outcome, Outcome::Success(_) | Outcome::Unknown(Doubt::Lost)), "{outcome:?}");
    }
    let presented = simulator.ledger().presented;
    assert_eq!(presented.len(), 300);
    let distinct: BTreeSet<_> = presented.iter().map(|entry| (entry.grant, entry.generation)).collect();
    assert_eq!(distinct.len(), 300);
}

#[tokio::test]
async fn a_subscription_is_made_found_and_deleted() {
    let (simulator, calendly, _) = start(Options::default());
    let anna = simulator.connect("anna").unwrap();
    let events = BTreeSet::from(["invitee.created".to_owned(), "invitee.canceled".to_owned()]);
    for by_user in [true, false] {
        let owner = owner(&anna, by_user);
        let callback_url = format!("https://app.test/{by_user}");
        let new = NewSubscription { owner: &owner, callback_url: &callback_url, events: &events };
        with_token(&anna, async |anna| {
            let api = &calendly.api;
            let me = api.me(anna).await.unwrap();
            assert_eq!(*me.organization, *owner.organization);
            let made = api.create(anna, &new).await.unwrap();
            assert_eq!(
                (&made.events, &made.state, &*made.callback_url),
                (&events, &State::Active, &*callback_url)
            );
            assert_eq!(api.create(anna, &new).await.unwrap_err().class, ApiErrorClass::AlreadyExists);
            assert_eq!(api.list(anna, &owner).await.unwrap(), std::slice::from_ref(&made));
            simulator.disable_subscription(&made.uri).unwrap();
            assert_eq!(api.get(anna, &made.uri).await.unwrap().state, State::Disabled);
            api.delete(anna, &made.uri).await.unwrap();
            api.delete(anna, &made.uri).await.unwrap();
            assert_eq!(api.get(anna, &made.uri).await.unwrap_err().class, ApiErrorClass::NotFound);
            assert_eq!(api.list(anna, &owner).await.unwrap(), []);
        })
        .await;
    }
}

#[tokio::test]
async fn a_long_list_is_read_to_its_end() {
    let (simulator, calendly, _) = start(Options::default());
    let anna = simulator.connect("anna").unwrap();
    for number in 0..250 {
        let seeded = Seeded {
            creator: "anna".into(),
            callback_url: format!("https://app.test/{number}"),
            events: vec!["invitee.created".into()],
            scope: SubscriptionScope::User,
            foreign: false,
        };
        simulator.add_subscription(seeded).unwrap();
    }
    let found = with_token(&anna, async |caller| calendly.api.list(caller, &owner(&anna, true)).await).await;
    let distinct: BTreeSet<_> = found.unwrap().into_iter().map(|found| found.callback_url).collect();
    assert_eq!(distinct.len(), 250);
}

#[tokio::test]
async fn refusals_of_a_creation_are_told_apart() {
    let (simulator, calendly, _) = start(Options::default());
    let anna = simulator.connect("anna").unwrap();
    let events = BTreeSet::from(["invitee.created".to_owned()]);
    let owner = owner(&anna, true);
    let create = async || {
        let new = NewSubscription { owner: &owner, callback_url: "https://app.test/", events: &events };
        with_token(&anna, async |caller| calendly.api.create(caller, &new).await).await.unwrap_err().class
    };
    simulator.set_plan("anna", Plan::FreeWithoutWebhooks).unwrap();
    assert_eq!(create().await, ApiErrorClass::PermissionDenied);
    simulator.set_plan("anna", Plan::Paid).unwrap();
    simulator.remove_scope("anna", "webhooks:write").unwrap();
    assert_eq!(create().await, ApiErrorClass::InsufficientScope(vec!["webhooks:write".into()]));
    simulator.expire_access_token("anna").unwrap();
    assert_eq!(create().await, ApiErrorClass::Unauthenticated);
}

#[tokio::test]
async fn the_limit_of_a_user_is_used_up_to_the_last_call_and_not_beyond() {
    let options = Options { paid_requests_per_minute: 5, ..Options::default() };
    let (simulator, calendly, clock) = start(options);
    let anna = simulator.connect("anna").unwrap();
    let me = async || with_token(&anna, async |caller| calendly.api.me(caller).await).await;
    for _ in 0..5 {
        me().await.unwrap();
    }
    for _ in 0..3 {
        assert!(matches!(me().await.unwrap_err().class, ApiErrorClass::Throttled(Some(_))));
    }
    assert_eq!(simulator.ledger_of("anna").unwrap().access.len(), 5);
    // The client's minute is over, the simulator's is not: this one is sent, and refused.
    clock.turn(Duration::from_secs(61));
    assert!(matches!(me().await.unwrap_err().class, ApiErrorClass::Throttled(Some(_))));
}

#[tokio::test]
async fn a_clock_that_is_ahead_shows_as_skew() {
    use calendly_keeper::ports::Clock;

    let (simulator, calendly, clock) = start(Options { date_skew_seconds: 86_400, ..Options::default() });
    let anna = simulator.connect("anna").unwrap();
    with_token(&anna, async |caller| calendly.api.me(caller).await).await.unwrap();
    let real = (chrono::Utc::now() - clock.now()).num_seconds();
    let seen = calendly.skew_seconds().unwrap();
    assert!((seen - real - 86_400).abs() < 30, "{seen}");
}
