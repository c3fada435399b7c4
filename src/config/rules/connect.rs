//! `[connect]`.

use url::Url;

use super::super::reader::{Noted, Reader};
use super::super::sections::Connect;
use super::is_safe;

const SCOPES: &str = "connect.scopes";
const RETURN_URLS: &str = "connect.return_urls";

pub(in super::super) fn connect(r: &mut Reader) -> Result<Connect, Noted> {
    let scopes = scopes(r);
    let return_urls = return_urls(r);
    let confirm = r.flag("connect.confirm");
    Ok(Connect { scopes: scopes?, return_urls: return_urls?, confirm: confirm? })
}

fn scopes(r: &mut Reader) -> Result<Vec<String>, Noted> {
    let scopes = r.list(SCOPES)?;
    // RFC 6749, section 3.3.
    let is_scope =
        |scope: &String| scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    match scopes.iter().find(|scope| !is_scope(scope)) {
        Some(bad) => Err(r.refuse(
            SCOPES,
            format!("has {bad:?}, which is no scope"),
            "write them like [\"users:read\", \"webhooks:write\"]",
        )),
        None => Ok(scopes),
    }
}

fn return_urls(r: &mut Reader) -> Result<Vec<Url>, Noted> {
    let mut urls = vec![];
    for text in r.list(RETURN_URLS)? {
        let url = Url::parse(&text).ok().filter(|url| {
            url.has_host()
                && is_safe(url)
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        let Some(url) = url else {
            let what = format!("has {text:?}, which is no https URL without query and fragment");
            return Err(r.refuse(
                RETURN_URLS,
                what,
                "write them like [\"https://app.example.com/calendly\"]",
            ));
        };
        urls.push(url);
    }
    Ok(urls)
}
