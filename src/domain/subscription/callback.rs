//! Callback URLs: the keeper's template, the URL wanted for a connection, and telling whether a found URL is ours.

use url::Url;

use super::Owner;
use crate::domain::ids::ConnectionId;

/// `webhook.callback_url`, which may hold `{connection}` or `{organization}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackTemplate(String);

/// Why a text is no callback URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCallback {
    /// Not a URL.
    #[error("is not a URL ({0})")]
    Unreadable(String),
    /// Plain http to another machine.
    #[error("must be https outside loopback")]
    NotHttps,
    /// The parameter that replacements use.
    #[error("must not have a query parameter \"v\", which replacements use")]
    Version,
    /// A fragment never reaches the server.
    #[error("must not have a fragment")]
    Fragment,
}

/// The callback URL wanted for a connection, without a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallbackUrl(String);

impl CallbackTemplate {
    /// Checks the template.
    ///
    /// # Errors
    /// What is wrong with it; the caller names the key and the value.
    pub fn parse(text: &str) -> Result<Self, InvalidCallback> {
        let filled = text.replace("{connection}", "c").replace("{organization}", "o");
        let url = Url::parse(&filled).map_err(|error| InvalidCallback::Unreadable(error.to_string()))?;
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err(InvalidCallback::Unreadable("no host".into())),
        };
        if url.fragment().is_some() {
            return Err(InvalidCallback::Fragment);
        }
        if url.query_pairs().any(|(key, _)| key == "v") {
            return Err(InvalidCallback::Version);
        }
        match url.scheme() {
            "https" => Ok(Self(text.into())),
            "http" if loopback => Ok(Self(text.into())),
            _ => Err(InvalidCallback::NotHttps),
        }
    }

    /// Whether what is delivered goes to a URL or below it.
    #[must_use]
    pub fn is_below(&self, url: &str) -> bool {
        let filled = self.0.replace("{connection}", "c").replace("{organization}", "o");
        let (Ok(filled), Ok(url)) = (Url::parse(&filled), Url::parse(url)) else { return false };
        let rest = filled.path().strip_prefix(url.path());
        filled.origin() == url.origin() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether each connection has a URL of its own.
    #[must_use]
    pub fn is_per_connection(&self) -> bool {
        self.0.contains("{connection}")
    }

    /// The URL for a connection and its owner.
    #[must_use]
    pub fn fill(&self, connection: &ConnectionId, owner: &Owner) -> CallbackUrl {
        let organization = owner.organization.rsplit('/').next().unwrap_or_default();
        CallbackUrl(
            self.0
                .replace("{connection}", &encoded(connection.as_str()))
                .replace("{organization}", &encoded(organization)),
        )
    }
}

/// Percent-encodes one path segment, `:` and `@` too: either writing matches afterwards.
fn encoded(segment: &str) -> String {
    url::form_urlencoded::byte_serialize(segment.as_bytes()).collect()
}

impl CallbackUrl {
    /// The URL to subscribe with: bare for version 0, else with `v=` in its query.
    #[must_use]
    pub fn version(&self, version: u32) -> String {
        match (version, self.0.contains('?')) {
            (0, _) => self.0.clone(),
            (v, false) => format!("{}?v={v}", self.0),
            (v, true) => format!("{}&v={v}", self.0),
        }
    }

    /// Which version of this URL a found one is; `None` where it is another URL.
    ///
    /// Compared parsed and normalised: the host's case, a default port and percent-encoding do not matter.
    #[must_use]
    pub fn version_of(&self, found: &str) -> Option<u32> {
        if found == self.0 {
            return Some(0); // nearly always, and parsing is dear
        }
        let (wanted, _) = normalised(&self.0)?;
        let (found, version) = normalised(found)?;
        (wanted == found).then_some(version).flatten()
    }
}

impl std::fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether two URLs are the same once parsed, versions aside; for `webhook.retire_urls`.
#[must_use]
pub fn same_url(one: &str, other: &str) -> bool {
    matches!((normalised(one), normalised(other)), (Some((a, Some(0))), Some((b, Some(0)))) if a == b)
}

type Normal = (String, Option<String>, Option<u16>, Vec<Vec<u8>>, Vec<(String, String)>);

/// Scheme, host, port, decoded path segments and query without `v`; and the version (`None` where `v` is no number).
fn normalised(text: &str) -> Option<(Normal, Option<u32>)> {
    let url = Url::parse(text).ok()?;
    let segments = url.path().trim_end_matches('/').split('/').map(decoded).collect();
    let (versions, query): (Vec<_>, Vec<_>) = url.query_pairs().into_owned().partition(|(key, _)| key == "v");
    let version = match versions.as_slice() {
        [] => Some(0),
        [(_, number)] => number.parse().ok().filter(|v| *v > 0),
        _ => None,
    };
    let host = url.host_str().map(str::to_ascii_lowercase);
    Some(((url.scheme().into(), host, url.port_or_known_default(), segments, query), version))
}

fn decoded(segment: &str) -> Vec<u8> {
    let mut bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        let hex = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
        match (first, rest) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                bytes = after;
            }
            _ => {
                out.push(*first);
                bytes = rest;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner { organization: "https://api.calendly.com/organizations/ORG1".into(), user: None }
    }

    fn url(template: &str) -> CallbackUrl {
        CallbackTemplate::parse(template).unwrap().fill(&"ann:1@x".parse().unwrap(), &owner())
    }

    #[test]
    fn the_keepers_own_endpoint_is_told_from_others() {
        let below = |template: &str| {
            CallbackTemplate::parse(template).unwrap().is_below("https://k.example/webhooks/calendly")
        };
        assert!(below("https://k.example/webhooks/calendly/{connection}"));
        assert!(below("https://K.example:443/webhooks/calendly?x=1"));
        for other in
            ["https://k.example/webhooks/calendly2", "https://app.example/webhooks/calendly/{connection}"]
        {
            assert!(!below(other), "{other}");
        }
        assert!(!CallbackTemplate::parse("https://k.example/a").unwrap().is_below(""), "there is none");
    }

    #[test]
    fn templates_are_checked() {
        assert!(CallbackTemplate::parse("https://a.example/hooks/{connection}").unwrap().is_per_connection());
        assert!(CallbackTemplate::parse("http://127.0.0.1:9/h").is_ok());
        assert_eq!(CallbackTemplate::parse("http://a.example/h"), Err(InvalidCallback::NotHttps));
        assert_eq!(CallbackTemplate::parse("https://a.example/h?v=2"), Err(InvalidCallback::Version));
        assert_eq!(CallbackTemplate::parse("https://a.example/h#x"), Err(InvalidCallback::Fragment));
        assert!(matches!(CallbackTemplate::parse("hooks"), Err(InvalidCallback::Unreadable(_))));
    }

    #[test]
    fn placeholders_are_filled_as_one_encoded_segment() {
        assert_eq!(url("https://a.example/h/{connection}").to_string(), "https://a.example/h/ann%3A1%40x");
        assert_eq!(url("https://a.example/h/{organization}").to_string(), "https://a.example/h/ORG1");
    }

    #[test]
    fn the_same_url_written_differently_is_ours() {
        let ours = url("https://a.example/h/{connection}?x=1");
        for (found, version) in [
            ("https://a.example/h/ann%3A1%40x?x=1", Some(0)),
            ("HTTPS://A.Example:443/h/ann:1@x?x=1", Some(0)),
            ("https://a.example/h/ann%3a1@x?x=1&v=3", Some(3)),
            ("https://a.example/h/ann:1@x?v=12&x=1", Some(12)),
        ] {
            assert_eq!(ours.version_of(found), version, "{found}");
        }
    }

    #[test]
    fn another_url_is_never_ours_not_even_with_our_prefix() {
        let ours = url("https://a.example/h/{connection}");
        for found in [
            "https://a.example/h/ann:1@x/more",
            "https://a.example/h/ann:1@x2",
            "https://a.example/h",
            "http://a.example/h/ann:1@x",
            "https://a.example:444/h/ann:1@x",
            "https://a.example/h/ann:1@x?y=1",
            "https://a.example/h/ann:1@x?v=x",
            "https://a.example/h/ann:1@x?v=1&v=2",
            "not a url",
        ] {
            assert_eq!(ours.version_of(found), None, "{found}");
        }
    }

    #[test]
    fn versions_are_read_back() {
        for template in ["https://a.example/h", "https://a.example/h?x=1"] {
            for version in [0, 1, 7] {
                assert_eq!(url(template).version_of(&url(template).version(version)), Some(version));
            }
        }
    }

    #[test]
    fn retired_urls_match_exactly() {
        assert!(same_url("https://A.example/old", "https://a.example/old/"));
        assert!(!same_url("https://a.example/old", "https://a.example/old?v=1"));
    }
}
