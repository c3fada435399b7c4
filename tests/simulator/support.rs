//! A small client of the simulator, and waiting for a condition.

use std::time::{Duration, Instant};

use calendly_keeper::simulator::{NewGrant, Options, Role, SeedGrant, SeedUser, Simulator};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

pub(crate) fn start(options: Options) -> Simulator {
    Simulator::start(options).unwrap()
}

pub(crate) fn usual() -> Simulator {
    start(Options::default())
}

/// Never resends and never follows, so that what is seen is what was answered.
pub(crate) fn client() -> Client {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(Duration::from_secs(10))
        // Nothing here speaks TLS, and reading the machine's certificates takes longer than most tests.
        .tls_certs_only([])
        .build()
        .unwrap()
}

pub(crate) struct Answered {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub(crate) async fn answered(response: Response) -> Answered {
    Answered {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

pub(crate) async fn refresh_raw(simulator: &Simulator, refresh_token: &str) -> reqwest::Result<Response> {
    client()
        .post(format!("{}/oauth/token", simulator.url()))
        .basic_auth(simulator.client_id(), Some(simulator.client_secret()))
        .form(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
        .send()
        .await
}

pub(crate) async fn refresh(simulator: &Simulator, refresh_token: &str) -> Answered {
    answered(refresh_raw(simulator, refresh_token).await.unwrap()).await
}

pub(crate) async fn oauth(simulator: &Simulator, path: &str, form: &[(&str, &str)]) -> Answered {
    answered(client().post(format!("{}{path}", simulator.url())).form(form).send().await.unwrap()).await
}

pub(crate) async fn api(simulator: &Simulator, method: Method, path: &str, token: &str) -> Answered {
    let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", simulator.url()) };
    answered(client().request(method, url).bearer_auth(token).send().await.unwrap()).await
}

pub(crate) async fn me(simulator: &Simulator, token: &str) -> Answered {
    api(simulator, Method::GET, "/users/me", token).await
}

pub(crate) fn user_subscription(grant: &SeedGrant, url: &str) -> Value {
    json!({
        "url": url,
        "events": ["invitee.created", "invitee.canceled"],
        "organization": grant.calendly_organization,
        "user": grant.calendly_user,
        "scope": "user",
    })
}

pub(crate) async fn create(simulator: &Simulator, token: &str, body: &Value) -> Answered {
    let request = client().post(format!("{}/webhook_subscriptions", simulator.url()));
    answered(request.bearer_auth(token).json(body).send().await.unwrap()).await
}

pub(crate) async fn control(simulator: &Simulator, method: Method, path: &str, body: &Value) -> Answered {
    let request = client().request(method, format!("{}/simulator/{path}", simulator.url()));
    answered(request.json(body).send().await.unwrap()).await
}

/// Waits until the condition holds, at most ten seconds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::task::yield_now().await;
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {value}"))
}

pub(crate) const HOOK: &str = "https://app.example/hook";

/// The user's own subscriptions; `more` is put behind the query.
pub(crate) async fn list(simulator: &Simulator, grant: &SeedGrant, more: &str) -> Answered {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("organization", &grant.calendly_organization)
        .append_pair("user", grant.calendly_user.as_ref())
        .append_pair("scope", "user")
        .finish();
    api(simulator, Method::GET, &format!("/webhook_subscriptions?{query}{more}"), &grant.access_token).await
}

/// A user of the one organization that all members share.
pub(crate) fn member(simulator: &Simulator, name: &str, role: Role) -> SeedGrant {
    let user = SeedUser { role, organization: Some("acme".into()), ..SeedUser::named(name) };
    let uri = simulator.add_user(&user);
    simulator.add_grant(&uri, &NewGrant::default()).unwrap()
}
