//! Who asks: the bearer token of a request, and whether its roles allow what is asked. A route names what it needs by
//! the type of one of its arguments.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};

use super::problem::{FORBIDDEN, Problem, UNAUTHORIZED};
use super::state;
use crate::domain::api_token::{self, ApiToken, Role};

/// What a route is about.
pub(super) trait About {
    /// The role that it takes, beside `admin`.
    const ROLE: Role;
}

/// Access tokens.
pub(super) struct Tokens;
/// Events.
pub(super) struct Events;
/// How things stand.
pub(super) struct Looking;
/// Changes.
pub(super) struct Changing;

impl About for Tokens {
    const ROLE: Role = Role::Tokens;
}
impl About for Events {
    const ROLE: Role = Role::Events;
}
impl About for Looking {
    const ROLE: Role = Role::Read;
}
impl About for Changing {
    const ROLE: Role = Role::Admin;
}

/// A caller that may do what the route is about.
pub(super) struct Allowed<A> {
    /// What his API token is called.
    pub(super) name: Box<str>,
    about: PhantomData<A>,
}

impl<A: About + 'static> FromRequest for Allowed<A> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).and_then(|token| {
            if token.has(A::ROLE) || token.has(Role::Admin) {
                return Ok(Self { name: token.name().into(), about: PhantomData });
            }
            let detail = format!("the API token {:?} has not the role {}", token.name(), A::ROLE.as_str());
            Err(Problem::new(FORBIDDEN, detail))
        }))
    }
}

fn caller(request: &HttpRequest) -> Result<&ApiToken, Problem> {
    let refused = |detail: &str| Problem::new(UNAUTHORIZED, detail);
    let state = state::of(request)?;
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return Err(refused("send an API token in the header Authorization: Bearer …"));
    };
    let scheme = header.to_str().ok().and_then(|text| text.split_once(' '));
    let secret =
        scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, secret)| secret.trim());
    let Some(secret) = secret else {
        return Err(refused("the header Authorization does not hold a bearer token"));
    };
    api_token::find(&state.tokens, secret).ok_or_else(|| refused("the API token is not known"))
}

/// Whoever may see what holds no secret: everybody where only this machine reaches the keeper, else who may look.
pub(super) struct Onlooker;

impl FromRequest for Onlooker {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(match state::of(request) {
            Ok(state) if state.is_loopback => Ok(Self),
            Ok(_) => Allowed::<Looking>::from_request(request, payload).into_inner().map(|_| Self),
            Err(shut) => Err(shut),
        })
    }
}
