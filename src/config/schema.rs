//! The keys there are. Whatever else a source says is a mistake, and the nearest key is suggested.

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text in quotes: names, URLs, durations, paths.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A list of texts; in the environment and in flags separated by commas.
    List,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// With its section, as in `log.format`.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// Never shown, and not taken from a flag, which every user of the machine can read.
    pub(super) secret: bool,
}

const fn text(name: &'static str) -> Key {
    Key { name, shape: Shape::Text, secret: false }
}

const fn number(name: &'static str) -> Key {
    Key { name, shape: Shape::Number, secret: false }
}

const fn list(name: &'static str) -> Key {
    Key { name, shape: Shape::List, secret: false }
}

const fn flag(name: &'static str) -> Key {
    Key { name, shape: Shape::Flag, secret: false }
}

const fn secret(key: Key) -> Key {
    Key { secret: true, ..key }
}

/// Every key, in the order of `config/default.toml`.
pub(super) const KEYS: &[Key] = &[
    text("data_dir"),
    text("calendly.client_id"),
    secret(text("calendly.client_secret")),
    text("calendly.client_secret_file"),
    text("calendly.auth_url"),
    text("calendly.api_url"),
    text("calendly.token_url"),
    text("calendly.request_timeout"),
    text("calendly.token_timeout"),
    text("database.url"), // shown without its password
    text("database.url_file"),
    number("database.max_connections"),
    secret(list("encryption.keys")),
    text("encryption.key_file"),
    number("refresh.max_concurrent"),
    text("webhook.callback_url"),
    text("webhook.scope"),
    list("webhook.events"),
    secret(list("webhook.signing_key")),
    text("webhook.signing_key_file"),
    text("webhook.verify_every"),
    list("webhook.retire_urls"),
    number("supervision.max_restarts"),
    text("supervision.period"),
    text("supervision.backoff_min"),
    text("supervision.backoff_max"),
    text("server.listen"),
    text("server.public_listen"),
    text("server.public_url"),
    secret(list("server.api_tokens")),
    text("server.api_tokens_file"),
    list("connect.scopes"),
    list("connect.return_urls"),
    flag("connect.confirm"),
    text("notify.url"),
    secret(text("notify.secret")),
    text("notify.secret_file"),
    text("relay.url"),
    secret(text("relay.secret")),
    text("relay.secret_file"),
    text("relay.timeout"),
    text("relay.give_up_after"),
    flag("relay.unrecognized"),
    text("inbox.keep"),
    text("inbox.max_body"),
    text("backfill.on_connect"),
    text("backfill.sweep_every"),
    text("timeline.keep"),
    text("log.format"),
    text("log.status_every"),
];

/// The key of that name.
pub(super) fn known(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// What to do about a key that does not exist.
pub(super) fn remedy_for_unknown(name: &str) -> String {
    match nearest(name) {
        Some(key) => format!("did you mean \"{key}\"?"),
        None => "`calendly-keeper config` lists the keys there are".into(),
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    let last = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    // The right name in the wrong section (or in none) is the commonest slip, so it is looked for first.
    let same_end = |key: &&Key| last(key.name) == name.rsplit('.').next().unwrap_or(name);
    if let Some(key) = KEYS.iter().find(same_end) {
        return Some(key.name);
    }
    KEYS.iter()
        .map(|key| (strsim::jaro_winkler(key.name, name), key.name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_suggested() {
        for (slip, meant) in [
            ("webhook.verfy_every", "webhook.verify_every"),
            ("webhooks.events", "webhook.events"),
            ("verify_every", "webhook.verify_every"),
            ("calendly.clientid", "calendly.client_id"),
            ("log.fromat", "log.format"),
        ] {
            assert_eq!(nearest(slip), Some(meant), "{slip}");
        }
        assert_eq!(nearest("zzz"), None);
    }

    #[test]
    fn the_default_file_documents_every_key() {
        let text = include_str!("../../config/default.toml");
        let mut section = String::new();
        let mut found = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with("# ")) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((key, _)) = line.strip_prefix("#:").unwrap_or(line).split_once(" = ") {
                found.push(format!("{section}{key}"));
            }
        }
        let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(found, known);
    }
}
