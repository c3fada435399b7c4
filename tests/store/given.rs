//! What tests give to a store: times, grants, claims, pairs.

use calendly_keeper::domain::grant::{Connection, NewGrant, Put};
use calendly_keeper::domain::ids::{ClaimId, ConnectionId, Generation, GrantId};
use calendly_keeper::domain::rotation::{ClaimRequest, Claimed, Commit};
use calendly_keeper::domain::secrets::{AccessToken, RefreshToken};
use calendly_keeper::domain::token::{DEFAULT_LIFETIME, Lifetime};
use calendly_keeper::ports::Store;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap() + TimeDelta::seconds(seconds)
}

pub(crate) fn id(text: &str) -> ConnectionId {
    text.parse().unwrap()
}

/// A grant whose tokens tell where they come from.
pub(crate) fn grant(connection: &str, refresh_token: &str) -> NewGrant {
    NewGrant {
        id: id(connection),
        grant_id: GrantId::new(Uuid::new_v4()),
        granted_at: at(0),
        client_id: Some("client-1".into()),
        access_token: Some(AccessToken::new(format!("access-of-{refresh_token}"))),
        refresh_token: RefreshToken::new(refresh_token),
        expires_at: Some(at(7200)),
        lifetime: DEFAULT_LIFETIME,
        scope: Some("a b".into()),
        user: None,
        organization: None,
        replace: false,
    }
}

/// Offers grants; what was decided about each.
pub(crate) async fn offered(store: &dyn Store, grants: Vec<NewGrant>, dry_run: bool) -> Vec<Put> {
    store.put(grants, dry_run).await.unwrap().into_iter().map(|given| given.put).collect()
}

/// Gives a grant and reads the connection.
pub(crate) async fn given(store: &dyn Store, grant: NewGrant) -> Connection {
    let id = grant.id.clone();
    let answer = offered(store, vec![grant], false).await;
    assert!(matches!(answer[..], [Put::Created(_) | Put::Replaced(_)]), "{answer:?}");
    read(store, &id).await
}

pub(crate) async fn read(store: &dyn Store, id: &ConnectionId) -> Connection {
    store.get(id).await.unwrap().unwrap_or_else(|| panic!("{id} is not there"))
}

/// Claims what `connection` stands at.
pub(crate) async fn claim(
    store: &dyn Store,
    connection: &Connection,
    seize: Option<ClaimId>,
) -> Option<(ClaimId, Claimed)> {
    let claim_id = ClaimId::new(Uuid::new_v4());
    let request = ClaimRequest {
        id: &connection.id,
        grant_id: connection.grant_id,
        generation: connection.generation,
        claim_id,
        at: at(100),
        seize,
    };
    store.claim(request).await.unwrap().map(|claimed| (claim_id, claimed))
}

/// The pair that follows on `connection`.
pub(crate) fn pair(connection: &Connection, refresh_token: &str) -> Commit {
    Commit {
        id: connection.id.clone(),
        grant_id: connection.grant_id,
        generation: connection.generation.next(),
        access_token: AccessToken::new(format!("access-of-{refresh_token}")),
        refresh_token: Some(RefreshToken::new(refresh_token)),
        expires_at: at(9000),
        lifetime: Lifetime::from_seconds(3600).unwrap(),
        scope: None,
        user: None,
        organization: None,
        foreign_owner: None,
        not_before: None,
    }
}

pub(crate) fn generation(of: &Connection) -> i64 {
    let Generation(number) = of.generation;
    number
}

pub(crate) fn access_token(of: &Connection) -> Option<&str> {
    of.access_token.as_ref().map(AccessToken::expose)
}
