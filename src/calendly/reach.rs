//! Whether a URL is answered at all, for whoever looks for what is wrong. No secret is sent.

use std::time::Duration;

use url::Url;

use super::http::{build, builder, explain};

/// The status of the answer to a `HEAD` request.
///
/// # Errors
/// Why there is no answer: the name, the route, the certificate.
pub async fn reach(url: &Url, patience: Duration) -> Result<u16, String> {
    let http = build(builder(patience)).map_err(|error| error.to_string())?;
    let answer = http.head(url.clone()).timeout(patience).send().await.map_err(explain)?;
    Ok(answer.status().as_u16())
}
