//! The second line of defence: what looks like a secret is not printed. The first are types that cannot be printed.
//!
//! It errs on the side of hiding: a line that says too little can be mended, a token in a log cannot.

use std::borrow::Cow;

/// Stands for what was hidden.
pub(super) const MASK: &str = "***";

/// Words in a key's name that make its value a secret.
const SECRET_WORDS: [&str; 6] = ["token", "secret", "key", "password", "authorization", "cookie"];
/// Ends of a key's name that make its value harmless all the same.
const HARMLESS_ENDS: [&str; 6] = ["_id", "_file", "_url", "_count", "_type", "_expires_at"];
/// Calendly's refresh tokens have 43 characters, its access tokens more; UUIDs have 36.
const OPAQUE_LENGTH: usize = 40;

/// Whether a value under this key is never shown.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // The status `reauthorization_required` is counted in the log; the header is a word of its own.
    let named = |word: &str| if word == "authorization" { key == word } else { key.contains(word) };
    SECRET_WORDS.into_iter().any(named) && !HARMLESS_ENDS.iter().any(|end| key.ends_with(end))
}

/// The text without what looks like a secret: long random words, and whatever follows `Bearer`, `token=`,
/// `"refresh_token":"`, `user:` in a URL and the like.
pub(super) fn scrub(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept = 0; // where the part not yet copied begins
    let mut before = Before::default();
    for word in words(text) {
        let hide = is_opaque(word.text) || before.announces_secret(text, &word);
        if hide {
            out.push_str(&text[kept..word.start]);
            out.push_str(MASK);
            kept = word.end();
        }
        before = Before { word: Some((word.text, word.end())), hidden: hide };
    }
    if kept == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

/// A run of characters that tokens are made of (base64url, and `.` as in a JWT).
struct Word<'t> {
    text: &'t str,
    start: usize,
}

impl Word<'_> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || "-_.~+".contains(c);
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(part_of_word)?;
        let end = text[start..].find(|c| !part_of_word(c)).map_or(text.len(), |length| start + length);
        at = end;
        Some(Word { text: &text[start..end], start })
    })
}

fn is_opaque(word: &str) -> bool {
    let has = |class: fn(&char) -> bool| word.chars().any(|c| class(&c));
    word.starts_with("eyJ") && word.contains('.')
        || word.starts_with("whsec_")
        || word.split('.').any(|part| {
            part.len() >= OPAQUE_LENGTH
                && has(char::is_ascii_digit)
                && has(char::is_ascii_uppercase)
                && has(char::is_ascii_lowercase)
        })
}

/// The word before, which may announce a secret.
#[derive(Default)]
struct Before<'t> {
    word: Option<(&'t str, usize)>,
    hidden: bool,
}

impl Before<'_> {
    fn announces_secret(&self, text: &str, word: &Word<'_>) -> bool {
        let Some((name, end)) = self.word else { return false };
        let between = &text[end..word.start];
        if between.trim().is_empty() {
            return ["bearer", "basic"].iter().any(|scheme| name.eq_ignore_ascii_case(scheme))
                && word.text.len() >= 8;
        }
        let assigns = between.contains(['=', ':']) && between.chars().all(|c| " =:\"'\\".contains(c));
        let password_in_url =
            between == ":" && text[word.end()..].starts_with('@') && text[..end].contains("://");
        password_in_url || (assigns && !self.hidden && is_secret_key(name) && !is_harmless_value(word.text))
    }
}

/// `token: expired` is a sentence, `generation_token=7` a number.
fn is_harmless_value(word: &str) -> bool {
    word.len() < 8
        || word.chars().all(|c| c.is_ascii_digit())
        || word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REFRESH: &str = "R3fr3shAbCdEfGhIjKlMnOpQrStUvWxYz0123456789";

    #[test]
    fn what_looks_like_a_secret_is_hidden() {
        for (text, shown) in [
            (format!("got {REFRESH}, saved"), "got ***, saved"),
            (format!("{{\"refresh_token\":\"{REFRESH}\"}}"), "{\"refresh_token\":\"***\"}"),
            ("access_token=abc123DEF".into(), "access_token=***"),
            ("Authorization: Bearer abc12345".into(), "Authorization: Bearer ***"),
            ("eyJhbGciOi.eyJpc3M.c2ln".into(), "***"),
            ("key whsec_abc".into(), "key ***"),
            ("at postgres://keeper:hunter2@db/keeper".into(), "at postgres://keeper:***@db/keeper"),
            ("client_secret: \"Hunter2Hunter2\"".into(), "client_secret: \"***\""),
        ] {
            assert_eq!(scrub(&text), shown);
        }
    }

    #[test]
    fn ordinary_lines_are_left_alone() {
        for text in [
            "token refreshed",
            "webhook found in Calendly",
            "the token: expired yesterday",
            "https://api.calendly.com/webhook_subscriptions/7c1b3a60-6f0d-4e0e-9d8b-2a1f0c9b8e7d",
            "https://api.calendly.com/users/AAAABBBBCCCCDDDD",
            "0123456789abcdef0123456789abcdef01234567",
            "2026-11-24T10:00:00.412Z",
            "http://127.0.0.1:8787/v1",
            "",
        ] {
            assert_eq!(scrub(text), text);
            assert!(matches!(scrub(text), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn keys_tell_secrets() {
        for key in ["token", "access_token", "ClientSecret", "signing_key", "password", "Authorization"] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "connection",
            "generation",
            "key_id",
            "key_file",
            "token_url",
            "status",
            "reauthorization_required",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    proptest! {
        #[test]
        fn a_token_is_hidden_wherever_it_stands(
            before in "[^A-Za-z0-9_.~+-]{0,20}",
            token in "[A-Z][a-z][0-9][A-Za-z0-9_-]{40,200}",
            after in "[^A-Za-z0-9_.~+-]{0,20}",
        ) {
            let text = format!("{before}{token}{after}");
            prop_assert_eq!(scrub(&text), format!("{before}{MASK}{after}"));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            scrub(&text);
        }
    }
}
