//! A whole keeper under virtual time: domain, services and actors, with the store and Calendly in memory.

use std::sync::Arc;
use std::time::Duration;

use actix::System;
use calendly_keeper::actors::arbiters::Arbiters;
use calendly_keeper::actors::{self, Keeper};
use calendly_keeper::clock::SeededJitter;
use calendly_keeper::domain::backoff::Backoff;
use calendly_keeper::domain::decision::{Next, next_refresh};
use calendly_keeper::domain::grant::{NewGrant, Put};
use calendly_keeper::domain::ids::{ConnectionId, GrantId};
use calendly_keeper::domain::intensity::RestartPolicy;
use calendly_keeper::domain::secrets::{AccessToken, RefreshToken};
use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::subscription::Scope;
use calendly_keeper::domain::subscription::callback::CallbackTemplate;
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::domain::token::Lifetime;
use calendly_keeper::ports::{Clock, Store as _};
use calendly_keeper::registry::cell::Cell;
use calendly_keeper::runtime::{IoRuntime, sleep};
use calendly_keeper::services::backfill::BackfillSettings;
use calendly_keeper::services::connect::ConnectSettings;
use calendly_keeper::services::journal::Use;
use calendly_keeper::services::system_fault::Kind as Fault;
use calendly_keeper::services::{Adapters, Services, Settings, WebhookSettings, grants};
use calendly_keeper::shutdown::Shutdown;
use calendly_keeper::spool::{MemoryJournal, MemorySpill};
use calendly_keeper::store::MemoryStore;
use chrono::{DateTime, TimeDelta, Utc};

use super::application::{Application, Both};
use super::fake_calendly::{FakeCalendly, ORGANIZATION, user_uri};
use super::heard;
use super::receiver::{self, Receiver};
use super::test_clock::TestClock;

pub(crate) const CALLBACK: &str = "https://app.example/hooks/{connection}";
pub(crate) const EVENTS: [&str; 2] = ["invitee.canceled", "invitee.created"];

/// Everything that a test works with. Time stands still but for its waits.
pub(crate) struct World {
    pub(crate) calendly: Arc<FakeCalendly>,
    pub(crate) store: MemoryStore,
    pub(crate) journal: MemoryJournal,
    pub(crate) services: Arc<Services>,
    pub(crate) clock: TestClock,
    /// Beside the database, for deliveries.
    pub(crate) spill: MemorySpill,
    /// The application's, which takes notices.
    pub(crate) receiver: Receiver,
    /// The application's, which takes events.
    pub(crate) application: Application,
    wanted: Wanted,
    keeper: Option<Keeper>,
}

/// What a test can want otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) confirm: bool,
    pub(crate) scope: Scope,
    pub(crate) backfill: Option<BackfillSettings>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { confirm: true, scope: Scope::User, backfill: None }
    }
}

/// Runs a test in an actix system whose time is virtual.
pub(crate) fn virtual_time<F: AsyncFnOnce(World)>(lifetime: i64, test: F) {
    heard::listen();
    System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
    })
    .block_on(async move { test(World::new(lifetime)).await });
}

/// The same with an application that is told how things stand.
pub(crate) fn with_notices<F: AsyncFnOnce(World)>(lifetime: i64, test: F) {
    virtual_time(lifetime, async |world| {
        world.receiver.comes();
        test(world.wanting(|_| {})).await;
    });
}

/// The same with an application that events are passed on to.
pub(crate) fn with_events<F: AsyncFnOnce(World)>(lifetime: i64, test: F) {
    virtual_time(lifetime, async |world| {
        world.application.comes();
        test(world.wanting(|_| {})).await;
    });
}

/// What outlives a keeper.
struct Outside {
    calendly: Arc<FakeCalendly>,
    store: MemoryStore,
    journal: MemoryJournal,
    clock: TestClock,
    spill: MemorySpill,
    receiver: Receiver,
    application: Application,
}

impl World {
    fn new(lifetime: i64) -> Self {
        let base = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let clock = TestClock::starting_at(base);
        let calendly = FakeCalendly::new(Arc::new(clock.of_others()), lifetime);
        let receiver = Receiver::new(clock.clone());
        let application = Application::new(clock.clone());
        let (store, journal, spill) = (MemoryStore::new(), MemoryJournal::new(), MemorySpill::default());
        Self::with(
            Outside { calendly, store, journal, clock, spill, receiver, application },
            Wanted::default(),
        )
    }

    /// Another keeper on what this one leaves, with something that is wanted otherwise.
    pub(crate) fn wanting(self, change: impl FnOnce(&mut Wanted)) -> Self {
        let mut wanted = self.wanted;
        change(&mut wanted);
        let Self { calendly, store, journal, clock, spill, receiver, application, .. } = self;
        Self::with(Outside { calendly, store, journal, clock, spill, receiver, application }, wanted)
    }

    /// The same, where whoever agreed is connected at once.
    pub(crate) fn without_confirmation(self) -> Self {
        self.wanting(|wanted| wanted.confirm = false)
    }

    fn with(outside: Outside, wanted: Wanted) -> Self {
        let Outside { calendly, store, journal, clock, spill, receiver, application } = outside;
        let adapters = Adapters {
            clock: Arc::new(clock.clone()),
            jitter: Arc::new(SeededJitter::new(7)),
            tokens: calendly.clone(),
            subscriptions: calendly.clone(),
            meetings: calendly.clone(),
            store: Arc::new(store.clone()),
            journal: Arc::new(journal.clone()),
            spill: Arc::new(spill.clone()),
            outgoing: Arc::new(Both(receiver.clone(), application.clone())),
        };
        let settings = Settings {
            client_id: "client".into(),
            max_concurrent: 64,
            timeline_keep: Duration::from_secs(30 * 24 * 3600),
            scopes: vec![],
            events: application.settings(),
            backfill: wanted.backfill,
            notify: receiver.is_there().then(receiver::settings),
            journal: Use::Beside,
            connect: ConnectSettings {
                authorize_url: "https://auth.example/oauth/authorize".parse().unwrap(),
                return_urls: vec!["https://app.example/calendly".parse().unwrap()],
                confirm: wanted.confirm,
            },
            webhook: Some(WebhookSettings {
                callback: CallbackTemplate::parse(CALLBACK).unwrap(),
                scope: wanted.scope,
                events: EVENTS.iter().map(|e| (*e).to_owned()).collect(),
                verify_every: Duration::from_secs(900),
                retire_urls: vec![],
            }),
        };
        let io = IoRuntime::new(tokio::runtime::Handle::current());
        let services = Services::start(adapters, settings, io, Shutdown::default());
        Self { calendly, store, journal, services, clock, spill, receiver, application, wanted, keeper: None }
    }

    /// Stops in order, as SIGTERM does, and gives the keeper that is started after it on what is left.
    pub(crate) async fn stopped(self) -> Self {
        self.services.stop();
        assert_eq!(self.services.io.drain(Duration::from_secs(75)).await, 0, "something went on for ever");
        self.wanting(|_| {})
    }

    /// Starts the actors.
    pub(crate) fn start(&mut self) -> &Keeper {
        let second = Duration::from_secs(1);
        let settings = actors::Settings {
            restart: RestartPolicy {
                max_restarts: 5,
                period: Duration::from_secs(60),
                backoff: Backoff { min: second, max: 60 * second },
            },
            status_every: 30 * second,
            poll_every: second,
        };
        self.keeper.insert(actors::start(self.services.clone(), settings, Arbiters::current()))
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        self.keeper.as_ref().unwrap()
    }

    /// A grant of `user`, as an application would hand it over; its access token ended `ago` seconds ago.
    pub(crate) fn offer(&self, id: &str, user: &str, ago: i64) -> NewGrant {
        let (access, refresh, _) = self.calendly.grant(user);
        NewGrant {
            id: id.parse().unwrap(),
            grant_id: GrantId::new(uuid::Uuid::new_v4()),
            granted_at: self.clock.now(),
            client_id: Some("client".into()),
            access_token: Some(AccessToken::new(access)),
            refresh_token: RefreshToken::new(refresh),
            expires_at: Some(self.clock.now() - TimeDelta::seconds(ago)),
            lifetime: Lifetime::from_seconds(self.calendly.lifetime).unwrap(),
            scope: Some("users:read webhooks:write scheduled_events:read".into()),
            user: Some(user_uri(user).into()),
            organization: Some(ORGANIZATION.into()),
            replace: false,
        }
    }

    pub(crate) async fn put(&self, grant: NewGrant) -> Put {
        grants::put(&self.services, vec![grant], None).await.unwrap().remove(0)
    }

    /// A connection whose id is its user's name and whose token lives on.
    pub(crate) async fn connect(&self, name: &str) -> Put {
        self.put(self.offer(name, name, -self.calendly.lifetime)).await
    }

    /// So many connections at once, `user-0` on, whose tokens end at `ends_in(n)` seconds from now.
    pub(crate) async fn connect_many(&self, count: i64, ends_in: impl Fn(i64) -> i64) {
        let offer = |n: i64| {
            let name = format!("user-{n}");
            self.offer(&name, &name, -ends_in(n))
        };
        let decided = grants::put(&self.services, (0..count).map(offer).collect(), None).await.unwrap();
        assert_eq!(decided.len(), count as usize);
    }

    /// Connections with another status than `active`.
    pub(crate) fn marked(&self) -> Vec<ConnectionId> {
        let cells = self.services.registry.cells();
        let marked = cells.into_iter().filter(|cell| cell.status().status != Status::Active);
        marked.map(|cell| cell.id().clone()).collect()
    }

    /// Connections without a token that lives, by the clock of Calendly.
    pub(crate) fn without_a_token(&self) -> usize {
        let lives = |cell: &Arc<Cell>| {
            cell.living(self.now()).is_some_and(|living| self.calendly.accepts(living.token.expose()))
        };
        self.services.registry.cells().iter().filter(|cell| !lives(cell)).count()
    }

    /// Connections that should have been refreshed more than `grace` seconds ago.
    pub(crate) fn overdue(&self, grace: i64) -> usize {
        let before = self.now() - TimeDelta::seconds(grace);
        let is_late = |cell: &Arc<Cell>| matches!(next_refresh(&cell.token_view(), before), Next::Now(_));
        self.services.registry.cells().iter().filter(|cell| is_late(cell)).count()
    }

    /// What is shown to be wrong for all.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.services.system.current().map(|fault| fault.kind)
    }

    /// Lets time go by until `condition`, second by second; how many it took, `most` at most.
    pub(crate) async fn until(&self, what: &str, most: u64, condition: impl Fn(&Self) -> bool) -> u64 {
        for second in 0..=most {
            if condition(self) {
                return second;
            }
            self.pass(1).await;
        }
        panic!("{what}: not within {most} s")
    }

    pub(crate) fn cell(&self, id: &str) -> Arc<Cell> {
        self.services.registry.get(&id.parse().unwrap()).unwrap_or_else(|| panic!("no cell of {id}"))
    }

    pub(crate) fn status(&self, id: &str) -> Status {
        self.cell(id).status().status
    }

    pub(crate) async fn kinds(&self, id: &str) -> Vec<Kind> {
        self.pass(1).await; // the timeline is written behind the work
        let id: ConnectionId = id.parse().unwrap();
        let mut entries = self.store.timeline(&id, None, 100).await.unwrap().entries;
        entries.reverse();
        entries.into_iter().map(|entry| entry.kind).collect()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Lets virtual seconds go by, with everything that happens in them.
    pub(crate) async fn pass(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }
}
