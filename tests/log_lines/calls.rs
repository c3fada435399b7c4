//! The calls of the log's macros in a source file: target, level, keys and message as they stand there.

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) level: String,
    pub(crate) target: String,
    pub(crate) keys: Vec<String>,
    pub(crate) message: String,
}

const MACROS: [&str; 5] = ["error", "warn", "info", "debug", "log"];
/// What a computed level stands for.
const ROUTINE: &str = "info, debug where there are many";

/// Every call with a target.
pub(crate) fn calls_in(source: &str) -> Vec<Call> {
    let mut found = vec![];
    for name in MACROS {
        let begin = format!("{name}!(target:");
        for (at, _) in source.match_indices(&begin) {
            let is_whole = !source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if is_whole {
                found.push(call(name, until_closed(&source[at + begin.len()..])));
            }
        }
    }
    found
}

fn call(name: &str, arguments: &str) -> Call {
    let halves = split(arguments, ';');
    let (fields, message) = match halves.as_slice() {
        [fields, message, ..] => (split(fields, ','), message.clone()),
        _ => {
            let mut fields = split(arguments, ',');
            let message = fields.pop().unwrap();
            (fields, message)
        }
    };
    let mut fields = fields.into_iter().map(|field| field.trim().to_owned());
    let target = target(&fields.next().unwrap());
    let level = if name == "log" {
        fields.next().unwrap();
        ROUTINE.to_owned()
    } else {
        name.to_owned()
    };
    let key = |field: String| field.split([':', '=']).next().unwrap().trim().to_owned();
    let message = message.trim().trim_end_matches(',').trim_matches('"').replace("\\\"", "\"");
    Call { level, target, keys: fields.filter(|field| !field.is_empty()).map(key).collect(), message }
}

/// What is put together is a connection's, but for the few actors at the top.
fn target(written: &str) -> String {
    match written.strip_prefix('"') {
        Some(literal) => literal.trim_end_matches('"').to_owned(),
        None if written.contains("key") => "supervisor or webhook".to_owned(),
        None => "connection/ID".to_owned(),
    }
}

/// The text up to the parenthesis that closes it.
fn until_closed(text: &str) -> &str {
    let mut end = text.len();
    walk(text, |at, depth, c| {
        let is_end = depth < 0 && c == ')';
        if is_end {
            end = at;
        }
        !is_end
    });
    &text[..end]
}

/// At separators that stand in no parentheses and no string.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut from) = (vec![], 0);
    walk(text, |at, depth, c| {
        if depth == 0 && c == separator {
            parts.push(text[from..at].to_owned());
            from = at + 1;
        }
        true
    });
    parts.push(text[from..].to_owned());
    parts
}

/// Shows each character of code, outside of strings, with the depth of parentheses after it; until `go_on` says no.
fn walk(text: &str, mut go_on: impl FnMut(usize, i32, char) -> bool) {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => in_string = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if !go_on(at, depth, c) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_as_they_are_written() {
        let source = r#"
            warn!(target: "webhook", connection, events = f(a, ";"), error:% = e; "a (b); c");
            log!(target: &self.target(), level, took:? = x; "done");
            info!(target: "supervisor", "no keys");
            log::debug!(target: &key, reason = why;
                "over two lines");
            my_error!(target: "x", "not one of them");
        "#;
        let call = |level: &str, target: &str, keys: &[&str], message: &str| Call {
            level: level.into(),
            target: target.into(),
            keys: keys.iter().map(|key| (*key).into()).collect(),
            message: message.into(),
        };
        assert_eq!(
            calls_in(source),
            [
                call("warn", "webhook", &["connection", "events", "error"], "a (b); c"),
                call("info", "supervisor", &[], "no keys"),
                call("debug", "supervisor or webhook", &["reason"], "over two lines"),
                call(ROUTINE, "connection/ID", &["took"], "done"),
            ]
        );
    }
}
