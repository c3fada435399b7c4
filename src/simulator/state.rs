//! Everything the simulator knows, behind its one lock: users, organizations, grants, subscriptions, meetings, what is
//! to be delivered, the ledger.
//! Lookups and the changes that touch several of them at once; rules of one thing live with that thing.

use std::collections::HashMap;
use std::sync::Arc;

use super::deliveries::Deliveries;
use super::grants::{AccessTokenState, Grant, RefreshTokenState, Whole};
use super::ledger::{Change, Ledger};
use super::limits::Window;
use super::meetings::Meetings;
use super::oauth::Code;
use super::options::{AfterRevoke, Options};
use super::seed::{Plan, Role};
use super::subscriptions::Subscriptions;
use super::time;
use super::tokens::{TokenName, TokenText};

pub(super) struct User {
    pub uuid: u128,
    pub name: String,
    pub organization: u32,
    pub scope: Arc<str>,
    pub plan: Plan,
    pub role: Role,
    pub created_at: i64,
    pub requests: Window,
    pub tokens: Window,
    pub grants: Vec<u32>,
}

pub(super) struct State {
    pub options: Options,
    /// What resource URIs start with.
    pub base: String,
    pub text: TokenText,
    pub users: Vec<User>,
    /// The uuid of each organization.
    pub organizations: Vec<u128>,
    pub grants: Vec<Grant>,
    pub subscriptions: Subscriptions,
    pub meetings: Meetings,
    pub deliveries: Deliveries,
    pub codes: HashMap<String, Code>,
    /// Who answers the next consent page, and what he grants.
    pub consent: super::authorize::Consent,
    pub ledger: Ledger,
    user_by_uuid: HashMap<u128, u32>,
    organization_by_uuid: HashMap<u128, u32>,
    organization_by_label: HashMap<String, u32>,
}

/// A pair as the wire wants it.
pub(super) struct PairText {
    pub access_token: String,
    pub refresh_token: String,
    pub issued_at: i64,
    pub expires_at: i64,
    pub scope: Arc<str>,
    pub owner: String,
    pub organization: String,
    pub whole: Whole,
}

impl State {
    pub(crate) fn new(options: Options, base: String, seed: u64) -> Self {
        Self {
            text: TokenText::new(seed),
            ledger: Ledger::new(options.ledger_entries),
            meetings: Meetings::new(seed),
            deliveries: Deliveries::new(&options.deliveries, options.ledger_entries, seed),
            options,
            base,
            users: Vec::new(),
            organizations: Vec::new(),
            grants: Vec::new(),
            subscriptions: Subscriptions::default(),
            codes: HashMap::new(),
            consent: super::authorize::Consent::default(),
            user_by_uuid: HashMap::new(),
            organization_by_uuid: HashMap::new(),
            organization_by_label: HashMap::new(),
        }
    }

    /// A moment as the simulator shows it: its clock may be wrong.
    pub(crate) fn shown(&self, at: i64) -> i64 {
        at.saturating_add(self.options.date_skew_seconds.saturating_mul(time::SECOND))
    }

    // === users and organizations ===

    pub(crate) fn add_user(
        &mut self,
        name: String,
        scope: Arc<str>,
        plan: Plan,
        role: Role,
        organization: Option<&str>,
    ) -> u32 {
        let organization = self.organization(organization);
        let number = self.users.len() as u32;
        let uuid = self.text.id("user", u64::from(number));
        self.user_by_uuid.insert(uuid, number);
        self.users.push(User {
            uuid,
            name,
            organization,
            scope,
            plan,
            role,
            created_at: time::now(),
            requests: Window::default(),
            tokens: Window::default(),
            grants: Vec::new(),
        });
        self.ledger.user_added();
        number
    }

    /// The organization of a label or URI, made where it is new; without either a new one.
    fn organization(&mut self, label: Option<&str>) -> u32 {
        if let Some(label) = label {
            let known = self.organization_by_label.get(label).copied();
            if let Some(known) = known.or_else(|| self.find_organization(label)) {
                return known;
            }
        }
        let number = self.organizations.len() as u32;
        let uuid = self.text.id("organization", u64::from(number));
        self.organizations.push(uuid);
        self.organization_by_uuid.insert(uuid, number);
        if let Some(label) = label {
            self.organization_by_label.insert(label.to_owned(), number);
        }
        number
    }

    pub(crate) fn user_uri(&self, user: u32) -> String {
        self.uri("users", self.users[user as usize].uuid)
    }

    pub(crate) fn organization_uri(&self, organization: u32) -> String {
        self.uri("organizations", self.organizations[organization as usize])
    }

    pub(crate) fn subscription_uri(&self, uuid: u128) -> String {
        self.uri("webhook_subscriptions", uuid)
    }

    pub(crate) fn uri(&self, kind: &str, uuid: u128) -> String {
        format!("{}/{kind}/{}", self.base, uuid::Uuid::from_u128(uuid))
    }

    /// A user by URI.
    pub(crate) fn find_user(&self, uri: &str) -> Option<u32> {
        self.user_by_uuid.get(&self.uuid_in(uri, "users")?).copied()
    }

    /// A user by URI, uuid or name; for those who seed and break things.
    pub(crate) fn find_user_loosely(&self, text: &str) -> Option<u32> {
        let by_uuid =
            uuid::Uuid::parse_str(text).ok().and_then(|uuid| self.user_by_uuid.get(&uuid.as_u128()));
        by_uuid
            .copied()
            .or_else(|| self.find_user(text))
            .or_else(|| self.users.iter().position(|user| user.name == text).map(|number| number as u32))
    }

    pub(crate) fn find_organization(&self, uri: &str) -> Option<u32> {
        self.organization_by_uuid.get(&self.uuid_in(uri, "organizations")?).copied()
    }

    fn uuid_in(&self, uri: &str, kind: &str) -> Option<u128> {
        let text = uri.strip_prefix(self.base.as_str())?.strip_prefix('/')?.strip_prefix(kind)?;
        Some(uuid::Uuid::parse_str(text.strip_prefix('/')?).ok()?.as_u128())
    }

    /// The user's API requests a minute; 0: any number.
    pub(crate) fn request_limit(&self, user: u32) -> u32 {
        match self.users[user as usize].plan {
            Plan::Paid => self.options.paid_requests_per_minute,
            Plan::Free | Plan::FreeWithoutWebhooks => self.options.free_requests_per_minute,
        }
    }

    // === grants ===

    pub(crate) fn add_grant(&mut self, user: u32, scope: Arc<str>, lifetime: i64, whole: bool) -> TokenName {
        let number = self.grants.len() as u32;
        self.grants.push(Grant::new(user, scope, time::now(), lifetime, whole));
        self.users[user as usize].grants.push(number);
        TokenName { grant: number, generation: 1 }
    }

    pub(crate) fn pair_text(&self, name: TokenName) -> Option<PairText> {
        let grant = self.grants.get(name.grant as usize)?;
        let pair = grant.pair(name.generation)?;
        Some(PairText {
            access_token: self.text.access(name, self.options.access_token_length),
            refresh_token: self.text.refresh(name),
            issued_at: pair.issued_at,
            expires_at: pair.expires_at,
            scope: Arc::clone(&grant.scope),
            owner: self.user_uri(grant.user),
            organization: self.organization_uri(self.users[grant.user as usize].organization),
            whole: Arc::clone(&pair.whole),
        })
    }

    pub(crate) fn refresh_token(&self, token: &str) -> (RefreshTokenState, Option<TokenName>) {
        let name = self.text.read_refresh(token);
        let Some((name, grant)) = name.and_then(|name| Some((name, self.grants.get(name.grant as usize)?)))
        else {
            return (RefreshTokenState::Unknown, None);
        };
        match grant.refresh_state(name.generation) {
            RefreshTokenState::Unknown => (RefreshTokenState::Unknown, None),
            state => (state, Some(name)),
        }
    }

    pub(crate) fn access_token(&self, token: &str, now: i64) -> (AccessTokenState, Option<TokenName>) {
        let name = self.text.read_access(token);
        let Some((name, grant)) = name.and_then(|name| Some((name, self.grants.get(name.grant as usize)?)))
        else {
            return (AccessTokenState::Unknown, None);
        };
        match grant.access_state(name.generation, now) {
            AccessTokenState::Unknown => (AccessTokenState::Unknown, None),
            state => (state, Some(name)),
        }
    }

    /// Ends a grant and does to its subscriptions what the options say.
    pub(crate) fn revoke_grant(&mut self, grant: u32, by: &'static str) {
        let Some(entry) = self.grants.get_mut(grant as usize) else { return };
        if entry.revoked {
            return;
        }
        entry.revoked = true;
        self.ledger.counters.grants_revoked += 1;
        for number in self.subscriptions.of_grant(grant) {
            match self.options.after_revoke {
                AfterRevoke::Keep => {}
                AfterRevoke::Disable => self.disable_subscription(number, by),
                AfterRevoke::Delete => self.delete_subscription(number, by, None),
            }
        }
    }

    // === subscriptions ===

    pub(crate) fn disable_subscription(&mut self, number: u32, by: &'static str) {
        let now = time::now();
        if let Some(entry) = self.subscriptions.get_mut(number)
            && !entry.disabled
        {
            entry.disabled = true;
            entry.updated_at = now;
            let (uuid, url) = (entry.uuid, Arc::clone(&entry.url));
            self.ledger.subscription(now, Change::Disabled, uuid, url, by, None);
            self.drop_deliveries(number);
        }
    }

    pub(crate) fn delete_subscription(&mut self, number: u32, by: &'static str, user: Option<u32>) {
        if let Some(entry) = self.subscriptions.remove(number) {
            self.ledger.subscription(time::now(), Change::Deleted, entry.uuid, entry.url, by, user);
            self.drop_deliveries(number);
        }
    }
}
