//! A JSON line: one object.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::fields::{Fields, NAMES};

/// Why a line is not the object it should be. None of them quotes the line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadJson {
    #[error("is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("is no JSON object; write one object a line, as in {{\"id\":…,\"refresh_token\":…}}")]
    NoObject,
    #[error("is not JSON: {0}")]
    Syntax(String),
    #[error("has {0} twice")]
    Twice(&'static str),
    #[error("{0} is not a text")]
    NotText(&'static str),
}

/// Reads one line.
pub(crate) fn fields(line: &[u8]) -> Result<Fields, BadJson> {
    let text = std::str::from_utf8(line).map_err(|_| BadJson::NotUtf8)?;
    if !text.trim_start().starts_with('{') {
        return Err(BadJson::NoObject);
    }
    let Pairs(pairs) = serde_json::from_str(text).map_err(|error| match error.classify() {
        // Messages about syntax hold places only, those about data hold values.
        Category::Syntax | Category::Eof => BadJson::Syntax(error.to_string().replace("line 1 ", "")),
        Category::Data | Category::Io => BadJson::NoObject,
    })?;
    let mut fields = Fields::default();
    let mut seen = [false; NAMES.len()];
    for (name, value) in &pairs {
        let Some(at) = NAMES.iter().position(|known| known == name) else {
            fields.set(name, None);
            continue;
        };
        let name = NAMES[at];
        if std::mem::replace(&mut seen[at], true) {
            return Err(BadJson::Twice(name));
        }
        let text = match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            // Many applications count their users, and seconds are a number.
            Value::Number(number) if ["id", "expires_in"].contains(&name) => Some(number.to_string()),
            _ => return Err(BadJson::NotText(name)),
        };
        fields.set(name, text);
    }
    Ok(fields)
}

/// An object's pairs as they stand: a map would keep the last of two under one name and not say so.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = vec![];
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(line: &str) -> BadJson {
        match fields(line.as_bytes()) {
            Err(bad) => bad,
            Ok(_) => panic!("{line} was accepted"),
        }
    }

    #[test]
    fn an_object_is_read() {
        let fields =
            fields(br#" {"id":42,"refresh_token":"r","scope":null,"expires_in":7200,"created":{"a":[1]}} "#);
        let fields = fields.ok().unwrap();
        assert_eq!(fields.get("id"), Some("42"));
        assert_eq!(fields.get("refresh_token"), Some("r"));
        assert_eq!(fields.get("expires_in"), Some("7200"));
        assert_eq!(fields.get("scope"), None);
        assert_eq!(fields.unknown, ["created"]);
    }

    #[test]
    fn what_means_nothing_here_may_be_said_twice() {
        let fields = fields(br#"{"id":"a","note":1,"note":2}"#).ok().unwrap();
        assert_eq!(
            (fields.get("id"), fields.unknown.as_slice()),
            (Some("a"), &["note".into(), "note".into()][..])
        );
    }

    #[test]
    fn whatever_else_it_is_it_is_refused_without_being_quoted() {
        for (line, why) in [
            ("\"hunter2\"", BadJson::NoObject),
            ("[]", BadJson::NoObject),
            ("hunter2", BadJson::NoObject),
            (r#"{"id":"a","id":"b"}"#, BadJson::Twice("id")),
            (r#"{"refresh_token":["hunter2"]}"#, BadJson::NotText("refresh_token")),
            (r#"{"refresh_token":12345}"#, BadJson::NotText("refresh_token")),
        ] {
            assert_eq!(refused(line), why, "{line}");
        }
        for line in
            [r#"{"id":"hunter2""#, r#"{"id":"hunter2"} x"#, r#"{"id":hunter2}"#, "{\"id\":\"hunter2\u{1}\"}"]
        {
            let why = refused(line).to_string();
            assert!(why.starts_with("is not JSON: ") && !why.contains("hunter2"), "{why}");
        }
    }
}
