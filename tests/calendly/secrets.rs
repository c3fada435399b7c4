//! No token, secret or URL query in anything that may be printed.

use std::collections::BTreeSet;
use std::time::Duration;

use calendly_keeper::domain::subscription::Owner;
use calendly_keeper::ports::{ApiErrorClass, NewSubscription, Subscriptions, TokenEndpoint};

use crate::canned::{
    ACCESS, CLIENT_SECRET, REFRESH, Request, Server, Step, answer, as_anna, client, refresh_token, soon,
};

fn assert_clean(text: &str) {
    for secret in [ACCESS, CLIENT_SECRET, REFRESH, "0123456789"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn no_secret_appears_in_errors_or_debug() {
    let owner = Owner { organization: "https://x.test/organizations/O".into(), user: None };
    // A server that quotes what it was sent, where a careless one might.
    let quoting = |status: &'static str| {
        move |request: &Request| {
            let quoted = format!("{} {} {}", request.line, request.head, request.body);
            let body = serde_json::json!({"title": "Insufficient scope", "error": quoted, "message": quoted, "required_scopes": [quoted],
                "details": [{"parameter": quoted, "message": quoted}]});
            Step::Answer(answer(status, "", &body.to_string()))
        }
    };
    type Script = Box<dyn Fn(&Request) -> Step + Send + Sync>;
    let scripts: Vec<Script> = vec![
        Box::new(quoting("400 Bad Request")),
        Box::new(quoting("401 Unauthorized")),
        Box::new(quoting("403 Forbidden")),
        Box::new(quoting("200 OK")),
        Box::new(|_| Step::Close(String::new())),
        Box::new(|request| Step::Close(format!("{}\r\n{}\r\n\r\n", request.head, request.body))),
        Box::new(|_| Step::Hang(String::new())),
    ];
    for script in scripts {
        let server = Server::start(move |_, request| script(request)).await;
        let (calendly, _) = client(server.url(), |s| {
            s.request_timeout = Duration::from_millis(100);
            s.token_timeout = Duration::from_millis(100);
        });
        assert_clean(&format!("{calendly:#?}"));
        assert_clean(&format!("{:?}", soon(calendly.tokens.refresh(&refresh_token())).await));
        if let Err(error) = soon(calendly.tokens.revoke(&refresh_token())).await {
            assert_clean(&format!("{error} {error:?}"));
        }
        as_anna(async |anna| {
            let events = BTreeSet::new();
            let new = NewSubscription { owner: &owner, callback_url: "https://a.test", events: &events };
            let errors = [
                soon(calendly.api.list(anna, &owner)).await.unwrap_err(),
                soon(calendly.api.create(anna, &new)).await.unwrap_err(),
                soon(calendly.api.me(anna)).await.unwrap_err(),
            ];
            for error in errors {
                assert_clean(&format!("{error} {error:?}"));
                let our_own = error.class == ApiErrorClass::Unavailable;
                assert!(!our_own || !error.detail.contains("127.0.0.1"), "a URL in {error}");
            }
        })
        .await;
    }
}

#[test]
fn settings_do_not_print_the_client_secret() {
    let url: url::Url = "https://x.test".parse().unwrap();
    let secret = calendly_keeper::domain::secrets::ClientSecret::new(CLIENT_SECRET);
    let settings = calendly_keeper::calendly::Settings::new(url.clone(), url, "id", secret);
    assert_clean(&format!("{settings:#?}"));
}
