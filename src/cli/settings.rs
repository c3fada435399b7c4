//! From the configuration to the plain values that services, actors and the client are given.

use std::time::Duration;

use super::open;
use crate::config::api_token_file::{self, ApiTokenFileError};
use crate::config::{Config, ConfigError};
use crate::domain::standard_webhooks::Signer;
use crate::services::connect::ConnectSettings;
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
        webhook: webhook.callback.clone().map(|callback| services::WebhookSettings {
            callback,
            scope: webhook.scope,
            events: webhook.events.clone(),
            verify_every: webhook.verify_every,
            retire_urls: webhook.retire_urls.clone(),
        }),
    })
}

/// For the HTTP server; `None` where there is none.
///
/// # Errors
/// Where the API token's file cannot be used.
pub fn server(config: &Config) -> Result<Option<server::Settings>, ApiTokenFileError> {
    let Some(listen) = config.server.listen else { return Ok(None) };
    Ok(Some(server::Settings {
        listen,
        public_listen: config.server.public_listen,
        public_url: config.server.public_url.clone(),
        tokens: api_token_file::resolve(config)?,
    }))
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
