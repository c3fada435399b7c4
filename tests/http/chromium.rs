//! A real browser without a window, driven by the WebDriver protocol (W3C) over plain HTTP.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::process::DEADLINE;
use crate::wait::until;

/// chromedriver and the Chromium that it starts; both end with it.
pub(crate) struct Chromium {
    driver: Child,
    session: String,
    agent: Agent,
    _profile: TempDir,
}

impl Chromium {
    pub(crate) fn start(driver: &str) -> Self {
        let mut command = Command::new(driver);
        let mut driver = command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = said.find_map(|line| {
            let (_, rest) = line.split_once("started successfully on port ")?;
            Some(rest.trim_end_matches('.').to_owned())
        });
        std::thread::spawn(move || said.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let agent = Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into();
        let at = format!("http://127.0.0.1:{}/session", port.expect("chromedriver tells its port"));
        let mut this = Self { driver, session: at, agent, _profile: profile };
        let arguments = [
            "--headless=new",
            "--no-sandbox", // tests run as root in containers
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            &format!("--user-data-dir={}", this._profile.path().display()),
        ];
        let wanted = json!({ "goog:chromeOptions": { "args": arguments } });
        let made = this.post("", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        this.session = format!("{}/{}", this.session, made["sessionId"].as_str().unwrap());
        this
    }

    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Clicks what the CSS selector finds. The page that it leads to comes when it comes: see [`Chromium::arrives`].
    pub(crate) fn click(&self, selector: &str) {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        let element = found.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Waits for a page of that title.
    #[track_caller]
    pub(crate) fn arrives(&self, title: &str) {
        until(title, DEADLINE, || (self.title() == title).then_some(()));
    }

    pub(crate) fn url(&self) -> String {
        self.get("/url")
    }

    fn title(&self) -> String {
        self.get("/title")
    }

    fn get(&self, path: &str) -> String {
        let mut answer = self.agent.get(format!("{}{path}", self.session)).call().unwrap();
        answer.body_mut().read_json::<Value>().unwrap()["value"].as_str().unwrap().to_owned()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let sent = self.agent.post(format!("{}{path}", self.session)).send_json(body);
        sent.unwrap().body_mut().read_json::<Value>().unwrap()["value"].take()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        drop(self.agent.delete(&self.session).call()); // ends the browser
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
