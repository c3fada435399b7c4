//! What both clients share: how they are set up, how URLs are put together, how a body is read.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response, redirect, retry};
use url::Url;

use super::SetupError;

/// Shorter than any usual server keeps an idle connection (the shortest common default is 5 s): a connection
/// that the server closes in the moment we use it costs a token exchange its known outcome.
const IDLE: Duration = Duration::from_secs(4);

/// Neither redirects nor resends: a 307 would make reqwest post the refresh token again, to wherever it is told.
///
/// One resending cannot be switched off: hyper-util takes another connection when a pooled one closes before the
/// request was taken from its queue. hyper then hands the request back untouched (`TrySendError::take_message`), so
/// not a byte of it was written; whatever was begun is an error.
pub(super) fn builder(connect_timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("calendly-keeper/", env!("CARGO_PKG_VERSION")))
        .tls_backend_rustls()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE)
}

pub(super) fn build(builder: ClientBuilder) -> Result<Client, SetupError> {
    builder.build().map_err(|error| SetupError::Http(explain(error)))
}

/// `base` with `segments` behind its path, each percent-encoded.
pub(super) fn endpoint(base: &Url, key: &'static str, segments: &[&str]) -> Result<Url, SetupError> {
    let plain = matches!(base.scheme(), "http" | "https")
        && base.username().is_empty()
        && base.password().is_none()
        && base.query().is_none()
        && base.fragment().is_none();
    let mut url = base.clone();
    match url.path_segments_mut() {
        Ok(_) if plain && segments.is_empty() => {}
        Ok(mut path) if plain => {
            path.pop_if_empty().extend(segments);
        }
        _ => return Err(SetupError::Url { key }),
    }
    Ok(url)
}

/// An answer's body ended too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The connection broke.
    Broken,
    /// It is longer than anything Calendly sends.
    TooLong,
}

/// Reads the body into `bytes`, where what has arrived stays also if it is cut or the caller's patience ends.
pub(super) async fn read(response: &mut Response, bytes: &mut Vec<u8>, at_most: usize) -> Result<(), Cut> {
    while let Some(chunk) = response.chunk().await.map_err(|_| Cut::Broken)? {
        if bytes.len() + chunk.len() > at_most {
            return Err(Cut::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(())
}

/// The error and its causes, without the URL, whose query is nobody's business.
pub(super) fn explain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_keeps_the_path_of_its_base() {
        let join = |base: &str| endpoint(&base.parse().unwrap(), "key", &["a b", "c"]).map(String::from);
        assert_eq!(join("https://x.test").unwrap(), "https://x.test/a%20b/c");
        assert_eq!(join("http://x.test:8/p/").unwrap(), "http://x.test:8/p/a%20b/c");
        for refused in
            ["https://u:p@x.test", "https://x.test?q=1", "https://x.test#f", "mailto:x@y", "ftp://x"]
        {
            assert!(join(refused).unwrap_err().to_string().starts_with("key must be"), "{refused}");
        }
    }
}
