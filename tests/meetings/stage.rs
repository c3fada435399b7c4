//! Where it all happens, and what goes wrong there.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::{Duration, Instant};

use calendly_keeper::simulator::{
    DeliveryOptions, Endpoint, Fault, FaultKind, MeetingOptions, NewGrant, Options, SeedUser, Simulator,
};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};

use crate::application::{Application, Mood};
use crate::support::database::{Backend, Database};
use crate::support::keeper_process::{KeeperProcess, Setup};
use crate::support::postgres::Stop;
use crate::support::wait::until;

const CONNECTIONS: usize = 12;
/// From here on a run has the time for every trouble.
const LONG: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) application: Application,
    pub(crate) setup: Setup,
    pub(crate) kills: usize,
    pub(crate) began: Instant,
    users: Vec<String>,
    database: Database,
    keeper: Option<KeeperProcess>,
    _runtime: Runtime,
    _home: tempfile::TempDir,
}

impl Stage {
    /// Users whose meetings are booked `rate` times a minute, with a keeper that knows them.
    pub(crate) fn new(backend: Backend, seed: u64, rate: f64) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let options = Options {
            seed: Some(seed),
            ledger_entries: 10_000_000,
            meetings: MeetingOptions {
                group_share: 0.2,
                soon_share: 0.2,
                cancel_share: 0.2,
                reschedule_share: 0.15,
                no_show_share: 0.0,
                ..MeetingOptions::default()
            },
            // A minute of Calendly's patience is a second here.
            deliveries: DeliveryOptions {
                delivery_clock: 60.0,
                delivery_timeout: 5.0,
                ..DeliveryOptions::default()
            },
            ..Options::default()
        };
        let simulator = Simulator::start_on(runtime.handle(), options).unwrap();
        let application = Application::new();
        let database = Database::new(backend);
        let home = tempfile::tempdir().unwrap();
        let lines = home.path().join("grants.jsonl");
        let users: Vec<_> = (0..CONNECTIONS).map(|n| format!("c{n}")).collect();
        let given = users.iter().map(|name| {
            let user = simulator.add_user(&SeedUser::named(name));
            let grant = simulator.add_grant(user.0, &NewGrant { expires_in: None, scopes: None }).unwrap();
            let line = serde_json::to_string(&grant).unwrap();
            format!("{line}\n")
        });
        fs::write(&lines, given.collect::<String>()).unwrap();
        // Kept for the keeper, which is started again and again.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let setup =
            Setup::new(home.path(), &simulator.url(), (simulator.client_id(), simulator.client_secret()))
                .with("KEEPER__DATABASE__URL", database.url())
                .with("KEEPER__SERVER__LISTEN", format!("127.0.0.1:{port}"))
                .with("KEEPER__SERVER__PUBLIC_URL", format!("http://127.0.0.1:{port}"))
                .with("KEEPER__WEBHOOK__SIGNING_KEY", DeliveryOptions::SIGNING_KEY)
                .with("KEEPER__WEBHOOK__VERIFY_EVERY", "5s")
                .with("KEEPER__RELAY__URL", format!("http://127.0.0.1:{}/hooks", application.port))
                .with("KEEPER__RELAY__SECRET", &application.secret)
                .with("KEEPER__RELAY__TIMEOUT", "3s");
        setup.command(&["import", lines.to_str().unwrap()]);
        let mut stage = Self {
            simulator,
            application,
            setup,
            kills: 0,
            began: Instant::now(),
            users,
            database,
            keeper: None,
            _runtime: runtime,
            _home: home,
        };
        stage.start();
        stage.wait_for_subscriptions();
        stage.simulator.set_booking_rate(rate).unwrap();
        stage.began = Instant::now();
        stage
    }

    fn start(&mut self) {
        self.keeper = Some(self.setup.run());
    }

    /// Each user has one that works.
    fn wait_for_subscriptions(&self) {
        let has_one = |user: &String| {
            let all = self.simulator.subscriptions(user).unwrap();
            all.iter().any(|subscription| subscription["state"] == "active")
        };
        until("every subscription", READY, || self.users.iter().all(has_one).then_some(()));
    }

    /// One trouble after another, drawn from the seed.
    pub(crate) fn trouble(&mut self, length: Duration, seed: u64) {
        // On PostgreSQL whoever follows a killed keeper exchanges nothing for 90 s: a short run has no time for that.
        let kills = length >= LONG || !matches!(self.database, Database::Postgres { .. });
        let mut chance = StdRng::seed_from_u64(seed);
        let end = Instant::now() + length;
        for endpoint in [
            Endpoint::Token,
            Endpoint::WebhooksList,
            Endpoint::WebhooksCreate,
            Endpoint::ScheduledEventsList,
            Endpoint::InviteesList,
        ] {
            let status = FaultKind::Status { code: 503, body: None, headers: Default::default() };
            self.simulator.fault(Fault::always(endpoint, status).probability(0.01)).unwrap();
        }
        while Instant::now() < end {
            match chance.random_range(0..9) {
                0 | 1 => {
                    self.end_subscriptions(&mut chance, Simulator::delete_subscription);
                }
                2 => {
                    self.end_subscriptions(&mut chance, Simulator::disable_subscription);
                }
                3 | 4 => {
                    let keeper = self.keeper.take().unwrap();
                    if kills {
                        keeper.kill(|| {});
                        self.kills += 1;
                    } else {
                        assert!(keeper.stop(READY).success(), "a stop that did not end in order");
                    }
                    sleep(Duration::from_millis(chance.random_range(0..1500)));
                    self.start();
                }
                5 => self.moody(Mood::Down, &mut chance),
                6 => self.moody(Mood::Failing, &mut chance),
                7 => {
                    let slow = Mood::Slow(chance.random_range(100..4000));
                    self.moody(slow, &mut chance);
                }
                _ => {
                    self.database.leave(&self.setup.home, Stop::Fast);
                    sleep(Duration::from_millis(chance.random_range(500..3000)));
                    self.database.come_back();
                }
            }
            sleep(Duration::from_millis(chance.random_range(100..1500)));
        }
    }

    fn moody(&self, mood: Mood, chance: &mut StdRng) {
        self.application.is(mood);
        sleep(Duration::from_millis(chance.random_range(500..5000)));
        self.application.is(Mood::Well);
    }

    fn end_subscriptions(
        &self,
        chance: &mut StdRng,
        end: impl Fn(&Simulator, &str) -> calendly_keeper::simulator::Result<()>,
    ) {
        for user in &self.users {
            if chance.random_bool(0.3) {
                for subscription in self.simulator.subscriptions(user).unwrap() {
                    // The keeper may have ended it in this moment.
                    let _ = end(&self.simulator, subscription["uri"].as_str().unwrap());
                }
            }
        }
    }

    /// Nobody books any more, and nothing is wrong any more.
    pub(crate) fn calm(&mut self) {
        self.simulator.set_booking_rate(0.0).unwrap();
        self.simulator.clear_faults();
        self.application.is(Mood::Well);
    }

    /// Until the application has all that the ledger says, or the time is over; how long it took.
    pub(crate) fn wait_for_all(&self, promised: Duration) -> Option<Duration> {
        let begun = Instant::now();
        while begun.elapsed() < promised {
            if self.missing().is_empty() {
                return Some(begun.elapsed());
            }
            sleep(Duration::from_millis(200));
        }
        None
    }

    /// Events of the ledger that the application has not acknowledged.
    pub(crate) fn missing(&self) -> Vec<String> {
        let got: BTreeSet<_> =
            self.application.got().into_iter().map(|got| format!("{} {}", got.event, got.invitee)).collect();
        let due = self.simulator.due_events().into_iter().map(|due| format!("{} {}", due.event, due.invitee));
        due.filter(|due| !got.contains(due)).collect()
    }

    /// What its log says of warnings and worse.
    pub(crate) fn warnings(&self) -> String {
        let log = self.keeper.as_ref().map(KeeperProcess::log).unwrap_or_default();
        let lines = log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
        lines.rev().take(40).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.signal(Signal::KILL);
        }
    }
}
