//! The running keeper as its commands see it: found by their common configuration, asked over its HTTP API.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::bail;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request};

use super::failure::Usage;
use crate::config::Config;
use crate::config::api_token_file::{self, FILE};
use crate::domain::ids::ConnectionId;
use crate::domain::secrets::ApiSecret;

/// It is on this machine or near it.
const CONNECT: Duration = Duration::from_secs(5);
/// Longer than the keeper lets anybody wait.
const ANSWER: Duration = Duration::from_secs(90);

/// Asks the running keeper.
pub(super) struct Api {
    url: String,
    secret: ApiSecret,
    agent: Agent,
}

/// What it answered, where it did what was asked.
#[derive(Debug)]
pub(super) struct Answer {
    /// 200, 201, 202 or 204.
    pub(super) status: u16,
    /// In the shapes of the HTTP API; `null` where there is nothing to say.
    pub(super) body: Value,
    /// What became of a deleted connection at Calendly.
    pub(super) remote: Option<String>,
}

/// Why it did not.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiFailure {
    /// Nobody listens.
    #[error(
        "no keeper answers at {url} ({why}): start it with `calendly-keeper run`, or should server.listen be another \
         one?"
    )]
    NotRunning { url: String, why: String },
    /// It said why, as RFC 9457 has it.
    #[error("{detail}{remedy}")]
    Problem { status: u16, detail: String, remedy: &'static str },
    /// Something else listens there.
    #[error("what answers at {0} is no calendly-keeper: should server.listen be another address?")]
    Stranger(String),
}

impl ApiFailure {
    /// Whether trying again without a change is of no use.
    pub(super) fn is_configuration(&self) -> bool {
        match self {
            Self::NotRunning { .. } => false,
            Self::Problem { status, .. } => matches!(status, 400 | 401 | 403),
            Self::Stranger(_) => true,
        }
    }
}

impl Api {
    /// Of the keeper that runs with this configuration.
    ///
    /// # Errors
    /// Where the configuration does not say how to ask it.
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let Some(listen) = config.server.listen else {
            let what = "the HTTP API is turned off (server.listen = \"\"), and this command asks the running keeper \
                        through it: set server.listen, as in \"127.0.0.1:8787\", and start the keeper again";
            return Err(Usage(what.into()).into());
        };
        if listen.port() == 0 {
            let what = "server.listen has the port 0, any free one: give it a number, so that commands find the keeper";
            return Err(Usage(what.into()).into());
        }
        Ok(Self { url: url(listen), secret: secret(config)?, agent: agent() })
    }

    /// Where it asks.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// `GET` of a path with its query.
    ///
    /// # Errors
    /// Why there is no answer, or none that is wanted; so for all requests.
    pub(super) fn get(&self, path: &str) -> Result<Answer, ApiFailure> {
        self.ask(Method::GET, path, None)
    }

    /// `POST` without a body.
    pub(super) fn post(&self, path: &str) -> Result<Answer, ApiFailure> {
        self.ask(Method::POST, path, None)
    }

    /// `POST` of JSON.
    pub(super) fn post_json(&self, path: &str, body: &Value) -> Result<Answer, ApiFailure> {
        self.ask(Method::POST, path, Some(body))
    }

    /// `DELETE`.
    pub(super) fn delete(&self, path: &str) -> Result<Answer, ApiFailure> {
        self.ask(Method::DELETE, path, None)
    }

    fn ask(&self, method: Method, path: &str, sent: Option<&Value>) -> Result<Answer, ApiFailure> {
        let silent = |why: String| ApiFailure::NotRunning { url: self.url.clone(), why };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.secret.expose()));
        let answered = match sent {
            Some(sent) => {
                let request = request.header("Content-Type", "application/json").body(sent.to_string());
                request.map_err(Into::into).and_then(|request| self.agent.run(request))
            }
            None => request.body(()).map_err(Into::into).and_then(|request| self.agent.run(request)),
        };
        let mut response = answered.map_err(|error| silent(error.to_string()))?;
        let status = response.status().as_u16();
        let remote =
            response.headers().get("keeper-remote").and_then(|value| value.to_str().ok()).map(Into::into);
        let text = response.body_mut().read_to_string().map_err(|error| silent(error.to_string()))?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        match status {
            200..300 if body.is_object() || text.is_empty() => Ok(Answer { status, body, remote }),
            _ => {
                Err(problem(&self.url, status, &body)
                    .unwrap_or_else(|| ApiFailure::Stranger(self.url.clone())))
            }
        }
    }
}

/// The path of a connection; its id holds nothing that a path does not take.
pub(super) fn path(id: &ConnectionId, rest: &str) -> String {
    format!("/v1/connections/{id}{rest}")
}

/// Where a keeper that listens there is reached from this machine.
fn url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

fn secret(config: &Config) -> anyhow::Result<ApiSecret> {
    match api_token_file::for_commands(config)? {
        Some(secret) => Ok(secret),
        None if config.server.api_tokens.is_empty() => bail!(
            "there is no API token at {} yet: the keeper makes it at its start, so start it with `calendly-keeper run`, \
             or should data_dir be another one?",
            config.data_dir.join(FILE).display()
        ),
        None => Err(Usage(
            "server.api_tokens has no token with the role admin, which commands need: add one, as in \
             \"commands:admin:…\", and start the keeper again"
                .into(),
        )
        .into()),
    }
}

/// No proxy stands between a command and the keeper of its machine, and the token goes nowhere else.
fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(ANSWER))
        .build()
        .into()
}

/// `None` where it is not the keeper's way to say it.
fn problem(url: &str, status: u16, body: &Value) -> Option<ApiFailure> {
    let name = body["type"].as_str()?.rsplit_once("/problems/")?.1.to_owned();
    let detail = body["detail"].as_str()?;
    let detail = match name.as_str() {
        "not-working" => format!("the keeper at {url} does not work now: {detail}"),
        _ => detail.to_owned(),
    };
    let remedy = match name.as_str() {
        "unauthorized" => {
            ": the keeper that answers was started with another configuration than this command"
        }
        "not-working" => {
            "; ask the one that works, or read the database alone by `calendly-keeper status` and `why`"
        }
        "reauthorization-required" => "; `calendly-keeper connect` makes a link for that",
        "database-unavailable" => "; `calendly-keeper doctor` says what is wrong with it",
        _ => "",
    };
    Some(ApiFailure::Problem { status, detail, remedy })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_listens_everywhere_is_reached_on_loopback() {
        let url = |listen: &str| url(listen.parse().unwrap());
        assert_eq!(url("0.0.0.0:8787"), "http://127.0.0.1:8787");
        assert_eq!(url("[::]:8787"), "http://[::1]:8787");
        assert_eq!(url("192.0.2.7:80"), "http://192.0.2.7:80");
    }

    #[test]
    fn a_problem_is_told_by_its_detail_and_with_a_remedy() {
        let told = |name: &str, status: u16| {
            let body = json!({ "type": format!("https://x/problems/{name}"), "detail": "it is so" });
            problem("http://k", status, &body).unwrap()
        };
        assert_eq!(told("unknown-connection", 404).to_string(), "it is so");
        assert!(!told("unknown-connection", 404).is_configuration());
        assert!(told("unauthorized", 401).to_string().contains("another configuration"));
        assert!(told("unauthorized", 401).is_configuration());
        assert!(
            problem("http://k", 404, &json!({ "message": "Not found" })).is_none(),
            "another server's way to say it"
        );
        assert!(problem("http://k", 404, &Value::Null).is_none());
    }
}
