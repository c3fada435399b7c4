//! Notices over a real socket: signed so that others verify them, the same one after a kill, never where a redirect points.

use std::fs;
use std::process::Command;

use calendly_keeper::domain::secrets::NoticeSecret;
use calendly_keeper::domain::standard_webhooks::Signer;

use crate::installation::Installation;
use crate::receiver::{Posted, Receiver};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// `carla`'s grant was ended by its user before the start, `anna` is well.
fn place(receiver: &Receiver) -> Installation {
    let mut place = Installation::new(7200);
    place.set("NOTIFY__URL", &format!("http://127.0.0.1:{}/hooks/keeper?key=of-the-receiver", receiver.port));
    place.set("NOTIFY__SECRET", SECRET);
    place.variable("KEEPER_LOG", "debug");
    place.import(&[place.user("anna", 3600), place.user("carla", -86_400)]);
    place.simulator.revoke_grant("carla").unwrap();
    place
}

#[track_caller]
fn is_signed(posted: &Posted) {
    assert_eq!(posted.line, "POST /hooks/keeper?key=of-the-receiver HTTP/1.1");
    assert_eq!(posted.headers["content-type"], "application/json");
    let timestamp = posted.headers["webhook-timestamp"].parse().unwrap();
    let signer = Signer::new(&NoticeSecret::new(SECRET)).unwrap();
    let [_, _, (name, signature)] = signer.headers(posted.id(), timestamp, &posted.body);
    assert_eq!(posted.headers[name], signature);
}

#[test]
fn a_notice_survives_a_kill_under_its_id_and_is_taken_when_the_receiver_is_back() {
    let receiver = Receiver::answering("503 Service Unavailable");
    let place = place(&receiver);
    let keeper = place.started();
    keeper.wait_for(&["connection/carla", "status=reauthorization_required"]);
    receiver.wait_for(1);
    keeper.wait_for(&["WARN", "notices are not taken", "503"]);
    let mut said = keeper.kill();

    receiver.answers("204 No Content");
    let keeper = place.started();
    keeper.wait_for(&["connection/carla", "notice taken", "notice=connection.reauthorization_required"]);
    let grant = place.user("carla", 7000);
    place.import(&[grant]);
    keeper.wait_for(&["connection/carla", "notice taken", "notice=connection.recovered"]);
    keeper.terminate();
    let (code, rest) = keeper.ended();
    said += &rest;
    assert_eq!(code, 0);

    let got = receiver.got();
    got.iter().for_each(is_signed);
    let (last, before) = got.split_last().unwrap();
    assert!(before.len() >= 2 && before.iter().all(|posted| posted.id() == before[0].id()), "{before:?}");
    assert!(before.iter().all(|posted| posted.json()["type"] == "connection.reauthorization_required"));
    assert_eq!(before[0].json()["data"]["id"], "carla");
    assert_eq!(
        (&last.json()["type"], &last.json()["data"]["status"]),
        (&"connection.recovered".into(), &"active".into())
    );
    assert_ne!(last.id(), before[0].id());
    for secret in ["C2FVsBQIhrscChlQIMV", "of-the-receiver"] {
        assert!(!said.contains(secret), "{secret} in\n{said}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::answering("204 No Content");
    let receiver = Receiver::answering(&format!(
        "307 Temporary Redirect\r\nLocation: http://127.0.0.1:{}/",
        elsewhere.port
    ));
    let place = place(&receiver);
    let keeper = place.started();
    receiver.wait_for(2);
    keeper.wait_for(&["notices are not taken", "307"]);
    assert_eq!(elsewhere.got().len(), 0);
    assert!(!keeper.said().contains("notice taken"));
}

/// The reference library of another language takes the signature, and refuses it for another body.
#[test]
#[cfg_attr(
    not(has_standardwebhooks),
    ignore = "python's standardwebhooks was not found; pip install standardwebhooks, or name a python that has it in KEEPER_TEST_PYTHON"
)]
fn the_reference_library_verifies_the_signature() {
    let receiver = Receiver::answering("204 No Content");
    let place = place(&receiver);
    let keeper = place.started();
    keeper.wait_for(&["connection/carla", "notice taken"]);
    let posted = receiver.wait_for(1).remove(0);
    fs::write(place.file("body"), &posted.body).unwrap();
    place.write("headers", &serde_json::to_string(&posted.headers).unwrap());
    let script = "\
import json, sys
from standardwebhooks import Webhook, WebhookVerificationError
body, headers = open('body', 'rb').read(), json.load(open('headers'))
print(Webhook(sys.argv[1]).verify(body, headers)['type'])
try:
    Webhook(sys.argv[1]).verify(body + b' ', headers)
except WebhookVerificationError:
    print('refused')
";
    let python = option_env!("KEEPER_PYTHON").unwrap_or("python3");
    let mut python = Command::new(python);
    let ran = python.args(["-c", script, SECRET]).current_dir(place.folder()).output().unwrap();
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(out, "connection.reauthorization_required\nrefused\n", "{err}");
}
