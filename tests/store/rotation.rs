//! Claims, commits, releases and refusals, and what guards them.

use std::time::Duration;

use calendly_keeper::domain::facts::{GrantFact, Refusal};
use calendly_keeper::domain::grant::{Connection, Put};
use calendly_keeper::domain::ids::{ClaimId, Generation, GrantId};
use calendly_keeper::domain::rotation::{Commit, Committed, Refuse, Release};
use calendly_keeper::ports::StoreError;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::fixture::Fixture;
use crate::given::{access_token, at, claim, generation, given, grant, id, pair, read};
use crate::support::wait::until_async;

const DEADLINE: Duration = Duration::from_secs(20);

fn refusal(connection: &Connection, reason: Refusal) -> Refuse {
    Refuse {
        id: connection.id.clone(),
        grant_id: connection.grant_id,
        generation: connection.generation,
        reason,
        at: at(300),
    }
}

fn release(connection: &Connection, claim_id: ClaimId, unknown_since: Option<i64>) -> Release {
    let unknown_since = unknown_since.map(at);
    Release { id: connection.id.clone(), claim_id, unknown_since, attempts: 2, next_attempt_at: at(400) }
}

fn superseded_by(committed: Committed) -> Option<Box<Connection>> {
    match committed {
        Committed::Superseded(current) => current,
        Committed::Kept => panic!("kept"),
    }
}

pub(crate) async fn a_claim_hands_out_the_token_and_shows_in_the_row(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let (claim_id, claimed) = claim(&*f.store, &anna, None).await.unwrap();
    assert_eq!(claimed.refresh_token.expose(), "r1");
    assert_eq!((claimed.client_id.as_deref(), claimed.unknown_since), (Some("client-1"), None));
    let open = read(&*f.store, &anna.id).await.claim.unwrap();
    assert_eq!(open.id, claim_id);
    if !f.is_postgres() {
        assert_eq!(open.at, at(100));
    }
    assert!(claim(&*f.store, &anna, None).await.is_none(), "one at a time");
}

pub(crate) async fn a_claim_is_guarded_by_every_fact(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let refused = async |stale: &Connection| claim(&*f.store, stale, None).await.is_none();
    assert!(refused(&Connection { generation: Generation(2), ..anna.clone() }).await);
    assert!(refused(&Connection { grant_id: GrantId::new(Uuid::new_v4()), ..anna.clone() }).await);
    assert!(refused(&Connection { id: id("ben"), ..anna.clone() }).await);
    f.store.pause(&anna.id, Some(at(1))).await.unwrap();
    assert!(refused(&anna).await, "paused");
    f.store.pause(&anna.id, None).await.unwrap();
    assert!(!refused(&anna).await);
}

pub(crate) async fn one_of_32_claimers_wins(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let claims = join_all((0..32).map(|_| {
        let (store, anna) = (f.store.clone(), anna.clone());
        tokio::spawn(async move { claim(&*store, &anna, None).await })
    }));
    let won: Vec<_> = claims.await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(read(&*f.store, &anna.id).await.claim.unwrap().id, won[0].0);
}

pub(crate) async fn a_seized_claim_leaves_doubt_behind(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let (dead, _) = claim(&*f.store, &anna, None).await.unwrap();
    let made = read(&*f.store, &anna.id).await.claim.unwrap().at;
    assert!(claim(&*f.store, &anna, Some(ClaimId::new(Uuid::new_v4()))).await.is_none(), "another than that");

    let (second, claimed) = claim(&*f.store, &anna, Some(dead)).await.unwrap();

    assert_eq!(claimed.unknown_since, Some(made));
    assert!(claim(&*f.store, &anna, Some(dead)).await.is_none(), "seized once");
    let (_, claimed) = claim(&*f.store, &anna, Some(second)).await.unwrap();
    assert_eq!(claimed.unknown_since, Some(made), "the oldest doubt stays");
}

pub(crate) async fn a_released_claim_keeps_the_oldest_doubt(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let (first, _) = claim(&*f.store, &anna, None).await.unwrap();
    assert!(f.store.release(release(&anna, first, Some(10))).await.unwrap());
    let now = read(&*f.store, &anna.id).await;
    assert_eq!((now.claim, now.unknown_since), (None, Some(at(10))));
    assert_eq!((now.attempts, now.next_attempt_at), (2, Some(at(400))));

    let (second, claimed) = claim(&*f.store, &anna, None).await.unwrap();
    assert_eq!(claimed.unknown_since, Some(at(10)));
    assert!(f.store.release(release(&anna, second, None)).await.unwrap());
    assert_eq!(read(&*f.store, &anna.id).await.unknown_since, Some(at(10)));
}

pub(crate) async fn a_claim_is_released_by_its_own_id_alone(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let (claim_id, _) = claim(&*f.store, &anna, None).await.unwrap();
    assert!(!f.store.release(release(&anna, ClaimId::new(Uuid::new_v4()), None)).await.unwrap());
    assert!(f.store.release(release(&anna, claim_id, None)).await.unwrap());
    assert!(!f.store.release(release(&anna, claim_id, None)).await.unwrap());
}

pub(crate) async fn a_commit_writes_the_whole_pair_and_ends_the_claim(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let (claim_id, _) = claim(&*f.store, &anna, None).await.unwrap();
    f.store.release(release(&anna, claim_id, Some(5))).await.unwrap();
    claim(&*f.store, &anna, None).await.unwrap();
    let mut commit = pair(&anna, "r2");
    commit.user = Some("user-a".into());
    commit.organization = Some("organization-o".into());
    commit.foreign_owner = Some("user-b".into());
    commit.not_before = Some(at(60));

    assert!(matches!(f.store.commit(commit.clone()).await.unwrap(), Committed::Kept));

    let now = read(&*f.store, &anna.id).await;
    assert_eq!((now.generation, now.granted_generation), (Generation(2), Generation(1)));
    assert_eq!(access_token(&now), Some("access-of-r2"));
    assert_eq!((now.expires_at, now.lifetime), (Some(commit.expires_at), commit.lifetime));
    assert_eq!(now.scope.as_deref(), Some("a b"), "what the answer does not say stays");
    assert_eq!((now.user, now.organization), (commit.user, commit.organization));
    assert_eq!((now.foreign_owner, now.next_attempt_at), (commit.foreign_owner, commit.not_before));
    assert_eq!((now.claim, now.unknown_since, now.attempts), (None, None, 0));

    let now = read(&*f.store, &anna.id).await;
    let (_, claimed) = claim(&*f.store, &now, None).await.unwrap();
    assert_eq!(claimed.refresh_token.expose(), "r2");
    let mut third = pair(&now, "r3");
    (third.user, third.scope) = (Some("user-c".into()), Some("c".into()));
    f.store.commit(third).await.unwrap();
    let now = read(&*f.store, &anna.id).await;
    assert_eq!((now.user.as_deref(), now.scope.as_deref()), (Some("user-a"), Some("c")));
    assert_eq!((now.foreign_owner, now.next_attempt_at), (None, None));
}

pub(crate) async fn a_commit_without_a_refresh_token_keeps_the_old_one(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let mut commit = pair(&anna, "x");
    commit.refresh_token = None;
    assert!(matches!(f.store.commit(commit.clone()).await.unwrap(), Committed::Kept));
    assert!(matches!(f.store.commit(commit.clone()).await.unwrap(), Committed::Kept), "told twice");
    let now = read(&*f.store, &anna.id).await;
    let (_, claimed) = claim(&*f.store, &now, None).await.unwrap();
    assert_eq!((claimed.refresh_token.expose(), generation(&now)), ("r1", 2));

    commit.access_token = calendly_keeper::domain::secrets::AccessToken::new("another");
    assert!(
        superseded_by(f.store.commit(commit).await.unwrap()).is_some(),
        "another pair of that generation"
    );
}

pub(crate) async fn a_commit_needs_no_claim_and_may_be_generations_ahead(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let mut commit = pair(&anna, "r5");
    commit.generation = Generation(5);
    assert!(matches!(f.store.commit(commit).await.unwrap(), Committed::Kept));
    assert_eq!(generation(&read(&*f.store, &anna.id).await), 5);
}

/// The row went back two generations: its refresh token is spent, and the row would look healthy with it.
pub(crate) async fn a_pair_without_a_refresh_token_is_not_put_over_a_spent_one(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let third = Commit { generation: Generation(3), refresh_token: None, ..pair(&anna, "x") };
    let current = superseded_by(f.store.commit(third.clone()).await.unwrap()).unwrap();
    assert_eq!((generation(&current), access_token(&current)), (1, Some("access-of-r1")));

    f.store.commit(pair(&anna, "r2")).await.unwrap();
    assert!(
        matches!(f.store.commit(third).await.unwrap(), Committed::Kept),
        "now the row has the one that stays"
    );
    let now = read(&*f.store, &anna.id).await;
    let (_, claimed) = claim(&*f.store, &now, None).await.unwrap();
    assert_eq!((claimed.refresh_token.expose(), generation(&now)), ("r2", 3));
}

pub(crate) async fn a_commit_told_twice_is_kept_once(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    for _ in 0..2 {
        assert!(matches!(f.store.commit(pair(&anna, "r2")).await.unwrap(), Committed::Kept));
    }
    assert_eq!(generation(&read(&*f.store, &anna.id).await), 2);
}

pub(crate) async fn an_older_commit_changes_nothing_and_learns_what_is_stored(f: Fixture) {
    let first = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&first, "r2")).await.unwrap();
    let second = read(&*f.store, &first.id).await;
    f.store.commit(pair(&second, "r3")).await.unwrap();

    let current = superseded_by(f.store.commit(pair(&first, "r2")).await.unwrap()).unwrap();

    assert_eq!((generation(&current), access_token(&current)), (3, Some("access-of-r3")));
}

pub(crate) async fn a_commit_of_a_replaced_grant_changes_nothing(f: Fixture) {
    let old = given(&*f.store, grant("anna", "r1")).await;
    claim(&*f.store, &old, None).await.unwrap();
    let mut new = grant("anna", "r9");
    new.replace = true;
    let new = given(&*f.store, new).await;

    let mut late = pair(&old, "r2");
    late.generation = Generation(9);
    let current = superseded_by(f.store.commit(late).await.unwrap()).unwrap();

    assert_eq!(current.grant_id, new.grant_id);
    assert_eq!(access_token(&read(&*f.store, &old.id).await), Some("access-of-r9"));
    assert_eq!(claim(&*f.store, &new, None).await.unwrap().1.refresh_token.expose(), "r9");
}

pub(crate) async fn a_commit_of_a_deleted_grant_changes_nothing(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    claim(&*f.store, &anna, None).await.unwrap();
    f.store.delete(&anna.id, at(1)).await.unwrap();
    assert!(superseded_by(f.store.commit(pair(&anna, "r2")).await.unwrap()).is_none());
    assert!(f.store.get(&anna.id).await.unwrap().is_none());
    let never = Connection { id: id("ben"), ..anna };
    assert!(superseded_by(f.store.commit(pair(&never, "r3")).await.unwrap()).is_none());
}

pub(crate) async fn a_commit_of_a_grant_deleted_and_given_anew_changes_nothing(f: Fixture) {
    let old = given(&*f.store, grant("anna", "r1")).await;
    f.store.delete(&old.id, at(1)).await.unwrap();
    let new = given(&*f.store, grant("anna", "r1")).await;
    let mut late = pair(&old, "r2");
    late.generation = Generation(9);
    let current = superseded_by(f.store.commit(late).await.unwrap()).unwrap();
    assert_eq!((current.grant_id, current.generation), (new.grant_id, Generation(2)));
}

pub(crate) async fn a_pause_in_mid_rotation_stays(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    claim(&*f.store, &anna, None).await.unwrap();
    f.store.pause(&anna.id, Some(at(3))).await.unwrap();
    assert!(matches!(f.store.commit(pair(&anna, "r2")).await.unwrap(), Committed::Kept));
    let now = read(&*f.store, &anna.id).await;
    assert_eq!((now.facts.paused, generation(&now)), (Some(at(3)), 2));
    assert!(claim(&*f.store, &now, None).await.is_none());
}

pub(crate) async fn a_commit_brings_a_refused_grant_back_to_life(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    assert!(f.store.refuse(refusal(&anna, Refusal::Revoked)).await.unwrap());
    assert!(matches!(f.store.commit(pair(&anna, "r2")).await.unwrap(), Committed::Kept));
    assert_eq!(read(&*f.store, &anna.id).await.facts.grant, GrantFact::Live { since: at(0) });
}

pub(crate) async fn a_late_refusal_harms_no_newer_pair(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    assert!(!f.store.refuse(refusal(&anna, Refusal::Revoked)).await.unwrap());
    let now = read(&*f.store, &anna.id).await;
    let foreign = Connection { grant_id: GrantId::new(Uuid::new_v4()), ..now.clone() };
    assert!(!f.store.refuse(refusal(&foreign, Refusal::Revoked)).await.unwrap());
    assert_eq!(now.facts.grant, GrantFact::Live { since: at(0) });
}

pub(crate) async fn a_refused_grant_is_not_claimed_until_a_new_one_comes(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    claim(&*f.store, &anna, None).await.unwrap();
    assert!(f.store.refuse(refusal(&anna, Refusal::DeadOnArrival)).await.unwrap());
    let now = read(&*f.store, &anna.id).await;
    assert_eq!(now.facts.grant, GrantFact::Refused { reason: Refusal::DeadOnArrival, since: at(300) });
    assert_eq!((now.claim, access_token(&now)), (None, Some("access-of-r1")), "nothing is deleted");
    assert!(claim(&*f.store, &now, None).await.is_none());
    let mut new = grant("anna", "r2");
    new.expires_at = Some(at(8000));
    let now = given(&*f.store, new).await;
    assert!(claim(&*f.store, &now, None).await.is_some());
}

pub(crate) async fn a_rotated_token_is_remembered_under_its_connection(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    for used in ["r1", "r2"] {
        let answer = f.put(vec![grant("ben", used)]).await;
        assert_eq!(answer, [Put::BelongsTo(anna.id.clone())], "{used}");
    }
}

pub(crate) async fn a_pair_with_a_token_known_elsewhere_is_kept_all_the_same(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    given(&*f.store, grant("ben", "r2")).await;
    assert!(matches!(f.store.commit(pair(&anna, "r2")).await.unwrap(), Committed::Kept));
    let now = read(&*f.store, &anna.id).await;
    assert_eq!(claim(&*f.store, &now, None).await.unwrap().1.refresh_token.expose(), "r2");
}

pub(crate) async fn one_bad_row_among_fifty_harms_nobody(f: Fixture) {
    let grants = (0..50).map(|n| grant(&format!("c{n:02}"), &format!("r{n}"))).collect();
    f.put(grants).await;
    f.refuse_commits_of("c25");
    let all = f.store.page(None, 100).await.unwrap().connections;

    let commits = all.iter().map(|c| f.store.commit(pair(c, &format!("new-{}", c.id))));
    let answers = join_all(commits).await;

    for (connection, answer) in all.iter().zip(answers) {
        let bad = connection.id == id("c25");
        match answer {
            Ok(Committed::Kept) => assert!(!bad),
            Err(StoreError::Refused(_)) => assert!(bad),
            other => panic!("{}: {other:?}", connection.id),
        }
        let now = read(&*f.store, &connection.id).await;
        assert_eq!(generation(&now), if bad { 1 } else { 2 }, "{}", connection.id);
    }
}

pub(crate) async fn a_commit_survives_the_caller_that_goes_away(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    {
        let mut commit = f.store.commit(pair(&anna, "r2"));
        // Begun, and dropped before its answer.
        let _ = futures_util::poll!(&mut commit);
    }
    until_async("committed", DEADLINE, async || {
        (generation(&read(&*f.store, &anna.id).await) == 2).then_some(())
    })
    .await;
}

pub(crate) async fn a_nul_in_an_answer_costs_no_pair(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let mut commit = pair(&anna, "r2");
    commit.scope = Some("a\0b".into());
    assert!(matches!(f.store.commit(commit).await.unwrap(), Committed::Kept));
    assert_eq!(read(&*f.store, &anna.id).await.scope.as_deref(), Some("a\u{fffd}b"));
}
