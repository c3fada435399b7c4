//! A line for people: `2026-11-24T10:00:00.412Z INFO  supervisor       started connections=5 active=4`.

use std::fmt::Write as _;

use super::fields::{self, Shown};
use super::scrub;

/// The line, with its end.
pub(super) fn line(ts: &str, record: &log::Record<'_>) -> String {
    let mut line = format!("{ts} {:<5} {:<16}", record.level(), Bare(record.target()).to_string());
    let message = record.args().to_string();
    if !message.is_empty() {
        line.push(' ');
        push_escaped(&mut line, &scrub::scrub(&message));
    }
    for field in fields::of(record) {
        line.push(' ');
        push_escaped(&mut line, &field.key);
        line.push('=');
        match &field.value {
            Shown::Null => line.push('-'),
            Shown::Plain(text) => line.push_str(text),
            Shown::Text(text) => push_value(&mut line, text),
        }
    }
    line.push('\n');
    line
}

struct Bare<'t>(&'t str);

impl std::fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        push_escaped(&mut text, self.0);
        f.write_str(&text)
    }
}

/// Quoted where it would not be one word otherwise.
fn push_value(line: &mut String, text: &str) {
    let one_word = |c: char| !c.is_whitespace() && !c.is_control() && !"\"\\=".contains(c);
    if !text.is_empty() && text.chars().all(one_word) {
        push_escaped(line, text);
        return;
    }
    line.push('"');
    for c in text.chars() {
        if c == '"' || c == '\\' {
            line.push('\\');
        }
        push_char(line, c);
    }
    line.push('"');
}

fn push_escaped(line: &mut String, text: &str) {
    text.chars().for_each(|c| push_char(line, c));
}

/// One event is one line, and no event speaks to the terminal.
fn push_char(line: &mut String, c: char) {
    let separator = matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    match c {
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\t' => line.push_str("\\t"),
        _ if c.is_control() || separator => {
            let _ = write!(line, "\\u{{{:x}}}", u32::from(c)); // writing to a String does not fail
        }
        _ => line.push(c),
    }
}
