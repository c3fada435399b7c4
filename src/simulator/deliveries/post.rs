//! The HTTP of a delivery: one POST, neither redirected nor sent twice. What its outcome means is `settle`.

use std::sync::OnceLock;
use std::time::Duration;

use hyper::body::Bytes;
use reqwest::{Client, ClientBuilder, redirect, retry};

use super::ledger::Posted;
use super::signature::HEADER;

/// Shorter than a usual server keeps an idle connection.
const IDLE: Duration = Duration::from_secs(4);
/// What is read of an answer, so that its connection can be used again.
const LONGEST_ANSWER: usize = 64 << 10;

/// A POST that is ready to go.
pub(super) struct Post {
    pub url: String,
    pub signature: Option<String>,
    pub body: Bytes,
    pub timeout: Duration,
}

/// Made when first needed: most simulators never deliver, and reading the machine's certificates takes its time.
pub(super) struct Clients {
    connect_timeout: Duration,
    plain: OnceLock<Option<Client>>,
    tls: OnceLock<Option<Client>>,
}

impl Clients {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self { connect_timeout, plain: OnceLock::new(), tls: OnceLock::new() }
    }

    pub(super) async fn post(&self, post: Post) -> Posted {
        let Post { url, signature, body, timeout } = post;
        let client = if url.starts_with("http:") {
            self.plain.get_or_init(|| self.builder().tls_certs_only([]).build().ok())
        } else {
            self.tls.get_or_init(|| self.builder().build().ok())
        };
        let Some(client) = client else { return Posted::Failed("no client") };
        let mut request = client.post(url).timeout(timeout).header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header(HEADER, signature);
        }
        match request.body(body).send().await {
            Ok(mut response) => {
                let mut read = 0;
                while let Ok(Some(chunk)) = response.chunk().await {
                    read += chunk.len();
                    if read > LONGEST_ANSWER {
                        break;
                    }
                }
                Posted::Answered(response.status().as_u16())
            }
            Err(error) if error.is_timeout() => Posted::Failed("timeout"),
            Err(error) if error.is_connect() => Posted::Failed("cannot connect"),
            Err(_) => Posted::Failed("connection broke"),
        }
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder()
            .user_agent("Calendly simulator")
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE)
    }
}
