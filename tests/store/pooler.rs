//! A pooler before PostgreSQL: one session a client is as good as none; in transaction mode locks go to somebody else.

use calendly_keeper::ports::Lock;
use calendly_keeper::store::{Options, open};

use crate::fixture::{Backend, Fixture, run};
use crate::given::{access_token, claim, given, grant, pair, read};
use crate::locks::NOW;
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{Postgres, psql};

#[test]
#[cfg_attr(
    not(has_pgbouncer),
    ignore = "PgBouncer, or PostgreSQL's server binaries, were not found; install Debian's pgbouncer and postgresql"
)]
fn a_pooler_in_transaction_mode_is_refused_with_the_remedy_before_anything_is_changed() {
    run(Backend::Memory, async |f: Fixture| {
        let server = Postgres::shared();
        let database = server.create_database();
        for mode in ["transaction", "statement"] {
            let pooler = PgBouncer::before(server, mode);
            let refused = open(Options { url: pooler.url(&database), ..f.options() }).await.err().unwrap();
            assert!(refused.is_configuration(), "{mode}: {refused}");
            assert!(refused.to_string().contains("pooler in session mode"), "{mode}: {refused}");
        }
        assert_eq!(psql(&database, "SELECT to_regnamespace('calendly_keeper') IS NULL"), "t");
    });
}

#[test]
#[cfg_attr(
    not(has_pgbouncer),
    ignore = "PgBouncer, or PostgreSQL's server binaries, were not found; install Debian's pgbouncer and postgresql"
)]
fn a_keeper_works_through_a_pooler_in_session_mode_and_its_lock_holds_against_others() {
    run(Backend::Postgres, async |f: Fixture| {
        let pooler = PgBouncer::before(Postgres::shared(), "session");
        let through = Options { url: pooler.url(&f.url), require_lock: true, ..f.options() };
        let store = open(through).await.unwrap();
        let (direct, _data_dir) = f.open_elsewhere(true).await;

        assert_eq!(store.keep_lock().await.unwrap(), NOW);
        assert_eq!(store.keep_lock().await.unwrap(), NOW, "it is still its own session");
        assert!(matches!(direct.keep_lock().await.unwrap(), Lock::Theirs { .. }));
        let anna = given(&*store, grant("anna", "r1")).await;
        assert!(claim(&*direct, &anna, None).await.is_none());
        claim(&*store, &anna, None).await.unwrap();
        store.commit(pair(&anna, "r2")).await.unwrap();
        assert_eq!(access_token(&read(&*direct, &anna.id).await), Some("access-of-r2"));

        store.unlock(true).await.unwrap();
        assert_eq!(direct.keep_lock().await.unwrap(), NOW);
    });
}
