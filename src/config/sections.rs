//! The settings as values, section by section. Whoever needs one is given it; nobody but `cli` and `main` reads `Config`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::database::DatabaseUrl;
use super::key::EncryptionKey;
use super::problem::{ConfigError, Problem};
use crate::domain::api_token::ApiToken;
use crate::domain::secrets::{ApiSecret, ClientSecret, NoticeSecret, SigningKey};
use crate::domain::subscription::Scope;
use crate::domain::subscription::callback::CallbackTemplate;

/// `[calendly]`: the application and where Calendly is.
#[derive(Clone, Debug)]
pub struct Calendly {
    /// Needed by `run` alone: see [`Calendly::client`].
    pub client_id: Option<String>,
    /// Needed by `run` alone.
    pub client_secret: Option<ClientSecret>,
    /// The OAuth server.
    pub auth_url: Url,
    /// The API.
    pub api_url: Url,
    /// The token endpoint, where it is not `/oauth/token` of the OAuth server.
    pub token_url: Option<Url>,
    /// For every call but a refresh.
    pub request_timeout: Duration,
    /// For the answer to a refresh.
    pub token_timeout: Duration,
}

impl Calendly {
    /// The OAuth client, for commands that speak with Calendly.
    ///
    /// # Errors
    /// Names what is missing.
    pub fn client(&self) -> Result<(&str, &ClientSecret), ConfigError> {
        let missing = |key: &str, remedy: &str| Problem {
            key: key.into(),
            value: None,
            origin: None,
            what: "is missing".into(),
            remedy: remedy.into(),
        };
        match (&self.client_id, &self.client_secret) {
            (Some(id), Some(secret)) => Ok((id, secret)),
            (id, secret) => Err(ConfigError(
                [
                    id.is_none().then(|| {
                        missing("calendly.client_id", "copy it from the application's page at developer.calendly.com")
                    }),
                    secret.is_none().then(|| {
                        missing(
                            "calendly.client_secret",
                            "name its file by calendly.client_secret_file, or set KEEPER__CALENDLY__CLIENT_SECRET",
                        )
                    }),
                ]
                .into_iter()
                .flatten()
                .collect(),
            )),
        }
    }
}

/// `[database]`.
#[derive(Clone, Debug)]
pub struct Database {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Of the pool.
    pub max_connections: u32,
}

/// `[encryption]`: what was configured; [`super::key_file::resolve`] says which keys that makes.
#[derive(Clone, Debug)]
pub struct Encryption {
    /// The first encrypts, all decrypt. Empty where none is configured.
    pub keys: Vec<EncryptionKey>,
    /// Where more are.
    pub key_file: Option<PathBuf>,
}

/// `[webhook]`.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// `None`: the keeper keeps tokens only.
    pub callback: Option<CallbackTemplate>,
    /// For whose events.
    pub scope: Scope,
    /// Never empty.
    pub events: BTreeSet<String>,
    /// Newest first; may be empty.
    pub signing_keys: Vec<SigningKey>,
    /// Before jitter.
    pub verify_every: Duration,
    /// Callback URLs whose subscriptions are removed.
    pub retire_urls: Vec<String>,
}

/// `[server]`.
#[derive(Clone, Debug)]
pub struct Server {
    /// `None`: there is no HTTP API.
    pub listen: Option<SocketAddr>,
    /// For the OAuth callback and webhooks alone.
    pub public_listen: Option<SocketAddr>,
    /// How it is reached from outside; without a slash at its end.
    pub public_url: Option<Url>,
    /// Empty where none is configured.
    pub api_tokens: Vec<ApiToken>,
    /// Of the first of them that may do everything: for the commands.
    pub admin_secret: Option<ApiSecret>,
}

/// `[connect]`.
#[derive(Clone, Debug)]
pub struct Connect {
    /// Empty: those that the OAuth application was registered with.
    pub scopes: Vec<String>,
    /// Users may be sent there, or below.
    pub return_urls: Vec<Url>,
    /// The application confirms each connection.
    pub confirm: bool,
}

/// Where something is posted: `[notify]`, and a part of `[relay]`.
#[derive(Clone, Debug)]
pub struct Notify {
    /// Where to.
    pub url: Url,
    /// What signs it.
    pub secret: NoticeSecret,
}

/// `[relay]`.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Where events are passed on, and what signs them; `None`: nowhere.
    pub to: Option<Notify>,
    /// For an answer.
    pub timeout: Duration,
    /// From receipt on.
    pub give_up_after: Duration,
    /// What is no event is passed on, too.
    pub unrecognized: bool,
}

/// `[inbox]`.
#[derive(Clone, Copy, Debug)]
pub struct Inbox {
    /// Bodies of settled events.
    pub keep: Duration,
    /// In bytes.
    pub max_body: usize,
}

/// `[backfill]`.
#[derive(Clone, Copy, Debug)]
pub struct Backfill {
    /// Of so long before a connection's first grant; zero: of nothing.
    pub on_connect: Duration,
    /// Every connection is compared so often.
    pub sweep_every: Duration,
}

/// `[log]`.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// How often the supervisor sums up.
    pub status_every: Duration,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}
