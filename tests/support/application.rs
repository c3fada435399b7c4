//! An application that takes events, in memory: what it was sent, and how it answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use calendly_keeper::domain::relay::Policy;
use calendly_keeper::domain::secrets::SigningKey;
use calendly_keeper::domain::subscription::Scope;
use calendly_keeper::ports::{Clock as _, Message, Outgoing, Posted};
use calendly_keeper::runtime::sleep;
use calendly_keeper::services::EventSettings;
use calendly_keeper::services::inbox::InboxSettings;
use calendly_keeper::services::relay::RelaySettings;

use super::receiver::{self, Receiver};
use super::test_clock::TestClock;

pub(crate) const SIGNING_KEY: &str = "the app's signing key";
const PATH: &str = "/events";

/// One attempt, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Relayed {
    /// By the boot clock.
    pub(crate) at: Duration,
    pub(crate) id: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) taken: bool,
}

impl Relayed {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

type Answers = Arc<dyn Fn(&Relayed) -> Posted + Send + Sync>;

/// Clones are the same application.
#[derive(Clone)]
pub(crate) struct Application {
    clock: TestClock,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    is_there: bool,
    unrecognized: bool,
    answers: Answers,
    takes: Duration,
    attempts: Vec<Relayed>,
    under_way: usize,
    most_under_way: usize,
}

impl Application {
    pub(crate) fn new(clock: TestClock) -> Self {
        let inner = Inner {
            is_there: false,
            unrecognized: false,
            answers: Arc::new(|_| Posted::Answered { status: 200 }),
            takes: Duration::ZERO,
            attempts: vec![],
            under_way: 0,
            most_under_way: 0,
        };
        Self { clock, inner: Arc::new(Mutex::new(inner)) }
    }

    /// Events are taken and passed on, for keepers that begin from now on.
    pub(crate) fn comes(&self) {
        self.inner().is_there = true;
    }

    /// What is rightly signed but no event is passed on, too, from the next start on.
    pub(crate) fn takes_what_is_no_event(&self) {
        self.inner().unrecognized = true;
    }

    pub(crate) fn settings(&self) -> EventSettings {
        if !self.inner().is_there {
            return EventSettings::default();
        }
        EventSettings {
            inbox: Some(InboxSettings {
                signing_keys: [SigningKey::new(SIGNING_KEY)].into(),
                max_body: 2 << 20,
                scope: Scope::User,
                unrecognized: self.inner().unrecognized,
            }),
            relay: Some(RelaySettings {
                url: format!("http://127.0.0.1:1{PATH}").parse().unwrap(),
                signer: receiver::settings().signer,
                timeout: Duration::from_secs(15),
                policy: Policy { give_up_after: Duration::from_secs(3 * 86_400) },
            }),
            ..EventSettings::default()
        }
    }

    /// From now on it answers so, after `takes`.
    pub(crate) fn answers(
        &self,
        takes: Duration,
        answers: impl Fn(&Relayed) -> Posted + Send + Sync + 'static,
    ) {
        let mut inner = self.inner();
        inner.answers = Arc::new(answers);
        inner.takes = takes;
    }

    pub(crate) fn answers_with(&self, status: u16) {
        self.answers(Duration::ZERO, move |_| Posted::Answered { status });
    }

    pub(crate) fn attempts(&self) -> Vec<Relayed> {
        self.inner().attempts.clone()
    }

    /// What it took, in order.
    pub(crate) fn taken(&self) -> Vec<Relayed> {
        self.attempts().into_iter().filter(|attempt| attempt.taken).collect()
    }

    pub(crate) fn most_under_way(&self) -> usize {
        self.inner().most_under_way
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn post(&self, message: Message<'_>, patience: Duration) -> Posted {
        let mut relayed = Relayed {
            at: self.clock.boot(),
            id: String::new(),
            headers: message.headers,
            body: message.body,
            taken: false,
        };
        relayed.id = relayed.header("webhook-id").unwrap().to_owned();
        let at: i64 = relayed.header("webhook-timestamp").unwrap().parse().unwrap();
        assert!((self.clock.now().timestamp() - at).abs() < 5, "a fresh timestamp in each attempt");
        let signed = receiver::settings().signer.headers(&relayed.id, at, &relayed.body);
        assert_eq!(relayed.header("webhook-signature"), Some(signed[2].1.as_str()));
        let (answers, takes) = {
            let mut inner = self.inner();
            inner.under_way += 1;
            inner.most_under_way = inner.most_under_way.max(inner.under_way);
            (inner.answers.clone(), inner.takes)
        };
        sleep(takes.min(patience)).await;
        let answer = if takes < patience { answers(&relayed) } else { Posted::Lost("timed out".into()) };
        relayed.taken = matches!(answer, Posted::Answered { status: 200..=299 });
        let mut inner = self.inner();
        inner.under_way -= 1;
        inner.attempts.push(relayed);
        answer
    }
}

/// What takes notices, and what takes events.
pub(crate) struct Both(pub(crate) Receiver, pub(crate) Application);

#[async_trait]
impl Outgoing for Both {
    async fn post(&self, message: Message<'_>, patience: Duration) -> Posted {
        if message.to.path() == PATH {
            self.1.post(message, patience).await
        } else {
            self.0.post(message, patience).await
        }
    }
}
