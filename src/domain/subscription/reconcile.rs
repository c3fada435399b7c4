//! The decision about a subscription: what is listed against what is wanted.

use std::collections::BTreeSet;

use super::callback::{CallbackUrl, same_url};
use super::{Found, Recorded, Scope, State};

/// What there should be, exactly once and active.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where it delivers.
    pub callback: CallbackUrl,
    /// What it delivers.
    pub events: BTreeSet<String>,
    /// For whom.
    pub scope: Scope,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is right.
    Keep {
        /// The one there is.
        uri: String,
    },
    /// There is none.
    Create {
        /// Of the callback URL.
        version: u32,
    },
    /// Create `version` first, then delete `old`.
    Replace {
        /// Of the callback URL.
        version: u32,
        /// To be deleted once the new one is there.
        old: Vec<String>,
        /// Why the old one will not do.
        reason: Wrong,
    },
    /// One right one is kept, the others are deleted.
    DeleteDuplicates {
        /// The oldest right one.
        keep: String,
        /// To be deleted.
        delete: Vec<String>,
    },
    /// Nothing can be concluded.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// What is wrong with a subscription of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Calendly switched it off.
    Disabled,
    /// It delivers other events than wanted.
    Events {
        /// Wanted, not delivered.
        missing: Vec<String>,
        /// Delivered, not wanted.
        extra: Vec<String>,
    },
    /// It is of another scope.
    Scope(String),
}

impl Wrong {
    /// The machine-readable reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Events { .. } => "wrong_events",
            Self::Scope(_) => "wrong_scope",
        }
    }
}

/// A subscription that should be there but is not listed is asked for by its URI before anything is concluded.
#[must_use]
pub fn to_ask_for<'r>(listed: &[Found], recorded: Option<&'r Recorded>) -> Option<&'r str> {
    recorded.map(|r| r.uri.as_str()).filter(|uri| listed.iter().all(|found| found.uri != *uri))
}

/// Decides from a complete list. Only subscriptions whose URL is a version of ours are ever named in a verdict.
#[must_use]
pub fn reconcile(wanted: &Wanted, listed: &[Found]) -> Verdict {
    let mut ours: Vec<(&Found, u32)> = listed
        .iter()
        .filter_map(|found| wanted.callback.version_of(&found.callback_url).map(|version| (found, version)))
        .collect();
    ours.sort_by(|(a, _), (b, _)| (a.created_at, &a.uri).cmp(&(b.created_at, &b.uri)));
    if let Some(state) = ours.iter().find_map(|(found, _)| match &found.state {
        State::Other(state) => Some(state),
        _ => None,
    }) {
        return Verdict::Unknown { reason: format!("unknown_state={state}") };
    }
    let Some((oldest, _)) = ours.first() else { return Verdict::Create { version: 0 } };
    let uris_without = |kept: Option<&str>| {
        ours.iter().map(|(found, _)| found.uri.clone()).filter(|uri| Some(uri.as_str()) != kept).collect()
    };
    match ours.iter().find(|(found, _)| wrong(wanted, found).is_none()) {
        Some((right, _)) if ours.len() == 1 => Verdict::Keep { uri: right.uri.clone() },
        Some((right, _)) => {
            Verdict::DeleteDuplicates { keep: right.uri.clone(), delete: uris_without(Some(&right.uri)) }
        }
        None => Verdict::Replace {
            version: ours.iter().map(|(_, version)| *version).max().unwrap_or(0).saturating_add(1),
            old: uris_without(None),
            reason: wrong(wanted, oldest).unwrap_or(Wrong::Disabled),
        },
    }
}

/// What is wrong with one of ours; `None` where nothing is.
#[must_use]
pub fn wrong(wanted: &Wanted, found: &Found) -> Option<Wrong> {
    if found.state == State::Disabled {
        Some(Wrong::Disabled)
    } else if found.scope != wanted.scope.as_str() {
        Some(Wrong::Scope(found.scope.clone()))
    } else if found.events != wanted.events {
        let difference =
            |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
        Some(Wrong::Events {
            missing: difference(&wanted.events, &found.events),
            extra: difference(&found.events, &wanted.events),
        })
    } else {
        None
    }
}

/// The listed subscriptions at retired callback URLs, to be deleted once the wanted one works.
#[must_use]
pub fn to_retire(listed: &[Found], retired: &[String]) -> Vec<String> {
    listed
        .iter()
        .filter(|found| retired.iter().any(|url| same_url(url, &found.callback_url)))
        .map(|found| found.uri.clone())
        .collect()
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
