//! Where something is posted, signed: `[notify]`, and a part of `[relay]`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::super::reader::{Noted, Reader};
use super::super::sections::Notify;
use super::is_safe;
use crate::domain::secrets::NoticeSecret;

/// The keys of a section.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) url: &'static str,
    pub(super) secret: &'static str,
    pub(super) secret_file: &'static str,
}

const NOTIFY: Keys = Keys { url: "notify.url", secret: "notify.secret", secret_file: "notify.secret_file" };
/// As the specification has it, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

pub(in super::super) fn notify(r: &mut Reader) -> Result<Option<Notify>, Noted> {
    receiver(r, NOTIFY)
}

/// A URL and its secret, or neither.
pub(super) fn receiver(r: &mut Reader, keys: Keys) -> Result<Option<Notify>, Noted> {
    let secret = r.secret(keys.secret, keys.secret_file)?;
    if r.optional(keys.url)?.is_none() {
        return match secret {
            None => Ok(None),
            Some(_) => {
                let (what, remedy) =
                    (format!("is given without {}", keys.url), format!("set {}, or remove it", keys.url));
                Err(r.refuse(keys.secret, what, remedy))
            }
        };
    }
    let url = r.parsed(keys.url, |text| {
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
            keys.url,
            format!("is given without {}", keys.secret),
            "make one: \"whsec_\" and the base64 of 32 random bytes",
        ));
    };
    let key = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    if key.is_none_or(|key| !LENGTHS.contains(&key.len())) {
        return Err(r.refuse(
            keys.secret,
            "is no secret of Standard Webhooks",
            "write \"whsec_\" and the base64 of 24 to 64 random bytes",
        ));
    }
    Ok(Some(Notify { url, secret: NoticeSecret::new(secret) }))
}
