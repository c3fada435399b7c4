//! The consent page and the codes it gives.

use calendly_keeper::simulator::{Options, SeedUser, Simulator};
use serde_json::json;

use crate::support::{Answered, answered, api, client, oauth, start, usual};

#[tokio::test]
async fn a_code_from_the_consent_page_is_good_for_one_exchange_with_its_verifier() {
    let simulator = usual();
    let user = simulator.add_user(&SeedUser::named("anna"));
    simulator.consent_as(Some("anna"), false, None).unwrap();
    // SHA-256 of "verifier", base64url.
    let query = "response_type=code&redirect_uri=http%3A%2F%2Flocalhost%2Fback&state=s1&scope=users%3Aread\
                 &code_challenge_method=S256&code_challenge=iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ";
    let path = format!("/oauth/authorize?client_id={}&{query}", simulator.client_id());
    let consent = api(&simulator, reqwest::Method::GET, &path, "").await;
    assert_eq!(consent.status, 302, "{}", consent.text);
    let back = url::Url::parse(consent.header("location")).unwrap();
    let parameter =
        |name: &str| back.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned());
    assert_eq!(parameter("state").as_deref(), Some("s1"));
    let code = parameter("code").unwrap();
    assert_eq!(code.len(), 64);
    let exchange = |verifier: &'static str| {
        let (simulator, code) = (simulator.clone(), code.clone());
        async move {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("redirect_uri", "http://localhost/back"),
                ("code_verifier", verifier),
                ("client_id", simulator.client_id()),
                ("client_secret", simulator.client_secret()),
            ];
            oauth(&simulator, "/oauth/token", &form).await
        }
    };
    assert_eq!(exchange("wrong").await.status, 400);
    let body = exchange("verifier").await.json();
    assert_eq!(body["owner"], json!(user));
    assert_eq!(body["scope"], "users:read");
    assert_eq!(exchange("verifier").await.status, 400);
}

#[tokio::test]
async fn a_denied_consent_comes_back_as_access_denied() {
    let simulator = usual();
    simulator.consent_as(None, true, None).unwrap();
    let path = format!(
        "/oauth/authorize?client_id={}&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%2Fback",
        simulator.client_id()
    );
    let consent = api(&simulator, reqwest::Method::GET, &path, "").await;
    assert!(consent.header("location").starts_with("http://localhost/back?error=access_denied&"));
}

/// `/oauth/authorize` for a browser or another client, with these parameters beside the usual ones.
async fn authorize(simulator: &Simulator, accept: &str, parameters: &[(&str, &str)]) -> Answered {
    let mut url = url::Url::parse(&format!("{}/oauth/authorize", simulator.url())).unwrap();
    url.query_pairs_mut()
        .append_pair("client_id", simulator.client_id())
        .append_pair("response_type", "code")
        .extend_pairs(parameters);
    answered(client().get(url).header("Accept", accept).send().await.unwrap()).await
}

#[tokio::test]
async fn a_browser_is_shown_a_page_that_asks() {
    let simulator = usual();
    let asked = [("redirect_uri", "http://localhost/back"), ("state", "\"><b>"), ("scope", "users:read")];
    let page = authorize(&simulator, "text/html,*/*;q=0.8", &asked).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<li>users:read</li>") && page.text.contains("id=\"allow\""), "{}", page.text);
    assert!(
        page.text.contains("value=\"&quot;&gt;&lt;b&gt;\"") && !page.text.contains("<b>"),
        "{}",
        page.text
    );
    for (decision, comes_back_with) in [("allow", "?code="), ("deny", "?error=access_denied")] {
        let pressed = [asked.as_slice(), &[("decision", decision)]].concat();
        let back = authorize(&simulator, "text/html", &pressed).await;
        assert_eq!(back.status, 302);
        assert!(back.header("location").starts_with(&format!("http://localhost/back{comes_back_with}")));
    }
}

#[tokio::test]
async fn where_redirect_uris_are_registered_no_other_one_is_sent_anything() {
    let registered = "http://localhost/back";
    let simulator = start(Options { redirect_uri: vec![registered.into()], ..Options::default() });
    for other in [
        "http://localhost/back/",
        "http://localhost/back?x=1",
        "http://localhost:81/back",
        "https://evil.test",
    ] {
        let refused = authorize(&simulator, "*/*", &[("redirect_uri", other)]).await;
        assert_eq!((refused.status, refused.header("location")), (400, ""), "{other}");
    }
    assert_eq!(authorize(&simulator, "*/*", &[("redirect_uri", registered)]).await.status, 302);
}

#[tokio::test]
async fn pkce_cannot_be_weakened_or_cut_off() {
    let simulator = usual();
    let back = ("redirect_uri", "http://localhost/back");
    for method in [None, Some("plain")] {
        let method = method.map(|method| ("code_challenge_method", method));
        let asked: Vec<_> = [back, ("code_challenge", "c")].into_iter().chain(method).collect();
        assert_eq!(authorize(&simulator, "*/*", &asked).await.status, 400);
    }
    let _ = simulator.add_user(&SeedUser::named("anna"));
    for (challenge, verifier, redirect_uri) in [
        (Some("iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ"), None, "http://localhost/back"),
        (Some("iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ"), Some("other"), "http://localhost/back"),
        (Some("iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ"), Some("verifier"), "http://localhost/other"),
        (None, Some("verifier"), "http://localhost/back"),
    ] {
        let code = simulator.add_code("anna", "http://localhost/back", challenge.map(str::to_owned)).unwrap();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", redirect_uri),
            ("client_id", simulator.client_id()),
            ("client_secret", simulator.client_secret()),
        ];
        let form: Vec<_> =
            form.into_iter().chain(verifier.map(|verifier| ("code_verifier", verifier))).collect();
        let refused = oauth(&simulator, "/oauth/token", &form).await;
        assert_eq!(refused.json()["error"], "invalid_grant", "{challenge:?} {verifier:?}");
    }
    let counters = simulator.counters();
    assert_eq!((counters.codes_exchanged, counters.codes_refused), (0, 4));
}
