//! A user with a real browser: the simulator's consent page, the keeper's callback, the application's page.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use serde_json::json;

use crate::browser::{connecting, parameter};
use crate::chromium::Chromium;

/// An application with one page; where it is.
fn application() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let page = "<!doctype html><title>The application</title>";
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{page}",
                page.len()
            );
        }
    });
    at
}

#[test]
#[cfg_attr(
    not(has_chromium),
    ignore = "chromium and chromedriver were not found; install Debian's chromium and chromium-driver"
)]
fn a_user_agrees_on_the_consent_page_and_another_one_does_not() {
    let at = application();
    let served = connecting(|place| place.set("CONNECT__RETURN_URLS", &format!("{at}/calendly")));
    served.knows("anna");
    served.place.simulator.consent_as(Some("anna"), false, None).unwrap();
    let browser = Chromium::start(option_env!("KEEPER_CHROMEDRIVER").unwrap_or("chromedriver"));
    let wanted = json!({ "id": "user-1", "return_url": format!("{at}/calendly/done?tab=2") });

    browser.open(&served.link_for(&wanted).url);
    browser.arrives("Simulated Calendly");
    browser.click("#deny");
    browser.arrives("The application");
    assert_eq!(browser.url(), format!("{at}/calendly/done?tab=2&connection=user-1&outcome=denied"));

    browser.open(&served.link_for(&wanted).url);
    browser.arrives("Simulated Calendly");
    browser.click("#allow");
    browser.arrives("The application");
    let there: url::Url = browser.url().parse().unwrap();
    assert_eq!(parameter(&there, "outcome").as_deref(), Some("connected"));
    assert_eq!(served.codes(), (1, 0));
    served.confirm("user-1", &parameter(&there, "ticket").unwrap()).is(200);
    served.api.get("/v1/connections/user-1/access-token").is(200);

    // Where no page waits for him, the keeper tells him itself; so it does what is wrong.
    browser.open(&served.link_for(&json!({ "id": "user-1" })).url);
    browser.arrives("Simulated Calendly");
    browser.click("#allow");
    browser.arrives("Almost connected");
    browser.open(&format!("{}/oauth/callback?state=x&code=y", served.api.url));
    browser.arrives("No link of this keeper leads here");
}
