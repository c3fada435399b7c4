//! `\0` in a text is refused by PostgreSQL, and one of them would fail a whole batch for ever.

use std::borrow::Cow;

use serde_json::Value;

use crate::domain::facts::{Quarantined, WebhookFact};
use crate::domain::grant::NewGrant;
use crate::domain::journal::{GrantHead, Known, KnownGrant};
use crate::domain::rotation::Commit;
use crate::domain::timeline::Entry;
use crate::ports::StoreError;

/// Offered grants come from people, who are told what is wrong with them.
pub(super) fn check(grants: &[NewGrant]) -> Result<(), StoreError> {
    for grant in grants {
        let texts = [
            ("client_id", &grant.client_id),
            ("scope", &grant.scope),
            ("calendly_user", &grant.user),
            ("calendly_organization", &grant.organization),
        ];
        if let Some((name, _)) =
            texts.iter().find(|(_, text)| text.as_deref().is_some_and(|t| t.contains('\0')))
        {
            return Err(StoreError::Refused(format!(
                "connection {}: {name} holds a NUL character; remove it",
                grant.id
            )));
        }
    }
    Ok(())
}

/// A pair is kept whatever stands beside it, so an answer is mended rather than refused.
pub(super) fn commit(commit: Commit) -> Commit {
    Commit {
        scope: commit.scope.map(text),
        user: commit.user.map(text),
        organization: commit.organization.map(text),
        foreign_owner: commit.foreign_owner.map(text),
        ..commit
    }
}

/// A journal has answers as they came.
pub(super) fn known(known: Known) -> Known {
    let grant = known.grant.map(|grant| KnownGrant {
        head: GrantHead { client_id: grant.head.client_id.map(text), ..grant.head },
        scope: grant.scope.map(text),
        user: grant.user.map(text),
        organization: grant.organization.map(text),
        foreign_owner: grant.foreign_owner.map(text),
        ..grant
    });
    Known { grant, ..known }
}

/// What Calendly said about a webhook.
pub(super) fn webhook(fact: WebhookFact) -> WebhookFact {
    WebhookFact { reason: fact.reason.map(text), uri: fact.uri.map(text), ..fact }
}

/// The message of a panic may hold anything.
pub(super) fn quarantined(parked: Quarantined) -> Quarantined {
    Quarantined { reason: text(parked.reason), ..parked }
}

/// Entries quote what others said.
pub(super) fn entry(entry: Entry) -> Entry {
    Entry { text: text(entry.text.into()).into(), detail: value(entry.detail), ..entry }
}

/// The text with every NUL replaced by the sign for what cannot be shown.
pub(super) fn text(text: Box<str>) -> Box<str> {
    match nul_free(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(cleaned) => cleaned.into(),
    }
}

fn nul_free(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

fn value(given: Value) -> Value {
    match given {
        Value::String(text) => Value::String(nul_free(&text).into_owned()),
        Value::Array(values) => values.into_iter().map(value).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (nul_free(&name).into_owned(), value(field))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_replaced_wherever_it_hides() {
        assert_eq!(&*text("a\0b".into()), "a\u{fffd}b");
        let hidden = serde_json::json!({"a\0": [1, {"b": "\0"}]});
        assert_eq!(value(hidden), serde_json::json!({"a\u{fffd}": [1, {"b": "\u{fffd}"}]}));
    }
}
