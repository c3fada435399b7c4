//! The demo, as somebody new to it starts it.

use crate::installation::Installation;

fn row<'a>(out: &'a str, name: &str) -> &'a str {
    out.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in\n{out}"))
}

#[test]
fn the_demo_tells_its_stories_and_ends_with_a_table_and_0() {
    let place = Installation::new(60);
    let before = place.snapshot();

    let ran = place.run(&["demo", "--once"]).fine();

    for name in ["anna", "ben", "carla", "dan", "eva"] {
        let row = row(&ran.out, name);
        assert!(row.contains("active") && row.ends_with("yes"), "{row}");
    }
    for (name, done) in [
        ("ben", "token refreshed"),
        ("carla", "webhook created"),
        ("dan", "webhook replaced"),
        ("eva", "webhook replaced"),
        ("finn", "reauthorization_required"),
    ] {
        assert!(row(&ran.out, name).contains(done), "{}", ran.out);
    }
    assert!(ran.err.contains("hint="), "the log says what to do: {}", ran.err);
    assert!(place.snapshot() == before, "it leaves nothing behind");
}

#[test]
fn the_demo_comes_out_right_with_many_connections_faults_and_crashing_actors() {
    let place = Installation::new(60);
    let arguments = ["demo", "--once", "--connections", "60", "--chaos", "--seed", "7"];
    let ran = place.run(&arguments).fine();
    let rows: Vec<_> = ran.out.lines().filter(|line| line.starts_with("10 ")).collect();
    assert_eq!(rows.len(), 6, "{}", ran.out);
    assert!(rows.iter().all(|row| row.ends_with("yes")), "{}", ran.out);
    assert!(ran.err.contains("crashing an actor"), "{}", ran.err);
}

#[test]
fn the_demo_ends_with_0_when_its_time_is_over_and_when_it_is_asked_to() {
    let place = Installation::new(60);
    place.run(&["demo", "--duration", "2s"]).fine();
    let demo = crate::process::Keeper::start(&mut place.command(&["demo"]));
    demo.wait_for(&["supervisor", "started"]);
    demo.terminate();
    let (code, said) = demo.ended();
    assert_eq!(code, 0, "{said}");
}
