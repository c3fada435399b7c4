//! Everything stored is encrypted with another key while refreshes go on.

use std::fs;

use crate::api::Served;
use crate::installation::Installation;
use crate::process::DEADLINE;
use crate::wait::until;

fn key_file(place: &Installation) -> Vec<String> {
    fs::read_to_string(place.file("keeper.key")).unwrap().lines().map(str::to_owned).collect()
}

/// The sum of all generations.
fn refreshed(served: &Served) -> i64 {
    let list = served.api.get("/v1/connections").is(200);
    list.body["connections"].as_array().unwrap().iter().map(|one| one["generation"].as_i64().unwrap()).sum()
}

#[test]
fn a_running_keeper_takes_new_keys_over_and_loses_nothing() {
    let names: Vec<_> = (0..12).map(|n| format!("user-{n}")).collect();
    let place = Installation::new(12); // refreshed every six to nine seconds each
    place.import(&names.iter().map(|name| place.user(name, 1)).collect::<Vec<_>>());
    let served = Served::start(place).found();
    for round in 2..=4 {
        let before = refreshed(&served);
        let ran = served.run(&["keys", "rotate"]).fine();
        assert!(ran.out.contains(&format!("made the key k{round}")), "{}", ran.out);
        // A commit that took long, as on a busy machine, is in the journal too for a while.
        let before_it = round - 1;
        let (free, journalled) = (
            format!("k{before_it} is not needed here any more"),
            format!("k{before_it} is needed by the rotation journal still"),
        );
        assert!(ran.out.contains(&free) || ran.out.contains(&journalled), "{}", ran.out);
        until("refreshes under the new key", DEADLINE, || (refreshed(&served) >= before + 12).then_some(()));
    }
    assert_eq!(key_file(&served.place).len(), 4);
    assert!(!served.keeper.said().contains("ERROR"), "{}", served.keeper.said());
    served.keeper.terminate();
    let Served { place, keeper, .. } = served;
    assert_eq!(keeper.ended().0, 0);

    fs::write(place.file("keeper.key"), format!("{}\n", key_file(&place)[0])).unwrap();
    let keeper = place.started();
    for name in &names {
        let token = place.run(&["token", name]).fine();
        assert!(!token.out.trim().is_empty());
    }
    let statuses = place.run(&["status"]).fine().out;
    assert!(statuses.contains("connections=12 active=12"), "{statuses}");
    place.assert_nothing_reused();
    drop(keeper);
}

#[test]
fn a_keeper_that_does_not_know_the_new_key_is_not_left_with_what_it_cannot_read() {
    let mut place = Installation::new(7200);
    let key = |id| {
        let ran = place.run(&["keys", "generate", "--id", id]).fine();
        ran.out.trim().to_owned()
    };
    let (old, new) = (key("k1"), key("k2"));
    place.set("ENCRYPTION__KEYS", &old);
    place.import(&[place.user("anna", 3600)]);
    let mut served = Served::start(place).found();
    served.place.set("ENCRYPTION__KEYS", &format!("{new},{old}"));
    served
        .run(&["keys", "rotate"])
        .fails_with(2, &["the running keeper", "could not read what \"k2\" encrypts"]);
    served.keeper.terminate();
    let Served { mut place, keeper, .. } = served;
    assert_eq!(keeper.ended().0, 0);

    let keeper = place.started();
    let ran = place.run(&["keys", "rotate"]).fine();
    assert!(
        ran.out.contains("k1 is not needed here any more: remove it from encryption.keys"),
        "{}",
        ran.out
    );
    drop(keeper);
    place.set("ENCRYPTION__KEYS", &new);
    assert_eq!(place.status("anna")["status"], "active");
    let again = place.run(&["keys", "rotate"]).fine();
    assert!(again.out.starts_with("encrypted 0 anew"), "{}", again.out);
}
