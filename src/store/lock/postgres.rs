//! A session advisory lock on a connection of its own: gone with the session, so a dead keeper blocks nobody.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::hold::{self, LastWorker, Now, ServerLife};
use crate::domain::ids::InstanceId;
use crate::ports::{Lock, StoreError};
use crate::store::migrations;
use crate::store::server::{self, Server};
use crate::store::session::{KEEPER_LOCK, LockSession};

/// The lock is asked after every few seconds; a session that does not answer by then is taken for lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server must notice within half a minute that this machine is gone, or nobody could take over. Not among the
/// options of the connection, which a pooler refuses.
const SESSION: &str = "SET synchronous_commit = on; SET statement_timeout = '10s'; SET tcp_keepalives_idle = 10; \
    SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// The keeper lock of a database.
pub(crate) struct DatabaseLock {
    server: Server,
    instance: String,
    name: String,
    client: tokio::sync::Mutex<Option<Client>>,
    held: Mutex<Option<Held>>,
}

#[derive(Clone, Copy)]
struct Held {
    session: LockSession,
    since: Now,
    /// The hold is over, or was not needed, and the database knows that we work.
    completed: bool,
    exempt: bool,
    /// A session lives in one server's life.
    server: ServerLife,
}

/// What one question to the session tells.
struct Seen {
    now: i64,
    session: LockSession,
    server_started: i64,
    holds: bool,
}

impl DatabaseLock {
    /// `nonce` tells this process from an earlier one of the same instance.
    pub(crate) fn new(mut server: Server, instance: InstanceId, nonce: u32) -> Self {
        let instance = instance.to_string();
        // Shown to whoever waits for the lock, and in pg_stat_activity.
        let name = format!("calendly-keeper {instance} {nonce:08x}");
        server.config.application_name(&name);
        Self { server, instance, name, client: tokio::sync::Mutex::new(None), held: Mutex::new(None) }
    }

    pub(crate) fn session(&self) -> Option<LockSession> {
        self.held().map(|held| held.session)
    }

    pub(crate) async fn keep(&self, boot: Duration) -> Result<Lock, StoreError> {
        let mut client = self.client.lock().await;
        let kept = tokio::time::timeout(PATIENCE, self.keep_on(&mut client, boot)).await;
        let kept = kept.unwrap_or_else(|_| Err(silent()));
        if kept.is_err() {
            // Closing the session gives the lock up, should it be there still.
            *client = None;
            self.set_held(None);
        }
        kept
    }

    async fn keep_on(&self, slot: &mut Option<Client>, boot: Duration) -> Result<Lock, StoreError> {
        if slot.as_ref().is_some_and(Client::is_closed) {
            // Told before it is asked for anew: the server may have failed over to an earlier state.
            return Err(away("its session has ended"));
        }
        if slot.is_none() {
            self.set_held(None);
            *slot = Some(self.connect().await?);
        }
        let Some(client) = slot.as_ref() else { return Err(away("not connected")) };
        let held = match self.held() {
            Some(held) => held,
            None => {
                // On a server that follows another one a lock would be had while the other one's holder works.
                if one(client, "SHOW transaction_read_only").await?.as_ref().and_then(|row| row.get(0))
                    == Some("on")
                {
                    let why = "the keeper lock: the server takes read-only transactions alone";
                    return Err(StoreError::Unwritable(why.into()));
                }
                if let Some(theirs) = self.try_lock(client).await? {
                    return Ok(theirs);
                }
                let seen = see(client).await?;
                let server = ServerLife { started: seen.server_started, timeline: timeline(client).await? };
                let exempt = hold::exempt(last_worker(client).await?.as_ref(), &self.instance, server);
                Held {
                    session: seen.session,
                    since: Now { database: seen.now, boot },
                    completed: false,
                    exempt,
                    server,
                }
            }
        };
        let seen = see(client).await?;
        if seen.session != held.session || !seen.holds {
            return Err(pooler());
        }
        // While a keeper works or waits, a newer one may start and migrate: what that one added, this one would not keep.
        let unknown = migrations::unknown_to_postgres()?;
        if let Some(version) = one(client, &unknown).await?.as_ref().and_then(|row| row.get(0)) {
            return Err(StoreError::Refused(migrations::newer(&version)));
        }
        let left = if held.exempt {
            Duration::ZERO
        } else {
            hold::left(held.since, Now { database: seen.now, boot })
        };
        let completed = left.is_zero();
        if completed {
            self.note_work(client, &held).await?;
        }
        self.set_held(Some(Held { completed, exempt: held.exempt || completed, ..held }));
        Ok(Lock::Ours { exchange_in: left })
    }

    pub(crate) async fn unlock(&self, clean: bool) -> Result<(), StoreError> {
        let client = self.client.lock().await.take();
        let held = self.held();
        self.set_held(None);
        let (Some(client), Some(held)) = (client, held) else { return Ok(()) };
        // Where it is not given up in time it goes with the session, which ends here.
        let given_up = tokio::time::timeout(PATIENCE, self.give_up(&client, held, clean)).await;
        given_up.unwrap_or_else(|_| Err(silent()))
    }

    async fn give_up(&self, client: &Client, held: Held, clean: bool) -> Result<(), StoreError> {
        // Who never was allowed to exchange leaves what the one before left.
        if held.completed {
            let sql = format!(
                "UPDATE calendly_keeper.instances SET clean = {clean}, journal_open = NOT {clean},
                     last_worked_at = {NOW} WHERE id = '{}'",
                self.instance
            );
            client.simple_query(&sql).await.map_err(lost)?;
        }
        let (class, object) = KEEPER_LOCK;
        client.simple_query(&format!("SELECT pg_advisory_unlock({class}, {object})")).await.map_err(lost)?;
        Ok(())
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        let client = self.server.dial().await.map_err(lost)?;
        client.batch_execute(SESSION).await.map_err(lost)?;
        let other = self.server.dial().await.map_err(lost)?;
        if server::are_lent(&client, &other).await.map_err(lost)? {
            return Err(pooler());
        }
        Ok(client)
    }

    /// `None` where the lock is ours now.
    async fn try_lock(&self, client: &Client) -> Result<Option<Lock>, StoreError> {
        let (class, object) = KEEPER_LOCK;
        let taken = one(client, &format!("SELECT pg_try_advisory_lock({class}, {object})")).await?;
        if taken.as_ref().and_then(|row| row.get(0)) == Some("t") {
            return Ok(None);
        }
        let Some(row) = one(client, &format!("{HOLDER} WHERE {}", held_sql("l"))).await? else {
            return Ok(Some(Lock::Theirs { holder: "a keeper that has just gone".into() }));
        };
        let text = |at| row.get(at).unwrap_or("").to_owned();
        let (name, pid, from, since) = (text(0), text(1), text(2), text(3));
        if name == self.name {
            // A session of this very process that the server does not know to be dead.
            one(client, &format!("SELECT pg_terminate_backend({pid})")).await?;
            return Ok(Some(Lock::Theirs { holder: "a lost session of this keeper, ended just now".into() }));
        }
        if name.contains(&self.instance) {
            return Err(StoreError::Refused(format!(
                "another keeper with the same instance id works from {from} since {since}: the data directory was \
                 copied; stop one of them, and delete the file `instance` in the copy"
            )));
        }
        Ok(Some(Lock::Theirs { holder: format!("{name} from {from} since {since}") }))
    }

    /// Says that this instance was the last to complete a hold, whatever has become of the clock, then now and again
    /// that it works.
    async fn note_work(&self, client: &Client, held: &Held) -> Result<(), StoreError> {
        let sql = if held.completed {
            format!(
                "UPDATE calendly_keeper.instances SET last_worked_at = {NOW}, journal_open = true WHERE id = '{}'",
                self.instance
            )
        } else {
            format!(
                "INSERT INTO calendly_keeper.instances
                     (id, last_worked_at, hold_completed_at, clean, server_started_at, server_timeline, journal_open)
                 SELECT '{}', {NOW}, greatest({NOW}, max(hold_completed_at) + 1), false, {}, {}, true
                     FROM calendly_keeper.instances
                 ON CONFLICT (id) DO UPDATE SET last_worked_at = excluded.last_worked_at,
                     hold_completed_at = excluded.hold_completed_at, clean = false,
                     server_started_at = excluded.server_started_at,
                     server_timeline = excluded.server_timeline, journal_open = true",
                self.instance,
                held.server.started,
                held.server.timeline.map_or("NULL".into(), |timeline| timeline.to_string())
            )
        };
        client.simple_query(&sql).await.map(drop).map_err(lost)
    }

    fn held(&self) -> Option<Held> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_held(&self, held: Option<Held>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

/// Microseconds, by the database's clock.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

const HOLDER: &str = "SELECT a.application_name, a.pid, coalesce(a.client_addr::text, 'this machine'), \
    to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
    FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid";

fn held_sql(alias: &str) -> String {
    let (class, object) = KEEPER_LOCK;
    format!(
        "{alias}.locktype = 'advisory' AND {alias}.granted AND {alias}.objsubid = 2
         AND {alias}.classid::bigint = {class} AND {alias}.objid::bigint = {object}
         AND {alias}.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}

async fn see(client: &Client) -> Result<Seen, StoreError> {
    let sql = format!(
        "SELECT {NOW}, pg_backend_pid(), (extract(epoch FROM a.backend_start) * 1000000)::bigint,
             (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
             EXISTS (SELECT 1 FROM pg_locks AS l WHERE l.pid = pg_backend_pid() AND {})
         FROM pg_stat_activity AS a WHERE a.pid = pg_backend_pid()",
        held_sql("l")
    );
    let row = one(client, &sql).await?.ok_or_else(|| away("it does not know its own session"))?;
    let number = |at: usize| {
        row.get(at).and_then(|text| text.parse().ok()).ok_or_else(|| away("it hides when its sessions began"))
    };
    let pid = i32::try_from(number(1)?).map_err(|_| away("its process ids are odd"))?;
    let session = LockSession { pid, started: number(2)? };
    Ok(Seen { now: number(0)?, session, server_started: number(3)?, holds: row.get(4) == Some("t") })
}

/// Which of its histories the server is in: a promoted stand-by, or a restored backup, begins another.
async fn timeline(client: &Client) -> Result<Option<i64>, StoreError> {
    // Not pg_control_checkpoint(): that tells of the last checkpoint, which may be older than a promotion.
    let sql = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint";
    match client.simple_query(sql).await {
        Ok(messages) => Ok(first(messages).and_then(|row| row.get(0)?.parse().ok())),
        // Not everybody may ask, and not every server knows.
        Err(error) if error.as_db_error().is_some() => {
            log::debug!(target: "supervisor", error:% = server::told(&error); "the server does not tell its timeline");
            Ok(None)
        }
        Err(error) => Err(lost(error)),
    }
}

async fn last_worker(client: &Client) -> Result<Option<LastWorker>, StoreError> {
    let sql = "SELECT id, clean, server_started_at, server_timeline FROM calendly_keeper.instances
        ORDER BY hold_completed_at DESC LIMIT 1";
    let row = one(client, sql).await?;
    let number = |row: &SimpleQueryRow, at| row.get(at).and_then(|text: &str| text.parse().ok());
    Ok(row.map(|row| LastWorker {
        instance: row.get(0).unwrap_or_default().into(),
        clean: row.get(1) == Some("t"),
        server: ServerLife { started: number(&row, 2).unwrap_or_default(), timeline: number(&row, 3) },
    }))
}

async fn one(client: &Client, sql: &str) -> Result<Option<SimpleQueryRow>, StoreError> {
    client.simple_query(sql).await.map(first).map_err(lost)
}

fn first(messages: Vec<SimpleQueryMessage>) -> Option<SimpleQueryRow> {
    messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

fn lost(error: tokio_postgres::Error) -> StoreError {
    let told = format!("the keeper lock: {}", server::told(&error));
    match error.code() {
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::DISK_FULL) => StoreError::Unwritable(told),
        _ => StoreError::Unavailable(told),
    }
}

fn silent() -> StoreError {
    StoreError::Unavailable(format!("the keeper lock: no answer for {} s", PATIENCE.as_secs()))
}

fn away(what: &str) -> StoreError {
    StoreError::Unavailable(format!("the keeper lock: the database cannot say, {what}"))
}

fn pooler() -> StoreError {
    StoreError::Refused(server::LENT.into())
}
