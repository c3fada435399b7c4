//! A server that does as it is told, a clock that is turned by hand, and a client for both.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use calendly_keeper::calendly::{Calendly, Settings};
use calendly_keeper::domain::secrets::{AccessToken, ClientSecret, RefreshToken};
use calendly_keeper::ports::{Caller, Clock};
use chrono::{DateTime, Utc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

pub(crate) const CLIENT_SECRET: &str = "client-secret-0123456789";
pub(crate) const ACCESS: &str = "access-token-0123456789";
pub(crate) const REFRESH: &str = "refresh token/+&=0123456789";

/// What the server does with a request.
pub(crate) enum Step {
    /// Answers and keeps the connection.
    Answer(String),
    /// Writes this and closes.
    Close(String),
    /// Writes this and then nothing, with the connection open.
    Hang(String),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub line: String,
    pub head: String,
    pub body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

type Script = dyn Fn(usize, &Request) -> Step + Send + Sync;

/// Stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    /// `script` is asked about each request, with its number from 0.
    pub(crate) async fn start(script: impl Fn(usize, &Request) -> Step + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let script: Arc<Script> = Arc::new(script);
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                *accepting.connections.lock().unwrap() += 1;
                tokio::spawn(accepting.clone().serve(socket, script.clone()));
            }
        });
        server
    }

    async fn serve(self, mut socket: TcpStream, script: Arc<Script>) {
        while let Some(request) = read(&mut socket).await {
            let number = {
                let mut requests = self.requests.lock().unwrap();
                requests.push(request.clone());
                requests.len() - 1
            };
            let step = script(number, &request);
            let (Step::Answer(text) | Step::Close(text) | Step::Hang(text)) = &step;
            if socket.write_all(text.as_bytes()).await.is_err() {
                return;
            }
            match step {
                Step::Answer(_) => {}
                Step::Close(_) => return,
                Step::Hang(_) => std::future::pending().await,
            }
        }
    }

    pub(crate) fn url(&self) -> Url {
        format!("http://127.0.0.1:{}", self.port).parse().unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    pub(crate) fn client(&self) -> (Calendly, Arc<HandClock>) {
        client(self.url(), |_| {})
    }
}

async fn read(socket: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (line, head) = head.split_once("\r\n").unwrap();
            let request = Request { line: line.into(), head: head.into(), body: body.into() };
            let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(request);
            }
        }
        match socket.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}

/// An answer whose length is right.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A clock that stands until it is turned.
#[derive(Default)]
pub(crate) struct HandClock(Mutex<Duration>);

impl HandClock {
    pub(crate) fn turn(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse::<DateTime<Utc>>().unwrap() + *self.0.lock().unwrap()
    }

    fn boot(&self) -> Duration {
        Duration::from_secs(1000) + *self.0.lock().unwrap()
    }
}

/// A client for the server behind `url`.
pub(crate) fn client(url: Url, change: impl FnOnce(&mut Settings)) -> (Calendly, Arc<HandClock>) {
    let mut settings = Settings::new(url.clone(), url, "client-id", ClientSecret::new(CLIENT_SECRET));
    change(&mut settings);
    let clock = Arc::new(HandClock::default());
    (Calendly::new(&settings, clock.clone()).unwrap(), clock)
}

pub(crate) fn refresh_token() -> RefreshToken {
    RefreshToken::new(REFRESH)
}

/// Runs `test` with anna as the caller of the API.
pub(crate) async fn as_anna<T>(test: impl AsyncFnOnce(Caller<'_>) -> T) -> T {
    let token = AccessToken::new(ACCESS);
    test(Caller { rate_key: "anna", token: &token }).await
}

/// The deadline of everything here.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("within 20 s")
}
