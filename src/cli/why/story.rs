//! The timeline told as sentences: what happened, what was decided, what comes next and when.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cli::print::{from_now, time};
use crate::domain::outlook::{Outlook, Token, Webhook};
use crate::domain::timeline::{Entry, Kind};

/// Ordinary refreshes in a row are told as one from so many on.
const MANY: usize = 3;

/// One thing that happened, or several alike.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    /// When; the last time of several.
    pub(super) at: DateTime<Utc>,
    /// What happened, and what was decided.
    pub(super) text: String,
}

/// Tells entries, newest first, as sentences, oldest first.
pub(super) fn told(entries: &[Entry]) -> Vec<Sentence> {
    let in_order: Vec<_> = entries.iter().rev().collect();
    in_order.chunk_by(|one, next| is_ordinary(one) && is_ordinary(next)).flat_map(sentences).collect()
}

/// A refresh ahead of the end, as there is one every two hours.
fn is_ordinary(entry: &Entry) -> bool {
    entry.kind == Kind::Refreshed && entry.detail["reason"] == "due"
}

fn sentences(alike: &[&Entry]) -> Vec<Sentence> {
    match alike {
        [first, .., last] if alike.len() >= MANY => {
            let text = format!(
                "its token was refreshed {} times ahead of its end, since {}: generation {} to {}",
                alike.len(),
                time(first.at),
                shown(&first.detail["generation"]),
                shown(&last.detail["generation"])
            );
            vec![Sentence { at: last.at, text }]
        }
        few => few.iter().map(|entry| Sentence { at: entry.at, text: sentence(entry) }).collect(),
    }
}

fn sentence(entry: &Entry) -> String {
    let detail = &entry.detail;
    let value = |name: &str| shown(&detail[name]);
    let by = detail["by"]
        .as_str()
        .map(|name| format!(", asked for with the API token {name}"))
        .unwrap_or_default();
    match entry.kind {
        Kind::Connected => format!("it was connected{by}: generation {}", value("generation")),
        Kind::Replaced => {
            format!("a new grant took the place of the old one{by}: generation {}", value("generation"))
        }
        Kind::Disconnected if detail["error"].is_string() => format!("{}: {}", entry.text, value("error")),
        Kind::Disconnected if detail["what"].is_string() => entry.text.clone(),
        Kind::Disconnected => format!("it was disconnected{by}; its tokens were erased"),
        Kind::Asked => format!("a {}{by}", value("what")),
        Kind::Paused => format!("it was paused{by}: neither refreshed nor verified from here on"),
        Kind::Resumed => format!("it was resumed{by}"),
        Kind::Exported => "its tokens were exported: another refresher may use them from here on".into(),
        Kind::Refreshed => {
            let reason = detail["reason"].as_str().unwrap_or_default();
            format!("its token was refreshed, because {}: generation {}", because(reason), value("generation"))
        }
        Kind::RefreshFailed => {
            let decided = match detail["outcome"].as_str() {
                Some("unknown") => "the refresh token may have been used up, so the same one is tried once more soon",
                _ => "nothing was used up, so it is tried again",
            };
            format!("a refresh did not succeed ({}); {decided}", value("reason"))
        }
        Kind::RotationLost => {
            "the refresh token was refused after an answer of Calendly had been lost; the grant is gone, and only its \
             user can help"
                .into()
        }
        Kind::Revoked => {
            "Calendly refused the refresh token: its user or Calendly ended the grant, and only the user can help".into()
        }
        Kind::DeadOnArrival => {
            "Calendly refused the refresh token at the first refresh after the import: it had been revoked, or used by \
             another refresher, and only the user can help"
                .into()
        }
        Kind::WebhookFound => "its webhook subscription was found right".into(),
        Kind::WebhookCreated => "it had no webhook subscription; one was made".into(),
        Kind::WebhookReplaced => format!("{}; another one was made before the old one was deleted", entry.text),
        Kind::WebhookUnavailable => {
            format!("Calendly refused a webhook subscription ({}); it is asked again every day", value("reason"))
        }
        Kind::DeliveriesFailing => {
            format!("deliveries of its webhook are failing since {}: the callback URL does not answer 2xx", value("since"))
        }
        Kind::GapOpened => format!("events since {} may have been lost", value("from")),
        Kind::GapClosed => format!("everything since {} was looked through: {} events found", value("from"), value("found")),
        Kind::EventsMissed => format!("{} events were not delivered and were found by the sweep", value("missed")),
        Kind::Quarantined => {
            format!("{}: it failed too often, and is tried again after a while", entry.text)
        }
        _ => entry.text.clone(),
    }
}

fn because(reason: &str) -> &str {
    match reason {
        "due" => "it was about to end",
        "expired_while_down" => "it had ended while nobody refreshed it",
        "no_access_token" => "there was none, or its end was not known",
        "unknown_outcome" => "nobody knew what had become of an earlier attempt",
        "rejected_by_calendly" => "Calendly refused it although it should have lived",
        "asked_for" => "somebody asked for a fresh one",
        "refusal_to_confirm" => "a refusal was to be confirmed",
        "witness" => "another connection was refused, and this one showed whether everybody is",
        other => other,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "?".into(),
        other => other.to_string(),
    }
}

/// What comes next, a line each. `ends`: when its access token does.
pub(super) fn next(outlook: Outlook, ends: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Vec<String> {
    let when = |at| format!("{} ({})", from_now(at, now), time(at));
    let mut lines = vec![match outlook.token {
        Token::Now(why) => {
            format!("its token is refreshed now: {}", because(why.as_str()).replace("was about", "is about"))
        }
        Token::At(at, why) if why.as_str() == "due" => {
            format!("its token is refreshed {} at the latest", when(at))
        }
        Token::At(at, why) => {
            format!("its token is refreshed {}, because {}", when(at), because(why.as_str()))
        }
        Token::Paused => "nothing, until it is resumed".into(),
        Token::Refused => "nothing, until its user connects again".into(),
        Token::ForeignClient => {
            "no refresh: the grant was given to another client_id than calendly.client_id".into()
        }
    }];
    if let (Token::Paused | Token::ForeignClient, Some(at)) = (outlook.token, ends.filter(|at| *at > now)) {
        lines.push(format!("its token is served until it ends {}", when(at)));
    }
    lines.extend(match outlook.webhook {
        Webhook::Now => Some("its webhook subscription is verified now".into()),
        Webhook::At(at) => Some(format!("its webhook subscription is verified {} at the latest", when(at))),
        Webhook::Daily => Some("its webhook subscription is asked for again within a day".into()),
        Webhook::AfterToken => Some("its webhook subscription is verified once there is a token".into()),
        Webhook::Never | Webhook::Off => None,
    });
    lines
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::domain::decision::Why;

    fn at(minutes: i64) -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
    }

    fn entry(minutes: i64, kind: Kind, detail: Value) -> Entry {
        Entry { connection: "anna".parse().unwrap(), at: at(minutes), kind, text: "the text".into(), detail }
    }

    fn refreshed(minutes: i64, generation: i64, reason: &str) -> Entry {
        entry(minutes, Kind::Refreshed, json!({ "generation": generation, "reason": reason }))
    }

    fn texts(mut entries: Vec<Entry>) -> Vec<String> {
        entries.reverse(); // as the store gives them
        told(&entries).into_iter().map(|one| format!("{} {}", time(one.at), one.text)).collect()
    }

    #[test]
    fn what_happened_and_what_was_decided_is_told_in_order() {
        let entries = vec![
            entry(0, Kind::Connected, json!({ "generation": 1, "by": "crm" })),
            entry(1, Kind::RefreshFailed, json!({ "outcome": "unknown", "reason": "timeout" })),
            refreshed(2, 2, "unknown_outcome"),
            entry(3, Kind::Released, json!({})),
            entry(4, Kind::Revoked, json!({})),
        ];
        insta::assert_snapshot!(texts(entries).join("\n"), @r"
        2026-11-24T10:00:00Z it was connected, asked for with the API token crm: generation 1
        2026-11-24T10:01:00Z a refresh did not succeed (timeout); the refresh token may have been used up, so the same one is tried once more soon
        2026-11-24T10:02:00Z its token was refreshed, because nobody knew what had become of an earlier attempt: generation 2
        2026-11-24T10:03:00Z the text
        2026-11-24T10:04:00Z Calendly refused the refresh token: its user or Calendly ended the grant, and only the user can help
        ");
    }

    #[test]
    fn ordinary_refreshes_in_a_row_are_one_sentence_and_others_stay_apart() {
        let few = texts(vec![refreshed(0, 2, "due"), refreshed(100, 3, "due")]);
        assert_eq!(few.len(), 2);
        let many = texts(
            (0..5)
                .map(|n| refreshed(100 * n, n + 2, "due"))
                .chain([refreshed(600, 7, "asked_for")])
                .collect(),
        );
        assert_eq!(many.len(), 2);
        assert!(many[0].starts_with("2026-11-24T16:40:00Z its token was refreshed 5 times"), "{many:?}");
        assert!(many[0].ends_with("since 2026-11-24T10:00:00Z: generation 2 to 6"), "{many:?}");
    }

    #[test]
    fn what_comes_next_is_said_with_its_time() {
        let told = |token, webhook| next(Outlook { token, webhook }, Some(at(120)), at(0));
        insta::assert_snapshot!(told(Token::At(at(101), Why::Due), Webhook::At(at(12))).join("\n"), @r"
        its token is refreshed in 1h41m (2026-11-24T11:41:00Z) at the latest
        its webhook subscription is verified in 12m0s (2026-11-24T10:12:00Z) at the latest
        ");
        insta::assert_snapshot!(told(Token::Paused, Webhook::Never).join("\n"), @r"
        nothing, until it is resumed
        its token is served until it ends in 2h0m (2026-11-24T12:00:00Z)
        ");
        assert_eq!(told(Token::Refused, Webhook::Never), ["nothing, until its user connects again"]);
        assert_eq!(
            told(Token::Now(Why::Due), Webhook::Off),
            ["its token is refreshed now: it is about to end"]
        );
    }
}
