//! A line for programs: one object with `ts`, `level`, `target`, `msg` and the keys.

use super::fields::{self, Shown};
use super::scrub;

const OWN: [&str; 4] = ["ts", "level", "target", "msg"];

/// The line, with its end.
pub(super) fn line(ts: &str, record: &log::Record<'_>) -> String {
    let message = record.args().to_string();
    let mut line = format!(
        "{{\"ts\":{},\"level\":{},\"target\":{},\"msg\":{}",
        quoted(ts),
        quoted(record.level().as_str()),
        quoted(record.target()),
        quoted(&scrub::scrub(&message)),
    );
    for field in fields::of(record) {
        // A key that is taken already gets an underscore: an object with a key twice is read differently by everybody.
        let taken = if OWN.contains(&field.key.as_str()) { "_" } else { "" };
        line.push(',');
        line.push_str(&quoted(&format!("{}{taken}", field.key)));
        line.push(':');
        match field.value {
            Shown::Null => line.push_str("null"),
            Shown::Plain(text) => line.push_str(&text),
            Shown::Text(text) => line.push_str(&quoted(&text)),
        }
    }
    line.push_str("}\n");
    line
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
