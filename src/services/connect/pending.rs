//! A flow from its callback to its end, as one tracked task that owns the pair: no caller's end loses it, a stop waits for it.

use std::sync::Arc;
use std::time::Duration;

use log::{info, warn};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::exchange::{self, Exchanged};
use super::{Asked, Fate, NotConfirmed, Progress};
use crate::domain::connect::callback::Answer;
use crate::domain::connect::ending::{Ending, Reason};
use crate::domain::connect::flow::{TICKET_LIVES, Whose, whose};
use crate::domain::connect::ticket;
use crate::domain::grant::{NewGrant, Put};
use crate::domain::secrets::RefreshToken;
use crate::domain::timeline::Kind;
use crate::ports::StoreError;
use crate::runtime::sleep;
use crate::services::{Services, disconnect, grants};

/// A write that failed is tried again after these, before the browser is told that it failed.
const TRY_AGAIN: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];
/// What could not be given back is tried again after these.
const GIVE_BACK_AGAIN: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];

/// Whoever confirms does not wait longer for what the user before leaves behind.
const CLEARED_WITHIN: Duration = Duration::from_secs(10);

/// What the task that holds a pair is told.
#[derive(Debug)]
pub(super) enum Order {
    /// The grant shall be active.
    Confirm(oneshot::Sender<Result<(), NotConfirmed>>),
    /// It never will be.
    GiveUp,
}

type Tell = watch::Sender<Option<Progress>>;

struct Pending {
    services: Arc<Services>,
    asked: Arc<Asked>,
    tell: Tell,
}

/// Carries an answer of the consent page out.
pub(super) async fn run(
    services: Arc<Services>,
    asked: Arc<Asked>,
    answer: Answer,
    tell: Tell,
    orders: mpsc::Receiver<Order>,
) {
    let pending = Pending { services, asked, tell };
    let ending = match answer {
        Answer::Code(code) => {
            match exchange::exchange(&pending.services, &pending.asked, &code).await {
                Exchanged::Grant(grant) => return pending.has(*grant, orders).await,
                Exchanged::Useless(access_token) => {
                    pending.ends(Ending::Failed(Reason::NoRefreshToken), None);
                    // Calendly takes either of a pair.
                    return pending.revoke(&RefreshToken::new(access_token.expose())).await;
                }
                Exchanged::Nothing(reason) => Ending::Failed(reason),
            }
        }
        Answer::Denied => Ending::Denied,
        Answer::Refused(reason) => Ending::Failed(reason),
    };
    pending.ends(ending, None);
}

impl Pending {
    /// The pair is here: it is kept, or given back.
    async fn has(&self, mut grant: NewGrant, orders: mpsc::Receiver<Order>) {
        exchange::learn_user(&self.services, &self.asked, &mut grant).await;
        let user = grant.user.clone();
        if let Err(reason) = self.may_have_it(&grant).await {
            self.ends(Ending::Failed(reason), user);
            return self.give_back(grant).await;
        }
        if self.services.settings.connect.confirm {
            let ticket = ticket::make(self.asked.id, rand::random());
            info!(target: &self.asked.target(), flow:% = self.asked.id;
                "the user agreed, waiting for the application to confirm");
            let ending = Ending::Connected;
            self.tell.send_replace(Some(Progress { ending, user, ticket: Some(ticket), fate: Fate::Waits }));
            return self.until_confirmed(grant, orders).await;
        }
        match self.keep_or_try_again(&grant).await {
            Ok(()) => self.ends(Ending::Connected, user),
            Err(error) => {
                let reason = match error {
                    NotConfirmed::Failed(reason) => reason,
                    _ => Reason::NotStored,
                };
                self.ends(Ending::Failed(reason), user);
                self.give_back(grant).await;
            }
        }
    }

    /// Holds the pair until the application has confirmed, the ticket's time is over, or the keeper stops.
    async fn until_confirmed(&self, grant: NewGrant, mut orders: mpsc::Receiver<Order>) {
        let over = sleep(TICKET_LIVES);
        tokio::pin!(over);
        let why = loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                () = &mut over => break "not confirmed in time",
                () = self.services.shutdown.requested() => break "the keeper stops",
            };
            match order {
                Some(Order::Confirm(reply)) => {
                    let kept = self.keep(&grant).await;
                    let is_over = match &kept {
                        Ok(()) => {
                            self.fate(Fate::Confirmed);
                            true
                        }
                        Err(NotConfirmed::NotStored(_)) => false, // the ticket is as good as before
                        Err(_) => {
                            self.fate(Fate::Gone);
                            true
                        }
                    };
                    let is_kept = kept.is_ok();
                    let _ = reply.send(kept);
                    match (is_kept, is_over) {
                        (true, _) => return,
                        (false, true) => break "the connection is another user's by now",
                        (false, false) => {}
                    }
                }
                Some(Order::GiveUp) => break "confirmed for another connection",
                None => break "another link took its place",
            }
        };
        self.fate(Fate::Gone);
        drop(orders); // whoever waits for an answer sees that there will be none
        info!(target: &self.asked.target(), flow:% = self.asked.id, reason = why; "the connect flow was given up");
        self.give_back(grant).await;
    }

    /// Whether the user who agreed may have the connection as it is now.
    async fn may_have_it(&self, grant: &NewGrant) -> Result<Whose, Reason> {
        let id = &self.asked.connection;
        let holder = match self.services.adapters.store.get(id).await {
            Ok(row) => row.and_then(|row| row.user),
            // As far as memory knows.
            Err(_) => self.services.registry.get(id).and_then(|cell| cell.read(|row| row.user.clone())),
        };
        whose(holder.as_deref(), grant.user.as_deref(), self.asked.change_user)
    }

    async fn keep_or_try_again(&self, grant: &NewGrant) -> Result<(), NotConfirmed> {
        for wait in TRY_AGAIN {
            match self.keep(grant).await {
                Err(NotConfirmed::NotStored(_)) => sleep(wait).await,
                done => return done,
            }
        }
        self.keep(grant).await
    }

    /// Makes the grant the connection's own. To be repeated where the database did not answer: the tokens are known again.
    async fn keep(&self, grant: &NewGrant) -> Result<(), NotConfirmed> {
        let whose = self.may_have_it(grant).await.map_err(NotConfirmed::Failed)?;
        let leaving = match whose {
            Whose::Changes => disconnect::user_before(&self.services, &self.asked.connection),
            Whose::Same => None,
        };
        let granted_at = self.services.adapters.clock.now();
        let offered = NewGrant { granted_at, ..grant.clone() };
        let put = grants::put(&self.services, vec![offered], Some(&self.asked.by)).await;
        let put = put.map_err(NotConfirmed::NotStored)?.into_iter().next();
        match put {
            Some(Put::Created(generation) | Put::Replaced(generation)) => {
                info!(target: &self.asked.target(), generation = generation.0, flow:% = self.asked.id; "connected by a link");
            }
            Some(Put::Unchanged) | None => {}
            Some(Put::Older | Put::UsedUp | Put::BelongsTo(_)) => {
                return Err(NotConfirmed::Failed(Reason::GrantInUse));
            }
        }
        if let Some(leaving) = leaving {
            let services = self.services.clone();
            let work = async move { disconnect::take_back(&services, leaving).await };
            let _ = timeout(CLEARED_WITHIN, self.services.io.spawn(work)).await; // else it goes on, and says its end
        }
        Ok(())
    }

    /// Gives tokens back that nobody keeps. Those that turn out to be stored stay: ending them would end a connection.
    async fn give_back(&self, grant: NewGrant) {
        let mut waits = GIVE_BACK_AGAIN.iter();
        let unused = loop {
            match self.is_unused(grant.clone()).await {
                Ok(unused) => break unused,
                Err(error) => match waits.next() {
                    Some(wait) if !self.services.shutdown.is_requested() => self.rest(*wait).await,
                    _ => {
                        warn!(target: &self.asked.target(), error:% = error;
                            "tokens of a connect flow were not given back: the database does not say whether they are in use");
                        return;
                    }
                },
            }
        };
        if unused {
            self.revoke(&grant.refresh_token).await;
        }
    }

    async fn is_unused(&self, grant: NewGrant) -> Result<bool, StoreError> {
        let given = self.services.adapters.store.put(vec![grant], true).await?.into_iter().next();
        Ok(matches!(given.map(|given| given.put), Some(Put::Created(_) | Put::Replaced(_) | Put::Older)))
    }

    async fn revoke(&self, token: &RefreshToken) {
        let mut waits = GIVE_BACK_AGAIN.iter();
        while let Err(error) = self.services.adapters.tokens.revoke(token).await {
            match waits.next() {
                Some(wait) if !self.services.shutdown.is_requested() => self.rest(*wait).await,
                _ => {
                    warn!(target: &self.asked.target(), error:% = error;
                        "tokens of a connect flow could not be given back");
                    return;
                }
            }
        }
    }

    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            () = self.services.shutdown.requested() => {}
        }
    }

    fn fate(&self, fate: Fate) {
        self.tell.send_modify(|progress| {
            if let Some(progress) = progress {
                progress.fate = fate;
            }
        });
    }

    /// Says how it ended, to the browser, the log and, where there is a connection, its timeline.
    fn ends(&self, ending: Ending, user: Option<Box<str>>) {
        if ending != Ending::Connected {
            let (outcome, reason) = (ending.outcome(), ending.reason().map_or("-", Reason::as_str));
            info!(target: &self.asked.target(), outcome, reason, flow:% = self.asked.id; "not connected");
            if self.services.registry.get(&self.asked.connection).is_some() {
                let detail = json!({ "outcome": outcome, "reason": reason, "by": &*self.asked.by });
                let text = format!("a link to connect came to nothing ({outcome}, {reason})");
                self.services.timeline.note(&self.asked.connection, Kind::ConnectFailed, text, detail);
            }
        }
        self.tell.send_replace(Some(Progress { user, ..Progress::of(ending) }));
    }
}
