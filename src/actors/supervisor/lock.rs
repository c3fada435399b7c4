//! The keeper lock: asked for again and again. Before it, after every time the database was away, comes going forward.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::prelude::*;
use log::{error, info};

use super::{Phase, Supervisor};
use crate::actors::Standing;
use crate::ports::{Lock, StoreError};
use crate::runtime::sleep;
use crate::services::Services;
use crate::services::rotation::replay::replay;
use crate::services::system_fault::Kind as Fault;

/// How often the lock is looked after.
pub(super) const LOCK_EVERY: Duration = Duration::from_secs(2);

/// What came of it.
struct Kept {
    lock: Lock,
    /// The database may have gone back: what is in memory has to be compared with it.
    replayed: bool,
}

/// A database that has not answered by then is away, though it may answer yet.
const PATIENCE: Duration = Duration::from_secs(5);
/// A long journal takes its time.
const PATIENCE_WITH_REPLAY: Duration = Duration::from_secs(30);

async fn keep(services: &Arc<Services>, standing_by: bool) -> Result<Kept, StoreError> {
    let (journal, store) = (&services.journal, &services.adapters.store);
    let replayed = journal.take_wanted();
    let lock = async {
        let lock = store.keep_lock().await?;
        if services.system.doubts_database() && matches!(lock, Lock::Ours { .. }) {
            store.try_write().await?; // the lock may be had of a database that takes no writes
        }
        Ok::<_, StoreError>(lock)
    };
    let done = async {
        if replayed {
            impatient(services, PATIENCE_WITH_REPLAY, go_forward(services)).await?;
        }
        let lock = impatient(services, PATIENCE, lock).await?;
        if matches!(lock, Lock::Ours { .. }) {
            if standing_by {
                // Whoever had it until now may have gone on writing into this very journal, on SQLite, and died.
                impatient(services, PATIENCE_WITH_REPLAY, go_forward(services)).await?;
            }
            journal.note_reached().await;
        }
        Ok(lock)
    };
    match done.await {
        Ok(lock) => {
            // Only now: while the database is away, what was committed long ago may yet turn out to be lost.
            journal.port().tidy().await;
            Ok(Kept { lock, replayed })
        }
        Err(error) => {
            // Whatever answers next may be another server, or the same in an earlier state.
            journal.want_replay();
            Err(error)
        }
    }
}

/// Writes forward what the journal knows, and looks whether that was all.
async fn go_forward(services: &Arc<Services>) -> Result<(), StoreError> {
    replay(services).await?;
    let asked = services.journal.ask();
    services.journal.compare(asked, services.adapters.store.reached().await?).await;
    Ok(())
}

/// Waits on, but says so.
async fn impatient<T>(services: &Services, patience: Duration, asked: impl Future<Output = T>) -> T {
    tokio::pin!(asked);
    tokio::select! {
        answer = &mut asked => return answer,
        () = sleep(patience) => {}
    }
    away(services, &StoreError::Unavailable(format!("no answer for {} s", patience.as_secs())));
    asked.await
}

/// Whatever it is, no refresh begins that could not be saved.
fn away(services: &Services, error: &StoreError) {
    let kind = Fault::of_store(error).unwrap_or(Fault::DatabaseAway);
    services.system.begin(kind, services.adapters.clock.now(), &error.to_string());
}

impl Supervisor {
    /// Takes the lock, or looks whether it is still ours.
    pub(super) fn keep_lock(&mut self, ctx: &mut Context<Self>) {
        if self.shared.services.shutdown.is_requested() {
            return; // it is given up at the end, and not taken again
        }
        let services = self.shared.services.clone();
        let task = services.io.spawn({
            let services = services.clone();
            let standing_by = self.phase == Phase::StandBy;
            async move { keep(&services, standing_by).await }
        });
        ctx.spawn(wrap_future(task).map(|kept, actor: &mut Self, ctx| {
            match kept {
                Ok(Ok(kept)) => {
                    let services = &actor.shared.services;
                    services.system.database_is_back(services.adapters.clock.now());
                    actor.locked(&kept, ctx);
                }
                Ok(Err(StoreError::Refused(why))) => actor.shared.fail(why),
                Ok(Err(error)) => {
                    let services = &actor.shared.services;
                    services.limiter.gate(true);
                    away(services, &error);
                }
                Err(error) => error!(target: "supervisor", error:% = error; "the lock's task failed"),
            }
            ctx.run_later(LOCK_EVERY, Self::keep_lock);
        }));
    }

    fn locked(&mut self, kept: &Kept, ctx: &mut Context<Self>) {
        match &kept.lock {
            Lock::Ours { exchange_in } => {
                self.shared.services.limiter.gate(!exchange_in.is_zero());
                if self.phase == Phase::StandBy {
                    if !exchange_in.is_zero() {
                        let wait = humantime::format_duration(Duration::from_secs(exchange_in.as_secs()));
                        info!(target: "supervisor", refreshing_in:% = wait; "took over, tokens are served, refreshing begins when claims of others are dead");
                    }
                    self.holder = None;
                    self.phase = Phase::Loading;
                    self.load(ctx);
                } else if kept.replayed && self.phase == Phase::Working {
                    self.read_again(ctx);
                } else if kept.replayed {
                    self.read_again = true; // what was read so far may be from before
                }
            }
            Lock::Theirs { holder } => {
                self.shared.services.limiter.gate(true);
                if self.phase != Phase::StandBy {
                    // Another keeper works by now, on rows that this one would go on changing: start over, as stand-by.
                    self.shared.fail(format!("the keeper lock is lost to {holder}"));
                    return;
                }
                self.shared.stands(Standing::By { holder: holder.clone() });
                if self.holder.replace(holder.clone()).as_ref() != Some(holder) {
                    info!(target: "supervisor", holder; "standing by, another keeper works");
                }
            }
        }
    }
}
