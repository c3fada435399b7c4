//! The handle's methods that fill a simulator and break things in it. Rules live in `seed` and `state`.

use std::sync::atomic::Ordering;

use super::authorize::{self, Consent};
use super::grants::RefreshTokenState;
use super::seed::{NewGrant, NewSubscription, Plan, RefreshTokenFacts, SeedGrant, SeedUser, UserUri};
use super::time;
use super::{Result, Simulator, SimulatorError};

/// Seeding and breaking. A user is named by URI, uuid or name, a subscription by URI or uuid.
impl Simulator {
    /// Makes a user.
    #[must_use]
    pub fn add_user(&self, user: &SeedUser) -> UserUri {
        let mut state = self.shared().state();
        let number = state.seed_user(user);
        UserUri(state.user_uri(number))
    }

    /// Makes a grant: the user has connected the application.
    ///
    /// # Errors
    /// An unknown user.
    pub fn add_grant(&self, user: impl AsRef<str>, grant: &NewGrant) -> Result<SeedGrant> {
        let mut state = self.shared().state();
        let number = state.user_or_error(user.as_ref())?;
        state.seed_grant(number, grant)
    }

    /// Makes a user of that name with the usual grant: the short way into a test.
    ///
    /// # Errors
    /// None that can be.
    pub fn connect(&self, name: &str) -> Result<SeedGrant> {
        let mut state = self.shared().state();
        let number = state.seed_user(&SeedUser::named(name));
        state.seed_grant(number, &NewGrant::default())
    }

    /// Makes `count` users like `user` with a grant each, called `NAME-1` to `NAME-count`; a hundred thousand
    /// in about a second. Each gets an organization of its own unless `user` names one.
    ///
    /// # Errors
    /// None that can be.
    pub fn add_users(&self, count: usize, user: &SeedUser, grant: &NewGrant) -> Result<Vec<SeedGrant>> {
        let mut state = self.shared().state();
        let scope: std::sync::Arc<str> = user.scopes.join(" ").into();
        (1..=count)
            .map(|number| {
                let name = format!("{}-{number}", user.name);
                let scope = std::sync::Arc::clone(&scope);
                let number = state.add_user(name, scope, user.plan, user.role, user.organization.as_deref());
                state.seed_grant(number, grant)
            })
            .collect()
    }

    /// What a refresh token is worth now; asking changes nothing.
    #[must_use]
    pub fn refresh_token_state(&self, refresh_token: &str) -> RefreshTokenState {
        self.shared().state().refresh_token(refresh_token).0
    }

    /// All that is known of a refresh token; none where this simulator never issued it. Asking changes nothing.
    #[must_use]
    pub fn refresh_token_facts(&self, refresh_token: &str) -> Option<RefreshTokenFacts> {
        self.shared().state().refresh_token_facts(refresh_token)
    }

    /// What an access token is worth now; asking changes nothing.
    #[must_use]
    pub fn access_token_state(&self, access_token: &str) -> super::grants::AccessTokenState {
        self.shared().state().access_token(access_token, time::now()).0
    }

    /// The newest pair of a user's newest grant, which whoever keeps it should hold.
    ///
    /// # Errors
    /// An unknown user, or one without a grant.
    pub fn current_grant(&self, user: impl AsRef<str>) -> Result<SeedGrant> {
        let state = self.shared().state();
        let number = state.user_or_error(user.as_ref())?;
        state.newest_grant(number)
    }

    /// Ends the lifetime of all access tokens of a user.
    ///
    /// # Errors
    /// An unknown user.
    pub fn expire_access_token(&self, user: impl AsRef<str>) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.user_or_error(user.as_ref())?;
        state.expire_access_tokens(number);
        Ok(())
    }

    /// The user disconnects the application: all its grants end.
    ///
    /// # Errors
    /// An unknown user.
    pub fn revoke_grant(&self, user: impl AsRef<str>) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.user_or_error(user.as_ref())?;
        state.revoke_grants(number);
        Ok(())
    }

    /// The user changes its plan.
    ///
    /// # Errors
    /// An unknown user.
    pub fn set_plan(&self, user: impl AsRef<str>, plan: Plan) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.user_or_error(user.as_ref())?;
        state.users[number as usize].plan = plan;
        Ok(())
    }

    /// The user's grants lose a scope, at once.
    ///
    /// # Errors
    /// An unknown user.
    pub fn remove_scope(&self, user: impl AsRef<str>, scope: &str) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.user_or_error(user.as_ref())?;
        state.take_scope(number, scope);
        Ok(())
    }

    /// Makes a subscription without asking whether it may be made; its URI.
    ///
    /// # Errors
    /// An unknown creator.
    pub fn add_subscription(&self, subscription: NewSubscription) -> Result<String> {
        let mut state = self.shared().state();
        let number = state.seed_subscription(subscription)?;
        let uuid = state.subscriptions.get(number).map(|entry| entry.uuid).unwrap_or_default();
        Ok(state.subscription_uri(uuid))
    }

    /// Calendly gives up delivering: the subscription is `disabled` from now on.
    ///
    /// # Errors
    /// An unknown subscription.
    pub fn disable_subscription(&self, subscription: &str) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.subscription_or_error(subscription)?;
        state.disable_subscription(number, "control");
        Ok(())
    }

    /// Somebody else deletes the subscription.
    ///
    /// # Errors
    /// An unknown subscription.
    pub fn delete_subscription(&self, subscription: &str) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.subscription_or_error(subscription)?;
        state.delete_subscription(number, "control", None);
        Ok(())
    }

    /// Deliveries fail since then; none: they do not.
    ///
    /// # Errors
    /// An unknown subscription.
    pub fn set_retry_started_at(
        &self,
        subscription: &str,
        since: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.subscription_or_error(subscription)?;
        state.set_retry_started_at(number, since.map(|since| since.timestamp_micros()));
        Ok(())
    }

    /// The subscriptions of a user as the API shows them, oldest first, whatever their scope.
    ///
    /// # Errors
    /// An unknown user.
    pub fn subscriptions(&self, user: impl AsRef<str>) -> Result<Vec<serde_json::Value>> {
        let state = self.shared().state();
        let number = state.user_or_error(user.as_ref())?;
        Ok(state.subscriptions_of(number))
    }

    /// An authorization code, as the consent page would have given it.
    ///
    /// # Errors
    /// An unknown user.
    pub fn add_code(
        &self,
        user: impl AsRef<str>,
        redirect_uri: &str,
        code_challenge: Option<String>,
    ) -> Result<String> {
        let mut state = self.shared().state();
        let number = state.user_or_error(user.as_ref())?;
        let scope = state.users[number as usize].scope.to_string();
        Ok(authorize::add_code(&mut state, number, redirect_uri, code_challenge, &scope))
    }

    /// Who visits the consent page from now on, and what is granted; by default a new user each time, who grants
    /// what is asked for.
    ///
    /// # Errors
    /// An unknown user.
    pub fn consent_as(&self, user: Option<&str>, denies: bool, scope: Option<String>) -> Result<()> {
        let mut state = self.shared().state();
        let user = user.map(|text| state.user_or_error(text)).transpose()?;
        state.consent = Consent { user, denies, scope };
        Ok(())
    }
}

impl super::state::State {
    pub(super) fn newest_grant(&self, user: u32) -> Result<SeedGrant> {
        let entry = &self.users[user as usize];
        let newest = entry.grants.last().copied();
        let grant = newest.ok_or_else(|| SimulatorError::unknown("grant of user", &entry.name))?;
        let generation = self.grants[grant as usize].current();
        self.grant_as_held(super::tokens::TokenName { grant, generation })
    }

    pub(super) fn refresh_token_facts(&self, token: &str) -> Option<RefreshTokenFacts> {
        let (state, name) = self.refresh_token(token);
        let name = name?;
        let grant = &self.grants[name.grant as usize];
        let pair = grant.pair(name.generation);
        Some(RefreshTokenFacts {
            state,
            user: UserUri(self.user_uri(grant.user)),
            grant: name.grant,
            generation: name.generation,
            presented: pair.map_or(0, |pair| pair.presented),
            answer_whole: pair.is_some_and(|pair| pair.whole.load(Ordering::Acquire)),
            successor: pair.map(|pair| pair.successor).filter(|successor| *successor > 0),
            successor_whole: grant.answered_whole(name.generation),
        })
    }

    pub(super) fn set_retry_started_at(&mut self, number: u32, since: Option<i64>) {
        if let Some(entry) = self.subscriptions.get_mut(number) {
            entry.retry_started_at = since;
            entry.updated_at = time::now();
        }
    }

    pub(super) fn subscriptions_of(&self, user: u32) -> Vec<serde_json::Value> {
        let mine = self.subscriptions.all().filter(|entry| entry.creator == user);
        mine.map(|entry| super::webhooks::shown(self, entry)).collect()
    }
}
