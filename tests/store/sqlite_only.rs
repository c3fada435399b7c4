//! Files: what is in them, whose they are, who holds the lock.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use calendly_keeper::ports::Lock;
use calendly_keeper::store::{open, sqlite_holds_ciphertext};

use crate::fixture::{Backend, Fixture, run};
use crate::given::{given, grant, pair};
use crate::locks::NOW;

#[test]
fn no_token_stands_in_plain_text_in_any_file() {
    run(Backend::Sqlite, async |f: Fixture| {
        let anna = given(&*f.store, grant("anna", "very-secret-refresh-1")).await;
        f.store.commit(pair(&anna, "very-secret-refresh-2")).await.unwrap();
        let mut looked_at = 0;
        for entry in fs::read_dir(f.data_dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            looked_at += bytes.windows(4).filter(|window| window == b"anna").count();
            assert!(!bytes.windows(11).any(|window| window == b"very-secret"), "{}", path.display());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
        }
        assert!(looked_at > 0, "the rows were in one of the files");
    });
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    run(Backend::Sqlite, async |f: Fixture| {
        let path = f.data_dir.path().join("notes.db");
        fs::write(&path, "not a database at all").unwrap();
        let f = Fixture { url: "sqlite://notes.db".into(), ..f };
        let refused = open(f.options()).await.err().unwrap();
        assert!(refused.is_configuration() && refused.to_string().contains("notes.db"), "{refused}");
        assert!(sqlite_holds_ciphertext(&f.url, f.data_dir.path()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a database at all");
    });
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    run(Backend::Sqlite, async |f: Fixture| {
        let f = Fixture { url: "sqlite://foreign.db".into(), ..f };
        let path = f.data_dir.path().join("foreign.db");
        use diesel::connection::SimpleConnection as _;
        let mut db =
            <diesel::SqliteConnection as diesel::Connection>::establish(path.to_str().unwrap()).unwrap();
        db.batch_execute("CREATE TABLE connections (id INTEGER)").unwrap();
        let before = fs::read(&path).unwrap();
        let refused = open(f.options()).await.err().unwrap();
        assert!(refused.is_configuration() && refused.to_string().contains("another program"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), before);
    });
}

#[test]
fn a_database_says_whether_a_key_may_still_be_made() {
    run(Backend::Sqlite, async |f: Fixture| {
        let holds = |url| sqlite_holds_ciphertext(url, f.data_dir.path()).unwrap();
        assert!(holds(&f.url));
        assert!(!holds("sqlite://not-there.db"));
        assert!(!f.data_dir.path().join("not-there.db").exists(), "looking makes nothing");
        fs::write(f.data_dir.path().join("empty.db"), "").unwrap();
        assert!(!holds("sqlite://empty.db"));
    });
}

#[test]
fn the_second_keeper_of_a_data_directory_stands_by_and_takes_over() {
    run(Backend::Sqlite, async |f: Fixture| {
        let second = f.open_again().await;
        assert_eq!(f.store.keep_lock().await.unwrap(), NOW);
        match second.keep_lock().await.unwrap() {
            Lock::Theirs { holder } => assert!(holder.contains(&std::process::id().to_string()), "{holder}"),
            other => panic!("{other:?}"),
        }
        f.store.unlock(false).await.unwrap();
        assert_eq!(second.keep_lock().await.unwrap(), NOW);
    });
}

#[test]
fn two_data_directories_on_one_file_have_one_keeper() {
    run(Backend::Sqlite, async |f: Fixture| {
        let url = format!("sqlite://{}", f.data_dir.path().join("keeper.db").display());
        let elsewhere = tempfile::tempdir().unwrap();
        let first = open(f.options()).await.unwrap();
        let at_the_file = Fixture { url, ..f };
        let mut options = at_the_file.options();
        options.data_dir = elsewhere.path().into();
        let second = open(options).await.unwrap();

        assert_eq!(second.keep_lock().await.unwrap(), NOW);
        let Lock::Theirs { .. } = first.keep_lock().await.unwrap() else { panic!("both work") };
        second.unlock(true).await.unwrap();
        assert_eq!(first.keep_lock().await.unwrap(), NOW);
    });
}

/// Whoever moves the file away to put a backup in its place must not find a new, empty one there.
#[test]
fn looking_after_the_lock_makes_no_database_where_the_file_was_moved_away() {
    run(Backend::Sqlite, async |f: Fixture| {
        assert!(matches!(f.store.keep_lock().await.unwrap(), Lock::Ours { .. }));
        let path = f.data_dir.path().join("keeper.db");
        fs::rename(&path, f.data_dir.path().join("moved.db")).unwrap();
        f.store.keep_lock().await.unwrap();
        assert!(!path.exists());
    });
}
