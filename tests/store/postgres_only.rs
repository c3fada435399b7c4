//! Servers, sessions, clocks, and several keepers on one database.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use calendly_keeper::ports::{Lock, Store, StoreError};
use calendly_keeper::store::{OpenError, Options, open};

use crate::fixture::{Backend, Fixture, options, run};
use crate::given::{claim, given, grant, pair, read};
use crate::locks::NOW;
use crate::support::postgres::{Durability, Postgres, Stop, psql};
use crate::support::wait::until_async;

const DEADLINE: Duration = Duration::from_secs(30);

macro_rules! on_postgres {
    ($($name:ident $test:expr)*) => { $(
        #[test]
        #[cfg_attr(not(has_postgres), ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql")]
        fn $name() { run(Backend::Postgres, $test); }
    )* };
}

on_postgres! {
    the_second_keeper_of_a_database_stands_by_and_follows_a_clean_stop_at_once
    async |f: Fixture| {
        let first = open(Options { require_lock: true, ..f.options() }).await.unwrap();
        let (second, _data_dir) = f.open_elsewhere(true).await;
        assert_eq!(first.keep_lock().await.unwrap(), NOW);
        match second.keep_lock().await.unwrap() {
            Lock::Theirs { holder } => assert!(holder.starts_with("calendly-keeper "), "{holder}"),
            other => panic!("{other:?}"),
        }
        let anna = given(&*second, grant("anna", "r1")).await;
        assert!(claim(&*second, &anna, None).await.is_none(), "a stand-by claims nothing");
        first.unlock(true).await.unwrap();
        assert_eq!(second.keep_lock().await.unwrap(), NOW);
        assert!(claim(&*second, &anna, None).await.is_some());
    }

    who_follows_an_unclean_end_holds_the_lock_for_a_while_first
    async |f: Fixture| {
        let (second, _data_dir) = f.open_elsewhere(true).await;
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        f.store.unlock(false).await.unwrap();

        let wait = exchange_in(&*second).await;
        assert!(wait > Duration::from_secs(80) && wait <= Duration::from_secs(90), "{wait:?}");
        assert!(exchange_in(&*second).await <= wait, "it counts down");
        second.unlock(true).await.unwrap();

        let (third, _data_dir) = f.open_elsewhere(true).await;
        assert!(exchange_in(&*third).await > Duration::from_secs(80), "who never worked cannot stop cleanly");
        third.unlock(true).await.unwrap();
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW, "the last one that worked knows its own claims");
    }

    after_a_failover_nobody_is_exempt_though_the_server_began_no_new_life
    async |f: Fixture| {
        let (second, _data_dir) = f.open_elsewhere(true).await;
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        f.store.unlock(true).await.unwrap();
        assert_eq!(psql(&f.url, "SELECT server_timeline FROM calendly_keeper.instances"),
            psql(&f.url, "SELECT timeline_id FROM pg_control_checkpoint()"));
        f.sql("UPDATE instances SET server_timeline = server_timeline + 1"); // as if it had been another then
        assert!(exchange_in(&*second).await > Duration::from_secs(80));
    }

    who_may_not_ask_for_the_timeline_goes_by_the_start_of_the_server
    async |f: Fixture| {
        f.sql("REVOKE EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) FROM PUBLIC; CREATE ROLE plain LOGIN;
            GRANT ALL ON SCHEMA calendly_keeper TO plain; GRANT ALL ON ALL TABLES IN SCHEMA calendly_keeper TO plain");
        let f = Fixture { url: f.url.replace("keeper@", "plain@"), ..f };
        let (first, _first_dir) = f.open_elsewhere(true).await;
        let (second, _second_dir) = f.open_elsewhere(true).await;
        assert_eq!(first.keep_lock().await.unwrap(), NOW);
        assert_eq!(psql(&f.url, "SELECT server_timeline IS NULL FROM calendly_keeper.instances"), "t");
        first.unlock(true).await.unwrap();
        assert_eq!(second.keep_lock().await.unwrap(), NOW);
    }

    of_two_that_worked_the_later_one_is_the_last_though_the_clock_was_set_back
    async |f: Fixture| {
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        f.store.unlock(true).await.unwrap();
        f.sql("UPDATE instances SET hold_completed_at = hold_completed_at + 3600000000");
        let (second, _data_dir) = f.open_elsewhere(true).await;
        assert_eq!(second.keep_lock().await.unwrap(), NOW);
        second.unlock(false).await.unwrap();
        assert!(exchange_in(&*f.store).await > Duration::from_secs(80), "the other one worked in between");
    }

    on_a_server_that_takes_no_writes_nobody_has_the_lock_and_no_hold_goes_by
    async |f: Fixture| {
        let name = f.url.rsplit('/').next().unwrap();
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        f.store.unlock(false).await.unwrap();
        let (second, _data_dir) = f.open_elsewhere(true).await;
        psql(&f.url, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
        let refused = second.keep_lock().await.unwrap_err();
        assert!(matches!(refused, StoreError::Unwritable(_)), "{refused}");
        psql(&Postgres::shared().url(), &format!("ALTER DATABASE {name} RESET default_transaction_read_only"));
        assert!(exchange_in(&*second).await > Duration::from_secs(88), "it counts from now on");
    }

    a_hold_that_was_completed_makes_its_keeper_the_last_that_worked
    async |f: Fixture| {
        let (second, _data_dir) = f.open_elsewhere(true).await;
        f.store.keep_lock().await.unwrap();
        f.store.unlock(false).await.unwrap();
        f.sql("UPDATE instances SET clean = true");
        assert_eq!(second.keep_lock().await.unwrap(), NOW);
        second.unlock(false).await.unwrap();
        assert!(exchange_in(&*f.store).await > Duration::from_secs(80), "the other one worked in between");
    }

    a_lost_session_claims_nothing_even_before_it_is_noticed
    async |f: Fixture| {
        let store = open(Options { require_lock: true, ..f.options() }).await.unwrap();
        let anna = given(&*store, grant("anna", "r1")).await;
        store.keep_lock().await.unwrap();
        psql(&f.url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
        until_async("the session has ended", DEADLINE, async || {
            let held = psql(&f.url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
            (held == "0").then_some(())
        }).await;
        assert!(claim(&*store, &anna, None).await.is_none());

        until_async("the lock is taken again", DEADLINE, async || {
            matches!(store.keep_lock().await, Ok(NOW)).then_some(())
        }).await;
        assert!(claim(&*store, &anna, None).await.is_some());
    }

    a_foreign_claim_dies_ninety_seconds_after_it_was_made
    async |f: Fixture| {
        let (second, _data_dir) = f.open_elsewhere(false).await;
        let anna = given(&*f.store, grant("anna", "r1")).await;
        let (foreign, _) = claim(&*f.store, &anna, None).await.unwrap();
        assert!(claim(&*second, &anna, Some(foreign)).await.is_none());
        f.sql("UPDATE connections SET claim_at = claim_at - 89000000");
        assert!(claim(&*second, &anna, Some(foreign)).await.is_none());
        f.sql("UPDATE connections SET claim_at = claim_at - 1000000");
        let died = read(&*second, &anna.id).await.claim.unwrap().at;
        let (_, claimed) = claim(&*second, &anna, Some(foreign)).await.unwrap();
        assert_eq!(claimed.unknown_since, Some(died));
    }

    a_foreign_claim_whose_journal_is_open_waits_for_it_until_the_old_token_is_about_to_end
    async |f: Fixture| {
        let (second, _data_dir) = f.open_elsewhere(false).await;
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        let anna = given(&*f.store, grant("anna", "r1")).await;
        let (foreign, _) = claim(&*f.store, &anna, None).await.unwrap();
        f.sql("UPDATE connections SET claim_at = claim_at - 90000000, lifetime = 7200, expires_at =
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 130000000");
        assert!(claim(&*second, &anna, Some(foreign)).await.is_none(), "its journal may hold the pair");
        f.sql("UPDATE connections SET expires_at = expires_at - 11000000");
        let (_, claimed) = claim(&*second, &anna, Some(foreign)).await.unwrap();
        assert!(claimed.unknown_since.is_some());
    }

    a_foreign_claim_whose_journal_was_replayed_waits_for_nothing_more
    async |f: Fixture| {
        let (second, _data_dir) = f.open_elsewhere(false).await;
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        let anna = given(&*f.store, grant("anna", "r1")).await;
        let (foreign, _) = claim(&*f.store, &anna, None).await.unwrap();
        f.sql("UPDATE connections SET claim_at = claim_at - 90000000, lifetime = 7200, expires_at =
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 130000000");
        assert!(claim(&*second, &anna, Some(foreign)).await.is_none());
        f.store.note_replayed().await.unwrap();
        assert!(claim(&*second, &anna, Some(foreign)).await.is_some());
    }

    two_keepers_of_one_data_directory_are_refused
    async |f: Fixture| {
        let second = f.open_again().await;
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        let refused = second.keep_lock().await.unwrap_err();
        assert!(matches!(&refused, StoreError::Refused(what) if what.contains("data_dir")), "{refused}");
    }

    a_copied_data_directory_is_refused
    async |f: Fixture| {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(f.data_dir.path().join("instance"), copy.path().join("instance")).unwrap();
        let second = open(options(&f.url, copy.path(), &[&f.key])).await.unwrap();
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        let refused = second.keep_lock().await.unwrap_err();
        assert!(matches!(&refused, StoreError::Refused(what) if what.contains("copied")), "{refused}");
    }

    a_table_of_the_application_is_left_alone
    async |f: Fixture| {
        let url = Postgres::shared().create_database();
        psql(&url, "CREATE TABLE connections (id int); INSERT INTO connections VALUES (7)");
        let f = Fixture { url, ..f };
        given(&*f.open_again().await, grant("anna", "r1")).await;
        assert_eq!(psql(&f.url, "SELECT id FROM connections"), "7");
    }

    a_url_that_cannot_be_read_is_refused_without_its_password
    async |f: Fixture| {
        let f = Fixture { url: "postgres://keeper:secret@127.0.0.1:port/x".into(), ..f };
        let refused = open(f.options()).await.err().unwrap();
        assert!(refused.is_configuration() && !refused.to_string().contains("secret"), "{refused}");
    }

    a_server_that_goes_and_comes_back_costs_nothing_but_time
    async |f: Fixture| {
        let server = Postgres::new(Durability::Durable);
        let f = Fixture { url: server.create_database(), ..f };
        let store = open(Options { require_lock: true, ..f.options() }).await.unwrap();
        let anna = given(&*store, grant("anna", "r1")).await;
        assert_eq!(store.keep_lock().await.unwrap(), NOW);
        claim(&*store, &anna, None).await.unwrap();
        store.commit(pair(&anna, "r2")).await.unwrap();

        server.stop(Stop::Immediate);
        let away = |error| matches!(error, StoreError::Unavailable(_));
        let now = read_generation(&anna);
        assert!(away(store.commit(pair(&anna, "r3")).await.unwrap_err()));
        assert!(away(store.get(&anna.id).await.unwrap_err()));
        assert!(away(store.keep_lock().await.unwrap_err()));
        assert!(matches!(open(f.options()).await.err().unwrap(), OpenError::Unavailable(_)));
        server.start();

        let wait = until_async("the lock is taken again", DEADLINE, async || match store.keep_lock().await {
            Ok(Lock::Ours { exchange_in }) => Some(exchange_in),
            _ => None,
        }).await;
        assert!(wait > Duration::from_secs(60), "a server that started anew may have lost claims: {wait:?}");
        let kept = until_async("reads work again", DEADLINE, async || store.get(&anna.id).await.ok()).await.unwrap();
        assert_eq!(read_generation(&kept), now + 1);
        store.commit(pair(&kept, "r3")).await.unwrap();
    }
}

fn read_generation(connection: &calendly_keeper::domain::grant::Connection) -> i64 {
    connection.generation.0
}

async fn exchange_in(store: &dyn Store) -> Duration {
    match store.keep_lock().await.unwrap() {
        Lock::Ours { exchange_in } => exchange_in,
        Lock::Theirs { holder } => panic!("held by {holder}"),
    }
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn batches_of_two_keepers_over_the_same_rows_do_not_deadlock() {
    run(Backend::Postgres, async |f: Fixture| {
        let (second, _data_dir) = f.open_elsewhere(false).await;
        let grants = (0..60).map(|n| grant(&format!("c{n:02}"), &format!("r{n}"))).collect();
        f.put(grants).await;
        let all = f.store.page(None, 100).await.unwrap().connections;
        let work = |store: &Arc<dyn Store>, reverse: bool| {
            let (store, mut all) = (Arc::clone(store), all.clone());
            if reverse {
                all.reverse();
            }
            async move {
                for round in 0..10 {
                    let both = all.iter().enumerate().map(async |(n, connection)| {
                        if n % 2 == 0 {
                            store
                                .commit(pair(connection, &format!("{}-{round}", connection.id)))
                                .await
                                .map(drop)
                        } else {
                            claim(&*store, connection, None).await;
                            Ok(())
                        }
                    });
                    futures_util::future::try_join_all(both).await.unwrap();
                }
            }
        };
        tokio::join!(work(&f.store, false), work(&second, true));
    });
}
