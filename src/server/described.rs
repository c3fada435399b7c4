//! Which problems each kind of route may answer with, for the description of the API. Made of the problems themselves, so
//! that name and status are those that are sent.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::problem::{
    DATABASE_UNAVAILABLE, DIFFERENT_USER, FLOW_EXPIRED, FORBIDDEN, INTERNAL, INVALID_REQUEST, Kind,
    LINK_USED, NO_RELAY, NOT_WORKING, OLDER_GRANT, OTHER_CONNECTION, PAUSED, PUBLIC_URL_MISSING,
    REAUTHORIZATION_REQUIRED, RETURN_URL_NOT_ALLOWED, TICKET_USED, TOKEN_IN_USE, TOKEN_UNAVAILABLE,
    TOO_LARGE, TOO_MANY_FLOWS, UNAUTHORIZED, UNKNOWN_CONNECTION, UNKNOWN_EVENT, UNKNOWN_FLOW,
    UNSUPPORTED_MEDIA_TYPE,
};

/// Whoever asks has a token, and the keeper may not work yet.
const ASKED: &[Kind] = &[UNAUTHORIZED, FORBIDDEN, NOT_WORKING];
/// The path names a connection.
const NAMED: &[Kind] = &[INVALID_REQUEST, UNKNOWN_CONNECTION];
/// There is a body to be read.
const BODY: &[Kind] = &[INVALID_REQUEST, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE];
/// The database has its part in it.
const STORED: &[Kind] = &[DATABASE_UNAVAILABLE, INTERNAL];

macro_rules! kinds_of_routes {
    ($($(#[$doc:meta])* $route:ident: $($kinds:expr),+;)*) => {
        $(
            $(#[$doc])*
            pub(super) struct $route;

            impl IntoResponses for $route {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    by_status(&[$($kinds),+])
                }
            }
        )*
    };
}

kinds_of_routes! {
    /// Whether the keeper works.
    Readiness: &[NOT_WORKING];
    /// What holds no secret.
    Operation: ASKED;
    /// All connections.
    Listing: ASKED, &[INVALID_REQUEST];
    /// One connection, from memory.
    LookingAtOne: ASKED, NAMED;
    /// One connection, from the database; or a mark that is set there.
    WithTheStore: ASKED, NAMED, STORED;
    /// Events, from the database.
    Events: ASKED, &[INVALID_REQUEST], STORED;
    /// One event.
    OneEvent: ASKED, &[UNKNOWN_EVENT], STORED;
    /// Something is noted or erased.
    WithEvents: ASKED, BODY, STORED;
    /// Events are relayed again.
    Replaying: ASKED, BODY, STORED, &[UNKNOWN_EVENT, NO_RELAY];
    /// The relay goes on.
    Resuming: ASKED, &[NO_RELAY];
    /// A token.
    Serving: ASKED, NAMED, &[REAUTHORIZATION_REQUIRED, PAUSED, TOKEN_UNAVAILABLE];
    /// Work for a connection that can work.
    Working: ASKED, NAMED, &[REAUTHORIZATION_REQUIRED, PAUSED];
    /// A grant is handed over.
    Giving: ASKED, BODY, STORED, &[OLDER_GRANT, TOKEN_IN_USE];
    /// A link is asked for.
    Linking: ASKED, BODY, &[RETURN_URL_NOT_ALLOWED, PUBLIC_URL_MISSING, TOO_MANY_FLOWS];
    /// A ticket is brought.
    Confirming: ASKED, BODY, STORED, &[TICKET_USED, OTHER_CONNECTION, DIFFERENT_USER, TOKEN_IN_USE, FLOW_EXPIRED];
    /// A flow is looked at.
    Following: ASKED, &[INVALID_REQUEST, FLOW_EXPIRED];
    /// The browser comes back.
    ComingBack: &[INVALID_REQUEST, UNKNOWN_FLOW, LINK_USED, FLOW_EXPIRED, INTERNAL, NOT_WORKING];
}

fn by_status(kinds: &[&[Kind]]) -> BTreeMap<String, RefOr<Response>> {
    let mut names: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for kind in kinds.iter().copied().flatten() {
        let name = format!("`{}`", kind.name);
        let of_status = names.entry(kind.status).or_default();
        if !of_status.contains(&name) {
            of_status.push(name);
        }
    }
    let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = |names: Vec<String>| {
        let response = ResponseBuilder::new().description(names.join(", or "));
        RefOr::T(response.content("application/problem+json", content()).build())
    };
    names.into_iter().map(|(status, names)| (status.to_string(), response(names))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::super::openapi::document;
    use super::super::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, PROBLEMS};

    /// The names in a description, each in backticks.
    fn names(description: &str) -> impl Iterator<Item = &str> {
        description.split('`').skip(1).step_by(2)
    }

    #[test]
    fn every_problem_is_described_under_the_status_that_it_is_sent_with_and_nothing_else_is() {
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap().values();
        let methods = paths.flat_map(|path| path.as_object().unwrap().values());
        let mut told = HashSet::new();
        for (status, response) in methods.flat_map(|method| method["responses"].as_object().unwrap()) {
            let content = response["content"].as_object();
            if !content.is_some_and(|content| content.contains_key("application/problem+json")) {
                continue;
            }
            for name in names(response["description"].as_str().unwrap()) {
                let kind = PROBLEMS.iter().find(|kind| kind.name == name);
                let sent_with = kind.map(|kind| kind.status.to_string());
                assert_eq!(sent_with.as_ref(), Some(status), "{name}");
                told.insert(name.to_owned());
            }
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, &Value::from("#/components/schemas/Problem"));
        }
        let of_no_route = [NOT_FOUND, METHOD_NOT_ALLOWED];
        let untold = PROBLEMS.iter().filter(|kind| !of_no_route.contains(kind) && !told.contains(kind.name));
        assert_eq!(untold.count(), 0);
    }
}
