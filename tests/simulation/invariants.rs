//! What must hold at every step, and at the end. What holds of each token request is judged where it comes in.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use calendly_keeper::domain::facts::{GrantFact, Refusal};
use calendly_keeper::domain::ids::ConnectionId;
use calendly_keeper::domain::journal::{Journalled, Known};
use calendly_keeper::domain::secrets::AccessToken;
use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::subscription::callback::CallbackTemplate;
use calendly_keeper::domain::subscription::reconcile::{Verdict, Wanted, reconcile};
use calendly_keeper::domain::subscription::{Owner, Scope};
use calendly_keeper::ports::Store as _;
use calendly_keeper::registry::cell::Cell;

use futures_util::FutureExt as _;

use super::calendly::{LIFETIME, ORGANIZATION, number, user_uri};
use super::clock::wall;
use super::keeper::{CALLBACK, EVENTS, Life, Outside, VERIFY_EVERY, id, number_of};
use super::ledger::{End, Ledger, Violation};
use super::people::{People, Person};
use super::plan::Time;

/// So long after whatever was wrong everybody has a living token again.
const MENDED: Duration = Duration::from_secs(180);
/// So long after what a user did the keeper has seen it.
const SEEN: Duration = Duration::from_secs(30);

/// Looks at everybody.
pub(crate) struct Watch<'a> {
    pub(crate) outside: &'a Outside,
    pub(crate) people: &'a People,
    /// When something was last wrong for all.
    pub(crate) rough: Duration,
    /// Whether subscriptions are compared this time: dear, and they change slowly.
    pub(crate) webhooks: bool,
}

static TEMPLATE: LazyLock<CallbackTemplate> = LazyLock::new(|| CallbackTemplate::parse(CALLBACK).unwrap());

type Broken = Option<(&'static str, String)>;

impl Watch<'_> {
    /// While the keeper lives.
    pub(crate) fn look(&self, life: &Life) -> Option<Violation> {
        let now = self.outside.clock.now();
        if let Some(why) = life.keeper.failed.borrow().as_ref() {
            return Some(violation("P6", now, None, format!("the keeper gave up: {why}")));
        }
        let started = life.keeper.shared.is_started();
        if !started {
            return None;
        }
        let ledger = self.outside.calendly.ledger();
        let mut cells = life.cells().into_iter().peekable();
        for (&of, person) in self.people {
            while cells.next_if(|(number, _)| *number < of).is_some() {}
            let cell = cells.next_if(|(number, _)| *number == of).map(|(_, cell)| cell);
            let broken = match (&cell, person.grant) {
                (Some(cell), Some(_)) => self.of_one(&ledger, of, person, cell, now),
                (None, None) => None,
                (Some(_), None) if self.calm(person.acted, now, SEEN) => {
                    Some(("P6", "it was deleted, and is still kept".into()))
                }
                (None, Some(_)) if self.calm(person.acted, now, SEEN) => {
                    Some(("P3", "it was connected, and the keeper does not know it".into()))
                }
                _ => None,
            };
            if let Some((promise, what)) = broken {
                return Some(violation(promise, now, Some(of), what));
            }
        }
        None
    }

    /// Nothing has been wrong for all, nor since `own` for this one, for so long.
    fn calm(&self, own: Duration, now: Duration, long: Duration) -> bool {
        now.saturating_sub(self.rough.max(own)) > long
    }

    fn of_one(&self, ledger: &Ledger, of: u32, person: &Person, cell: &Cell, now: Duration) -> Broken {
        let (number_of_grant, grant_id) = person.grant?;
        let (kept, fact) = cell.read(|c| (c.grant_id, c.facts.grant));
        if kept != grant_id {
            let late = self.calm(person.acted, now, SEEN);
            return late.then(|| ("P2", "the grant given last is not the one that is kept".into()));
        }
        let grant = &ledger.grants[number_of_grant as usize];
        let status = cell.status();
        let gone = grant.gone();
        let living = cell.living(wall(now));
        // Never, whatever the weather.
        if let Some(living) = &living {
            let served = number(living.token.expose());
            match ledger.accepts(served, now) {
                Ok(user) if user == of => {}
                Ok(user) => return Some(("P3", format!("the token of c{user} is served"))),
                Err(true) => return Some(("P3", format!("access-{served} is served after its end"))),
                Err(false) => {} // revoked, and nobody can know before it is tried
            }
        }
        if let GrantFact::Refused { reason, .. } = fact {
            match (reason, grant.ended, grant.lost) {
                (_, Some((End::Revoked, _)), _) | (Refusal::RotationLost, _, Some(_)) => {}
                (_, Some((End::GivenBack, at)), _) => {
                    return Some(("P2", format!("the keeper itself ended its living grant at {}", Time(at))));
                }
                (_, None, Some(at)) => {
                    let what = format!(
                        "its answer was lost at {}, and the reason says {}",
                        Time(at),
                        reason.as_str()
                    );
                    return Some(("P6", what));
                }
                (_, None, None) => {
                    return Some((
                        "P6",
                        format!("it is given up ({}) although its grant lives", reason.as_str()),
                    ));
                }
            }
        }
        if self.calm(person.acted, now, SEEN) && (status.status == Status::Paused) != person.paused {
            return Some((
                "P6",
                format!("paused={} was asked for, its status is {:?}", person.paused, status.status),
            ));
        }
        let own = person.acted.max(person.crashed).max(ledger.users[of as usize].troubled);
        if person.paused || status.status == Status::Quarantined || !self.calm(own, now, MENDED) {
            return None;
        }
        match gone {
            None if living.is_none() => {
                let since = cell.read(|c| c.expires_at);
                Some(("P3", format!("no living token in good weather (the last one ended at {since:?})")))
            }
            None => self.of_webhook(ledger, of, person, own, now),
            Some(at) if now.saturating_sub(at) > LIFETIME + MENDED => {
                let told = status.status == Status::ReauthorizationRequired;
                (!told).then(|| {
                    ("P6", format!("its grant is gone since {}, its status is {:?}", Time(at), status.status))
                })
            }
            Some(_) => None,
        }
    }

    fn of_webhook(&self, ledger: &Ledger, of: u32, person: &Person, own: Duration, now: Duration) -> Broken {
        if !self.webhooks || !self.calm(own.max(person.tampered), now, VERIFY_EVERY + MENDED) {
            return None;
        }
        let owner = Owner { organization: ORGANIZATION.into(), user: Some(user_uri(of).into()) };
        let wanted = Wanted {
            callback: TEMPLATE.fill(&id(of), &owner),
            events: EVENTS.iter().map(|event| (*event).to_owned()).collect(),
            scope: Scope::User,
        };
        match reconcile(&wanted, &ledger.users[of as usize].subscriptions) {
            Verdict::Keep { .. } => None,
            other => Some(("P4", format!("its subscription is not the one that it should be: {other:?}"))),
        }
    }

    /// While no keeper lives: every pair that arrived is in the database, or in the journal for the next start.
    pub(crate) fn kept(&self) -> Option<Violation> {
        let now = self.outside.clock.now();
        let mut journalled = pairs(self.outside.journal.holds());
        for (&of, person) in self.people {
            let Some((grant, grant_id)) = person.grant else { continue };
            let row = self.outside.store.get(&id(of)).now_or_never().and_then(Result::ok)?;
            let row = row.filter(|row| row.grant_id == grant_id).and_then(|row| row.access_token);
            let stored = row.map(|token: AccessToken| number(token.expose()));
            let known = stored.max(journalled.remove(&of));
            let ledger = self.outside.calendly.ledger();
            let grant = &ledger.grants[grant as usize];
            if grant.ended.is_none() && known < Some(grant.arrived) {
                let what = format!(
                    "refresh-{} had arrived; the database has {stored:?}, it and the journal {known:?}",
                    grant.arrived
                );
                return Some(violation("P2", now, Some(of), what));
            }
        }
        None
    }
}

fn pairs(journalled: Journalled) -> BTreeMap<u32, u32> {
    let pair = |(id, known): (ConnectionId, Known)| {
        let token = known.grant?.access_token?;
        Some((number_of(&id), number(token.expose())))
    };
    journalled.into_known().filter_map(pair).collect()
}

fn violation(promise: &'static str, at: Duration, of: Option<u32>, what: String) -> Violation {
    Violation { promise, at, of, what }
}
