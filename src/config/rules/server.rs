//! `[server]`.

use std::net::SocketAddr;

use url::Url;

use super::super::reader::{Noted, Reader};
use super::super::sections::Server;
use crate::domain::api_token::{ApiToken, Role};
use crate::domain::secrets::ApiSecret;

const TOKENS: &str = "server.api_tokens";
const TOKENS_REMEDY: &str =
    "write \"NAME:ROLE+ROLE:SECRET\", as in \"crm:tokens:…\" with a long random secret";

pub(in super::super) fn server(r: &mut Reader) -> Result<Server, Noted> {
    let listen = address(r, "server.listen");
    let public_listen = address(r, "server.public_listen");
    let public_url = public_url(r);
    let tokens = api_tokens(r);
    let (listen, public_listen) = (listen?, public_listen?);
    let same = |address: SocketAddr| address.port() != 0 && listen == Some(address);
    if public_listen.is_some_and(same) {
        return Err(r.refuse(
            "server.public_listen",
            "is server.listen",
            "give it another port, or leave it out",
        ));
    }
    let (api_tokens, admin_secret) = tokens?;
    Ok(Server { listen, public_listen, public_url: public_url?, api_tokens, admin_secret })
}

fn address(r: &mut Reader, key: &str) -> Result<Option<SocketAddr>, Noted> {
    let Some(text) = r.optional(key)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        r.refuse(
            key,
            "is no address and port",
            "write it like \"127.0.0.1:8787\" or \"[::1]:8787\"; \"\" turns it off",
        )
    })
}

fn public_url(r: &mut Reader) -> Result<Option<Url>, Noted> {
    const KEY: &str = "server.public_url";
    if r.optional(KEY)?.is_none() {
        return Ok(None);
    }
    r.parsed(KEY, |text| super::base_url(text, "https://keeper.example.com")).map(Some)
}

/// The tokens, and the secret of the first one that may do everything.
fn api_tokens(r: &mut Reader) -> Result<(Vec<ApiToken>, Option<ApiSecret>), Noted> {
    let texts = match r.secret_file(TOKENS, "server.api_tokens_file")? {
        Some(text) => text.split(',').map(|token| token.trim().to_owned()).collect(),
        None => r.list(TOKENS)?,
    };
    let mut tokens: Vec<ApiToken> = vec![];
    let mut admin = None;
    for (n, text) in texts.iter().enumerate() {
        let token = ApiToken::parse(text).map_err(|bad| {
            r.refuse(TOKENS, format!("has a bad token at place {}, which {bad}", n + 1), TOKENS_REMEDY)
        })?;
        if tokens.iter().any(|other| other.name() == token.name()) {
            let what = format!("has two tokens with the name {:?}", token.name());
            return Err(r.refuse(
                TOKENS,
                what,
                "give each one a name of its own: the log and the timeline show it",
            ));
        }
        if token.has(Role::Admin) && admin.is_none() {
            admin = text.splitn(3, ':').nth(2).map(ApiSecret::new);
        }
        tokens.push(token);
    }
    Ok((tokens, admin))
}
