//! Where Calendly sends browsers back: the redirect URI, which is registered with the application at Calendly.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::Url;

/// Below the public URL.
pub(super) const PATH: &str = "/oauth/callback";

/// By the public URL, else, where only this machine reaches the keeper, by its own address, `browsers`.
pub(super) fn uri(public_url: Option<&Url>, browsers: SocketAddr) -> Option<Url> {
    if let Some(base) = public_url {
        let mut url = base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(PATH.split('/').skip(1));
        return Some(url);
    }
    // Without https Calendly takes no other host than this name.
    let is_localhost =
        [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].contains(&browsers.ip());
    let text = match is_localhost {
        true => format!("http://localhost:{}{PATH}", browsers.port()),
        false => format!("http://{browsers}{PATH}"),
    };
    Url::parse(&text).ok().filter(|_| browsers.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_below_the_public_url_or_on_this_machine() {
        let of = |base: Option<&str>, address: &str| {
            let base = base.map(|base| base.parse().unwrap());
            uri(base.as_ref(), address.parse().unwrap()).map(String::from)
        };
        let public = of(Some("https://keeper.example.com"), "10.0.0.1:80");
        assert_eq!(public.unwrap(), "https://keeper.example.com/oauth/callback");
        let below = of(Some("https://example.com/keeper/"), "127.0.0.1:80");
        assert_eq!(below.unwrap(), "https://example.com/keeper/oauth/callback");
        assert_eq!(of(None, "127.0.0.1:8787").unwrap(), "http://localhost:8787/oauth/callback");
        assert_eq!(of(None, "[::1]:8787").unwrap(), "http://localhost:8787/oauth/callback");
        assert_eq!(of(None, "127.0.0.2:8787").unwrap(), "http://127.0.0.2:8787/oauth/callback");
        assert_eq!(of(None, "10.0.0.1:8787"), None);
        assert_eq!(of(None, "0.0.0.0:8787"), None);
    }
}
