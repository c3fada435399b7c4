//! Commands that ask the running keeper, found by their common configuration.

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};
use serde_json::Value;

use crate::api::{Api, Served};
use crate::installation::{Installation, Ran};

impl Served {
    /// With the address that the keeper has got in the configuration, as commands need it.
    pub(crate) fn found(mut self) -> Self {
        let address = self.api.url.trim_start_matches("http://").to_owned();
        self.place.set("SERVER__LISTEN", &address);
        self
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.place.run(arguments)
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }

    /// Ended with this code, nothing on standard output, and one error that says so.
    #[track_caller]
    pub(crate) fn fails_with(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.all());
        let error = self.err.lines().find(|line| line.starts_with("error: "));
        let error = error.unwrap_or_else(|| panic!("no error: {}", self.all()));
        assert!(parts.iter().all(|part| self.err.contains(part)), "{parts:?}: {error}");
        self
    }
}

#[test]
fn a_token_is_alone_on_standard_output() {
    let served = Served::with(&["anna"]).found();
    let answer = served.api.get("/v1/connections/anna/access-token").is(200);
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!(served.run(&["token", "anna"]).fine().out, format!("{token}\n"));
    assert_eq!(served.run(&["token", "anna", "--json"]).fine().json(), answer.body);
    let longer = served.run(&["token", "anna", "--min-ttl", "90m"]).fine().out;
    assert_ne!(longer.trim_end(), token, "it had an hour left");
    served.run(&["token", "nobody"]).fails_with(1, &["there is no connection nobody"]);
    served.run(&["token", "no body"]).fails_with(2, &["connection id"]);
}

#[test]
fn the_verbs_are_done_and_told() {
    let served = Served::with(&["anna"]).found();
    served.keeper.wait_for(&["webhook found", "anna"]);
    let refreshed = served.run(&["refresh", "anna"]).fine();
    assert!(refreshed.out.starts_with("anna is refreshed: generation 2,"), "{}", refreshed.out);
    let verified = served.run(&["verify", "anna"]).fine();
    assert!(verified.out.starts_with("anna is verified: webhook ok, http"), "{}", verified.out);
    assert_eq!(served.run(&["pause", "anna", "--json"]).fine().json()["status"], "paused");
    served.run(&["refresh", "anna"]).fails_with(1, &["anna is paused"]);
    assert_eq!(served.run(&["resume", "anna"]).fine().out, "anna is resumed: active\n");

    let held = served.place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Hold)).unwrap();
    let queued = served.run(&["refresh", "anna"]).fine();
    assert!(queued.out.contains("not refreshed yet (generation 2)"), "{}", queued.out);
    assert!(served.place.simulator.clear_fault(held));
    served.place.simulator.release();
}

#[test]
fn why_tells_what_happened_and_what_comes_next_also_when_no_keeper_runs() {
    let served = Served::with(&["anna"]).found();
    served.keeper.wait_for(&["webhook found", "anna"]);
    served.run(&["refresh", "anna"]).fine();
    served.run(&["pause", "anna"]).fine();
    served.keeper.terminate();
    let Served { place, keeper, .. } = served;
    assert_eq!(keeper.ended().0, 0);

    let told = place.run(&["why", "anna"]).fine().out;
    for part in [
        "anna is paused (paused) since",
        "it was connected",
        "its token was refreshed, because somebody asked for a fresh one: generation 2",
        "it was paused, asked for with the API token commands",
        "nothing, until it is resumed",
        "its token is served until it ends in 1h59m",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let json = place.run(&["why", "anna", "--json"]).fine().json();
    assert_eq!(json["connection"]["status"], "paused");
    assert_eq!(json["timeline"]["entries"][0]["kind"], "paused", "newest first");
    assert_eq!(json["next"][0], "nothing, until it is resumed");
    place.run(&["why", "nobody"]).fails_with(1, &["there is no connection nobody"]);
}

#[test]
fn whoever_cannot_be_asked_is_named_with_the_remedy() {
    let mut place = Installation::new(7200);
    place.import(&[place.user("anna", 3600)]);
    place.run(&["token", "anna"]).fails_with(2, &["turned off (server.listen = \"\")", "set server.listen"]);
    place.set("SERVER__LISTEN", "127.0.0.1:0");
    place.run(&["token", "anna"]).fails_with(2, &["port 0"]);
    place.set("SERVER__LISTEN", "127.0.0.1:1");
    place.run(&["token", "anna"]).fails_with(1, &["there is no API token at", "calendly-keeper run"]);
    place.set("SERVER__API_TOKENS", "crm:tokens:0123456789abcdef");
    place.run(&["token", "anna"]).fails_with(2, &["no token with the role admin"]);
    place.set("SERVER__API_TOKENS", "ops:admin:0123456789abcdef");
    place.run(&["token", "anna"]).fails_with(1, &["no keeper answers at http://127.0.0.1:1"]);
    let simulator = place.simulator.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    place.set("SERVER__LISTEN", &simulator);
    place.run(&["token", "anna"]).fails_with(2, &["is no calendly-keeper"]);
}

#[test]
fn another_configuration_than_the_keepers_is_told() {
    let served = Served::with(&["anna"]).found();
    let mut place = served.place;
    place.set("SERVER__API_TOKENS", "ops:admin:0123456789abcdef");
    place.run(&["token", "anna"]).fails_with(2, &["started with another configuration"]);
    drop(served.keeper);
}

#[test]
fn a_keeper_that_stands_by_names_the_one_that_works() {
    let served = Served::with(&["anna"]);
    let mut place = served.place;
    place.set("SERVER__LISTEN", "127.0.0.1:0");
    let second = place.start();
    second.wait_for(&["standing by"]);
    let by = Api::of(&place, &second);
    place.set("SERVER__LISTEN", by.url.trim_start_matches("http://"));
    let holder = format!("process {}", served.keeper.pid());
    place
        .run(&["token", "anna"])
        .fails_with(1, &["does not work now: it stands by", &holder, "ask the one that works"]);
    place.run(&["pause", "anna"]).fails_with(1, &["does not work now"]);
}

#[test]
fn completions_know_every_command() {
    let place = Installation::new(7200);
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&["completions", shell]).fine().out;
        for command in ["token", "disconnect", "doctor", "completions"] {
            assert!(script.contains(command), "{shell} {command}");
        }
    }
}
