//! Connecting a user by a link: what is decided about it. OAuth's authorization code flow with PKCE (RFC 6749, 7636, 9700).

pub mod authorization;
pub mod callback;
pub mod ending;
pub mod flow;
pub mod pkce;
pub mod return_url;
pub mod state_token;
pub mod ticket;
