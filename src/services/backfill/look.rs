//! A look through all meetings from a start time on: what happened in them and is not in the inbox is taken in.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use log::debug;
use serde_json::Value;

use super::asker::{Asker, Stop};
use super::whose::{Members, aliases};
use crate::domain::backfill::{Onward, body_of, event_of, happened, onward, start_time, to_look_into};
use crate::domain::event::{EventId, NewEvent};
use crate::ports::ListPage;
use crate::services::{Services, inbox};

/// Pages of one list, of meetings that all start at the same time.
const MOST_PAGES: usize = 500;
/// Events in one transaction: deliveries wait for it meanwhile.
const AT_ONCE: usize = 100;

/// What a page of meetings came to.
pub(super) struct Step {
    /// New events for each member, by his place.
    pub(super) found: Vec<(usize, u64)>,
    /// Everything that starts before then is done; `None` at the end.
    pub(super) reached: Option<DateTime<Utc>>,
}

/// A look that is under way.
pub(super) struct Look<'a> {
    pub(super) services: &'a Services,
    pub(super) asker: &'a Asker<'a>,
    pub(super) members: &'a Members,
    /// Meetings of the list before: the next one begins a little earlier than that one ended.
    pub(super) done: HashSet<Box<str>>,
}

/// An event, and for whom.
struct Found {
    event: NewEvent,
    place: usize,
    /// The ids under which others have it.
    aliases: Vec<EventId>,
}

impl Look<'_> {
    /// Reads on from a start time, and takes in what is found there.
    pub(super) async fn step(&mut self, from: DateTime<Utc>) -> Result<Step, Stop> {
        let (scheduled, reached) = self.read(from).await?;
        let found = self.found(&scheduled).await?;
        let found = self.take_in(found).await?;
        let uri = |one: &Value| one["uri"].as_str().map(Into::into);
        self.done = scheduled.iter().filter_map(uri).collect();
        Ok(Step { found, reached })
    }

    /// A page, or more of them where one alone does not lead on. Nothing slow comes between them.
    async fn read(&self, from: DateTime<Utc>) -> Result<(Vec<Value>, Option<DateTime<Utc>>), Stop> {
        let (mut scheduled, mut starts, mut seen) = (vec![], vec![], HashSet::new());
        let mut page: Option<Box<str>> = None;
        loop {
            let ListPage { items, next } = self.asker.scheduled(from, page.as_deref()).await?;
            starts.extend(items.iter().map(start_time));
            scheduled.extend(items);
            match (onward(from, &starts, next.is_some()), next) {
                (Onward::From(reached), _) => return Ok((scheduled, Some(reached))),
                (Onward::Token, Some(next)) => {
                    if seen.len() >= MOST_PAGES || !seen.insert(next.clone()) {
                        return Err(Stop::Later(None, "the pages of meetings go round in a circle".into()));
                    }
                    page = Some(next);
                }
                (Onward::End | Onward::Token, _) => return Ok((scheduled, None)),
            }
        }
    }

    /// What happened in these meetings.
    async fn found(&self, scheduled: &[Value]) -> Result<Vec<Found>, Stop> {
        let mut found = vec![];
        for scheduled in scheduled {
            let Some(uri) = scheduled["uri"].as_str().filter(|uri| !self.done.contains(*uri)) else {
                continue;
            };
            let mut recipients = self.members.recipients(scheduled, self.asker.cell.id());
            recipients.retain(|recipient| to_look_into(scheduled, recipient.member.window));
            if recipients.is_empty() {
                continue;
            }
            let Some(invitees) = self.asker.invitees(uri).await? else {
                debug!(target: "backfill", connection:% = self.asker.cell.id(), uri; "a meeting is gone, nobody can say who was invited");
                continue;
            };
            for recipient in recipients {
                for invitee in &invitees {
                    for happened in happened(scheduled, invitee, recipient.member.window) {
                        if !self.is_wanted(happened.event) {
                            continue;
                        }
                        let cell = &recipient.member.cell;
                        let user = cell.read(|c| c.user.clone()).unwrap_or_default();
                        let body = body_of(happened, &user, scheduled, invitee);
                        let aliases = aliases(&body, recipient.others);
                        let now = self.services.adapters.clock.now();
                        let relayed = self.services.settings.events.relay.is_some();
                        let event = event_of(body, cell.id().clone(), now, relayed);
                        let place = recipient.place;
                        found.extend(event.map(|event| Found { event, place, aliases }));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Only what is subscribed to.
    fn is_wanted(&self, event: &str) -> bool {
        self.services.settings.webhook.as_ref().is_some_and(|webhook| webhook.events.contains(event))
    }

    /// Keeps what the inbox does not have, in the order in which it happened.
    async fn take_in(&self, mut found: Vec<Found>) -> Result<Vec<(usize, u64)>, Stop> {
        let store = &self.services.adapters.store;
        let ids = |found: &Found| [vec![found.event.id.clone()], found.aliases.clone()].concat();
        let known = store.known_events(found.iter().flat_map(ids).collect()).await?;
        found.retain(|found| {
            let is_known = ids(found).iter().any(|id| known.contains(id));
            !is_known && !self.members.all[found.place].cell.is_deleted()
        });
        found.sort_by_key(|found| found.event.occurred_at);
        let mut taken = vec![];
        while !found.is_empty() {
            let some: Vec<_> = found.drain(..found.len().min(AT_ONCE)).collect();
            let places: Vec<_> = some.iter().map(|found| found.place).collect();
            let events = some.into_iter().map(|found| found.event).collect();
            let are_new = inbox::add(self.services, events).await?;
            for (place, _) in places.into_iter().zip(are_new).filter(|(_, is_new)| *is_new) {
                match taken.iter_mut().find(|(other, _)| *other == place) {
                    Some((_, count)) => *count += 1,
                    None => taken.push((place, 1)),
                }
            }
        }
        Ok(taken)
    }
}
