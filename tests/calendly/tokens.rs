//! The token endpoint: each way in which an exchange can end.

use std::time::Duration;

use calendly_keeper::domain::outcome::{ClientFault, Doubt, Outcome, TokenAnswer};
use calendly_keeper::domain::secrets::{AuthorizationCode, PkceVerifier};
use calendly_keeper::ports::{ApiErrorClass, CodeExchange, TokenEndpoint};
use tokio::net::TcpListener;

use crate::canned::{Server, Step, answer, client, refresh_token, soon};

const PAIR: &str = r#"{"token_type":"Bearer","access_token":"a2","refresh_token":"r2","expires_in":7200,
    "created_at":1795514400,"scope":"users:read","owner":"https://x.test/users/A"}"#;

async fn refreshed(step: impl Fn() -> Step + Send + Sync + 'static) -> (Outcome, Server) {
    let server = Server::start(move |_, _| step()).await;
    let (calendly, _) = server.client();
    (soon(calendly.tokens.refresh(&refresh_token())).await, server)
}

fn success(outcome: Outcome) -> Box<TokenAnswer> {
    match outcome {
        Outcome::Success(answer) => answer,
        other => panic!("no success: {other:?}"),
    }
}

#[tokio::test]
async fn a_refresh_is_one_form_with_basic_authentication_and_a_known_length() {
    let (outcome, server) = refreshed(|| Step::Answer(answer("200 OK", "", PAIR))).await;

    let pair = success(outcome);
    assert_eq!((pair.access_token.expose(), pair.refresh_token.unwrap().expose()), ("a2", "r2"));
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.line, "POST /oauth/token HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        request.header("authorization"),
        Some("Basic Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQtMDEyMzQ1Njc4OQ==")
    );
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
    assert_eq!(request.header("transfer-encoding"), None);
    assert!(request.header("user-agent").unwrap().starts_with("calendly-keeper/"));
    assert_eq!(request.body, "grant_type=refresh_token&refresh_token=refresh+token%2F%2B%26%3D0123456789");
}

#[tokio::test]
async fn a_code_is_one_form_with_its_redirect_uri_and_verifier() {
    let server = Server::start(|_, _| Step::Answer(answer("200 OK", "", PAIR))).await;
    let (calendly, _) = server.client();
    let (code, verifier) = (AuthorizationCode::new("c0de/+"), PkceVerifier::new("verifier-43"));
    let redirect_uri = "https://keeper.test/oauth/callback";
    let exchange = CodeExchange { code: &code, redirect_uri, verifier: &verifier };
    let pair = success(soon(calendly.tokens.exchange_code(exchange)).await);
    assert_eq!(pair.refresh_token.unwrap().expose(), "r2");
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.line, "POST /oauth/token HTTP/1.1");
    assert!(request.header("authorization").unwrap().starts_with("Basic "));
    assert_eq!(
        request.body,
        "grant_type=authorization_code&code=c0de%2F%2B\
         &redirect_uri=https%3A%2F%2Fkeeper.test%2Foauth%2Fcallback&code_verifier=verifier-43"
    );
}

#[tokio::test]
async fn a_code_is_sent_once_whatever_comes_of_it() {
    type Script = fn() -> Step;
    let scripts: [(Script, &str); 4] = [
        (|| Step::Answer(answer("307 Temporary Redirect", "Location: /elsewhere\r\n", "")), "ClientRefused"),
        (|| Step::Answer(answer("503 Service Unavailable", "", "")), "Unknown"),
        (|| Step::Answer(answer("400 Bad Request", "", r#"{"error":"invalid_grant"}"#)), "InvalidGrant"),
        (|| Step::Close(String::new()), "Unknown"),
    ];
    for (script, becomes) in scripts {
        let server = Server::start(move |_, _| script()).await;
        let (calendly, _) = server.client();
        let (code, verifier) = (AuthorizationCode::new("c0de"), PkceVerifier::new("verifier"));
        let exchange =
            CodeExchange { code: &code, redirect_uri: "https://k.test/oauth/callback", verifier: &verifier };
        let outcome = format!("{:?}", soon(calendly.tokens.exchange_code(exchange)).await);
        assert!(outcome.starts_with(becomes) && !outcome.contains("c0de"), "{outcome}");
        assert_eq!(server.requests().len(), 1, "{becomes}");
    }
}

#[tokio::test]
async fn a_token_url_of_its_own_is_used_as_it_is() {
    let server = Server::start(|_, _| Step::Answer(answer("200 OK", "", PAIR))).await;
    let elsewhere = server.url().join("/v2/token/").unwrap();
    let (calendly, _) = client("http://127.0.0.1:1".parse().unwrap(), |s| s.token_url = Some(elsewhere));
    success(soon(calendly.tokens.refresh(&refresh_token())).await);
    assert_eq!(server.requests()[0].line, "POST /v2/token/ HTTP/1.1");
}

#[tokio::test]
async fn a_pair_counts_whatever_the_content_type_and_the_status() {
    for status in ["200 OK", "500 Internal Server Error", "302 Found"] {
        let (outcome, _) =
            refreshed(move || Step::Answer(answer(status, "Content-Type: text/html\r\n", PAIR))).await;
        assert_eq!(success(outcome).access_token.expose(), "a2", "{status}");
    }
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (calendly, _) = client(format!("http://127.0.0.1:{port}").parse().unwrap(), |_| {});
    assert!(matches!(soon(calendly.tokens.refresh(&refresh_token())).await, Outcome::NotSent));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_sent_nothing() {
    let (calendly, _) = client("http://calendly.invalid".parse().unwrap(), |_| {});
    assert!(matches!(soon(calendly.tokens.refresh(&refresh_token())).await, Outcome::NotSent));
}

#[tokio::test]
async fn a_failed_or_hanging_tls_handshake_sent_nothing() {
    for hangs in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            if hangs {
                std::future::pending::<()>().await;
            }
            tokio::io::AsyncWriteExt::write_all(&mut socket, b"HTTP/1.1 400 Bad Request\r\n\r\n").await
        });
        let (calendly, _) = client(url.parse().unwrap(), |s| {
            s.connect_timeout = Duration::from_millis(if hangs { 100 } else { 9000 });
        });
        let outcome = soon(calendly.tokens.refresh(&refresh_token())).await;
        assert!(matches!(outcome, Outcome::NotSent), "hangs: {hangs}, {outcome:?}");
    }
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_lost() {
    let (outcome, server) = refreshed(|| Step::Close(String::new())).await;
    assert!(matches!(outcome, Outcome::Unknown(Doubt::Lost)));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_body_cut_in_the_middle_is_lost() {
    for end in [1, PAIR.len() / 2, PAIR.len() - 1] {
        let whole = answer("200 OK", "", PAIR);
        let cut = whole[..whole.len() - PAIR.len() + end].to_owned();
        let (outcome, server) = refreshed(move || Step::Close(cut.clone())).await;
        assert!(matches!(outcome, Outcome::Unknown(Doubt::Lost)), "{end}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_behind_the_last_brace_has_delivered() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n";
    let (outcome, _) = refreshed(move || Step::Close(format!("{head}{PAIR}"))).await;
    success(outcome);
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (outcome, _) = refreshed(move || Step::Close(format!("{head}{:x}\r\n{PAIR}\r\n", PAIR.len()))).await;
    success(outcome);
}

#[tokio::test]
async fn a_whole_pair_on_a_connection_that_then_hangs_is_kept_when_patience_ends() {
    let server =
        Server::start(|_, _| Step::Hang(format!("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{PAIR}")))
            .await;
    let (calendly, _) = client(server.url(), |s| s.token_timeout = Duration::from_millis(100));
    success(soon(calendly.tokens.refresh(&refresh_token())).await);
}

#[tokio::test]
async fn no_answer_in_time_is_lost_and_time_counts_from_the_sending() {
    let server = Server::start(|_, _| Step::Hang(String::new())).await;
    let (calendly, _) = client(server.url(), |s| {
        s.token_timeout = Duration::from_millis(100);
        s.connect_timeout = Duration::from_secs(3600);
    });
    let outcome = soon(calendly.tokens.refresh(&refresh_token())).await;
    assert!(matches!(outcome, Outcome::Unknown(Doubt::Lost)));
}

#[tokio::test]
async fn an_endless_body_is_lost() {
    let long = " ".repeat((1 << 20) + 1);
    let (outcome, _) = refreshed(move || Step::Close(answer("200 OK", "", &long))).await;
    assert!(matches!(outcome, Outcome::Unknown(Doubt::Lost)));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_is_sent_once() {
    let other = Server::start(|_, _| Step::Answer(answer("200 OK", "", PAIR))).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("Location: {}oauth/token\r\n", other.url());
        let (outcome, server) = refreshed(move || Step::Answer(answer(status, &location, ""))).await;
        assert!(matches!(outcome, Outcome::ClientRefused(ClientFault::Redirected)), "{status}");
        assert_eq!(server.requests().len(), 1);
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn errors_are_told_by_the_field_and_not_by_the_status() {
    let with = async |status: &'static str, error: &str| {
        let body = format!(r#"{{"error":"{error}","error_description":"…"}}"#);
        refreshed(move || Step::Answer(answer(status, "", &body))).await.0
    };
    for status in ["400 Bad Request", "401 Unauthorized"] {
        assert!(matches!(with(status, "invalid_grant").await, Outcome::InvalidGrant));
        assert!(matches!(
            with(status, "invalid_client").await,
            Outcome::ClientRefused(ClientFault::InvalidClient)
        ));
    }
    assert!(matches!(with("503 Away", "server_error").await, Outcome::Unknown(Doubt::Status(503))));
}

#[tokio::test]
async fn a_429_says_how_long_to_wait_in_any_of_three_ways() {
    for (headers, seconds) in [
        ("Retry-After: 7\r\nX-RateLimit-Reset: 60\r\n", Some(7)),
        ("Retry-After: Tue, 24 Nov 2026 10:00:30 GMT\r\n", Some(30)),
        ("Retry-After: Tue, 24 Nov 2026 09:00:00 GMT\r\n", Some(1)),
        ("Retry-After: soon\r\nX-RateLimit-Reset: 60\r\n", Some(60)),
        ("X-RateLimit-Reset: 99999999999\r\n", Some(3600)),
        ("", None),
    ] {
        let (outcome, _) = refreshed(move || Step::Answer(answer("429 Too Many", headers, ""))).await;
        let Outcome::Throttled { wait } = outcome else { panic!("{headers}: {outcome:?}") };
        assert_eq!(wait, seconds.map(Duration::from_secs), "{headers}");
    }
}

#[tokio::test]
async fn the_skew_of_calendlys_clock_is_read_from_every_answer() {
    let server = Server::start(|number, _| {
        let date = ["Tue, 24 Nov 2026 10:02:00 GMT", "Tue, 24 Nov 2026 09:59:30 GMT", "yesterday"][number];
        Step::Answer(answer("200 OK", &format!("Date: {date}\r\n"), PAIR))
    })
    .await;
    let (calendly, _) = server.client();
    assert_eq!(calendly.skew_seconds(), None);
    for expected in [120, -30, -30] {
        soon(calendly.tokens.refresh(&refresh_token())).await;
        assert_eq!(calendly.skew_seconds(), Some(expected));
    }
}

#[tokio::test]
async fn revoking_sends_the_credentials_in_the_form() {
    let server = Server::start(|_, _| Step::Answer(answer("200 OK", "", "{}"))).await;
    let (calendly, _) = server.client();
    soon(calendly.tokens.revoke(&refresh_token())).await.unwrap();
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.line, "POST /oauth/revoke HTTP/1.1");
    assert_eq!(
        request.body,
        "client_id=client-id&client_secret=client-secret-0123456789&token=refresh+token%2F%2B%26%3D0123456789"
    );
}

#[tokio::test]
async fn a_refused_revocation_is_an_error_by_class() {
    for (status, class) in [
        ("403 Forbidden", ApiErrorClass::PermissionDenied),
        ("400 Bad Request", ApiErrorClass::InvalidRequest),
        ("502 Bad Gateway", ApiErrorClass::Unavailable),
        ("307 Temporary", ApiErrorClass::Unreadable),
    ] {
        let server = Server::start(move |_, _| {
            Step::Answer(answer(status, "Location: /\r\n", r#"{"error":"e","error_description":"why"}"#))
        })
        .await;
        let (calendly, _) = server.client();
        let error = soon(calendly.tokens.revoke(&refresh_token())).await.unwrap_err();
        assert_eq!(error.class, class);
        assert_eq!(error.to_string(), format!("revoke the token: {} e: why", &status[..3]));
        assert_eq!(server.requests().len(), 1);
    }
}
