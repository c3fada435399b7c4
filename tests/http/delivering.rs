//! Calendly's side of the keeper's own endpoint: deliveries with a signature.

use chrono::Utc;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use ureq::Agent;

use crate::api::{Answer, Served};
use crate::installation::Installation;

const KEY: &str = "the-signing-key-of-the-tests";

/// A keeper that takes deliveries for these users.
pub(crate) fn taking(names: &[&str], prepare: impl FnOnce(&mut Installation)) -> Served {
    let mut place = Installation::new(7200);
    place.set("WEBHOOK__SIGNING_KEY", KEY);
    place.import(&names.iter().map(|name| place.user(name, 3600)).collect::<Vec<_>>());
    prepare(&mut place);
    Served::start(place)
}

/// What Calendly sends about an invitee.
pub(crate) fn body(event: &str, invitee: &str) -> String {
    let uri = format!("https://api.calendly.com/scheduled_events/E/invitees/{invitee}");
    json!({"event": event, "created_at": "2026-01-02T03:04:05.678901Z", "payload": {"uri": uri}}).to_string()
}

pub(crate) fn deliver_to(url: &str, connection: &str, body: &[u8]) -> Answer {
    let at = Utc::now().timestamp().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent
        .post(format!("{url}/webhooks/calendly/{connection}"))
        .header("Content-Type", "application/json")
        .header("Calendly-Webhook-Signature", format!("t={at},v1={hex}"));
    Answer::of(request.send(body).unwrap())
}

impl Served {
    #[track_caller]
    pub(crate) fn deliver(&self, connection: &str, body: impl AsRef<[u8]>) {
        deliver_to(&self.api.url, connection, body.as_ref()).is(204);
    }

    /// All events that can be fetched.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        self.api.get("/v1/events?limit=1000").is(200).body["events"].as_array().unwrap().clone()
    }

    /// Their ids, in order.
    #[track_caller]
    pub(crate) fn event_ids(&self) -> Vec<String> {
        ids(&self.events())
    }
}

pub(crate) fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}
