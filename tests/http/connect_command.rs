//! `connect ID`: the link on the command line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use crate::api::Served;
use crate::browser::{Link, connecting};

/// A command that has printed its link.
struct Asking {
    child: Child,
    rest: BufReader<std::process::ChildStdout>,
    link: Link,
}

fn ask(served: &Served, arguments: &[&str]) -> Asking {
    let listen = served.api.url.strip_prefix("http://").unwrap();
    let mut command = served.place.command(arguments);
    command
        .env("KEEPER__SERVER__LISTEN", listen)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut rest = BufReader::new(child.stdout.take().unwrap());
    let mut url = String::new();
    rest.read_line(&mut url).unwrap();
    Asking { child, rest, link: Link { flow: String::new(), url: url.trim().into() } }
}

impl Asking {
    fn ended(mut self) -> (i32, String) {
        let mut said = String::new();
        self.rest.read_to_string(&mut said).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code().unwrap(), said)
    }
}

fn with_anna() -> Served {
    let served = connecting(|_| {});
    served.knows("anna");
    served
}

#[test]
fn it_prints_the_link_waits_for_the_user_and_confirms() {
    let served = with_anna();
    let asking = ask(&served, &["connect", "user-1"]);
    served.come_back(&served.agree(&asking.link, "anna")).is(200);
    let (code, said) = asking.ended();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("connected user-1 as ") && said.contains("status active"), "{said}");
    served.api.get("/v1/connections/user-1/access-token").is(200);
}

#[test]
fn who_says_no_is_told_with_an_exit_code() {
    let served = with_anna();
    let asking = ask(&served, &["connect", "user-1"]);
    served.place.simulator.consent_as(None, true, None).unwrap();
    served.come_back(&served.visit_consent(&asking.link)).is(200);
    let (code, said) = asking.ended();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("not connected (denied)"), "{said}");
}

#[test]
fn a_keeper_that_does_not_run_is_named() {
    let served = with_anna();
    let Served { mut place, keeper, api } = served;
    place.set("SERVER__LISTEN", api.url.strip_prefix("http://").unwrap());
    keeper.kill();
    let ran = place.run(&["connect", "user-1"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.err.contains("no keeper answers"), "{}", ran.err);
    place.set("SERVER__LISTEN", "");
    let ran = place.run(&["connect", "user-1"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(ran.err.contains("server.listen"), "{}", ran.err);
}
