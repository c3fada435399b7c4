//! Connecting a user by a link: from the link to a grant in the database, or to nothing left behind.
//!
//! Flows live in memory only. The first call of the callback starts a tracked task (`pending`), which owns the pair from
//! the moment the answer has arrived: it hands it to the database, or gives it back to Calendly.

mod exchange;
mod flows;
mod pending;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use log::info;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use super::Services;
use crate::domain::connect::authorization::Authorization;
use crate::domain::connect::callback::{self, Unreadable};
use crate::domain::connect::ending::{Ending, Reason};
use crate::domain::connect::flow::{Call, LINK_LIVES};
use crate::domain::connect::return_url::{self, BadReturnUrl};
use crate::domain::connect::state_token::BadState;
use crate::domain::connect::{pkce, ticket};
use crate::domain::ids::{ConnectionId, FlowId};
use crate::domain::secrets::{PkceVerifier, Ticket};

pub use flows::Flows;
use flows::{Full, Known};
use pending::Order;

/// Plain values of the connect flow.
#[derive(Clone, Debug)]
pub struct ConnectSettings {
    /// Calendly's consent page.
    pub authorize_url: Url,
    /// Users may be sent there, or below.
    pub return_urls: Vec<Url>,
    /// The application confirms each connection.
    pub confirm: bool,
}

/// What a link is asked for.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Whom the user becomes.
    pub connection: ConnectionId,
    /// Where the browser is sent afterwards; `None`: it is shown a page, and whoever asked looks at the flow.
    pub return_url: Option<&'a str>,
    /// Another Calendly user may take the connection over.
    pub change_user: bool,
    /// Where Calendly sends the browser.
    pub redirect_uri: Url,
    /// The API token that asks.
    pub by: &'a str,
}

/// What a flow was begun with.
#[derive(Debug)]
pub struct Asked {
    /// Which one.
    pub id: FlowId,
    /// Whom the user becomes.
    pub connection: ConnectionId,
    /// Where the browser is sent afterwards.
    pub return_url: Option<Url>,
    change_user: bool,
    redirect_uri: Url,
    by: Box<str>,
    verifier: PkceVerifier,
}

/// A link that was made.
pub struct Link {
    /// Of its flow.
    pub flow: FlowId,
    /// To be opened by the user, and by nobody else: it holds the state.
    pub authorization_url: String,
    /// It may be used until then.
    pub expires_at: DateTime<Utc>,
}

/// How far a flow has come.
#[derive(Clone, Debug)]
pub struct Progress {
    /// How it ended.
    pub ending: Ending,
    /// The Calendly user who agreed, where that is known.
    pub user: Option<Box<str>>,
    /// To be confirmed with, where the application confirms.
    pub ticket: Option<Ticket>,
    fate: Fate,
}

/// What became of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waits,
    Confirmed,
    Gone,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum NoLink {
    /// The browser may not be sent there.
    #[error(transparent)]
    ReturnUrl(#[from] BadReturnUrl),
    /// Too many are under way.
    #[error("{0} flows are under way: try again when some have ended")]
    Full(usize),
    /// The keeper stops, and flows do not outlive it.
    #[error("this keeper is stopping")]
    Stopping,
}

/// Why a call of the callback leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFlow {
    /// Not made here, or before a restart.
    Unknown,
    /// Too late.
    Expired,
    /// Answered already, and otherwise.
    Used,
    /// It has a state, but no answer.
    Unreadable,
    /// The keeper stops.
    Stopping,
    /// Its task failed.
    Failed,
}

/// Why a ticket confirms nothing.
#[derive(Clone, Debug)]
pub enum NotConfirmed {
    /// Nobody knows it any more.
    Expired,
    /// It was confirmed.
    Used,
    /// It is another connection's: whoever agreed is not whom the application thinks. The flow has ended.
    OtherConnection,
    /// The connection has changed meanwhile.
    Failed(Reason),
    /// The database does not answer; the ticket is as good as before.
    NotStored(crate::ports::StoreError),
}

/// Makes a link.
///
/// # Errors
/// Why there is none.
pub fn begin(services: &Services, ask: Ask<'_>) -> Result<Link, NoLink> {
    if services.shutdown.is_requested() {
        return Err(NoLink::Stopping);
    }
    let return_url = ask
        .return_url
        .map(|text| return_url::check(text, &services.settings.connect.return_urls))
        .transpose()?;
    let clock = &services.adapters.clock;
    let asked = Arc::new(Asked {
        id: FlowId::new(Uuid::new_v4()),
        connection: ask.connection,
        return_url,
        change_user: ask.change_user,
        redirect_uri: ask.redirect_uri,
        by: ask.by.into(),
        verifier: pkce::verifier(rand::random()),
    });
    services.flows.add(asked.clone(), &**clock).map_err(|Full(many)| NoLink::Full(many))?;
    let expires_at = (clock.now() + LINK_LIVES).trunc_subsecs(0); // as the state has it
    let authorization = Authorization {
        client_id: &services.settings.client_id,
        redirect_uri: &asked.redirect_uri,
        scopes: &services.settings.scopes,
        state: &services.flows.key.sign(asked.id, expires_at),
        verifier: &asked.verifier,
    };
    info!(target: &asked.target(), flow:% = asked.id, by = &*asked.by; "a link to connect was made");
    let authorization_url = authorization.link(&services.settings.connect.authorize_url);
    Ok(Link { flow: asked.id, authorization_url, expires_at })
}

/// The browser came back: the first call carries the flow out, the same call again gets its result.
///
/// # Errors
/// Where it leads to no flow; nothing is used up then.
pub async fn came_back(services: &Arc<Services>, query: &str) -> Result<(Arc<Asked>, Progress), NoFlow> {
    let clock = &services.adapters.clock;
    let call = callback::read(query).map_err(|bad| match bad {
        Unreadable::State => NoFlow::Unknown,
        Unreadable::Answer => NoFlow::Unreadable,
    })?;
    let id = services.flows.key.read(&call.state, clock.now()).map_err(|bad| match bad {
        BadState::Foreign => NoFlow::Unknown,
        BadState::Expired => NoFlow::Expired,
    })?;
    if services.shutdown.is_requested() {
        return Err(NoFlow::Stopping);
    }
    let (asked, progress) = services.flows.call(id, &call.answer, &**clock, |asked| {
        let (tell, progress) = watch::channel(None);
        let (orders, taken) = mpsc::channel(1);
        let task = pending::run(services.clone(), asked, call.answer.clone(), tell, taken);
        services.io.spawn(task);
        (progress, orders)
    })?;
    let progress = ended(progress).await.ok_or(NoFlow::Failed)?;
    Ok((asked, progress))
}

/// How a flow stands, for whoever asked for its link; waits for its end so long. `None` in it: nobody has come back yet.
///
/// # Errors
/// Where nobody knows it any more.
pub async fn look(
    services: &Services,
    id: FlowId,
    wait: Duration,
) -> Result<(Arc<Asked>, Option<Progress>), NoFlow> {
    let came = async {
        loop {
            let news = services.flows.news();
            tokio::pin!(news);
            news.as_mut().enable();
            match services.flows.get(id, &*services.adapters.clock) {
                None => return Err(NoFlow::Expired),
                Some(Known { asked, called: Some(called) }) => {
                    return Ok((asked, ended(called.progress).await));
                }
                Some(Known { called: None, .. }) => news.await,
            }
        }
    };
    tokio::select! {
        came = timeout(wait, came) => if let Ok(came) = came { return came; },
        () = services.shutdown.requested() => {}
    }
    let known = services.flows.get(id, &*services.adapters.clock).ok_or(NoFlow::Expired)?;
    Ok((known.asked, None))
}

/// The application confirms: the grant is active when this returns.
///
/// # Errors
/// Why it is not.
pub async fn confirm(
    services: &Services,
    connection: &ConnectionId,
    brought: &Ticket,
) -> Result<(), NotConfirmed> {
    let clock = &services.adapters.clock;
    let flow = ticket::flow_of(brought).and_then(|id| services.flows.get(id, &**clock));
    let called = flow.as_ref().and_then(|flow| flow.called.as_ref());
    let (Some(flow), Some(called)) = (&flow, called) else { return Err(NotConfirmed::Expired) };
    let fate = match &*called.progress.borrow() {
        Some(Progress { ticket: Some(ticket), fate, .. }) if ticket::is(ticket, brought) => *fate,
        _ => return Err(NotConfirmed::Expired),
    };
    match fate {
        Fate::Confirmed => return Err(NotConfirmed::Used),
        Fate::Gone => return Err(NotConfirmed::Expired),
        Fate::Waits => {}
    }
    let is_its_own = flow.asked.connection == *connection;
    let (reply, answer) = oneshot::channel();
    let order = if is_its_own { Order::Confirm(reply) } else { Order::GiveUp };
    let sent = called.orders.send(order).await.is_ok();
    if !is_its_own {
        return Err(NotConfirmed::OtherConnection);
    }
    match answer.await {
        Ok(done) if sent => done,
        // Somebody else was faster.
        _ => match called.progress.borrow().as_ref().map(|progress| progress.fate) {
            Some(Fate::Confirmed) => Err(NotConfirmed::Used),
            _ => Err(NotConfirmed::Expired),
        },
    }
}

async fn ended(mut progress: watch::Receiver<Option<Progress>>) -> Option<Progress> {
    let ended = progress.wait_for(Option::is_some).await.ok()?;
    ended.clone()
}

impl Asked {
    fn target(&self) -> String {
        format!("connection/{}", self.connection)
    }
}

impl Progress {
    fn of(ending: Ending) -> Self {
        Self { ending, user: None, ticket: None, fate: Fate::Gone }
    }
}

impl From<Call> for Result<(), NoFlow> {
    fn from(call: Call) -> Self {
        match call {
            Call::First | Call::Again => Ok(()),
            Call::Used => Err(NoFlow::Used),
            Call::Expired => Err(NoFlow::Expired),
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("flow", &self.flow).finish_non_exhaustive()
    }
}
