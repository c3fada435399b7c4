//! An application at a callback URL: what it was sent, and how it answers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use calendly_keeper::simulator::{DeliveryOptions, NewSubscription, Simulator, SubscriptionScope};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::LOCATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// One delivery, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub path: String,
    pub signature: Option<String>,
    pub body: Bytes,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Its name and the invitee it is about.
    pub(crate) fn event(&self) -> (String, String) {
        let body = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&body["event"]), text(&body["payload"]["uri"]))
    }

    /// Whether that key signed these bytes, and did so just now.
    pub(crate) fn is_signed_with(&self, key: &str) -> bool {
        let Some(signature) = &self.signature else { return false };
        let (time, hex) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        let seconds: i64 = time.parse().unwrap();
        assert!((chrono::Utc::now().timestamp() - seconds).abs() < 60, "{signature}");
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(&self.body);
        let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        hex == expected
    }
}

struct Inner {
    heard: Vec<Heard>,
    status: u16,
    hangs: bool,
}

/// Clones are the same application; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Application {
    port: u16,
    inner: Arc<Mutex<Inner>>,
    gone_on: Arc<watch::Sender<()>>,
}

impl Application {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Inner { heard: Vec::new(), status: 200, hangs: false };
        let application = Self { port, inner: Arc::new(Mutex::new(inner)), gone_on: Arc::default() };
        let serving = application.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let serving = serving.clone();
                let service = service_fn(move |request| serving.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        application
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return Ok(Response::default()) };
        let signature = head.headers.get("calendly-webhook-signature");
        let signature = signature.map(|value| value.to_str().unwrap().to_owned());
        let (path, body) = (head.uri.path().to_owned(), body.to_bytes());
        let (status, hangs) = {
            let mut inner = self.inner();
            inner.heard.push(Heard { path, signature, body });
            (inner.status, inner.hangs)
        };
        if hangs {
            let _ = self.gone_on.subscribe().changed().await;
        }
        Ok(Response::builder().status(status).header(LOCATION, "/elsewhere").body(Full::default()).unwrap())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// From now on it answers so.
    pub(crate) fn answers(&self, status: u16) {
        self.inner().status = status;
    }

    /// From now on it takes requests and says nothing, or answers again.
    pub(crate) fn hangs(&self, hangs: bool) {
        self.inner().hangs = hangs;
    }

    /// What it has taken until now is answered.
    pub(crate) fn goes_on(&self) {
        self.gone_on.send_replace(());
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.inner().heard.clone()
    }

    /// What it was told, in the order it came.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        self.heard().iter().map(Heard::event).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

pub(crate) const KEY: &str = DeliveryOptions::SIGNING_KEY;

/// A subscription of that user to all that happens to its own meetings.
pub(crate) fn subscribe(simulator: &Simulator, creator: &str, url: String) -> String {
    let events =
        ["invitee.created", "invitee.canceled", "invitee_no_show.created", "invitee_no_show.deleted"];
    let subscription = NewSubscription {
        creator: creator.into(),
        callback_url: url,
        events: events.map(str::to_owned).to_vec(),
        scope: SubscriptionScope::User,
        foreign: false,
    };
    simulator.add_subscription(subscription).unwrap()
}

/// What the ledger says an application should have been told, in order.
pub(crate) fn due(simulator: &Simulator) -> Vec<(String, String)> {
    simulator.due_events().into_iter().map(|due| (due.event.to_owned(), due.invitee)).collect()
}
