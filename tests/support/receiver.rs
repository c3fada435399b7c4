//! An application that takes notices, in memory: what it was sent, and how it answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use calendly_keeper::domain::secrets::NoticeSecret;
use calendly_keeper::domain::standard_webhooks::Signer;
use calendly_keeper::ports::{Clock as _, Message, Outgoing, Posted};
use calendly_keeper::runtime::sleep;
use calendly_keeper::services::notices::NotifySettings;
use serde_json::Value;

use super::test_clock::TestClock;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Where and with what notices are posted in tests.
pub(crate) fn settings() -> NotifySettings {
    NotifySettings {
        url: "http://127.0.0.1:1/notices?key=of-the-receiver".parse().unwrap(),
        signer: signer(),
    }
}

fn signer() -> Signer {
    Signer::new(&NoticeSecret::new(SECRET)).unwrap()
}

/// One attempt, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// By the boot clock.
    pub(crate) at: Duration,
    pub(crate) id: String,
    pub(crate) body: Value,
    pub(crate) taken: bool,
}

impl Attempt {
    pub(crate) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }
}

/// Clones are the same receiver.
#[derive(Clone)]
pub(crate) struct Receiver {
    clock: TestClock,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    attempts: Vec<Attempt>,
    answer: Posted,
    takes: Duration,
    is_there: bool,
    under_way: usize,
    most_under_way: usize,
}

impl Receiver {
    pub(crate) fn new(clock: TestClock) -> Self {
        let inner = Inner {
            attempts: vec![],
            answer: Posted::Answered { status: 204 },
            takes: Duration::ZERO,
            is_there: false,
            under_way: 0,
            most_under_way: 0,
        };
        Self { clock, inner: Arc::new(Mutex::new(inner)) }
    }

    /// Notices are configured, for keepers that begin from now on.
    pub(crate) fn comes(&self) {
        self.inner().is_there = true;
    }

    pub(crate) fn is_there(&self) -> bool {
        self.inner().is_there
    }

    /// From now on it answers so, after `takes`.
    pub(crate) fn answers(&self, answer: Posted, takes: Duration) {
        let mut inner = self.inner();
        inner.answer = answer;
        inner.takes = takes;
    }

    /// With this status, at once.
    pub(crate) fn answers_with(&self, status: u16) {
        self.answers(Posted::Answered { status }, Duration::ZERO);
    }

    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.inner().attempts.clone()
    }

    /// What was taken: about whom, and what was said.
    pub(crate) fn taken(&self) -> Vec<(String, String)> {
        let taken = self.attempts().into_iter().filter(|attempt| attempt.taken);
        let about = |body: &Value| {
            let data = &body["data"];
            data["id"].as_str().or(data["fault"].as_str()).unwrap().to_owned()
        };
        taken.map(|attempt| (about(&attempt.body), attempt.kind().to_owned())).collect()
    }

    pub(crate) fn most_under_way(&self) -> usize {
        self.inner().most_under_way
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Outgoing for Receiver {
    async fn post(&self, message: Message<'_>, patience: Duration) -> Posted {
        let header = |name: &str| -> String {
            let found = message.headers.iter().find(|(header, _)| *header == name);
            found.unwrap_or_else(|| panic!("no {name}")).1.clone()
        };
        let (id, at) = (header("webhook-id"), header("webhook-timestamp").parse::<i64>().unwrap());
        assert!((self.clock.now().timestamp() - at).abs() < 5, "a fresh timestamp in each attempt");
        assert_eq!(header("webhook-signature"), signer().headers(&id, at, &message.body)[2].1);
        assert_eq!(header("content-type"), "application/json");
        let body = serde_json::from_slice(&message.body).unwrap();
        let (answer, takes) = {
            let mut inner = self.inner();
            let taken = matches!(inner.answer, Posted::Answered { status: 200..=299 });
            let taken = taken && inner.takes < patience;
            inner.attempts.push(Attempt { at: self.clock.boot(), id, body, taken });
            inner.under_way += 1;
            inner.most_under_way = inner.most_under_way.max(inner.under_way);
            (inner.answer.clone(), inner.takes)
        };
        sleep(takes.min(patience)).await;
        self.inner().under_way -= 1;
        if takes < patience { answer } else { Posted::Lost("timed out".into()) }
    }
}
