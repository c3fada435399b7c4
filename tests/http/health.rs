//! Whether the process lives and works, from its first moment on.

use crate::api::Api;
use crate::installation::Installation;

#[test]
fn while_the_database_is_away_at_the_start_the_process_lives_and_is_not_ready() {
    let mut place = Installation::new(7200);
    let key = place.run(&["keys", "generate"]).fine().out;
    place.set("ENCRYPTION__KEYS", key.trim());
    place.set("DATABASE__URL", "postgres://keeper:hunter2@127.0.0.1:1/keeper");
    place.set("SERVER__LISTEN", "127.0.0.1:0");
    let keeper = place.start();
    keeper.wait_for(&["waiting for the database"]);
    let anybody = Api::of(&place, &keeper).as_(None);
    assert_eq!(anybody.get("/healthz").is(200).body["status"], "ok");
    for path in ["/readyz", "/metrics", "/v1/connections", "/v1/connections/anna/access-token"] {
        let answer = anybody.get(path).fails_with(503, "not-working");
        assert!(answer.body["detail"].as_str().unwrap().contains("opening its database"), "{}", answer.text);
        assert!(answer.header("retry-after").is_some() && !answer.text.contains("hunter2"));
    }
    assert!(!place.file("api.token").exists(), "nothing is made before the database is open");
    keeper.terminate();
    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("asked to stop while the database was being opened"), "{said}");
}
