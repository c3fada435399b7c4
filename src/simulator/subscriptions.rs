//! The webhook subscriptions that exist, and the indexes that find them. No HTTP, no permissions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::options::UniqueCallback;

/// Whose events a subscription brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionScope {
    /// Events of one user.
    User,
    /// Events of the whole organization.
    Organization,
}

impl SubscriptionScope {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
        }
    }
}

pub(super) struct Subscription {
    pub uuid: u128,
    /// As it was asked for; uniqueness compares this, character by character.
    pub url: Arc<str>,
    pub events: Vec<String>,
    pub scope: SubscriptionScope,
    pub organization: u32,
    pub creator: u32,
    /// The grant it was made with; none: another application's.
    pub grant: Option<u32>,
    pub disabled: bool,
    pub created_at: i64,
    pub updated_at: i64,
    pub retry_started_at: Option<i64>,
    /// Of the creation; without one the application's signs.
    pub signing_key: Option<String>,
    /// Since when, on the clock of deliveries, nothing has arrived though something was sent.
    pub failing_since: Option<i64>,
}

#[derive(Default)]
pub(super) struct Subscriptions {
    /// By number, which is also the order of creation.
    entries: BTreeMap<u32, Subscription>,
    next: u32,
    by_uuid: HashMap<u128, u32>,
    by_url: HashMap<Arc<str>, Vec<u32>>,
    by_organization: HashMap<u32, Vec<u32>>,
    by_grant: HashMap<u32, Vec<u32>>,
}

impl Subscriptions {
    /// The number that the next subscription gets.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    pub(crate) fn insert(&mut self, entry: Subscription) -> u32 {
        let number = self.next;
        self.next += 1;
        self.by_uuid.insert(entry.uuid, number);
        self.by_url.entry(Arc::clone(&entry.url)).or_default().push(number);
        self.by_organization.entry(entry.organization).or_default().push(number);
        if let Some(grant) = entry.grant {
            self.by_grant.entry(grant).or_default().push(number);
        }
        self.entries.insert(number, entry);
        number
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Subscription> {
        let entry = self.entries.remove(&number)?;
        self.by_uuid.remove(&entry.uuid);
        forget(&mut self.by_url, &entry.url, number);
        forget(&mut self.by_organization, &entry.organization, number);
        if let Some(grant) = entry.grant {
            forget(&mut self.by_grant, &grant, number);
        }
        Some(entry)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Subscription> {
        self.entries.get(&number)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Subscription> {
        self.entries.get_mut(&number)
    }

    pub(crate) fn find(&self, uuid: &str) -> Option<u32> {
        self.by_uuid.get(&uuid::Uuid::parse_str(uuid).ok()?.as_u128()).copied()
    }

    pub(crate) fn of_grant(&self, grant: u32) -> Vec<u32> {
        self.by_grant.get(&grant).cloned().unwrap_or_default()
    }

    /// Whether a new one with this URL would be refused; a disabled one blocks its URL too.
    pub(crate) fn is_taken(&self, url: &str, creator: u32, organization: u32, width: UniqueCallback) -> bool {
        let same_url = self.by_url.get(url).map(Vec::as_slice).unwrap_or_default();
        same_url.iter().filter_map(|number| self.get(*number)).any(|entry| match width {
            UniqueCallback::Owner => entry.creator == creator,
            UniqueCallback::Organization => entry.organization == organization,
            UniqueCallback::Global => true,
        })
    }

    /// Numbers in order of creation.
    pub(crate) fn of_organization(&self, organization: u32) -> impl Iterator<Item = (u32, &Subscription)> {
        let numbers = self.by_organization.get(&organization).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().filter_map(|number| Some((*number, self.get(*number)?)))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Subscription> {
        self.entries.values()
    }
}

fn forget<K: std::hash::Hash + Eq>(index: &mut HashMap<K, Vec<u32>>, key: &K, number: u32) {
    if let Some(numbers) = index.get_mut(key) {
        numbers.retain(|other| *other != number);
        if numbers.is_empty() {
            index.remove(key);
        }
    }
}
