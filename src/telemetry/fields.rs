//! A record's key-values as something that both formats print: numbers stay numbers, secrets are masked.

use log::kv::{self, Key, Value, VisitSource, VisitValue};

use super::scrub::{self, MASK};

/// A key and its value, fit to be printed.
pub(super) struct Field {
    pub(super) key: String,
    pub(super) value: Shown,
}

/// A value fit to be printed.
#[derive(Debug, PartialEq)]
pub(super) enum Shown {
    Null,
    /// Numbers and booleans, as they are written.
    Plain(String),
    Text(String),
}

/// In the order in which they were given.
pub(super) fn of(record: &log::Record<'_>) -> Vec<Field> {
    let mut collect = Collect(vec![]);
    // Fails only where a value's own `Display` does: then what came before is printed.
    let _ = record.key_values().visit(&mut collect);
    collect.0
}

struct Collect(Vec<Field>);

impl<'kvs> VisitSource<'kvs> for Collect {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let mut show = Show(Shown::Null);
        value.visit(&mut show)?;
        self.0.push(Field { value: masked(key.as_str(), show.0), key: key.as_str().into() });
        Ok(())
    }
}

fn masked(key: &str, value: Shown) -> Shown {
    match value {
        Shown::Text(_) if scrub::is_secret_key(key) => Shown::Text(MASK.into()),
        // An application's id for its user may be as long and as random as it likes.
        Shown::Text(text) if key != "connection" => Shown::Text(scrub::scrub(&text).into_owned()),
        other => other,
    }
}

struct Show(Shown);

impl<'v> VisitValue<'v> for Show {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        self.0 = Shown::Text(value.to_string());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.0 = Shown::Null;
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.0 = Shown::Plain(value.to_string());
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.0 = Shown::Plain(value.to_string());
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        // JSON knows no NaN.
        let shown = value.to_string();
        self.0 = if value.is_finite() { Shown::Plain(shown) } else { Shown::Text(shown) };
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.0 = Shown::Plain(value.to_string());
        Ok(())
    }
}
