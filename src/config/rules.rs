//! What each section must be like.

mod backfill;
mod connect;
mod notify;
mod relay;
mod server;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::database::{self, DatabaseUrl};
use super::key::EncryptionKey;
use super::reader::{Noted, Reader, Refusal};
use super::sections::{Calendly, Database, Encryption, Log, LogFormat, Webhook};
use crate::domain::backoff::Backoff;
use crate::domain::intensity::RestartPolicy;
use crate::domain::secrets::{ClientSecret, SigningKey};
use crate::domain::subscription::Scope;
use crate::domain::subscription::callback::{CallbackTemplate, same_url};

pub(super) use backfill::backfill;
pub(super) use connect::connect;
pub(super) use notify::notify;
pub(super) use relay::{inbox, relay};
pub(super) use server::server;

const CALENDLY: &str = "https://api.calendly.com";

const INSTANT: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// The take-over by another keeper waits 90 s: claim 5 s, connect 10 s, answer 60 s, and some.
const LONGEST_TOKEN_TIMEOUT: Duration = MINUTE;

pub(super) fn calendly(r: &mut Reader) -> Result<Calendly, Noted> {
    let client_id = r.optional("calendly.client_id");
    let client_secret = r.secret("calendly.client_secret", "calendly.client_secret_file");
    let auth_url = r.parsed("calendly.auth_url", |text| base_url(text, CALENDLY));
    let api_url = r.parsed("calendly.api_url", |text| base_url(text, CALENDLY));
    let token_url = match r.optional("calendly.token_url") {
        Ok(Some(_)) => r.parsed("calendly.token_url", |text| base_url(text, CALENDLY)).map(Some),
        Ok(None) => Ok(None),
        Err(noted) => Err(noted),
    };
    let request_timeout = r.duration("calendly.request_timeout", INSTANT, 10 * MINUTE);
    let token_timeout = r.duration("calendly.token_timeout", INSTANT, LONGEST_TOKEN_TIMEOUT);
    Ok(Calendly {
        client_id: client_id?,
        client_secret: client_secret?.map(ClientSecret::new),
        auth_url: auth_url?,
        api_url: api_url?,
        token_url: token_url?,
        request_timeout: request_timeout?,
        token_timeout: token_timeout?,
    })
}

/// Tokens and secrets are sent there, so plain http stays on this machine.
fn base_url(text: &str, example: &str) -> Result<Url, Refusal> {
    let refuse = |what: &str| (what.to_owned(), format!("write it like {example:?}"));
    let url = Url::parse(text).map_err(|error| refuse(&format!("is not a URL ({error})")))?;
    if url.host().is_none() {
        return Err(refuse("names no host"));
    }
    if !is_safe(&url) {
        return Err(refuse("must be https outside loopback"));
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(refuse("must not have a query, a fragment or a user"));
    }
    Ok(url)
}

/// Whether what is sent there is encrypted, or stays on this machine.
fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

pub(super) fn database(r: &mut Reader, data_dir: &Path) -> Result<Database, Noted> {
    let from_file = r.secret_file("database.url", "database.url_file");
    let url = match from_file {
        Ok(Some(text)) => DatabaseUrl::parse(&text, data_dir).map_err(|what| {
            r.refuse("database.url_file", format!("names a file whose URL {what}"), database::REMEDY)
        }),
        Ok(None) => r.parsed("database.url", |text| {
            DatabaseUrl::parse(text, data_dir).map_err(|what| (what, database::REMEDY.into()))
        }),
        Err(noted) => Err(noted),
    };
    let max_connections = r.number("database.max_connections", 1, 1000);
    Ok(Database { url: url?, max_connections: max_connections? })
}

pub(super) fn encryption(r: &mut Reader) -> Result<Encryption, Noted> {
    let texts = r.list("encryption.keys")?;
    let key_file = r.optional("encryption.key_file")?.map(PathBuf::from);
    let mut keys: Vec<EncryptionKey> = vec![];
    for (n, text) in texts.iter().enumerate() {
        let key = EncryptionKey::parse(text).map_err(|bad| {
            let what = format!("has a bad key at place {}: {bad}", n + 1);
            r.refuse("encryption.keys", what, "make one with `calendly-keeper keys generate`")
        })?;
        if keys.iter().any(|other| other.id() == key.id()) {
            let what = format!("has two keys with the id {:?}", key.id());
            return Err(r.refuse("encryption.keys", what, "give each key an id of its own"));
        }
        keys.push(key);
    }
    if key_file.is_some() && !keys.is_empty() {
        return Err(r.refuse(
            "encryption.keys",
            "is given beside encryption.key_file",
            "remove one of the two",
        ));
    }
    Ok(Encryption { keys, key_file })
}

pub(super) fn webhook(r: &mut Reader) -> Result<Webhook, Noted> {
    let scope = r.parsed("webhook.scope", |text| match text {
        "user" => Ok(Scope::User),
        "organization" => Ok(Scope::Organization),
        _ => Err(("is no scope".into(), "write \"user\" or \"organization\"".into())),
    });
    let callback_url = r.optional("webhook.callback_url")?;
    let callback = match (&callback_url, &scope) {
        (Some(_), Ok(scope)) => r.parsed("webhook.callback_url", |text| callback(text, *scope)).map(Some),
        _ => Ok(None),
    };
    let events = events(r);
    let signing_keys = signing_keys(r);
    let verify_every = r.duration("webhook.verify_every", INSTANT, 30 * 24 * HOUR);
    let retire_urls = retire_urls(r, callback_url.as_deref());
    Ok(Webhook {
        callback: callback?,
        scope: scope?,
        events: events?,
        signing_keys: signing_keys?,
        verify_every: verify_every?,
        retire_urls: retire_urls?,
    })
}

fn callback(text: &str, scope: Scope) -> Result<CallbackTemplate, Refusal> {
    let (allowed, other) = match scope {
        Scope::User => ("{connection}", "{organization}"),
        Scope::Organization => ("{organization}", "{connection}"),
    };
    if text.contains(other) {
        let what = format!("holds {other}, but webhook.scope is \"{}\"", scope.as_str());
        return Err((what, format!("use {allowed}, or change the scope")));
    }
    if text.replace(allowed, "").contains(['{', '}']) {
        return Err(("holds an unknown placeholder".into(), format!("use {allowed}, or none")));
    }
    CallbackTemplate::parse(text).map_err(|bad| {
        (bad.to_string(), format!("write it like \"https://app.example.com/hooks/{allowed}\""))
    })
}

fn events(r: &mut Reader) -> Result<BTreeSet<String>, Noted> {
    const KEY: &str = "webhook.events";
    let names = r.list(KEY)?;
    let mut events = BTreeSet::new();
    for name in names {
        let well_formed =
            name.contains('.') && name.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c));
        if !well_formed {
            return Err(r.refuse(
                KEY,
                format!("has {name:?}, which is no event"),
                "write events like \"invitee.created\"",
            ));
        }
        if !events.insert(name.clone()) {
            return Err(r.refuse(KEY, format!("has {name:?} twice"), "remove one"));
        }
    }
    if events.is_empty() {
        return Err(r.refuse(
            KEY,
            "is empty",
            "name an event, or leave webhook.callback_url out to keep tokens only",
        ));
    }
    Ok(events)
}

fn signing_keys(r: &mut Reader) -> Result<Vec<SigningKey>, Noted> {
    const KEY: &str = "webhook.signing_key";
    if let Some(text) = r.secret_file(KEY, "webhook.signing_key_file")? {
        return Ok(text.split(',').map(|key| SigningKey::new(key.trim())).collect());
    }
    let keys = r.list(KEY)?;
    if keys.iter().any(|key| key.contains(char::is_control) || key.trim() != key) {
        return Err(r.refuse(KEY, "holds blanks or control characters around a key", "write the keys alone"));
    }
    Ok(keys.into_iter().map(SigningKey::new).collect())
}

fn retire_urls(r: &mut Reader, callback: Option<&str>) -> Result<Vec<String>, Noted> {
    const KEY: &str = "webhook.retire_urls";
    let urls = r.list(KEY)?;
    for url in &urls {
        if Url::parse(url).is_err() || url.contains(['{', '}']) {
            return Err(r.refuse(
                KEY,
                format!("has {url:?}, which is not a URL"),
                "write whole URLs without placeholders",
            ));
        }
        if callback.is_some_and(|callback| same_url(callback, url)) {
            return Err(r.refuse(KEY, format!("has {url:?}, the callback URL itself"), "remove it"));
        }
    }
    Ok(urls)
}

pub(super) fn supervision(r: &mut Reader) -> Result<RestartPolicy, Noted> {
    let max_restarts = r.number("supervision.max_restarts", 0, 1000);
    let period = r.duration("supervision.period", INSTANT, 24 * HOUR);
    let min = r.duration("supervision.backoff_min", INSTANT, HOUR);
    let max = r.duration("supervision.backoff_max", INSTANT, 24 * HOUR);
    let backoff = Backoff { min: min?, max: max? };
    if backoff.min > backoff.max {
        return Err(r.refuse(
            "supervision.backoff_min",
            "is above supervision.backoff_max",
            "swap or change them",
        ));
    }
    Ok(RestartPolicy { max_restarts: max_restarts? as usize, period: period?, backoff })
}

pub(super) fn timeline_keep(r: &mut Reader) -> Result<Duration, Noted> {
    r.duration("timeline.keep", SECOND, 10 * YEAR)
}

pub(super) fn log(r: &mut Reader) -> Result<Log, Noted> {
    let format = r.parsed("log.format", |text| match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(("is no format".into(), "write \"text\" or \"json\"".into())),
    });
    let status_every = r.duration("log.status_every", INSTANT, 24 * HOUR);
    Ok(Log { format: format?, status_every: status_every? })
}
