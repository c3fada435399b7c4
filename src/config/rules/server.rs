//! `[server]`.

use std::net::SocketAddr;

use url::Url;

use super::super::reader::{Noted, Reader};
use super::super::sections::Server;
use crate::domain::api_token::ApiToken;

const TOKENS: &str = "server.api_tokens";
const TOKENS_REMEDY: &str =
    "write \"NAME:ROLE+ROLE:SECRET\", as in \"crm:tokens:…\" with a long random secret";

pub(in super::super) fn server(r: &mut Reader) -> Result<Server, Noted> {
    let listen = address(r, "server.listen");
    let public_listen = address(r, "server.public_listen");
    let public_url = public_url(r);
    let api_tokens = api_tokens(r);
    let (listen, public_listen) = (listen?, public_listen?);
    if public_listen.is_some() && listen == public_listen {
        return Err(r.refuse(
            "server.public_listen",
            "is server.listen",
            "give it another port, or leave it out",
        ));
    }
    Ok(Server { listen, public_listen, public_url: public_url?, api_tokens: api_tokens? })
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

fn api_tokens(r: &mut Reader) -> Result<Vec<ApiToken>, Noted> {
    let texts = match r.secret_file(TOKENS, "server.api_tokens_file")? {
        Some(text) => text.split(',').map(|token| token.trim().to_owned()).collect(),
        None => r.list(TOKENS)?,
    };
    let mut tokens: Vec<ApiToken> = vec![];
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
        tokens.push(token);
    }
    Ok(tokens)
}
