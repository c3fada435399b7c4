//! `[notify]`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::super::reader::{Noted, Reader};
use super::super::sections::Notify;
use super::is_safe;
use crate::domain::secrets::NoticeSecret;

const URL: &str = "notify.url";
const SECRET: &str = "notify.secret";
/// As the specification has it, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

pub(in super::super) fn notify(r: &mut Reader) -> Result<Option<Notify>, Noted> {
    let secret = r.secret(SECRET, "notify.secret_file")?;
    if r.optional(URL)?.is_none() {
        return match secret {
            None => Ok(None),
            Some(_) => Err(r.refuse(SECRET, "is given without notify.url", "set notify.url, or remove it")),
        };
    }
    let url = r.parsed(URL, |text| {
        let url = Url::parse(text)
            .ok()
            .filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
        match url {
            Some(url) if is_safe(&url) => Ok(url),
            Some(_) => Err((
                "must be https outside loopback".into(),
                "write it like \"https://app.example.com/hooks/keeper\"".into(),
            )),
            None => Err((
                "is no URL, or has a user in it".into(),
                "write it like \"https://app.example.com/hooks/keeper\"".into(),
            )),
        }
    })?;
    let Some(secret) = secret else {
        return Err(r.refuse(
            URL,
            "is given without notify.secret",
            "make one: \"whsec_\" and the base64 of 32 random bytes",
        ));
    };
    let key = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    if key.is_none_or(|key| !LENGTHS.contains(&key.len())) {
        return Err(r.refuse(
            SECRET,
            "is no secret of Standard Webhooks",
            "write \"whsec_\" and the base64 of 24 to 64 random bytes",
        ));
    }
    Ok(Some(Notify { url, secret: NoticeSecret::new(secret) }))
}
