//! `demo`: a real keeper and a simulated Calendly, with a few connections in a sorry state.

mod chaos;
mod stories;
mod verdict;

use std::cell::Cell;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use log::info;
use url::Url;

use super::process::Ready;
use super::signals::Signals;
use super::{open, process, start};
use crate::actors::Keeper;
use crate::clock::SystemClock;
use crate::domain::backoff::Backoff;
use crate::domain::grant::NewGrant;
use crate::domain::ids::{ConnectionId, GrantId};
use crate::domain::intensity::RestartPolicy;
use crate::domain::secrets::{AccessToken, ClientSecret, RefreshToken};
use crate::domain::subscription::Scope;
use crate::domain::subscription::callback::CallbackTemplate;
use crate::domain::token::{DEFAULT_LIFETIME, Lifetime};
use crate::ports::Clock;
use crate::runtime::sleep;
use crate::services::connect::ConnectSettings;
use crate::services::journal::Use;
use crate::services::{self, EventSettings, Services, WebhookSettings, grants};
use crate::simulator::{self, SeedGrant, Simulator};
use crate::store::{self, KeyRing, Options};
use crate::telemetry::log::Format;
use crate::{actors, calendly, telemetry};
use chaos::Chaos;
use stories::{CALLBACK, EVENTS, Story};
use verdict::Outcome;

/// How long the demo's access tokens live, in seconds: one sees refreshes go on.
const TOKEN_LIFETIME: i64 = 60;
/// `--once` gives up after this.
const ONCE_AT_MOST: Duration = Duration::from_secs(120);
/// With `--once` the chaos ends after this, or after half of a shorter time that was asked for: then all has to come
/// right by itself.
const CHAOS_FOR: Duration = Duration::from_secs(20);

const HELP: &str = "\
Starts a simulated Calendly and a keeper with a few connections, each with a story of its
own: a token that expired while nobody looked, a webhook that was disabled, a user who
revoked. Nothing leaves this machine.

Examples:
  calendly-keeper demo --once               the stories, then an end
  calendly-keeper demo --chaos --seed 7     faults at random, the same ones each time";

/// What `demo` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// End when every connection has come to rest, with 0 where all came out as they should
    #[arg(long)]
    pub once: bool,
    /// How many connections
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Let the simulated Calendly fail at random and actors crash; with --once for 20 s
    #[arg(long)]
    pub chaos: bool,
    /// Repeat the chaos of an earlier run
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// End after this time, as in 90s or 10m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
}

/// Plays the demo. With `--once` an error says how many connections did not end as they should.
///
/// # Errors
/// Where something could not be started, or did not end as it should.
pub fn execute(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    telemetry::log::init(Format::Text, || SystemClock.now(), |name| std::env::var(name).ok())?;
    let seed = args.seed.unwrap_or_else(rand::random);
    let home = tempfile::tempdir().context("no temporary directory for the demo's database")?;
    let io = process::io_runtime()?;
    let simulator = Simulator::start_on(
        io.handle(),
        simulator::Options { expires_in: TOKEN_LIFETIME, seed: Some(seed), ..simulator::Options::default() },
    )?;
    let cast = stage(&simulator, args.connections as usize)?;
    info!(target: "demo", calendly = simulator.url(), database:% = home.path().join("keeper.db").display(),
        connections = cast.len(), lifetime = "60s", seed; "a simulated Calendly and a real keeper");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = KeyRing::ephemeral();
    let store = io.block_on(store::open(Options {
        url: "sqlite://keeper.db".into(),
        data_dir: home.path().into(),
        keys: keys.clone(),
        max_connections: 4,
        handle: io.handle().clone(),
        clock: clock.clone(),
        require_lock: true,
    }))?;
    let beside = open::beside(home.path(), &*store, keys, clock.clone(), io.handle());
    let beside = io.block_on(beside)?;
    let client = client(&simulator)?;
    let services = start::services(&client, settings(&client)?, store, beside, clock, io.handle())?;
    io.block_on(hand_over(&services, &cast))?;
    let chaos = args.chaos.then(|| Chaos::begin(&simulator, seed)).transpose()?;
    let judged = Cell::new(false);
    let script = async |keeper: &Keeper| {
        let limit = args.duration.unwrap_or(if args.once { ONCE_AT_MOST } else { Duration::MAX });
        let play = async {
            match &chaos {
                // Judged is what comes of it: while faults go on, somebody is always in the middle of one.
                Some(chaos) if args.once => chaos.last(&keeper.shared, CHAOS_FOR.min(limit / 2)).await,
                Some(chaos) => chaos.for_ever(&keeper.shared).await,
                None => {}
            }
            if args.once {
                all_right(&services, &simulator, &cast).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(limit, play).await;
        judged.set(true);
        if args.once { finish(&services, &simulator, &cast, chaos.as_ref(), out).await } else { Ok(()) }
    };
    let signals = Signals::listen(&io)?;
    let ready = Ready { services: services.clone(), tokens: vec![] };
    process::keep(io, signals, None, actor_settings(), async { Ok(ready) }, script)?;
    if args.once && !judged.get() {
        bail!("asked to stop before every connection had come to rest, so nothing is judged");
    }
    Ok(())
}

struct Cast {
    id: ConnectionId,
    story: Story,
    grant: SeedGrant,
}

fn stage(simulator: &Simulator, connections: usize) -> anyhow::Result<Vec<Cast>> {
    (0..connections)
        .map(|n| {
            let (story, name) = Story::number(n);
            Ok(Cast { id: name.parse()?, story, grant: story.stage(simulator, &name)? })
        })
        .collect()
}

/// As `import` does it.
async fn hand_over(services: &Services, cast: &[Cast]) -> anyhow::Result<()> {
    for chunk in cast.chunks(1000) {
        let offers = chunk.iter().map(|one| NewGrant {
            id: one.id.clone(),
            grant_id: GrantId::new(uuid::Uuid::new_v4()),
            granted_at: services.adapters.clock.now(),
            client_id: Some(services.settings.client_id.clone()),
            access_token: Some(AccessToken::new(one.grant.access_token.as_str())),
            refresh_token: RefreshToken::new(one.grant.refresh_token.as_str()),
            expires_at: Some(one.grant.expires_at),
            lifetime: Lifetime::from_seconds(TOKEN_LIFETIME).unwrap_or(DEFAULT_LIFETIME),
            scope: Some(one.grant.scope.as_str().into()),
            user: Some(one.grant.calendly_user.0.as_str().into()),
            organization: Some(one.grant.calendly_organization.as_str().into()),
            replace: false,
        });
        grants::put(services, offers.collect(), None).await?;
    }
    Ok(())
}

async fn all_right(services: &Services, simulator: &Simulator, cast: &[Cast]) {
    while cast.iter().any(|one| verdict::judge(services, simulator, &one.id, one.story).is_err()) {
        sleep(Duration::from_millis(200)).await;
    }
}

async fn finish(
    services: &Services,
    simulator: &Simulator,
    cast: &[Cast],
    chaos: Option<&Chaos<'_>>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    services.timeline.flush(Duration::from_secs(10)).await;
    let mut outcomes = Vec::with_capacity(cast.len());
    for one in cast {
        outcomes.push(Outcome::of(services, simulator, &one.id, one.story).await);
    }
    verdict::print(out, &outcomes)?;
    if let Some(chaos) = chaos {
        writeln!(out, "\nchaos: {} faults at Calendly, {} actors crashed", chaos.faults(), chaos.crashes())?;
    }
    out.flush()?;
    match outcomes.iter().filter(|outcome| !outcome.is_right()).count() {
        0 => Ok(()),
        wrong => bail!("{wrong} of {} connections did not end as they should", outcomes.len()),
    }
}

fn client(simulator: &Simulator) -> anyhow::Result<calendly::Settings> {
    let url: Url = simulator.url().parse()?;
    let secret = ClientSecret::new(simulator.client_secret());
    Ok(calendly::Settings::new(url.clone(), url, simulator.client_id(), secret))
}

fn settings(client: &calendly::Settings) -> anyhow::Result<services::Settings> {
    let authorize_url = calendly::authorize_url(&client.auth_url)?;
    Ok(services::Settings {
        client_id: simulator::Options::CLIENT_ID.into(),
        max_concurrent: 64,
        timeline_keep: Duration::from_secs(3600),
        events: EventSettings::default(),
        notify: None,
        backfill: None,
        scopes: vec![],
        journal: Use::Instead,
        connect: ConnectSettings { authorize_url, return_urls: vec![], confirm: true },
        webhook: Some(WebhookSettings {
            callback: CallbackTemplate::parse(CALLBACK)?,
            scope: Scope::User,
            events: EVENTS.iter().map(|event| (*event).to_owned()).collect(),
            verify_every: Duration::from_secs(30),
            retire_urls: vec![],
        }),
    })
}

fn actor_settings() -> actors::Settings {
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
