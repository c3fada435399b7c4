//! `plan`: what a keeper would do now, from the database alone; nothing is done.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::global::Global;
use super::print::{self, from_now};
use super::why::wants;
use super::{Done, open, table};
use crate::config::Config;
use crate::domain::grant::Connection;
use crate::domain::outlook::{Outlook, Token, Webhook, outlook};
use crate::ports::Store;

const PAGE: usize = 1000;

const HELP: &str = "\
It reads the database alone and does nothing; the keeper need not run. Times are the latest:
the keeper is earlier by some jitter, and verifies all subscriptions at its start.

Examples:
  calendly-keeper plan                    what is due, and what is left alone and why
  calendly-keeper plan --all              and what is not due yet
  calendly-keeper plan --json | jq '.steps[] | select(.do == \"refresh\") | .id'";

/// What `plan` takes.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Also what is not due yet
    #[arg(long)]
    pub all: bool,
    /// Print JSON: all of it
    #[arg(long)]
    pub json: bool,
}

/// Something that the keeper would do about a connection, or leave.
#[derive(Debug, Serialize)]
struct Step {
    id: Box<str>,
    /// `refresh`, `verify` or `leave`.
    r#do: &'static str,
    /// Machine-readable.
    reason: &'static str,
    /// `null`: now, or never where it is left.
    at: Option<DateTime<Utc>>,
}

/// Prints it.
///
/// # Errors
/// Where the database does not answer.
pub fn execute(args: Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let opened = open::open_existing(&config)?;
    opened.runtime.block_on(plan(args, &config, &*opened.store, opened.now(), out))
}

async fn plan(
    args: Args,
    config: &Config,
    store: &dyn Store,
    now: DateTime<Utc>,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let (mut steps, mut after) = (vec![], None);
    loop {
        let page = store.page(after.as_ref(), PAGE).await.context("the connections cannot be read")?;
        steps.extend(page.connections.iter().flat_map(|row| steps_of(row, outlook(row, wants(config), now))));
        steps.extend(page.unreadable.into_iter().map(|id| Step {
            id: id.as_str().into(),
            r#do: "leave",
            reason: "encrypted_with_another_key",
            at: None,
        }));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if args.json {
        return print::json(&serde_json::json!({ "now": now, "steps": steps }), out);
    }
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut rows = vec![["ID", "DO", "WHY", "WHEN"].map(str::to_owned)];
    for step in steps.iter().filter(|step| args.all || step.at.is_none()) {
        *counts.entry((step.r#do, step.reason)).or_default() += 1;
        let when = match (step.at, step.r#do) {
            (Some(at), _) => from_now(at, now),
            (None, "leave") => "-".into(),
            (None, _) => "now".into(),
        };
        rows.push([step.id.to_string(), step.r#do.into(), step.reason.into(), when]);
    }
    if rows.len() > 1 {
        table::print(out, &rows)?;
        writeln!(out)?;
    }
    let later = steps.iter().filter(|step| step.at.is_some());
    let next = later.min_by_key(|step| step.at);
    let counted: Vec<_> =
        counts.iter().map(|((what, why), count)| format!("{what}({why})={count}")).collect();
    match counted.as_slice() {
        [] => writeln!(out, "nothing is due")?,
        _ => writeln!(out, "{}", counted.join(" "))?,
    }
    if let Some((step, at)) = next.and_then(|step| step.at.map(|at| (step, at))) {
        writeln!(out, "next: {} {} ({}) {}", step.r#do, step.id, step.reason, from_now(at, now))?;
    }
    Ok(Done::Fine)
}

fn steps_of(row: &Connection, outlook: Outlook) -> impl Iterator<Item = Step> {
    let step = |what, reason, at| Step { id: row.id.as_str().into(), r#do: what, reason, at };
    let token = match outlook.token {
        Token::Now(why) => step("refresh", why.as_str(), None),
        Token::At(at, why) => step("refresh", why.as_str(), Some(at)),
        Token::Paused => step("leave", "paused", None),
        Token::Refused => step("leave", "reauthorization_required", None),
        Token::ForeignClient => step("leave", "foreign_client", None),
    };
    let webhook = match outlook.webhook {
        Webhook::Now => Some(step("verify", "due", None)),
        Webhook::At(at) => Some(step("verify", "due", Some(at))),
        Webhook::AfterToken => Some(step("verify", "after_refresh", None))
            .filter(|_| matches!(outlook.token, Token::Now(_) | Token::At(..))),
        Webhook::Daily => Some(step("leave", "webhook_unavailable", None)),
        Webhook::Never | Webhook::Off => None,
    };
    [Some(token), webhook].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;

    use super::*;
    use crate::config::Sources;
    use crate::domain::grant::NewGrant;
    use crate::domain::ids::GrantId;
    use crate::domain::secrets::{AccessToken, RefreshToken};
    use crate::domain::token::DEFAULT_LIFETIME;
    use crate::store::MemoryStore;

    fn now() -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn shown(args: Args, minutes: &[i64]) -> String {
        let store = MemoryStore::new();
        let grants = minutes.iter().enumerate().map(|(n, minutes)| NewGrant {
            id: format!("user-{n}").parse().unwrap(),
            grant_id: GrantId::new(uuid::Uuid::from_u128(n as u128)),
            granted_at: now(),
            client_id: None,
            access_token: Some(AccessToken::new("a")),
            refresh_token: RefreshToken::new(format!("r{n}")),
            expires_at: Some(now() + TimeDelta::minutes(*minutes)),
            lifetime: DEFAULT_LIFETIME,
            scope: None,
            user: None,
            organization: None,
            replace: false,
        });
        let mut out = vec![];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime
            .block_on(async {
                store.put(grants.collect(), false).await?;
                store.pause(&"user-0".parse().unwrap(), Some(now())).await?;
                let config = Config::load(&Sources::default())?;
                let planned = plan(args, &config, &store, now(), &mut out);
                tokio::time::timeout(Duration::from_secs(10), planned).await?
            })
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_due_and_what_is_left_alone_is_listed_with_its_reason() {
        insta::assert_snapshot!(shown(Args::default(), &[60, -5, 3, 60, 90]), @r"
        ID      DO       WHY                 WHEN
        user-0  leave    paused              -
        user-1  refresh  expired_while_down  now
        user-2  refresh  due                 now

        leave(paused)=1 refresh(due)=1 refresh(expired_while_down)=1
        next: refresh user-3 (due) in 45m0s
        ");
    }

    #[test]
    fn all_of_it_is_there_in_json() {
        let plan: serde_json::Value =
            serde_json::from_str(&shown(Args { json: true, ..Args::default() }, &[60, 60])).unwrap();
        assert_eq!(plan["steps"][0]["do"], "leave");
        assert_eq!(plan["steps"][1]["at"], "2026-11-24T10:45:00Z");
    }
}
