//! A whole keeper in this process on real time: real actors, real HTTP client, SQLite in a temporary folder, and a
//! simulated Calendly on a runtime of its own.
#![allow(clippy::disallowed_methods, reason = "a test on real time")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calendly_keeper::actors;
use calendly_keeper::cli::{self, process, start};
use calendly_keeper::clock::SystemClock;
use calendly_keeper::domain::backoff::Backoff;
use calendly_keeper::domain::grant::NewGrant;
use calendly_keeper::domain::ids::GrantId;
use calendly_keeper::domain::intensity::RestartPolicy;
use calendly_keeper::domain::secrets::{AccessToken, ClientSecret, RefreshToken};
use calendly_keeper::domain::subscription::Scope;
use calendly_keeper::domain::subscription::callback::CallbackTemplate;
use calendly_keeper::domain::token::Lifetime;
use calendly_keeper::ports::{Clock, Store};
use calendly_keeper::services::connect::ConnectSettings;
use calendly_keeper::services::journal::Use;
use calendly_keeper::services::{EventSettings, Services, Settings, WebhookSettings};
use calendly_keeper::simulator::{SeedGrant, Simulator};
use calendly_keeper::store::{self, KeyRing, Options};
use calendly_keeper::{calendly, simulator};
use chrono::Utc;
use tokio::runtime::Runtime;

/// The database that a keeper has by default.
pub(crate) const SQLITE: &str = "sqlite://keeper.db";
const CALLBACK: &str = "https://app.example/hooks/{connection}";

/// The keeper's parts, to be handed to `process::keep`.
pub(crate) struct Rig {
    pub(crate) io: Runtime,
    pub(crate) services: Arc<Services>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A keeper on `home/keeper.db` whose subscriptions are verified every `verify_every`.
pub(crate) fn rig(simulator: &Simulator, home: &Path, verify_every: Duration) -> Rig {
    rig_at(SQLITE, simulator, home, verify_every)
}

/// The same with the database at `url`.
pub(crate) fn rig_at(url: &str, simulator: &Simulator, home: &Path, verify_every: Duration) -> Rig {
    let journal_use = if url == SQLITE { Use::Instead } else { Use::Beside };
    let io = process::io_runtime().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = KeyRing::ephemeral();
    let store = open_at(&io, url, home, keys.clone(), true);
    let beside = io.block_on(cli::open::beside(home, &*store, keys, clock.clone(), io.handle())).unwrap();
    let secret = ClientSecret::new(simulator.client_secret());
    let at: url::Url = simulator.url().parse().unwrap();
    let client = calendly::Settings::new(at.clone(), at, simulator.client_id(), secret);
    let settings = Settings {
        client_id: simulator.client_id().into(),
        max_concurrent: 64,
        timeline_keep: Duration::from_secs(90 * 24 * 3600),
        events: EventSettings::default(),
        notify: None,
        backfill: None,
        scopes: vec![],
        journal: journal_use,
        connect: ConnectSettings {
            authorize_url: "https://auth.example/oauth/authorize".parse().unwrap(),
            return_urls: vec![],
            confirm: true,
        },
        webhook: Some(WebhookSettings {
            callback: CallbackTemplate::parse(CALLBACK).unwrap(),
            scope: Scope::User,
            events: BTreeSet::from(["invitee.created".to_owned(), "invitee.canceled".to_owned()]),
            verify_every,
            retire_urls: vec![],
        }),
    };
    let services = start::services(&client, settings, store, beside, clock.clone(), io.handle()).unwrap();
    Rig { io, services, clock }
}

/// The store in `home`, as a keeper (`as_keeper`) or as a command that looks on.
pub(crate) fn open(io: &Runtime, home: &Path, keys: KeyRing, as_keeper: bool) -> Arc<dyn Store> {
    open_at(io, SQLITE, home, keys, as_keeper)
}

/// The same with the database at `url`.
pub(crate) fn open_at(
    io: &Runtime,
    url: &str,
    home: &Path,
    keys: KeyRing,
    as_keeper: bool,
) -> Arc<dyn Store> {
    io.block_on(store::open(Options {
        url: url.into(),
        data_dir: home.into(),
        keys,
        max_connections: 4,
        handle: io.handle().clone(),
        clock: Arc::new(SystemClock),
        require_lock: as_keeper,
    }))
    .unwrap()
}

/// How the actors behave by default, but that status lines are rare.
pub(crate) fn actor_settings() -> actors::Settings {
    let second = Duration::from_secs(1);
    actors::Settings {
        restart: RestartPolicy {
            max_restarts: 5,
            period: 60 * second,
            backoff: Backoff { min: second, max: 60 * second },
        },
        status_every: 10 * second,
        poll_every: 2 * second,
    }
}

/// What an import makes of a grant that the simulator gave.
pub(crate) fn offer(grant: &SeedGrant, lifetime: i64) -> NewGrant {
    NewGrant {
        id: grant.id.parse().unwrap(),
        grant_id: GrantId::new(uuid::Uuid::new_v4()),
        granted_at: Utc::now(),
        client_id: Some(simulator::Options::CLIENT_ID.into()),
        access_token: Some(AccessToken::new(grant.access_token.as_str())),
        refresh_token: RefreshToken::new(grant.refresh_token.as_str()),
        expires_at: Some(grant.expires_at),
        lifetime: Lifetime::from_seconds(lifetime).unwrap(),
        scope: Some(grant.scope.as_str().into()),
        user: Some(grant.calendly_user.0.as_str().into()),
        organization: Some(grant.calendly_organization.as_str().into()),
        replace: false,
    }
}

/// A number from the environment: how a longer or another run is asked for.
pub(crate) fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}
