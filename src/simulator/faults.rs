//! What may go wrong on purpose: the kinds of faults, and what a sound one looks like.
//! Which one fires when is `fault_book`, carrying it out is `serve`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where requests arrive, or leave, and faults can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /oauth/token`
    Token,
    /// `POST /oauth/revoke`
    Revoke,
    /// `POST /oauth/introspect`
    Introspect,
    /// `GET /users/me`
    UsersMe,
    /// `GET /webhook_subscriptions`
    WebhooksList,
    /// `GET /webhook_subscriptions/{uuid}`
    WebhooksGet,
    /// `POST /webhook_subscriptions`
    WebhooksCreate,
    /// `DELETE /webhook_subscriptions/{uuid}`
    WebhooksDelete,
    /// `GET /scheduled_events`
    ScheduledEventsList,
    /// `GET /scheduled_events/{uuid}`
    ScheduledEventsGet,
    /// `GET /scheduled_events/{uuid}/invitees`
    InviteesList,
    /// `GET /scheduled_events/{event_uuid}/invitees/{invitee_uuid}`
    InviteesGet,
    /// What the simulator itself posts to a callback URL.
    Delivery,
    /// In a fault: every one of them but `Delivery`. In counts: what matched none of them.
    Any,
}

impl Endpoint {
    /// Every endpoint, in the order in which counts are kept.
    pub const ALL: [Self; 14] = [
        Self::Token,
        Self::Revoke,
        Self::Introspect,
        Self::UsersMe,
        Self::WebhooksList,
        Self::WebhooksGet,
        Self::WebhooksCreate,
        Self::WebhooksDelete,
        Self::ScheduledEventsList,
        Self::ScheduledEventsGet,
        Self::InviteesList,
        Self::InviteesGet,
        Self::Delivery,
        Self::Any,
    ];

    /// The name that the control API uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Introspect => "introspect",
            Self::UsersMe => "users_me",
            Self::WebhooksList => "webhooks_list",
            Self::WebhooksGet => "webhooks_get",
            Self::WebhooksCreate => "webhooks_create",
            Self::WebhooksDelete => "webhooks_delete",
            Self::ScheduledEventsList => "scheduled_events_list",
            Self::ScheduledEventsGet => "scheduled_events_get",
            Self::InviteesList => "invitees_list",
            Self::InviteesGet => "invitees_get",
            Self::Delivery => "delivery",
            Self::Any => "any",
        }
    }

    fn is_oauth(self) -> bool {
        matches!(self, Self::Token | Self::Revoke | Self::Introspect)
    }
}

/// What goes wrong. "Effect" is what the request does in Calendly: tokens rotated, a subscription created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// This answer, without effect. A text body is sent as it is, any other as JSON.
    Status {
        /// 200 to 599.
        code: u16,
        /// None: an empty body.
        #[serde(default)]
        body: Option<Value>,
        /// Put over the usual headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// The effect, then a gateway's HTML page in place of the answer.
    GatewayAfterEffect {
        /// Usually 502 or 504.
        code: u16,
    },
    /// Time passes before the effect, which happens even when the client hangs up meanwhile.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Time passes between the effect and the answer.
    DelayAnswer {
        /// Milliseconds.
        ms: u64,
    },
    /// The effect; the answer is held back until it is released.
    Hold,
    /// The connection is reset without effect.
    ResetBefore,
    /// The effect, then the connection is reset without a byte of the answer.
    ResetAfter,
    /// The effect; the body ends in the middle, though its length was announced in full.
    Truncate,
    /// The effect, then status 200 with HTML.
    NotJson,
    /// Status 200 with HTML, without effect.
    HtmlBefore,
    /// The effect; the token answer is changed. Endpoint `token` only.
    OddToken {
        /// Members put over the answer's own.
        #[serde(default)]
        set: Map<String, Value>,
        /// Members taken out of the answer.
        #[serde(default)]
        remove: Vec<String>,
        /// The status; none: 200.
        #[serde(default)]
        status: Option<u16>,
        /// With a `refresh_token` that is removed or empty: whether the presented one is spent all the same.
        /// Where not set it stays the living one, as RFC 6749 section 6 has it.
        #[serde(default)]
        spend: bool,
    },
    /// 429 without effect.
    RateLimited {
        /// Seconds, for the Retry-After header; none: no such header.
        #[serde(default)]
        retry_after: Option<u64>,
        /// Seconds, for the X-RateLimit-Reset header; none: 60.
        #[serde(default)]
        reset: Option<u64>,
    },
    /// A redirect without effect.
    Redirect {
        /// 300 to 399.
        code: u16,
        /// For the Location header.
        location: String,
    },
    /// `invalid_grant` without effect. Endpoint `token` only.
    InvalidGrantOnce,
    /// `invalid_client` without effect. OAuth endpoints only.
    InvalidClient,
    /// What was delivered is delivered once more. Endpoint `delivery` only, where of the others `delay` (so that it
    /// is overtaken), `reset_before` and `reset_after` (it arrives, its answer does not) can be.
    Duplicate,
}

/// A fault to set: where, for whom, how often, what.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where it fires.
    pub endpoint: Endpoint,
    /// For whom alone: a user's URI, uuid or name; none: for everybody.
    pub user: Option<String>,
    /// How likely it fires, 0 to 1; none: always.
    pub probability: Option<f64>,
    /// How often it fires at most; none: without end.
    pub times: Option<u64>,
    /// What goes wrong.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault for the next request there.
    #[must_use]
    pub fn next(endpoint: Endpoint, kind: FaultKind) -> Self {
        Self { endpoint, user: None, probability: None, times: Some(1), kind }
    }

    /// A fault for every request there, until it is cleared.
    #[must_use]
    pub fn always(endpoint: Endpoint, kind: FaultKind) -> Self {
        Self { times: None, ..Self::next(endpoint, kind) }
    }

    /// The same, for the next `times` requests.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The same, by chance: `probability` from 0 to 1, without end unless `times` follows.
    #[must_use]
    pub fn probability(self, probability: f64) -> Self {
        Self { probability: Some(probability), times: None, ..self }
    }

    /// The same, for one user alone (URI, uuid or name).
    #[must_use]
    pub fn user(self, user: impl Into<String>) -> Self {
        Self { user: Some(user.into()), ..self }
    }

    /// The first field whose value cannot be, as "field: value, remedy".
    pub(super) fn validate(&self) -> Result<(), String> {
        if let Some(probability) = self.probability
            && !(0.0..=1.0).contains(&probability)
        {
            return Err(format!("probability: {probability}, use a number from 0 to 1"));
        }
        if self.times == Some(0) {
            return Err("times: 0, use 1 or more, or leave it out".into());
        }
        let status = |field: &str, code: u16, from: u16, to: u16| {
            if (from..=to).contains(&code) {
                return Ok(());
            }
            Err(format!("{field}: {code}, use a status from {from} to {to}"))
        };
        let only_on = |fits: bool, where_: &str| {
            if fits {
                return Ok(());
            }
            Err(format!("endpoint: `{}`, this kind of fault needs {where_}", self.endpoint.name()))
        };
        let delivery = self.endpoint == Endpoint::Delivery;
        match &self.kind {
            FaultKind::Duplicate => only_on(delivery, "`delivery`"),
            FaultKind::Delay { .. } | FaultKind::ResetBefore | FaultKind::ResetAfter => Ok(()),
            _ if delivery => only_on(false, "an endpoint where requests arrive"),
            FaultKind::Status { code, headers, .. } => {
                status("code", *code, 200, 599)?;
                for (name, value) in headers {
                    let sound = hyper::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
                        && hyper::header::HeaderValue::from_str(value).is_ok();
                    if !sound {
                        return Err(format!("headers: `{name}: {value}`, use a valid header"));
                    }
                }
                Ok(())
            }
            FaultKind::GatewayAfterEffect { code } => status("code", *code, 500, 599),
            FaultKind::Redirect { code, location } => {
                status("code", *code, 300, 399)?;
                if hyper::header::HeaderValue::from_str(location).is_err() {
                    return Err(format!("location: `{location}`, use a valid header value"));
                }
                Ok(())
            }
            FaultKind::OddToken { status: code, .. } => {
                only_on(self.endpoint == Endpoint::Token, "`token`")?;
                code.map_or(Ok(()), |code| status("status", code, 200, 599))
            }
            FaultKind::InvalidGrantOnce => only_on(self.endpoint == Endpoint::Token, "`token`"),
            FaultKind::InvalidClient => {
                only_on(self.endpoint.is_oauth(), "`token`, `revoke` or `introspect`")
            }
            _ => Ok(()),
        }
    }
}
