//! What services are written against: time, chance, Calendly and the store as traits. Adapters implement them, nothing here does I/O.

mod api_error;
mod clock;
mod gaps;
mod inbox;
mod journal;
mod keys;
mod meetings;
mod outgoing;
mod spill;
mod store_error;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::facts::{Quarantined, WebhookFact};
use crate::domain::grant::{Connection, Given, NewGrant};
use crate::domain::ids::{ConnectionId, Generation, GrantId};
use crate::domain::journal::{Known, Tokens};
use crate::domain::notice::{Announced, Subject};
use crate::domain::outcome::Outcome;
use crate::domain::rotation::{ClaimRequest, Claimed, Commit, Committed, Refuse, Release};
use crate::domain::secrets::{AccessToken, AuthorizationCode, PkceVerifier, RefreshToken};
use crate::domain::subscription::{Found, Owner, Recorded};
use crate::domain::timeline::{Entry, Place, Told};

pub use self::api_error::{ApiError, ApiErrorClass};
pub use self::clock::{Clock, Moment};
pub use self::gaps::{Gap, Gaps, OpenGap};
pub use self::inbox::{Backlog, Inbox, Selection};
pub use self::journal::{Journal, JournalError, Receipt, Sealer};
pub use self::keys::{Handed, HandedPage, Resealed};
pub use self::meetings::{ListPage, Meetings, MeetingsQuery};
pub use self::outgoing::{Message, Outgoing, Posted};
pub use self::spill::{Spill, SpillError};
pub use self::store_error::StoreError;

/// Chance, passed in so that a test can repeat it.
pub trait Jitter: Send + Sync {
    /// Evenly between 0 (included) and 1 (excluded).
    fn draw(&self) -> f64;
}

/// A code and what shows that it is ours.
#[derive(Clone, Copy, Debug)]
pub struct CodeExchange<'a> {
    /// As it came with the browser.
    pub code: &'a AuthorizationCode,
    /// The very one that the link had.
    pub redirect_uri: &'a str,
    /// What the link had a hash of.
    pub verifier: &'a PkceVerifier,
}

/// Calendly's OAuth server. No call follows a redirect or is resent by any layer below.
#[async_trait]
pub trait TokenEndpoint: Send + Sync {
    /// Sends the refresh token, once.
    async fn refresh(&self, token: &RefreshToken) -> Outcome;
    /// Sends an authorization code, once.
    async fn exchange_code(&self, exchange: CodeExchange<'_>) -> Outcome;
    /// Ends the grant that the token belongs to. Also fine where the token is not known.
    ///
    /// # Errors
    /// Where Calendly could not be asked or refused.
    async fn revoke(&self, token: &RefreshToken) -> Result<(), ApiError>;
    /// Asks about a made-up token, so that nothing is spent, to see whether our own credentials are accepted.
    ///
    /// # Errors
    /// [`ApiErrorClass::Unauthenticated`] where they are not; else where nobody could say.
    async fn check_client(&self) -> Result<(), ApiError>;
}

/// Who asks: the token, and the user whose rate limit it counts against.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The user's URI, or the connection's id while that is not known.
    pub rate_key: &'a str,
    /// What authorizes the call.
    pub token: &'a AccessToken,
}

/// The user behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The user's URI.
    pub user: String,
    /// The organization's URI.
    pub organization: String,
}

/// A subscription to be made.
#[derive(Clone, Debug)]
pub struct NewSubscription<'a> {
    /// Whose.
    pub owner: &'a Owner,
    /// Where to.
    pub callback_url: &'a str,
    /// Which events.
    pub events: &'a BTreeSet<String>,
}

/// Calendly's webhook subscriptions.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// `GET /users/me`.
    ///
    /// # Errors
    /// By class; so for all calls here.
    async fn me(&self, caller: Caller<'_>) -> Result<Me, ApiError>;
    /// Every page, or an error: a list is complete or it is none.
    async fn list(&self, caller: Caller<'_>, owner: &Owner) -> Result<Vec<Found>, ApiError>;
    /// One by its URI; [`ApiErrorClass::NotFound`] where it is gone.
    async fn get(&self, caller: Caller<'_>, uri: &str) -> Result<Found, ApiError>;
    /// Makes one.
    async fn create(&self, caller: Caller<'_>, new: &NewSubscription<'_>) -> Result<Found, ApiError>;
    /// Deletes one; fine where it is gone already.
    async fn delete(&self, caller: Caller<'_>, uri: &str) -> Result<(), ApiError>;
}

/// A deletion as the store made it.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// Of which grant.
    pub grant_id: GrantId,
    /// When that had been given.
    pub granted_at: DateTime<Utc>,
    /// How far it had come.
    pub generation: Generation,
    /// The change marker that it got.
    pub marker: i64,
    /// What the grant lived in: whoever erased it may revoke it. `None` where no key opens it.
    pub refresh_token: Option<RefreshToken>,
}

/// Connections loaded from the store.
#[derive(Debug, Default)]
pub struct Page {
    /// In order of their ids.
    pub connections: Vec<Connection>,
    /// Those whose tokens no configured key opens.
    pub unreadable: Vec<ConnectionId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<ConnectionId>,
}

/// Rows changed by grants, deletions and pauses since a marker.
#[derive(Debug, Default)]
pub struct Changes {
    /// Ask from here next time.
    pub marker: i64,
    /// As they are now.
    pub present: Vec<Connection>,
    /// Deleted ones.
    pub gone: Vec<ConnectionId>,
    /// Those whose tokens no configured key opens. Passed over: one of them must not hide what comes after it.
    pub unreadable: Vec<ConnectionId>,
}

/// Whether this keeper is the one that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It is, and may start exchanges after `exchange_in` (zero: now).
    Ours {
        /// Time left of the hold before the first exchange.
        exchange_in: Duration,
    },
    /// Another one is: stand by.
    Theirs {
        /// Who, as far as known.
        holder: String,
    },
}

/// What came of a connection's [`Known`] state in the database.
#[derive(Debug)]
pub struct Forwarded {
    /// Whose.
    pub id: ConnectionId,
    /// What the row lacked of its tokens. [`Tokens::Lost`] could not be mended.
    pub tokens: Tokens,
    /// It was made a tombstone again.
    pub deleted: bool,
    /// Its pause was set or ended again.
    pub paused: bool,
    /// The refresh token of a pair that is nobody's and was never in the database: to be revoked.
    pub revoke: Option<RefreshToken>,
}

impl Forwarded {
    /// Whether the row had gone back.
    #[must_use]
    pub fn went_back(&self) -> bool {
        self.deleted || self.paused || matches!(self.tokens, Tokens::Pair | Tokens::Grant | Tokens::Lost)
    }
}

/// The keeper's memory that outlives it. Every operation runs to its end even when its caller goes away.
#[async_trait]
pub trait Store: Inbox + Gaps + Send + Sync {
    /// Which database this is: the same over restarts, and in a copy or a restored backup.
    fn id(&self) -> &str;
    /// `sqlite`, `postgres` or `memory`.
    fn backend(&self) -> &'static str;

    /// Living connections after `after` in order of id, `limit` at most.
    ///
    /// # Errors
    /// Where the database does not answer; so for all operations here.
    async fn page(&self, after: Option<&ConnectionId>, limit: usize) -> Result<Page, StoreError>;
    /// One living connection.
    async fn get(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError>;
    /// The marker of the latest grant, deletion or pause, cheaply.
    async fn change_marker(&self) -> Result<i64, StoreError>;
    /// What changed after `marker`, `limit` rows at most; call again until the marker stands still.
    async fn changes(&self, marker: i64, limit: usize) -> Result<Changes, StoreError>;

    /// Decides about each offered grant and stores what is new; with `dry_run` only decides. Answers in order.
    async fn put(&self, grants: Vec<NewGrant>, dry_run: bool) -> Result<Vec<Given>, StoreError>;
    /// Leaves a tombstone: tokens erased, the generation and the fingerprints kept. `None` where there was none.
    async fn delete(&self, id: &ConnectionId, at: DateTime<Utc>) -> Result<Option<Deleted>, StoreError>;
    /// Sets or ends a pause, which no rotation touches; answers the change marker of the row. `None` where there is no
    /// such connection.
    async fn pause(&self, id: &ConnectionId, since: Option<DateTime<Utc>>)
    -> Result<Option<i64>, StoreError>;
    /// Gives the row a new change marker: whoever works on it by now reads it again.
    async fn touch(&self, id: &ConnectionId) -> Result<(), StoreError>;
    /// Brings rows that went back up to what is known; everything else stays as it is. Answers about those with something
    /// to tell.
    async fn write_forward(&self, known: Vec<(ConnectionId, Known)>) -> Result<Vec<Forwarded>, StoreError>;

    /// How far the database has come: the sum of all generations, also of deleted connections. It only grows, unless the
    /// database goes back.
    async fn reached(&self) -> Result<i64, StoreError>;
    /// Says that this keeper's journal holds nothing any more that the database lacks: its claims can be taken over
    /// without waiting for it.
    async fn note_replayed(&self) -> Result<(), StoreError>;
    /// Writes something that says nothing, to see whether the database takes writes.
    async fn try_write(&self) -> Result<(), StoreError>;

    /// `None`: somebody else is at it, or the facts have changed.
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Option<Claimed>, StoreError>;
    /// Durable when it returns.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;
    /// False where the claim was not there any more.
    async fn release(&self, release: Release) -> Result<bool, StoreError>;
    /// False where the row has moved on.
    async fn refuse(&self, refuse: Refuse) -> Result<bool, StoreError>;

    /// Notes how the webhook of these connections stands.
    async fn save_webhook(&self, ids: Vec<ConnectionId>, fact: WebhookFact) -> Result<(), StoreError>;
    /// Fills in whose connection it is, where that was not known and the grant is still this one.
    async fn learn_user(&self, id: &ConnectionId, grant: GrantId, me: Me) -> Result<(), StoreError>;
    /// Parks or releases.
    async fn quarantine(&self, id: &ConnectionId, parked: Option<Quarantined>) -> Result<(), StoreError>;

    /// What was last recorded about an owner's subscription for a callback URL (without version).
    async fn subscription(&self, owner: &Owner, callback: &str) -> Result<Option<Recorded>, StoreError>;
    /// Records it; `None` forgets it.
    async fn record_subscription(
        &self,
        owner: &Owner,
        callback: &str,
        record: Option<Recorded>,
    ) -> Result<(), StoreError>;

    /// Writes entries into the timeline.
    async fn record(&self, entries: Vec<Entry>) -> Result<(), StoreError>;
    /// Forgets the oldest entries from before then, a bounded number at a time; answers how many.
    async fn forget_timeline(&self, before: DateTime<Utc>) -> Result<usize, StoreError>;
    /// The latest entries of a connection, newest first, or those that follow a place among them.
    async fn timeline(
        &self,
        id: &ConnectionId,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Told, StoreError>;

    /// Living connections after `after` with their refresh tokens, for an export: whoever gets them must see to it that no
    /// keeper refreshes these connections any more.
    async fn hand_over(&self, after: Option<&ConnectionId>, limit: usize) -> Result<HandedPage, StoreError>;
    /// Seals the tokens of the next `limit` connections anew, those that were sealed with another key than the first.
    /// Guarded by grant and generation: a commit that comes between stays as it is.
    async fn reseal(&self, after: Option<&ConnectionId>, limit: usize) -> Result<Resealed, StoreError>;
    /// Seals anew what the database keeps for itself; true where that was needed.
    async fn reseal_own(&self) -> Result<bool, StoreError>;
    /// The keys of the keeper that has the lock, or had it last, the sealing one first.
    async fn keys_at_work(&self) -> Result<Vec<String>, StoreError>;
    /// What was announced about whom, and what is on its way: those with something to say.
    async fn announced(&self) -> Result<Vec<(Subject, Announced)>, StoreError>;
    /// Keeps it; `None` forgets it.
    async fn save_announced(&self, some: Vec<(Subject, Option<Announced>)>) -> Result<(), StoreError>;

    /// Takes or keeps the keeper lock; to be called every few seconds.
    async fn keep_lock(&self) -> Result<Lock, StoreError>;
    /// Gives the keeper lock up; `clean` where nothing is in flight and nothing uncommitted.
    async fn unlock(&self, clean: bool) -> Result<(), StoreError>;
}
