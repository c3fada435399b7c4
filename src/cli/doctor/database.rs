//! The keys, the database with its migrations and the way to it, and what is in it.

use std::collections::BTreeSet;

use super::Finding;
use crate::cli::failure;
use crate::cli::open::{self, Opened};
use crate::config::Config;
use crate::config::key::EncryptionKey;
use crate::domain::ids::ConnectionId;
use crate::domain::scopes;
use crate::domain::status::Status;
use crate::views::{Beside, ConnectionView};

const PAGE: usize = 1000;
/// Named at most.
const NAMED: usize = 5;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![scopes_asked_for(config)];
    if open::is_missing(config) {
        let text = format!("there is none at {} yet", config.database.url);
        findings.push(Finding::warn("database", text, "`calendly-keeper import` and `run` make it"));
        return findings;
    }
    match open::keys(config) {
        Ok(keys) => {
            let ids: Vec<_> = keys.keys.iter().map(EncryptionKey::id).collect();
            findings.push(match keys.warning {
                Some(warning) => Finding::warn("keys", warning, "make it readable for the keeper alone"),
                None => Finding::ok("keys", format!("{} encrypts; there are {}", ids[0], ids.join(", "))),
            });
        }
        Err(error) => {
            findings.push(Finding::fail("keys", told(&error), "without the key nothing stored can be read"));
            return findings;
        }
    }
    match open::open(config) {
        Ok(opened) => {
            let version = env!("CARGO_PKG_VERSION");
            let text = format!("{} answers, in the shape of version {version}", config.database.url);
            findings.push(Finding::ok("database", text));
            opened.runtime.block_on(inside(config, &opened, &mut findings));
        }
        // A newer version's migrations, a pooler in transaction mode, wrong keys: each names its remedy.
        Err(error) => findings.push(Finding::fail(
            "database",
            told(&error),
            "see there; database.url says where it is, and a pooler must be in session mode",
        )),
    }
    findings
}

async fn inside(config: &Config, opened: &Opened, findings: &mut Vec<Finding>) {
    findings.push(match opened.store.try_write().await {
        Ok(()) => Finding::ok("writes", "the database takes writes"),
        Err(error) => Finding::fail("writes", error.to_string(), "make room, or make it writable"),
    });
    let events = config.webhook.callback.as_ref().map(|_| &config.webhook.events);
    let beside = Beside { wanted_events: events, wanted_scopes: &config.connect.scopes, ..Beside::default() };
    let (mut total, mut unreadable, mut lacking, mut lacked) = (0, vec![], vec![], BTreeSet::new());
    let (mut gone, mut foreign, mut after) = (vec![], vec![], None);
    loop {
        let page = match opened.store.page(after.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(error) => {
                findings.push(Finding::fail("connections", error.to_string(), "see the database's own log"));
                return;
            }
        };
        for connection in &page.connections {
            total += 1;
            let view = ConnectionView::of(connection, beside);
            if view.status == Status::ReauthorizationRequired.as_str() {
                gone.push(connection.id.clone());
            } else if !view.missing_scopes.is_empty() {
                lacking.push(connection.id.clone());
                lacked.extend(view.missing_scopes);
            }
            let ours = config.calendly.client_id.as_deref();
            if connection.client_id.is_some() && ours.is_some() && connection.client_id.as_deref() != ours {
                foreign.push(connection.id.clone());
            }
        }
        unreadable.extend(page.unreadable);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    findings.push(Finding::ok("connections", format!("{total} can be read")));
    let about = [
        (
            &unreadable,
            "encrypted with a key that is not configured",
            "add that key to encryption.keys or the key file",
        ),
        (
            &foreign,
            "granted to another client_id",
            "set calendly.client_id to that one, or connect these users again",
        ),
    ];
    for (ids, what, remedy) in about.into_iter().filter(|(ids, ..)| !ids.is_empty()) {
        findings.push(Finding::fail("connections", format!("{}: {}", what, named(ids)), remedy));
    }
    if !gone.is_empty() {
        let text = format!("need their users: {}", named(&gone));
        findings.push(Finding::warn(
            "connections",
            text,
            "`calendly-keeper why ID` says why; connect them again",
        ));
    }
    if !lacking.is_empty() {
        let lacked: Vec<_> = lacked.into_iter().collect();
        let text = format!("lack scopes ({}): {}", lacked.join(" "), named(&lacking));
        findings.push(Finding::warn(
            "scopes",
            text,
            "connect these users again and have them grant these scopes",
        ));
    }
}

/// Whether what users are asked for is enough for the events that are wanted.
fn scopes_asked_for(config: &Config) -> Finding {
    let asked = config.connect.scopes.join(" ");
    if asked.is_empty() || config.webhook.callback.is_none() {
        return Finding::ok("scopes", "those that the OAuth application was registered with");
    }
    let missing =
        scopes::missing_for_webhooks(Some(&asked), config.webhook.events.iter().map(String::as_str));
    if missing.is_empty() {
        return Finding::ok("scopes", format!("connect.scopes are enough for webhook.events: {asked}"));
    }
    let text = format!("connect.scopes lack {}, which webhook.events need", missing.join(" "));
    Finding::fail("scopes", text, "add them to connect.scopes")
}

fn named(ids: &[ConnectionId]) -> String {
    let some: Vec<_> = ids.iter().take(NAMED).map(ConnectionId::as_str).collect();
    let more = if ids.len() > NAMED { format!(" and {} more", ids.len() - NAMED) } else { String::new() };
    format!("{}{more}", some.join(", "))
}

/// On one line, without what looks like a secret.
fn told(error: &anyhow::Error) -> String {
    failure::message(error).trim_start_matches("error: ").replace("\n  because: ", ": ")
}
