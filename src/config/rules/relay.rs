//! `[relay]` and `[inbox]`.

use url::Url;

use super::super::reader::{Noted, Reader};
use super::super::sections::{Inbox, Relay, Server};
use super::notify::{Keys, receiver};
use super::{HOUR, INSTANT, MINUTE, SECOND, YEAR, is_loopback};

const KEYS: Keys = Keys { url: "relay.url", secret: "relay.secret", secret_file: "relay.secret_file" };

pub(in super::super) fn relay(r: &mut Reader, server: Option<&Server>) -> Result<Relay, Noted> {
    let to = receiver(r, KEYS);
    let timeout = r.duration("relay.timeout", INSTANT, 5 * MINUTE);
    let give_up_after = r.duration("relay.give_up_after", SECOND, YEAR);
    let unrecognized = r.flag("relay.unrecognized");
    let to = to?;
    if let (Some(to), Some(server)) = (&to, server)
        && is_keepers_own(&to.url, server)
    {
        let what = "is the keeper's own address: each event would come back to it";
        return Err(r.refuse(KEYS.url, what, "write the application's URL"));
    }
    Ok(Relay { to, timeout: timeout?, give_up_after: give_up_after?, unrecognized: unrecognized? })
}

/// Under the public URL only what the keeper itself answers: an application may be behind the same one.
fn is_keepers_own(url: &Url, server: &Server) -> bool {
    let port = url.port_or_known_default();
    let listens = [server.listen, server.public_listen];
    let here = listens.into_iter().flatten().any(|address| {
        Some(address.port()) == port
            && (is_loopback(url) || url.host_str() == Some(address.ip().to_string().as_str()))
    });
    here || server.public_url.as_ref().is_some_and(|public| {
        let below = url.path().strip_prefix(public.path().trim_end_matches('/')).unwrap_or_default();
        public.origin() == url.origin()
            && ["/webhooks/calendly", "/oauth/callback", "/v1/"].iter().any(|own| below.starts_with(own))
    })
}

pub(in super::super) fn inbox(r: &mut Reader) -> Result<Inbox, Noted> {
    let keep = r.duration("inbox.keep", HOUR, 10 * YEAR);
    let max_body = r.parsed("inbox.max_body", |text| {
        let refuse = |what: &str| (what.to_owned(), "write it like \"2MiB\", from 1MiB to 64MiB".to_owned());
        let bytes = bytes(text).ok_or_else(|| refuse("is no size"))?;
        if (1 << 20..=64 << 20).contains(&bytes) { Ok(bytes) } else { Err(refuse("is out of bounds")) }
    });
    Ok(Inbox { keep: keep?, max_body: max_body? })
}

/// `2MiB`, `512KiB`, or plain bytes.
fn bytes(text: &str) -> Option<usize> {
    let units = [("MiB", 20), ("KiB", 10), ("B", 0), ("", 0)];
    let (number, shift) = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
    let number: usize = number.trim().parse().ok()?;
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let read = ["2MiB", "2 MiB", "1500KiB", "1048576", "7B"].map(bytes);
        assert_eq!(read, [Some(2 << 20), Some(2 << 20), Some(1500 << 10), Some(1 << 20), Some(7)]);
        assert!(
            ["", "MiB", "-1MiB", "2GB", "99999999999999999999MiB"].iter().all(|text| bytes(text).is_none())
        );
    }
}
