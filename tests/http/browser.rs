//! A user's browser without a window: it goes from page to page one step at a time, and says where it is sent.

use std::time::Duration;

use calendly_keeper::simulator::SeedUser;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Method, Request};
use url::Url;

use crate::api::{Answer, Served};
use crate::installation::Installation;

/// Where the application has its users sent.
pub(crate) const RETURN_URL: &str = "https://app.example/calendly/done";
pub(crate) const SCOPES: &str = "users:read,webhooks:write,scheduled_events:read";

/// A keeper whose application connects users by links.
pub(crate) fn connecting(change: impl FnOnce(&mut Installation)) -> Served {
    let mut place = Installation::new(7200);
    place.set("CONNECT__RETURN_URLS", "https://app.example/calendly");
    place.set("CONNECT__SCOPES", SCOPES);
    change(&mut place);
    Served::start(place)
}

/// A link that was asked for, and a flow that was begun.
pub(crate) struct Link {
    pub(crate) flow: String,
    pub(crate) url: String,
}

impl Served {
    /// A user of Calendly, who is not connected.
    pub(crate) fn knows(&self, name: &str) {
        let _ = self.place.simulator.add_user(&SeedUser::named(name));
    }

    pub(crate) fn link(&self, id: &str) -> Link {
        self.link_for(&json!({ "id": id, "return_url": RETURN_URL }))
    }

    pub(crate) fn link_for(&self, wanted: &Value) -> Link {
        let made = self.api.send("/v1/connect", wanted).is(201);
        let text = |key: &str| made.body[key].as_str().unwrap().to_owned();
        Link { flow: text("flow"), url: text("authorization_url") }
    }

    /// `user` opens the link and agrees; the URL that he is sent back to.
    pub(crate) fn agree(&self, link: &Link, user: &str) -> Url {
        self.place.simulator.consent_as(Some(user), false, None).unwrap();
        self.visit_consent(link)
    }

    /// Opens the link, and does what the simulator was told that its user does.
    pub(crate) fn visit_consent(&self, link: &Link) -> Url {
        let consent = visit(Method::GET, &link.url, &[]);
        assert_eq!(consent.status, 302, "{}", consent.text);
        consent.sent_to()
    }

    /// Follows the way back to the keeper.
    pub(crate) fn come_back(&self, to: &Url) -> Answer {
        visit(Method::GET, &self.at_keeper(to), &[])
    }

    /// `localhost` may be two addresses, of which the keeper has one.
    pub(crate) fn at_keeper(&self, to: &Url) -> String {
        assert_eq!(to.path(), "/oauth/callback");
        format!("{}{}?{}", self.api.url, to.path(), to.query().unwrap_or_default())
    }

    /// The whole way of a user; where he ends up in the application.
    pub(crate) fn goes_through(&self, id: &str, user: &str) -> Url {
        let back = self.agree(&self.link(id), user);
        self.come_back(&back).is(303).sent_to()
    }

    pub(crate) fn confirm(&self, id: &str, ticket: &str) -> Answer {
        self.api.send("/v1/connect/confirm", &json!({ "id": id, "ticket": ticket }))
    }

    /// Counts of codes exchanged and refused.
    pub(crate) fn codes(&self) -> (u64, u64) {
        let counters = self.place.simulator.counters();
        (counters.codes_exchanged, counters.codes_refused)
    }

    /// Waits until so many grants were given back to Calendly.
    #[track_caller]
    pub(crate) fn gives_back(&self, grants: u64) {
        let ended = || self.place.simulator.counters().grants_revoked;
        crate::wait::until("the tokens are given back", crate::process::DEADLINE, || {
            (ended() == grants).then_some(())
        });
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn sent_to(&self) -> Url {
        self.header("location").unwrap().parse().unwrap()
    }
}

pub(crate) fn visit(method: Method, url: &str, headers: &[(&str, &str)]) -> Answer {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .max_redirects(0)
        .build()
        .into();
    let request =
        headers.iter().fold(Request::builder().method(method).uri(url), |request, (name, value)| {
            request.header(*name, *value)
        });
    Answer::of(agent.run(request.body(()).unwrap()).unwrap())
}

/// A parameter of a URL.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// With another value of a parameter, or without it.
pub(crate) fn with(url: &Url, name: &str, value: Option<&str>) -> Url {
    let mut changed = url.clone();
    let rest: Vec<_> = url.query_pairs().filter(|(key, _)| key != name).collect();
    changed.query_pairs_mut().clear().extend_pairs(rest).extend_pairs(value.map(|value| (name, value)));
    changed
}
