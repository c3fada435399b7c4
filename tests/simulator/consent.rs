//! The consent page and the codes it gives.

use calendly_keeper::simulator::SeedUser;
use serde_json::json;

use crate::support::{api, oauth, usual};

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
