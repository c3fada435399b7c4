//! An application that takes events over real sockets, when it likes to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use calendly_keeper::domain::secrets::NoticeSecret;
use calendly_keeper::domain::standard_webhooks::Signer;
use serde_json::Value;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// It closes each connection without a word.
    Down,
    /// It answers 500.
    Failing,
    /// It answers after so many milliseconds.
    Slow(u64),
}

/// An event that it acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) at: Instant,
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) invitee: String,
    pub(crate) backfilled: bool,
}

pub(crate) struct Application {
    pub(crate) port: u16,
    pub(crate) secret: String,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    mood: Mood,
    got: Vec<Got>,
    wrong: Vec<String>,
}

impl Application {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let secret = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()));
        let signer = Signer::new(&NoticeSecret::new(secret.as_str())).unwrap();
        let inner = Arc::new(Mutex::new(Inner { mood: Mood::Well, got: vec![], wrong: vec![] }));
        let shared = inner.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, signer) = (shared.clone(), signer.clone());
                // Who hangs up in the middle is a keeper that was killed.
                thread::spawn(move || drop(serve(stream.unwrap(), &shared, &signer)));
            }
        });
        Self { port, secret, inner }
    }

    pub(crate) fn is(&self, mood: Mood) {
        lock(&self.inner).mood = mood;
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        lock(&self.inner).got.clone()
    }

    /// What should not have come.
    pub(crate) fn wrong(&self) -> Vec<String> {
        lock(&self.inner).wrong.clone()
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, inner: &Mutex<Inner>, signer: &Signer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    // A connection is used again, as by any client.
    while reader.read_line(&mut line)? > 0 {
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mood = lock(inner).mood;
        let status = match mood {
            Mood::Down => return Ok(()),
            Mood::Failing => "500 Internal Server Error",
            Mood::Slow(millis) => {
                thread::sleep(Duration::from_millis(millis));
                "204 No Content"
            }
            Mood::Well => "204 No Content",
        };
        let taken = status.starts_with("204");
        let answered = write!(&stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if taken && answered.is_ok() {
            take(inner, signer, &headers, &body);
        }
        answered?;
        line.clear();
    }
    Ok(())
}

fn take(inner: &Mutex<Inner>, signer: &Signer, headers: &BTreeMap<String, String>, body: &[u8]) {
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let id = header("webhook-id");
    let signed = header("webhook-timestamp").parse().map(|at| signer.headers(&id, at, body)[2].1.clone());
    let mut inner = lock(inner);
    if signed.as_ref() != Ok(&header("webhook-signature")) {
        inner.wrong.push(format!("{id} is not signed as it should be"));
    }
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let backfilled = header("keeper-backfilled") == "true";
    if backfilled == headers.contains_key("calendly-webhook-signature") {
        inner.wrong.push(format!("{id}: Calendly's signature belongs to what Calendly delivered"));
    }
    inner.got.push(Got {
        at: Instant::now(),
        id,
        event: json["event"].as_str().unwrap_or_default().into(),
        invitee: json["payload"]["uri"].as_str().unwrap_or_default().into(),
        backfilled,
    });
}
