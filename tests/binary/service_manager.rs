//! What a service manager is told, and what the unit for systemd asks of it.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::installation::Installation;
use crate::process::{DEADLINE, Keeper};

/// A manager's socket, and all that was said into it.
struct Manager {
    socket: UnixDatagram,
    said: Vec<String>,
}

impl Manager {
    fn of(place: &mut Installation, name: &str) -> Self {
        let path = place.file(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        place.variable("NOTIFY_SOCKET", path.to_str().unwrap());
        Self { socket, said: vec![] }
    }

    /// Reads on until a message with these words comes.
    fn wait_for(&mut self, words: &str) {
        let mut buffer = [0; 4096];
        while !self.said.last().is_some_and(|last| last.contains(words)) {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| {
                panic!("{error} while waiting for {words:?}; said was {:#?}", self.said)
            });
            self.said.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
    }

    fn said(&self, words: &str) -> bool {
        self.said.iter().any(|said| said.contains(words))
    }
}

#[test]
fn it_is_told_ready_how_things_stand_alive_and_stopping() {
    let mut place = Installation::new(60);
    let mut manager = Manager::of(&mut place, "notify");
    place.connect_expired(&["anna", "ben"]);
    let keeper = place.start();
    manager.wait_for("READY=1");
    assert!(!manager.said("STATUS=2 connections"), "loaded, then ready, then told: {:?}", manager.said);
    manager.wait_for("STATUS=2 connections");
    manager.wait_for("WATCHDOG=1");

    keeper.terminate();
    manager.wait_for("STOPPING=1");
    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");
}

/// Whoever waits for the unit must not wait for its turn.
#[test]
fn a_stand_by_is_ready_and_says_who_works() {
    let mut place = Installation::new(60);
    let first = place.started();
    let mut manager = Manager::of(&mut place, "notify");
    let second = Keeper::start(&mut place.command(&["run"]));
    manager.wait_for("READY=1");
    manager.wait_for("STATUS=standing by, process");
    manager.wait_for("WATCHDOG=1");

    first.terminate();
    assert_eq!(first.ended().0, 0);
    manager.wait_for("STATUS=0 connections");
    second.terminate();
    assert_eq!(second.ended().0, 0);
}

#[test]
fn the_unit_for_systemd_leaves_time_to_drain_and_starts_again_what_can_be_started() {
    let unit = include_str!("../../deploy/calendly-keeper.service");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {key}"))
    };
    let seconds = |key: &str| Duration::from_secs(value(key).parse().unwrap());
    assert!(seconds("TimeoutStopSec") > Duration::from_secs(75));
    assert!(seconds("WatchdogSec") > Duration::from_secs(30));
    assert_eq!(
        (value("Type"), value("Restart"), value("RestartPreventExitStatus")),
        ("notify", "always", "2")
    );

    let words: Vec<_> = value("ExecStart").split(' ').collect();
    assert_eq!(words.last(), Some(&"run"));
    let place = Installation::new(60);
    let help = place.run(&[&words[1..], &["--help"]].concat()).fine();
    assert!(help.out.contains("75 s"), "{}", help.out);
}
