//! What the application knows of its connections: what it asked for and was told is done.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use calendly_keeper::domain::grant::{NewGrant, Put};
use calendly_keeper::domain::ids::GrantId;
use calendly_keeper::domain::secrets::{AccessToken, RefreshToken};
use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::token::Lifetime;
use calendly_keeper::services::{disconnect, grants};

use super::calendly::{LIFETIME, ORGANIZATION, SCOPE, user_uri};
use super::clock::wall;
use super::keeper::{Life, Outside, id};
use super::plan::Act;

/// Who was told to connect again does so after this.
const CONNECTS_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// One connection, as the application sees it.
#[derive(Default)]
pub(crate) struct Person {
    /// The grant that it last gave, by Calendly's and by the keeper's count; `None`: there is no connection.
    pub(crate) grant: Option<(u32, GrantId)>,
    pub(crate) paused: bool,
    /// When something was last done to it.
    pub(crate) acted: Duration,
    /// When its actor last failed, or was not there.
    pub(crate) crashed: Duration,
    /// When its subscription was last changed behind the keeper's back.
    pub(crate) tampered: Duration,
    /// What could not be done yet.
    pub(crate) wants: VecDeque<Act>,
}

pub(crate) type People = BTreeMap<u32, Person>;

/// A grant as the application hands it over. Its access token ends in `rest`, or ended `-rest` ago.
fn offer(outside: &Outside, user: u32, rest: i64) -> (u32, NewGrant) {
    let now = outside.clock.now();
    let expires = Duration::from_secs((now.as_secs() as i64 + rest).max(0) as u64);
    let (grant, pair) = outside.calendly.ledger().grant(user, expires);
    let offered = NewGrant {
        id: id(user),
        grant_id: GrantId::new(uuid::Uuid::from_u128(u128::from(grant) + 1)),
        granted_at: wall(now),
        client_id: Some("client".into()),
        access_token: Some(AccessToken::new(format!("access-{pair}"))),
        refresh_token: RefreshToken::new(format!("refresh-{pair}")),
        expires_at: Some(wall(expires)),
        lifetime: Lifetime::from_seconds(LIFETIME.as_secs() as i64).unwrap(),
        scope: Some(SCOPE.into()),
        user: Some(user_uri(user).into()),
        organization: Some(ORGANIZATION.into()),
        replace: true,
    };
    (grant, offered)
}

/// Does what somebody wants; false where the database did not take it.
pub(crate) async fn act(
    outside: &Outside,
    life: &Life,
    user: u32,
    person: &mut Person,
    does: Act,
) -> Result<bool, String> {
    let now = outside.clock.now();
    person.acted = now;
    let done = match does {
        Act::Connect => {
            let rest = (i64::from(user) * 977 + now.as_secs() as i64) % LIFETIME.as_secs() as i64 - 300;
            let (grant, offered) = offer(outside, user, rest);
            let grant_id = offered.grant_id;
            match grants::put(&life.services, vec![offered], None).await.as_deref() {
                Ok([Put::Created(_) | Put::Replaced(_)]) => {
                    person.grant = Some((grant, grant_id));
                    Ok(())
                }
                Ok(other) => return Err(format!("a new grant was not taken: {other:?}")),
                Err(error) => Err(error.clone()),
            }
        }
        Act::Pause => grants::pause(&life.services, &id(user), None).await.map(|known| {
            person.paused |= known;
        }),
        Act::Resume => grants::resume(&life.services, &id(user), None).await.map(|known| {
            person.paused &= !known;
        }),
        Act::Delete => disconnect::erase(&life.services, &id(user), None).await.map(|_| {
            person.grant = None;
            person.paused = false;
        }),
    };
    Ok(done.is_ok())
}

/// Who lost the grant, and has been told so for long enough, wants to connect again.
pub(crate) fn connects_again(outside: &Outside, life: &Life, user: u32, person: &Person) -> bool {
    let Some((grant, _)) = person.grant else { return false };
    let gone = outside.calendly.ledger().grants[grant as usize].gone();
    gone.is_some_and(|at| outside.clock.now() - at > CONNECTS_AGAIN)
        && person.wants.is_empty()
        && life.cell(user).is_some_and(|cell| cell.status().status == Status::ReauthorizationRequired)
}
