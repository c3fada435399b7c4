//! The token endpoint. A refresh token, or a code, is sent once and then waited for; what the answer means is the domain's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Body, Client, Response};
use url::{Url, form_urlencoded};

use super::errors::{self, Refusal, clean};
use super::http::{Cut, build, builder, endpoint, explain, read};
use super::once::{Started, once};
use super::skew::Skew;
use super::{Settings, SetupError, rate};
use crate::domain::loose_json;
use crate::domain::outcome::{Outcome, Reply, judge};
use crate::domain::secrets::{ClientSecret, RefreshToken};
use crate::ports::{ApiError, ApiErrorClass, Clock, CodeExchange, TokenEndpoint};
use crate::runtime::sleep;

const FORM: &str = "application/x-www-form-urlencoded";
const REVOKE: &str = "revoke the token";
const CHECK: &str = "check the client's credentials";
/// A token answer has a few hundred bytes, or some thousands where tokens are JWTs.
const LONGEST_ANSWER: usize = 1 << 20;
/// A process that was frozen finds its timers over before it has looked what came meanwhile: for that it gets this much.
const WAKING: Duration = Duration::from_millis(500);

/// Calendly's OAuth server.
pub struct TokenClient {
    http: Client,
    token_url: Url,
    revoke_url: Url,
    introspect_url: Url,
    client_id: String,
    client_secret: ClientSecret,
    /// From when the request is on its way.
    patience: Duration,
    /// From the call on, whatever happens.
    at_most: Duration,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
    skew: Arc<Skew>,
}

/// What came of a POST, as [`Reply`] but owned.
enum Came {
    NotSent,
    Lost,
    Whole { status: u16, body: Vec<u8>, wait: Option<Duration> },
}

impl Came {
    fn judged(&self) -> Outcome {
        judge(&match self {
            Self::NotSent => Reply::NotSent,
            Self::Lost => Reply::Lost,
            Self::Whole { status, body, wait } => Reply::Whole { status: *status, body, wait: *wait },
        })
    }
}

impl TokenClient {
    pub(super) fn new(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        skew: Arc<Skew>,
    ) -> Result<Self, SetupError> {
        let token_url = match &settings.token_url {
            Some(url) => endpoint(url, "calendly.token_url", &[])?,
            None => endpoint(&settings.auth_url, "calendly.auth_url", &["oauth", "token"])?,
        };
        // HTTP/1.1, so that a connection that breaks leaves one exchange in doubt and not a hundred. The system
        // must not give up on an unanswered packet (30 s by default) before we do.
        let http = builder(settings.connect_timeout).http1_only().tcp_user_timeout(settings.token_timeout);
        Ok(Self {
            http: build(http)?,
            token_url,
            revoke_url: endpoint(&settings.auth_url, "calendly.auth_url", &["oauth", "revoke"])?,
            introspect_url: endpoint(&settings.auth_url, "calendly.auth_url", &["oauth", "introspect"])?,
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            patience: settings.token_timeout,
            at_most: settings.connect_timeout + settings.token_timeout,
            request_timeout: settings.request_timeout,
            clock,
            skew,
        })
    }

    async fn exchange(&self, form: String) -> Came {
        let (body, mut started) = once(form);
        // Not percent-encoded as RFC 6749 section 2.3.1 has it: Calendly's ids and secrets do not need it, and
        // servers disagree on undoing it.
        let request = self
            .http
            .post(self.token_url.clone())
            .basic_auth(&self.client_id, Some(self.client_secret.expose()))
            .header(CONTENT_TYPE, FORM)
            .header(ACCEPT, "application/json")
            .body(Body::wrap(body));
        let mut head = None;
        let mut body = Vec::new();
        let work = async {
            let mut response = request.send().await?;
            head = Some(self.head(&response));
            Ok::<_, reqwest::Error>(read(&mut response, &mut body, LONGEST_ANSWER).await)
        };
        let end = tokio::select! {
            biased;
            end = work => Some(end),
            () = self.patience(&mut started) => None,
        };
        let whole = match end {
            Some(Ok(Ok(()))) => true,
            // A connection that broke behind the last brace has delivered all the same.
            Some(Ok(Err(Cut::Broken))) | None => loose_json::is_object(&body),
            Some(Ok(Err(Cut::TooLong))) => false,
            Some(Err(error)) => {
                // Two witnesses for the one answer that lets the same token be sent again without a doubt.
                let not_sent = error.is_connect() && !started.yet();
                // Outcomes carry no text, and "no connection" may be a name, a route or a certificate.
                let reason = clean(&explain(error), &[self.client_secret.expose()]);
                log::debug!(target: "calendly", reason, not_sent; "no answer from the token endpoint");
                if not_sent {
                    return Came::NotSent;
                }
                false
            }
        };
        match head {
            Some((status, wait)) if whole => Came::Whole { status, body, wait },
            _ => Came::Lost,
        }
    }

    /// Ends when waiting longer makes no sense: the time is over, and the last of it was spent awake.
    async fn patience(&self, started: &mut Started) {
        let sent = async {
            started.wait().await;
            sleep(self.patience).await;
        };
        tokio::select! {
            () = sent => {}
            () = sleep(self.at_most) => {}
        }
        loop {
            let before = self.clock.boot();
            sleep(WAKING).await;
            if self.clock.boot().saturating_sub(before) < WAKING * 2 {
                return;
            }
        }
    }

    /// Posts our credentials and a token, as RFC 7009 and RFC 7662 have it.
    async fn about(&self, what: &'static str, url: &Url, token: &str) -> Result<(), ApiError> {
        let secret = self.client_secret.expose();
        let form = form(&[("client_id", &self.client_id), ("client_secret", secret), ("token", token)]);
        // As they are and as they stand in the form.
        let encoded = [encoded(token), encoded(secret)];
        let secrets = [token, secret, &encoded[0], &encoded[1]];
        let request = self
            .http
            .post(url.clone())
            .timeout(self.request_timeout)
            .header(CONTENT_TYPE, FORM)
            .header(ACCEPT, "application/json")
            .body(form);
        let mut response = request.send().await.map_err(|error| errors::failed(what, error, &secrets))?;
        self.skew.observe(response.headers());
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        // The status decides, so a body cut short only makes the error say less.
        let mut body = Vec::new();
        let _ = read(&mut response, &mut body, LONGEST_ANSWER).await;
        let refusal = Refusal {
            status: status.as_u16(),
            headers: response.headers(),
            body: &body,
            now: self.clock.now(),
        };
        let refused = errors::refused(what, &refusal, &secrets);
        Err(if is_about_us(&body) {
            ApiError { class: ApiErrorClass::Unauthenticated, ..refused }
        } else {
            refused
        })
    }

    fn head(&self, response: &Response) -> (u16, Option<Duration>) {
        self.skew.observe(response.headers());
        (response.status().as_u16(), rate::wait(response.headers(), self.clock.now()))
    }
}

#[async_trait]
impl TokenEndpoint for TokenClient {
    async fn refresh(&self, token: &RefreshToken) -> Outcome {
        let form = form(&[("grant_type", "refresh_token"), ("refresh_token", token.expose())]);
        self.exchange(form).await.judged()
    }

    async fn exchange_code(&self, exchange: CodeExchange<'_>) -> Outcome {
        let form = form(&[
            ("grant_type", "authorization_code"),
            ("code", exchange.code.expose()),
            ("redirect_uri", exchange.redirect_uri),
            ("code_verifier", exchange.verifier.expose()),
        ]);
        self.exchange(form).await.judged()
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), ApiError> {
        self.about(REVOKE, &self.revoke_url, token.expose()).await
    }

    async fn check_client(&self) -> Result<(), ApiError> {
        let made_up = uuid::Uuid::new_v4().to_string();
        self.about(CHECK, &self.introspect_url, &made_up).await
    }
}

impl std::fmt::Debug for TokenClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenClient({})", self.token_url)
    }
}

/// Whether an OAuth error says that the client is not known or its secret is wrong, under whatever status.
fn is_about_us(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Body {
        error: String,
    }
    serde_json::from_slice::<Body>(body)
        .is_ok_and(|body| matches!(body.error.as_str(), "invalid_client" | "unauthorized_client"))
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
