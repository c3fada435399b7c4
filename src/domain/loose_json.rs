//! A JSON object read member by member, so that one that cannot be read costs only itself: a number beyond all bounds,
//! half a surrogate or a hundred brackets are valid JSON, and beside a token they must not cost the token.

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Map, Value};

/// Some servers write one, and RFC 8259 lets a reader skip it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether this is one whole object, whatever is in it.
#[must_use]
pub fn is_object(body: &[u8]) -> bool {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// What can be read of an object; `None` where it is none, or not whole. Of two members under one name the later
/// counts, unless it is `null`.
#[must_use]
pub fn members(body: &[u8]) -> Option<Map<String, Value>> {
    if !is_object(body) {
        return None;
    }
    let mut rest = Rest(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body));
    let mut members = Map::new();
    if !rest.take(b'{') || rest.take(b'}') {
        return Some(members);
    }
    loop {
        let name = serde_json::from_slice::<String>(rest.value()?);
        if !rest.take(b':') {
            return None;
        }
        let value = serde_json::from_slice::<Value>(rest.value()?);
        if let (Ok(name), Ok(value)) = (name, value)
            && !(value.is_null() && members.contains_key(&name))
        {
            members.insert(name, value);
        }
        if !rest.take(b',') {
            return Some(members);
        }
    }
}

/// The elements of a member that is a list; `None` where there is no such list, or where the whole is none. Of an element
/// that cannot be read whole, what can be; nothing of it is `null`.
#[must_use]
pub fn list(body: &[u8], name: &str) -> Option<Vec<Value>> {
    if !is_object(body) {
        return None;
    }
    let mut rest = Rest(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body));
    let mut found = None;
    let mut more = rest.take(b'{') && !rest.take(b'}');
    while more {
        let is_it = serde_json::from_slice::<String>(rest.value()?).is_ok_and(|member| member == name);
        if !rest.take(b':') {
            return None;
        }
        let value = rest.value()?;
        if is_it {
            found = elements(value);
        }
        more = rest.take(b',');
    }
    found
}

fn elements(list: &[u8]) -> Option<Vec<Value>> {
    let mut rest = Rest(list);
    let mut elements = vec![];
    let mut more = if rest.take(b'[') { !rest.take(b']') } else { return None };
    while more {
        let element = rest.value()?;
        let read = serde_json::from_slice(element).ok();
        elements.push(read.or_else(|| members(element).map(Value::Object)).unwrap_or_default());
        more = rest.take(b',');
    }
    Some(elements)
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, sign: u8) -> bool {
        self.0 = self.0.trim_ascii_start();
        let Some(rest) = self.0.strip_prefix(&[sign]) else { return false };
        self.0 = rest;
        true
    }

    /// The next value as it stands.
    fn value(&mut self) -> Option<&'a [u8]> {
        let mut values = Deserializer::from_slice(self.0).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let (value, rest) = self.0.split_at(values.byte_offset());
        self.0 = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Option<Value> {
        members(text.as_bytes()).map(Value::Object)
    }

    #[test]
    fn what_cannot_be_read_costs_only_itself() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for odd in ["1e999", r#""\ud800""#, r#"{"a":["\udc00"]}"#, &deep] {
            let read = read(&format!(r#" {{ "a" : "x" , "odd" : {odd} , "b":[1] }} "#));
            assert_eq!(read, Some(json!({"a": "x", "b": [1]})), "{odd}");
        }
        assert_eq!(read(r#"{"\ud800":1,"a":2}"#), Some(json!({"a": 2})));
        assert_eq!(members(b"{\"a\":\"\xff\",\"b\":2}").map(Value::Object), Some(json!({"b": 2})));
        assert_eq!(read("\u{feff}{\"a\":1}"), Some(json!({"a": 1})));
    }

    #[test]
    fn an_element_of_a_list_that_cannot_be_read_costs_only_what_cannot() {
        let read = |text: &str| list(text.as_bytes(), "a");
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let text =
            format!(r#"{{"b":[7],"a":[1, {{"x":1,"odd":{deep}}} ,{{"\ud800":[]}},{deep}],"c":1e999}}"#);
        assert_eq!(read(&text), Some(vec![json!(1), json!({"x": 1}), json!({}), json!(null)]));
        assert_eq!(read(r#"{"a":[]}"#), Some(vec![]));
        for none in ["{}", r#"{"a":{}}"#, r#"{"a":null}"#, r#"{"a":[1"#, r#"{"b":[1]}"#, "[]", ""] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_null_takes_nothing_back() {
        assert_eq!(read(r#"{"a":1,"a":2,"a":null,"b":null}"#), Some(json!({"a": 2, "b": null})));
    }

    #[test]
    fn what_is_no_whole_object_has_no_members() {
        for text in [
            "",
            "{",
            "{}}",
            "{} x",
            "[]",
            "null",
            "\"a\"",
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            "\u{feff}",
        ] {
            assert_eq!(read(text), None, "{text}");
            assert!(!is_object(text.as_bytes()), "{text}");
        }
        assert_eq!(read(" { } "), Some(json!({})));
    }

    proptest! {
        /// What serde_json reads, this reads as it does.
        #[test]
        fn where_everything_can_be_read_it_is(
            values in prop::collection::btree_map(".{0,6}", "(null|-?[0-9]{1,5}(\\.5|e2)?|\"[a-z]{0,5}\"|\\[1, *\\{\\}\\]|true)", 0..6),
            blanks in "[ \t\r\n]{0,3}",
        ) {
            let pairs: Vec<_> = values
                .iter()
                .map(|(name, value)| format!("{blanks}{}{blanks}:{blanks}{value}{blanks}", json!(name)))
                .collect();
            let text = format!("{blanks}{{{}}}{blanks}", pairs.join(","));
            prop_assert_eq!(read(&text), serde_json::from_str(&text).ok());
        }
    }
}
