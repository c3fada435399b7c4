//! The one task that compares, saves and sends. It alone has the book, so that nothing is decided twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use log::{debug, error, info, warn};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::book::Book;
use super::{NotifySettings, body};
use crate::domain::notice::{After, Delivery, Kind, Standing, Subject};
use crate::domain::status::Status;
use crate::domain::timeline;
use crate::ports::{Message, Posted, StoreError};
use crate::runtime::sleep;
use crate::services::Services;

/// All connections are compared so often, whether anybody said that they changed or not.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(30);
/// A receiver that has not answered by then has not taken it.
const PATIENCE: Duration = Duration::from_secs(15);
/// Attempts under way at once; one while none is taken.
const AT_ONCE: usize = 8;
/// It is sent anyway where it cannot be saved by then.
const SAVED_WITHIN: Duration = Duration::from_secs(2);
const SAVE_AGAIN: TimeDelta = TimeDelta::seconds(5);
const LOAD_AGAIN: Duration = Duration::from_secs(2);
/// A fault that was told before a restart shows again by then, if it is still there.
const FAULTS_SHOW: TimeDelta = TimeDelta::minutes(2);

/// The receiver wants no more of them.
const GONE: u16 = 410;

/// The work's state.
struct Work {
    services: Arc<Services>,
    settings: NotifySettings,
    book: Book,
    attempts: FuturesUnordered<BoxFuture<'static, (Subject, Posted)>>,
    saving: Option<Saving>,
    save_after: DateTime<Utc>,
    look_at_all: DateTime<Utc>,
    /// Told before the start, and not seen since.
    doubtful: HashSet<Subject>,
    faults_show_until: DateTime<Utc>,
    /// The latest attempt failed.
    in_trouble: bool,
    /// The receiver has gone.
    ended: bool,
}

/// A write that is under way, and about whom.
struct Saving {
    write: JoinHandle<Result<(), StoreError>>,
    subjects: Vec<Subject>,
}

/// Begins when this keeper works.
pub(super) async fn work(
    services: Arc<Services>,
    settings: NotifySettings,
    mut works: watch::Receiver<bool>,
) {
    let begun = async {
        let _ = works.wait_for(|works| *works).await;
        load(&services).await
    };
    let book = tokio::select! {
        book = begun => book,
        () = services.shutdown.requested() => return,
    };
    let now = services.adapters.clock.now();
    let doubtful = book.faults().into_iter().collect();
    let work = Work {
        services,
        settings,
        book,
        attempts: FuturesUnordered::new(),
        saving: None,
        save_after: now,
        look_at_all: now,
        doubtful,
        faults_show_until: now + FAULTS_SHOW,
        in_trouble: false,
        ended: false,
    };
    work.run().await;
    drop(works);
}

async fn load(services: &Services) -> Book {
    loop {
        match services.adapters.store.announced().await {
            Ok(saved) => {
                let mut book = Book::default();
                book.load(saved);
                return book;
            }
            Err(error) => {
                debug!(target: "notices", error:% = error; "what was announced could not be read, trying again");
                sleep(LOAD_AGAIN).await;
            }
        }
    }
}

impl Work {
    async fn run(mut self) {
        let services = self.services.clone();
        let mut faults = services.system.faults_changed();
        loop {
            self.look();
            let ready = self.take_ready();
            self.save().await;
            for subject in ready {
                self.send(subject);
            }
            let wait = (self.wake_at() - self.now()).to_std().unwrap_or_default();
            // A millisecond more: a timer that fires early would find nothing due.
            tokio::select! {
                Some((subject, posted)) = self.attempts.next(), if !self.attempts.is_empty() => {
                    self.posted(&subject, posted);
                }
                () = services.notices.wake.notified() => {}
                Ok(()) = faults.changed() => {}
                () = sleep(wait + Duration::from_millis(1)) => {}
                () = services.shutdown.requested() => {
                    // What was under way may have arrived, and is sent again under its id.
                    self.save().await;
                    return;
                }
            }
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.services.adapters.clock.now()
    }

    /// Who changed, what is wrong for all, and from time to time everybody.
    fn look(&mut self) {
        let now = self.now();
        let mut subjects: Vec<Subject> =
            self.services.notices.take_changed().into_iter().map(Subject::Connection).collect();
        let faults = self.services.system.faults();
        for fault in faults {
            let subject = Subject::System(fault.kind.as_str().into());
            self.doubtful.remove(&subject);
            subjects.push(subject);
        }
        if now >= self.look_at_all || self.look_at_all - now > LOOK_EVERY {
            self.look_at_all = now + LOOK_EVERY;
            let cells = self.services.registry.cells();
            let wrong = cells.iter().filter(|cell| cell.status().status != Status::Active);
            subjects.extend(wrong.map(|cell| Subject::Connection(cell.id().clone())));
            subjects.extend(self.book.subjects());
        } else {
            subjects.extend(self.book.faults());
        }
        if self.services.settings.events.relay.is_some() {
            subjects.push(Subject::Relay);
        }
        for subject in subjects {
            let stands = self.stands(&subject);
            self.book.look(&subject, stands, now);
        }
    }

    fn stands(&self, subject: &Subject) -> (Standing, Option<DateTime<Utc>>) {
        match subject {
            Subject::Connection(id) => match self.services.registry.get(id).map(|cell| cell.status()) {
                Some(status) => (status.status.into(), Some(status.since)),
                None => (Standing::Gone, None),
            },
            Subject::Relay => {
                let view = self.services.relay.view();
                (view.standing(self.now()), view.down_since)
            }
            Subject::System(name) => {
                let faults = self.services.system.faults();
                match faults.into_iter().find(|fault| fault.kind.as_str() == &**name) {
                    Some(fault) => (Standing::Wrong(Kind::SystemFault), Some(fault.since)),
                    None if self.doubtful.contains(subject) && self.now() < self.faults_show_until => {
                        (Standing::Hidden, None)
                    }
                    None => (Standing::Well, None),
                }
            }
        }
    }

    /// Those whose attempt begins now.
    fn take_ready(&mut self) -> Vec<Subject> {
        let now = self.now();
        let mut ready = vec![];
        loop {
            let at_once = if self.in_trouble { 1 } else { AT_ONCE };
            let free = if self.ended { 0 } else { at_once.saturating_sub(self.attempts.len() + ready.len()) };
            let Some(subject) = self.book.due(now, free.min(1)).pop() else { return ready };
            let stands = self.stands(&subject);
            if self.book.look(&subject, stands, now) {
                self.book.begin(&subject, now);
                ready.push(subject);
            }
        }
    }

    fn wake_at(&self) -> DateTime<Utc> {
        let has_room = self.attempts.len() < if self.in_trouble { 1 } else { AT_ONCE };
        let due = self.book.next_due().filter(|_| has_room && !self.ended);
        let save = (self.book.has_unsaved() || self.saving.is_some()).then_some(self.save_after);
        [due, save].into_iter().flatten().fold(self.look_at_all, DateTime::min)
    }

    /// Saves what has changed, in order and one write after another. Where the database takes its time, nobody waits for
    /// it but the next one to be saved.
    async fn save(&mut self) {
        let mut patience = Duration::ZERO;
        if self.saving.is_none() {
            if !self.book.has_unsaved() || self.now() < self.save_after {
                return;
            }
            let unsaved = self.book.take_unsaved();
            let subjects = unsaved.iter().map(|(subject, _)| subject.clone()).collect();
            let store = self.services.adapters.store.clone();
            let write = async move { store.save_announced(unsaved).await };
            self.saving = Some(Saving { write: self.services.io.spawn(write), subjects });
            patience = SAVED_WITHIN;
        }
        let Some(Saving { write, .. }) = &mut self.saving else { return };
        let written = tokio::time::timeout(patience, write).await;
        let Ok(written) = written else {
            self.save_after = self.now() + SAVE_AGAIN;
            return;
        };
        let subjects = self.saving.take().map(|saving| saving.subjects).unwrap_or_default();
        let failed = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        debug!(target: "notices", error:% = failed; "what is announced could not be saved, trying again");
        self.book.still_unsaved(subjects);
        self.save_after = self.now() + SAVE_AGAIN;
    }

    /// Sends what it says now.
    fn send(&mut self, subject: Subject) {
        let now = self.now();
        let (standing, _) = self.stands(&subject);
        let Some((open, known)) = self.book.open(&subject) else { return };
        let is_so = match standing {
            Standing::Well => open.kind.wrong().is_none(),
            Standing::Wrong(kind) => open.kind.wrong() == Some(kind),
            Standing::Hidden | Standing::Gone => false,
        };
        let body = is_so.then(|| body::of(&self.services, &subject, &open, known, now)).flatten();
        let Some(body) = body else {
            self.book.end(&subject, Delivery::Failed { reached: false }, now); // it changed while it was saved
            return;
        };
        let (services, settings) = (self.services.clone(), self.settings.clone());
        self.attempts.push(Box::pin(async move {
            let id = format!("msg_{}", open.id.simple());
            let mut headers = Vec::from(settings.signer.headers(&id, now.timestamp(), &body));
            headers.push(("content-type", "application/json".into()));
            let message = Message { to: &settings.url, headers, body };
            let posted = services.adapters.outgoing.post(message, PATIENCE).await;
            (subject, posted)
        }));
    }

    fn posted(&mut self, subject: &Subject, posted: Posted) {
        let now = self.now();
        let Some((open, _)) = self.book.open(subject) else { return };
        let counters = self.services.counters();
        let (delivery, why) = match posted {
            Posted::Answered { status: 200..=299 } => (Delivery::Taken, String::new()),
            Posted::Answered { status } => {
                if status == GONE && !std::mem::replace(&mut self.ended, true) {
                    error!(target: "notices", status, hint = "correct notify.url, then restart";
                        "the receiver wants no more notices, none are sent until the next start");
                }
                (Delivery::Failed { reached: true }, format!("it answers {status}"))
            }
            Posted::Lost(why) => (Delivery::Failed { reached: true }, why),
            Posted::NotSent(why) => (Delivery::Failed { reached: false }, why),
        };
        let kind = open.kind.as_str();
        let target = subject_target(subject);
        match self.book.end(subject, delivery, now) {
            After::Taken => {
                counters.notices_taken.add_one();
                info!(target: &target, notice = kind, attempts = open.attempts; "notice taken");
                self.note(subject, kind);
            }
            After::Again => {
                counters.notices_failed.add_one();
                debug!(target: &target, notice = kind, attempts = open.attempts, error:% = why; "notice not taken");
            }
            After::GivenUp => {
                counters.notices_given_up.add_one();
                warn!(target: &target, notice = kind, attempts = open.attempts, error:% = why; "notice given up");
            }
        }
        let fails = delivery != Delivery::Taken;
        if fails != std::mem::replace(&mut self.in_trouble, fails) && !self.ended {
            if fails {
                warn!(target: "notices", error:% = why; "notices are not taken, trying on");
            } else {
                info!(target: "notices", "notices are taken again");
            }
        }
        let stands = self.stands(subject);
        self.book.look(subject, stands, now);
    }

    fn note(&self, subject: &Subject, kind: &str) {
        if let Subject::Connection(id) = subject {
            let text = format!("the application was told: {kind}");
            self.services.timeline.note(id, timeline::Kind::Notified, text, json!({ "notice": kind }));
        }
    }
}

fn subject_target(subject: &Subject) -> String {
    match subject {
        Subject::Connection(id) => format!("connection/{id}"),
        Subject::Relay => "relay".into(),
        Subject::System(_) => "supervisor".into(),
    }
}
