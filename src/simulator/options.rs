//! How a simulator behaves: every switch, its default and what Calendly is known to do there.
//! What the switches do lives in the modules that read them.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::deliveries::DeliveryOptions;
use super::meetings::MeetingOptions;
use super::tokens::TokenName;

/// When a presented refresh token dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// At once, on a successful answer (documented, enforced since 2026).
    Strict,
    /// When the access token made from it is first used (the rule before).
    Legacy,
}

/// What a refresh does to the access token it replaces; Calendly does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum OldAccessToken {
    /// It lives until it expires.
    Keep,
    /// It dies together with the refresh token beside it.
    Revoke,
}

/// What presenting a spent refresh token does; Calendly does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// The call fails, nothing else happens.
    Fail,
    /// The whole grant dies (RFC 9700 recommends it).
    RevokeGrant,
}

/// How wide the uniqueness of a callback URL is; Calendly does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum UniqueCallback {
    /// One subscription a URL and creating user.
    Owner,
    /// One subscription a URL and organization.
    Organization,
    /// One subscription a URL.
    Global,
}

/// The answer to a creation whose event needs a read scope that the token lacks; Calendly does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MissingEventScope {
    /// 403 `Insufficient scope`, naming the scopes.
    Forbidden,
    /// 400 `Invalid Argument` without `details`, as one report has it.
    BadRequest,
}

/// What becomes of a grant's subscriptions when the grant is revoked; Calendly does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum AfterRevoke {
    /// They stay active.
    Keep,
    /// They become `disabled`.
    Disable,
    /// They are deleted.
    Delete,
}

/// Every switch of a simulator.
///
/// The defaults are what Calendly documents; where it documents nothing, the gentler behaviour.
#[derive(Clone, Debug, Serialize, Deserialize, Args)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8788")]
    pub listen: SocketAddr,
    /// The client id of the one registered application.
    #[arg(long, value_name = "ID", default_value = Self::CLIENT_ID)]
    pub client_id: String,
    /// The client secret of the one registered application.
    #[arg(long, value_name = "SECRET", default_value = Self::CLIENT_SECRET)]
    pub client_secret: String,
    /// The application is native: the client id in the body is enough, no secret.
    #[arg(long, help_heading = "OAuth")]
    pub native_app: bool,
    /// A redirect URI that is registered with the application; may be repeated [default: any is taken].
    #[arg(long, value_name = "URL", help_heading = "OAuth")]
    pub redirect_uri: Vec<String>,
    /// Seed of tokens, ids and random faults: the same seed and the same calls give the same run
    /// [default: a random one, which the start line tells].
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// What resource URIs start with [default: the simulator's own address].
    #[arg(long, value_name = "URL")]
    pub uri_base: Option<String>,

    /// When a presented refresh token dies.
    #[arg(long, value_enum, default_value = "strict", help_heading = "OAuth")]
    pub rotation: Rotation,
    /// What a refresh does to the access token it replaces.
    #[arg(long, value_enum, default_value = "keep", help_heading = "OAuth")]
    pub old_access_token: OldAccessToken,
    /// What presenting a spent refresh token does.
    #[arg(long, value_enum, default_value = "fail", help_heading = "OAuth")]
    pub reuse: Reuse,
    /// For so long after a rotation the spent token gets the same pair again; 0: never.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, help_heading = "OAuth")]
    pub repeat_pair: u32,
    /// The status of `invalid_grant`: 400 or 401.
    #[arg(long, value_name = "STATUS", default_value_t = 400, help_heading = "OAuth")]
    pub invalid_grant_status: u16,
    /// How many token pairs a user may get a minute; 0: any number.
    #[arg(long, value_name = "COUNT", default_value_t = 8, help_heading = "OAuth")]
    pub tokens_per_minute: u32,
    /// How long an access token lives.
    #[arg(long, value_name = "SECONDS", default_value_t = 7200, help_heading = "OAuth")]
    pub expires_in: i64,
    /// Refreshed access tokens live up to so much less, each by another bit, so that what was refreshed together is not
    /// due together for ever.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, help_heading = "OAuth")]
    pub expires_in_spread: u32,
    /// How many characters an access token has (at least 32).
    #[arg(long, value_name = "COUNT", default_value_t = 96, help_heading = "OAuth")]
    pub access_token_length: usize,
    /// What becomes of a grant's webhook subscriptions when the grant is revoked.
    #[arg(long, value_enum, default_value = "keep", help_heading = "OAuth")]
    pub after_revoke: AfterRevoke,

    /// How wide the uniqueness of a callback URL is.
    #[arg(long, value_enum, default_value = "owner", help_heading = "API")]
    pub unique_callback: UniqueCallback,
    /// The answer to a creation whose event needs a read scope that the token lacks.
    #[arg(long, value_enum, default_value = "forbidden", help_heading = "API")]
    pub missing_event_scope: MissingEventScope,
    /// `callback_url` comes back written differently: host in lower case, no default port.
    #[arg(long, help_heading = "API")]
    pub normalise_callback_url: bool,
    /// A page token older than this is answered 400; 0: it lives for ever.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, help_heading = "API")]
    pub page_token_lifetime: i64,
    /// API requests a minute of a user on a paid plan; 0: any number.
    #[arg(long, value_name = "COUNT", default_value_t = 500, help_heading = "API")]
    pub paid_requests_per_minute: u32,
    /// API requests a minute of a user on the free plan; 0: any number.
    #[arg(long, value_name = "COUNT", default_value_t = 50, help_heading = "API")]
    pub free_requests_per_minute: u32,

    /// The meetings that come by themselves.
    #[command(flatten)]
    #[serde(default)]
    pub meetings: MeetingOptions,
    /// What is sent to callback URLs.
    #[command(flatten)]
    #[serde(default)]
    pub deliveries: DeliveryOptions,

    /// How far the simulator's clock is ahead, as seen in `Date`, `created_at` and the like.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_hyphen_values = true)]
    pub date_skew_seconds: i64,
    /// How many detailed entries of each kind the ledger keeps; the oldest go first.
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub ledger_entries: usize,
}

impl Options {
    /// The client id where none is given.
    pub const CLIENT_ID: &str = "simulated-client-id";
    /// The client secret where none is given.
    pub const CLIENT_SECRET: &str = "simulated-client-secret";

    /// What the access token lives that a refresh token is exchanged for.
    pub(super) fn lifetime_of(&self, presented: TokenName) -> i64 {
        let spread = u64::from(self.expires_in_spread) + 1;
        // Neighbours differ, and so does one from refresh to refresh.
        let mixed = u64::from(presented.grant) * 7_919 + u64::from(presented.generation) * 104_729;
        self.expires_in - (mixed % spread) as i64
    }

    /// The first switch whose value cannot be, as "field: value, remedy".
    pub(super) fn validate(&self) -> Result<(), String> {
        if !matches!(self.invalid_grant_status, 400 | 401) {
            return Err(format!("invalid_grant_status: {}, use 400 or 401", self.invalid_grant_status));
        }
        if !(32..=16_384).contains(&self.access_token_length) {
            return Err(format!("access_token_length: {}, use 32 to 16384", self.access_token_length));
        }
        if self.client_id.is_empty() || self.client_secret.is_empty() {
            return Err("client_id, client_secret: empty, give both a value".into());
        }
        if self.expires_in.abs() > 10_000_000_000 || self.date_skew_seconds.abs() > 10_000_000_000 {
            return Err(
                "expires_in, date_skew_seconds: above ten thousand million, use a smaller number".into()
            );
        }
        if self.page_token_lifetime < 0 {
            return Err(format!("page_token_lifetime: {}, use 0 or more", self.page_token_lifetime));
        }
        if let Some(base) = &self.uri_base
            && (url::Url::parse(base).is_err() || base.ends_with('/'))
        {
            return Err(format!("uri_base: `{base}`, use a URL without a slash at its end"));
        }
        self.meetings.validate()?;
        self.deliveries.validate()
    }

    /// These options with the fields of `change` put over them, checked; for the control API.
    pub(super) fn changed_by(&self, change: &serde_json::Value) -> Result<Self, String> {
        let Some(change) = change.as_object() else {
            return Err("options: not an object, send {\"field\": value, ...}".into());
        };
        for fixed in ["listen", "client_id", "client_secret", "seed", "uri_base", "ledger_entries"] {
            if change.contains_key(fixed) {
                return Err(format!("{fixed}: fixed at start, start another simulator for another value"));
            }
        }
        if change.get("deliveries").is_some_and(|change| change.get("delivery_connect_timeout").is_some()) {
            return Err(
                "delivery_connect_timeout: fixed at start, start another simulator for another value".into(),
            );
        }
        let mut whole = serde_json::to_value(self).map_err(|error| format!("options: {error}"))?;
        for (field, value) in change {
            match (&mut whole[field], value) {
                (serde_json::Value::Object(group), serde_json::Value::Object(change)) => {
                    group.extend(change.clone());
                }
                (place, value) => *place = value.clone(),
            }
        }
        let changed: Self = serde_json::from_value(whole).map_err(|error| format!("options: {error}"))?;
        changed.validate()?;
        Ok(changed)
    }
}

impl Default for Options {
    /// The documented Calendly, on a free loopback port.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            client_id: Self::CLIENT_ID.into(),
            client_secret: Self::CLIENT_SECRET.into(),
            native_app: false,
            redirect_uri: vec![],
            seed: None,
            uri_base: None,
            rotation: Rotation::Strict,
            old_access_token: OldAccessToken::Keep,
            reuse: Reuse::Fail,
            repeat_pair: 0,
            invalid_grant_status: 400,
            tokens_per_minute: 8,
            expires_in: 7200,
            expires_in_spread: 0,
            access_token_length: 96,
            after_revoke: AfterRevoke::Keep,
            unique_callback: UniqueCallback::Owner,
            missing_event_scope: MissingEventScope::Forbidden,
            normalise_callback_url: false,
            page_token_lifetime: 0,
            paid_requests_per_minute: 500,
            free_requests_per_minute: 50,
            meetings: MeetingOptions::default(),
            deliveries: DeliveryOptions::default(),
            date_skew_seconds: 0,
            ledger_entries: 100_000,
        }
    }
}
