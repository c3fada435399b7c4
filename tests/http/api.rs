//! A keeper with its HTTP API, and somebody who asks it.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Method;

use crate::installation::Installation;
use crate::process::Keeper;

/// A running keeper whose API listens on a free port.
pub(crate) struct Served {
    pub(crate) place: Installation,
    pub(crate) keeper: Keeper,
    pub(crate) api: Api,
}

/// Asks with one API token.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    token: Option<String>,
    agent: Agent,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    /// `null` where it is no JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Served {
    /// With all users' tokens living for an hour.
    pub(crate) fn with(names: &[&str]) -> Self {
        let place = Installation::new(7200);
        place.import(&names.iter().map(|name| place.user(name, 3600)).collect::<Vec<_>>());
        Self::start(place)
    }

    pub(crate) fn start(mut place: Installation) -> Self {
        place.set("SERVER__LISTEN", "127.0.0.1:0");
        let keeper = place.started();
        let api = Api::of(&place, &keeper);
        Self { place, keeper, api }
    }
}

impl Api {
    /// With the token that the keeper made for the commands.
    pub(crate) fn of(place: &Installation, keeper: &Keeper) -> Self {
        let line = keeper.wait_for(&["server", "listening", "serves=api"]);
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).unwrap();
        let token = fs::read_to_string(place.file("api.token")).ok().map(|text| text.trim().to_owned());
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .max_redirects(0)
            .build()
            .into();
        Self { url: format!("http://{address}"), token, agent }
    }

    /// The same with another token, or none.
    pub(crate) fn as_(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    pub(crate) fn ask(&self, method: Method, path: &str, body: Option<&str>) -> Answer {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        };
        let answered = match body {
            Some(body) => self
                .agent
                .run(request.header("Content-Type", "application/json").body(body.to_owned()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        Answer::of(answered.unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None)
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, path, None)
    }

    /// A JSON body.
    pub(crate) fn send(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(&body.to_string()))
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Answer {
        self.ask(Method::PUT, path, Some(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None)
    }
}

impl Answer {
    pub(crate) fn of(mut response: ureq::http::Response<ureq::Body>) -> Self {
        let text = response.body_mut().read_to_string().unwrap();
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// A problem of that name, as RFC 9457 and the documentation have it.
    #[track_caller]
    pub(crate) fn fails_with(self, status: u16, name: &str) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert!(self.body["type"].as_str().unwrap().ends_with(&format!("/problems/{name}")), "{}", self.text);
        assert_eq!(self.body["status"], status);
        assert!(self.body["title"].is_string() && self.body["detail"].is_string());
        assert_eq!(self.body["request_id"].as_str(), self.header("x-request-id"));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
