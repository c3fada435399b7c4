//! From the configuration to the plain values that services, actors and the client are given.

use std::time::Duration;

use log::warn;
use url::Url;

use super::open;
use crate::config::api_token_file::{self, ApiTokenFileError};
use crate::config::{self, Config, ConfigError};
use crate::domain::api_token::ApiToken;
use crate::domain::relay::Policy;
use crate::domain::standard_webhooks::Signer;
use crate::domain::subscription::Scope;
use crate::domain::subscription::callback::CallbackTemplate;
use crate::services::backfill::BackfillSettings;
use crate::services::connect::ConnectSettings;
use crate::services::inbox::InboxSettings;
use crate::services::relay::RelaySettings;
use crate::{actors, calendly, server, services};

/// How often a keeper looks for rows that a command has changed.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// The rotation's safety was calculated with it (take-over waits 90 s).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For services.
///
/// # Errors
/// Where the OAuth client is not configured.
pub fn services(config: &Config) -> anyhow::Result<services::Settings> {
    let (client_id, _) = config.calendly.client()?;
    let webhook = &config.webhook;
    let (callback, events) = (callback(config)?, events(config));
    Ok(services::Settings {
        client_id: client_id.into(),
        max_concurrent: config.max_concurrent_refreshes as usize,
        timeline_keep: config.timeline_keep,
        scopes: config.connect.scopes.clone(),
        journal: open::use_of_journal(config),
        connect: ConnectSettings {
            authorize_url: calendly::authorize_url(&config.calendly.auth_url)?,
            return_urls: config.connect.return_urls.clone(),
            confirm: config.connect.confirm,
        },
        notify: config.notify.as_ref().and_then(|notify| {
            // A secret that signs nothing was refused when the configuration was read.
            let signer = Signer::new(&notify.secret)?;
            Some(services::notices::NotifySettings { url: notify.url.clone(), signer })
        }),
        backfill: backfill(config, callback.as_ref(), &events),
        events,
        webhook: callback.map(|callback| services::WebhookSettings {
            callback,
            scope: webhook.scope,
            events: webhook.events.clone(),
            verify_every: webhook.verify_every,
            retire_urls: webhook.retire_urls.clone(),
        }),
    })
}

/// How events are taken, kept and passed on.
fn events(config: &Config) -> services::EventSettings {
    let keys = &config.webhook.signing_keys;
    let takes = config.server.listen.is_some() && !keys.is_empty();
    let relay = config.relay.to.as_ref().and_then(|to| {
        let signer = Signer::new(&to.secret)?;
        let policy = Policy { give_up_after: config.relay.give_up_after };
        Some(RelaySettings { url: to.url.clone(), signer, timeout: config.relay.timeout, policy })
    });
    services::EventSettings {
        inbox: takes.then(|| InboxSettings {
            signing_keys: keys.clone().into(),
            max_body: config.inbox.max_body,
            scope: config.webhook.scope,
            unrecognized: config.relay.unrecognized,
        }),
        keep: config.inbox.keep,
        relay,
    }
}

/// How events that were missed are found; not at all where nobody would be given them.
fn backfill(
    config: &Config,
    callback: Option<&CallbackTemplate>,
    events: &services::EventSettings,
) -> Option<BackfillSettings> {
    let own = format!(
        "{}/webhooks/calendly",
        config.server.public_url.as_ref().map_or("", Url::as_str).trim_end_matches('/')
    );
    let own_callback = events.inbox.is_some() && callback?.is_below(&own);
    let takes = own_callback || events.relay.is_some();
    let config::Backfill { on_connect, sweep_every } = config.backfill;
    takes.then_some(BackfillSettings { on_connect, sweep_every, own_callback })
}

/// Where subscriptions deliver: as configured, else to the keeper's own endpoint, where it is reached from outside and
/// can tell Calendly's deliveries from others.
///
/// # Errors
/// Where the public URL makes none.
pub fn callback(config: &Config) -> anyhow::Result<Option<CallbackTemplate>> {
    let webhook = &config.webhook;
    if webhook.callback.is_some() {
        return Ok(webhook.callback.clone());
    }
    let Some(public) = config.server.public_url.as_ref().filter(|_| config.server.listen.is_some()) else {
        return Ok(None);
    };
    if webhook.signing_keys.is_empty() {
        warn!(target: "supervisor", hint = "set webhook.signing_key, which is on the application's page at developer.calendly.com";
            "server.public_url is given without a signing key: tokens are kept, and no webhooks");
        return Ok(None);
    }
    let placeholder = match webhook.scope {
        Scope::User => "{connection}",
        Scope::Organization => "{organization}",
    };
    let text = format!("{}/webhooks/calendly/{placeholder}", public.as_str().trim_end_matches('/'));
    Ok(Some(CallbackTemplate::parse(&text).map_err(|bad| anyhow::anyhow!("server.public_url {bad}"))?))
}

/// For the HTTP server; `None` where there is none.
#[must_use]
pub fn server(config: &Config) -> Option<server::Settings> {
    Some(server::Settings {
        listen: config.server.listen?,
        public_listen: config.server.public_listen,
        public_url: config.server.public_url.clone(),
    })
}

/// Whom it answers. Where none is configured a token is made, in the data directory.
///
/// # Errors
/// Where the API token's file cannot be used.
pub fn api_tokens(config: &Config) -> Result<Vec<ApiToken>, ApiTokenFileError> {
    if config.server.listen.is_some() { api_token_file::resolve(config) } else { Ok(vec![]) }
}

/// For actors.
#[must_use]
pub fn actors(config: &Config) -> actors::Settings {
    actors::Settings {
        restart: config.supervision,
        status_every: config.log.status_every,
        poll_every: POLL_EVERY,
    }
}

/// For the client.
///
/// # Errors
/// Where the OAuth client is not configured.
pub fn calendly(config: &Config) -> Result<calendly::Settings, ConfigError> {
    let (client_id, client_secret) = config.calendly.client()?;
    Ok(calendly::Settings {
        auth_url: config.calendly.auth_url.clone(),
        api_url: config.calendly.api_url.clone(),
        token_url: config.calendly.token_url.clone(),
        client_id: client_id.into(),
        client_secret: client_secret.clone(),
        request_timeout: config.calendly.request_timeout,
        token_timeout: config.calendly.token_timeout,
        connect_timeout: CONNECT_TIMEOUT,
    })
}
