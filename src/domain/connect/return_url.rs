//! Where the browser is sent afterwards: only where the configuration allows, compared parsed and by segment.

use url::Url;

/// What the keeper itself adds to it.
pub const ADDED: [&str; 4] = ["connection", "outcome", "reason", "ticket"];

/// Why a URL is none to return to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReturnUrl {
    /// It cannot be read as one.
    #[error("return_url is no absolute URL")]
    Unreadable,
    /// Another origin, or beside the paths that are allowed.
    #[error("return_url is not below one of connect.return_urls: add it there, or choose another")]
    NotAllowed,
    /// It has what the keeper adds.
    #[error("return_url has the parameter {0}, which the keeper adds: leave it out")]
    Reserved(&'static str),
}

/// Reads it, where it is one of `allowed` or below.
///
/// # Errors
/// Why it cannot be used.
pub fn check(text: &str, allowed: &[Url]) -> Result<Url, BadReturnUrl> {
    // A parser drops these where others stop at them.
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(BadReturnUrl::Unreadable);
    }
    let url = Url::parse(text).map_err(|_| BadReturnUrl::Unreadable)?;
    if !allowed.iter().any(|prefix| is_below(&url, prefix)) {
        return Err(BadReturnUrl::NotAllowed);
    }
    let taken = ADDED.into_iter().find(|name| url.query_pairs().any(|(key, _)| key == *name));
    taken.map_or(Ok(url), |name| Err(BadReturnUrl::Reserved(name)))
}

fn is_below(url: &Url, prefix: &Url) -> bool {
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user || !url.has_host() || url.origin() != prefix.origin() {
        return false;
    }
    let (Some(path), Some(wanted)) = (url.path_segments(), prefix.path_segments()) else { return false };
    let path: Vec<_> = path.collect();
    let mut wanted: Vec<_> = wanted.collect();
    if wanted.last() == Some(&"") {
        wanted.pop(); // with or without a slash at its end, it is the same place
    }
    // Some servers decode these and walk up: `/app/..%2fadmin`.
    let hides_a_slash = |segment: &&str| {
        let segment = segment.to_ascii_lowercase();
        segment.contains("%2f") || segment.contains("%5c")
    };
    path.starts_with(&wanted) && !path[wanted.len()..].iter().any(hides_a_slash)
}

/// With these behind its query.
#[must_use]
pub fn with(url: &Url, added: &[(&str, &str)]) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().extend_pairs(added);
    url
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowed() -> Vec<Url> {
        ["https://app.example/calendly", "http://localhost:3000/"].map(|url| url.parse().unwrap()).to_vec()
    }

    #[test]
    fn the_path_and_what_is_below_it_is_allowed() {
        for good in [
            "https://app.example/calendly",
            "https://app.example/calendly/",
            "https://app.example/calendly/done?user=7#top",
            "https://APP.example:443/calendly",
            "https://app.example/other/../calendly/x",
            "http://localhost:3000",
            "http://localhost:3000/any/where",
        ] {
            assert!(check(good, &allowed()).is_ok(), "{good}");
        }
    }

    #[test]
    fn everywhere_else_is_not() {
        for bad in [
            "https://app.example/",
            "https://app.example/calendlyx",
            "https://app.example/calendly.evil",
            "https://app.example/calendly/../admin",
            "https://app.example/calendly/%2e%2e/admin",
            "https://app.example/calendly/..%2fadmin",
            "https://app.example/calendly/..%5Cadmin",
            "https://app.example/CALENDLY",
            "https://app.example:8443/calendly",
            "http://app.example/calendly",
            "https://app.example.evil.test/calendly",
            "https://evil.test/https://app.example/calendly",
            "https://app.example@evil.test/calendly",
            "https://user:pass@app.example/calendly",
            "https://evil.test#@app.example/calendly",
            "//app.example/calendly",
            "javascript:alert(1)//app.example/calendly",
            "data:text/html,https://app.example/calendly",
            "http://localhost:3001/",
        ] {
            assert!(check(bad, &allowed()).is_err(), "{bad}");
        }
        for odd in
            ["", "calendly", "https://app.example\\@evil.test/calendly", "https://app.example/cal\tendly"]
        {
            assert_eq!(check(odd, &allowed()), Err(BadReturnUrl::Unreadable), "{odd}");
        }
        assert_eq!(check("https://app.example/calendly", &[]), Err(BadReturnUrl::NotAllowed));
    }

    #[test]
    fn what_the_keeper_adds_is_not_there_twice() {
        let taken = check("https://app.example/calendly?ticket=x", &allowed());
        assert_eq!(taken, Err(BadReturnUrl::Reserved("ticket")));
        let url = check("https://app.example/calendly?user=7#top", &allowed()).unwrap();
        let with = with(&url, &[("connection", "a@b"), ("outcome", "denied")]);
        assert_eq!(with.as_str(), "https://app.example/calendly?user=7&connection=a%40b&outcome=denied#top");
    }

    proptest! {
        #[test]
        fn what_is_allowed_stays_at_its_origin(text in "(https://|http://|//)?[a-z@:/.\\\\%#?2fF]{0,40}") {
            if let Ok(url) = check(&text, &allowed()) {
                prop_assert!(allowed().iter().any(|allowed| allowed.origin() == url.origin()));
            }
        }
    }
}
