//! Whose a meeting is, of those who share a list.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::domain::backfill::{Window, hosts};
use crate::domain::event::EventId;
use crate::domain::ids::ConnectionId;
use crate::registry::cell::Cell;

/// More of them are not asked about an event that is nobody's in particular.
const MOST_OTHERS: usize = 500;

/// A connection for which events are looked for.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) cell: Arc<Cell>,
    pub(super) window: Window,
    /// The gap that what is found is counted for.
    pub(super) gap: Option<i64>,
}

/// Those for whom something may be in a list.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) all: Vec<Member>,
    /// With organization scope every user who is connected, and all their connections: a meeting with none of them is for
    /// whoever reads the list.
    pub(super) organization: Option<Connected>,
}

/// Who of an organization is connected.
#[derive(Debug, Default)]
pub(super) struct Connected {
    pub(super) users: HashSet<Box<str>>,
    pub(super) connections: Vec<ConnectionId>,
}

/// One to whom a meeting belongs.
pub(super) struct Recipient<'a> {
    /// His place among the members.
    pub(super) place: usize,
    pub(super) member: &'a Member,
    /// Others who may have it already, from a delivery.
    pub(super) others: &'a [ConnectionId],
}

impl Members {
    /// Where the earliest change that counts for anybody may be.
    pub(super) fn earliest(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        self.all.iter().map(|member| member.window.since).min()
    }

    /// Those to whom a meeting belongs; `asker` reads the list.
    pub(super) fn recipients<'a>(&'a self, scheduled: &Value, asker: &ConnectionId) -> Vec<Recipient<'a>> {
        let numbered = self.all.iter().enumerate().filter(|(_, member)| !member.cell.is_deleted());
        let Some(connected) = &self.organization else {
            return numbered.map(|(place, member)| Recipient { place, member, others: &[] }).collect();
        };
        let hosts = hosts(scheduled);
        if hosts.iter().any(|host| connected.users.contains(host)) {
            let is_host = |member: &Member| has_user(&member.cell, &hosts);
            let hosting = numbered.filter(|(_, member)| is_host(member));
            return hosting.map(|(place, member)| Recipient { place, member, others: &[] }).collect();
        }
        let others = &connected.connections[..connected.connections.len().min(MOST_OTHERS)];
        let reading = numbered.filter(|(_, member)| member.cell.id() == asker);
        reading.map(|(place, member)| Recipient { place, member, others }).collect()
    }
}

fn has_user(cell: &Cell, hosts: &BTreeSet<Box<str>>) -> bool {
    cell.read(|c| c.user.as_ref().is_some_and(|user| hosts.contains(user)))
}

/// The ids that an event has for others.
pub(super) fn aliases(body: &[u8], others: &[ConnectionId]) -> Vec<EventId> {
    if others.is_empty() {
        return vec![];
    }
    let about = crate::domain::event::recognise(body);
    about.map(|about| others.iter().map(|id| about.id(Some(id))).collect()).unwrap_or_default()
}
