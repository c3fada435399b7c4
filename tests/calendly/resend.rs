//! Nothing below the rotation sends a refresh token twice, also where a kept connection turns out to be closed.

use std::collections::HashMap;

use calendly_keeper::domain::outcome::{Doubt, Outcome};
use calendly_keeper::domain::secrets::RefreshToken;
use calendly_keeper::ports::TokenEndpoint;

use crate::canned::{Server, Step, answer, soon};

const PAIR: &str = r#"{"access_token":"a","refresh_token":"r","expires_in":7200}"#;

fn token(number: usize) -> RefreshToken {
    RefreshToken::new(format!("token-{number}-end"))
}

#[tokio::test]
async fn a_closed_keepalive_connection_does_not_resend_the_token() {
    // given a connection that was good for one exchange and is closed when the second has been read
    let server = Server::start(|number, _| match number {
        0 => Step::Answer(answer("200 OK", "", PAIR)),
        _ => Step::Close(String::new()),
    })
    .await;
    let (calendly, _) = server.client();
    assert!(matches!(soon(calendly.tokens.refresh(&token(1))).await, Outcome::Success(_)));
    // when the client uses it again
    let outcome = soon(calendly.tokens.refresh(&token(2))).await;
    // then the token was sent once and the outcome is not known
    assert!(matches!(outcome, Outcome::Unknown(Doubt::Lost)), "{outcome:?}");
    assert_eq!(server.connections(), 1, "the second exchange used the kept connection");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_closed_at_any_moment_never_show_a_token_twice() {
    // given a server that closes behind each answer without saying so: the close races with the next request
    let server = Server::start(|_, _| Step::Close(answer("200 OK", "", PAIR))).await;
    let (calendly, _) = server.client();
    // when many exchanges follow one another in four rows, with nothing between them
    let rows = (0..4).map(|row| {
        let tokens = calendly.tokens.clone();
        tokio::spawn(async move {
            let mut succeeded = 0;
            for number in 0..250 {
                match tokens.refresh(&token(row * 250 + number)).await {
                    Outcome::Success(_) => succeeded += 1,
                    Outcome::Unknown(Doubt::Lost) => {}
                    other => panic!("{other:?}"),
                }
            }
            succeeded
        })
    });
    let mut succeeded = 0;
    for row in rows.collect::<Vec<_>>() {
        succeeded += soon(row).await.unwrap();
    }
    // then each token that the server saw it saw once, and every success is one of them
    let mut seen = HashMap::<String, usize>::new();
    for request in server.requests() {
        *seen.entry(request.body).or_default() += 1;
    }
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    assert!(seen.len() >= succeeded && succeeded > 0);
}

#[tokio::test]
async fn exchanges_at_once_with_answers_cut_anywhere_send_each_token_once() {
    let whole = answer("200 OK", "", PAIR);
    let server = Server::start(move |number, _| match number % 3 {
        0 => Step::Answer(whole.clone()),
        1 => Step::Close(whole[..number % whole.len()].to_owned()),
        _ => Step::Close(String::new()),
    })
    .await;
    let (calendly, _) = server.client();
    let exchanges = (0..300).map(|number| {
        let tokens = calendly.tokens.clone();
        tokio::spawn(async move { tokens.refresh(&token(number)).await })
    });
    for exchange in exchanges.collect::<Vec<_>>() {
        let outcome = soon(exchange).await.unwrap();
        assert!(matches!(outcome, Outcome::Success(_) | Outcome::Unknown(Doubt::Lost)), "{outcome:?}");
    }
    let requests = server.requests();
    let distinct: std::collections::HashSet<_> = requests.iter().map(|request| &request.body).collect();
    assert_eq!(distinct.len(), requests.len());
    assert_eq!(requests.len(), 300, "an exchange that was not sent would have said so");
}
