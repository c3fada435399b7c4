//! Sources, mistakes and secrets, each as a user would meet them.

use std::fs;

use super::*;
use crate::domain::secrets::SigningKey;
use crate::domain::subscription::Scope;

/// `variables` are written without their prefix, as in `WEBHOOK__SCOPE`.
fn load(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keeper.toml");
    fs::write(&path, file).unwrap();
    Config::load(&Sources {
        file: Some(path),
        environment: variables
            .iter()
            .map(|(name, value)| (format!("KEEPER__{name}").into(), (*value).into()))
            .collect(),
        flags: flags
            .iter()
            .map(|(key, value)| Flag { key: (*key).into(), value: (*value).into(), flag: "--set" })
            .collect(),
    })
}

#[track_caller]
fn refused(file: &str, variables: &[(&str, &str)]) -> String {
    let ConfigError(problems) = load(file, variables, &[]).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems[0].to_string()
}

fn origin<'c>(config: &'c Config, key: &str) -> (Option<&'c str>, Option<&'c str>) {
    let found = config.effective().iter().find(|effective| effective.key == key).unwrap();
    (found.value.as_deref(), found.origin.as_deref())
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("."));
    assert_eq!(config.calendly.token_url, None, "worked out from auth_url");
    assert_eq!(config.calendly.api_url.as_str(), "https://api.calendly.com/");
    assert_eq!(config.calendly.token_timeout, Duration::from_secs(60));
    assert_eq!(config.database.url.to_string(), "sqlite://./keeper.db");
    assert_eq!(config.max_concurrent_refreshes, 64);
    assert!(config.webhook.callback.is_none() && config.webhook.scope == Scope::User);
    assert!(config.webhook.events.iter().eq(["invitee.canceled", "invitee.created"]));
    assert_eq!(config.webhook.verify_every, Duration::from_secs(900));
    assert_eq!(config.supervision.max_restarts, 5);
    assert!(config.backfill.on_connect.is_zero(), "nothing from before the connection");
    assert_eq!(config.backfill.sweep_every, Duration::from_secs(6 * 3600));
    assert_eq!(config.timeline_keep, Duration::from_secs(90 * 24 * 3600));
    assert_eq!((config.log.format, config.log.status_every), (LogFormat::Text, Duration::from_secs(30)));
}

#[test]
fn later_sources_win_and_each_value_says_where_it_came_from() {
    let file = "[webhook]\nverify_every = \"5m\"\nscope = \"organization\"\n[log]\nformat = \"json\"";
    let config =
        load(file, &[("LOG__FORMAT", "text"), ("WEBHOOK__EVENTS", "a.b, c.d")], &[("log.format", "json")])
            .unwrap();

    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(origin(&config, "log.format"), (Some("\"json\""), Some("flag --set")));
    assert!(
        config.webhook.events.iter().eq(["a.b", "c.d"]),
        "an override replaces a list, it does not merge into it"
    );
    assert_eq!(
        origin(&config, "webhook.events"),
        (Some("[\"a.b\", \"c.d\"]"), Some("environment variable KEEPER__WEBHOOK__EVENTS"))
    );
    assert_eq!(config.webhook.verify_every, Duration::from_secs(300));
    assert!(origin(&config, "webhook.verify_every").1.unwrap().ends_with("keeper.toml"));
    assert_eq!(origin(&config, "refresh.max_concurrent"), (Some("64"), Some("default")));
    assert_eq!(origin(&config, "calendly.client_id"), (None, None));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let file = "data_dir = 5\n[webhook]\nverify_every = \"soon\"\nscope = \"team\"\n[log]\nfromat = \"json\"\n[relais]\nurl = \"x\"";
    let error = load(file, &[("REFRESH__MAX_CONCURRENT", "many")], &[]).unwrap_err();
    let keys: Vec<_> = error.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "log.fromat",
            "relais.url",
            "data_dir",
            "refresh.max_concurrent",
            "webhook.scope",
            "webhook.verify_every"
        ]
    );
    assert!(error.0.iter().all(|problem| problem.origin.is_some() && !problem.remedy.is_empty()));
}

#[test]
fn a_mistake_names_key_value_place_and_remedy() {
    assert_eq!(
        refused("", &[("WEBHOOK__VERIFY_EVERY", "soon")]),
        "webhook.verify_every = \"soon\" (from environment variable KEEPER__WEBHOOK__VERIFY_EVERY) is no duration; \
         write it like \"30s\", \"15m\", \"6h\" or \"90d\""
    );
}

#[test]
fn bad_values_are_refused() {
    for (name, value, part) in [
        ("CALENDLY__TOKEN_TIMEOUT", "61s", "out of bounds"),
        ("CALENDLY__REQUEST_TIMEOUT", "0s", "out of bounds"),
        ("CALENDLY__API_URL", "http://api.calendly.com", "https outside loopback"),
        ("CALENDLY__AUTH_URL", "https://a.example/?x=1", "query"),
        ("CALENDLY__TOKEN_URL", "calendly", "not a URL"),
        ("CALENDLY__CLIENT_SECRET", "a\nb", "control character"),
        ("DATABASE__URL", "mysql://a/b", "neither SQLite nor PostgreSQL"),
        ("DATABASE__MAX_CONNECTIONS", "0", "between 1 and 1000"),
        ("ENCRYPTION__KEYS", "k1:rubbish!", "base64"),
        ("WEBHOOK__EVENTS", "", "is empty"),
        ("WEBHOOK__EVENTS", "invitee.created,invitee.created", "twice"),
        ("WEBHOOK__EVENTS", "InviteeCreated", "no event"),
        ("WEBHOOK__CALLBACK_URL", "http://app.example/h", "https outside loopback"),
        ("WEBHOOK__CALLBACK_URL", "https://app.example/{organization}", "webhook.scope is \"user\""),
        ("WEBHOOK__CALLBACK_URL", "https://app.example/{user}", "unknown placeholder"),
        ("WEBHOOK__RETIRE_URLS", "old", "not a URL"),
        ("SUPERVISION__BACKOFF_MIN", "2m", "above supervision.backoff_max"),
        ("SUPERVISION__MAX_RESTARTS", "-1", "whole number"),
        ("BACKFILL__SWEEP_EVERY", "5m", "out of bounds"),
        ("BACKFILL__SWEEP_EVERY", "25h", "out of bounds"),
        ("BACKFILL__ON_CONNECT", "3000d", "out of bounds"),
        ("LOG__FORMAT", "xml", "no format"),
        ("TIMELINE__KEEP", "", "is empty"),
        ("LOG", "debug", "no key"),
    ] {
        let message = refused("", &[(name, value)]);
        assert!(message.contains(part), "{name}={value}: {message}");
    }
}

#[test]
fn no_url_is_shown_with_its_password() {
    for url in ["https://u:hunter2@api.example", "ftp://u:hunter2@x", "https://u:hunter2@"] {
        let message = refused("", &[("CALENDLY__API_URL", url)]);
        assert!(message.contains("***") && !message.contains("hunter2"), "{message}");
    }
    let message = refused("", &[("WEBHOOK__EVENTS", "https://u:hunter2@api.example")]);
    assert!(
        message.contains("has \"https://u:***@api.example/\"") && !message.contains("hunter2"),
        "{message}"
    );
    let config = load("webhook.retire_urls = [\"https://u:hunter2@old.example/h\"]", &[], &[]);
    let shown = format!("{:?}", config.map(|config| config.effective().to_vec()));
    assert!(shown.contains("https://u:***@old.example/h") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_duration_without_unit_gets_the_remedy() {
    assert!(refused("[webhook]\nverify_every = 15", &[]).contains("has no unit"));
}

#[test]
fn the_callback_itself_cannot_be_retired() {
    let file = "[webhook]\ncallback_url = \"https://a.example/h\"\nretire_urls = [\"https://A.example/h/\"]";
    assert!(refused(file, &[]).contains("the callback URL itself"));
}

#[test]
fn secrets_are_never_shown() {
    let key = key::EncryptionKey::generate("k9").expose_line();
    let variables = [
        ("CALENDLY__CLIENT_ID", "the-id"),
        ("CALENDLY__CLIENT_SECRET", "hunter2-client"),
        ("WEBHOOK__SIGNING_KEY", "hunter2-sign,hunter2-old"),
        ("ENCRYPTION__KEYS", &key),
        ("DATABASE__URL", "postgres://k:hunter2-db@db/keeper"),
    ];
    let config = load("", &variables, &[]).unwrap();
    let shown = format!("{config:#?} {:?}", config.effective());
    assert!(!shown.contains("hunter2") && !shown.contains(&key[3..]), "{shown}");
    assert_eq!(origin(&config, "calendly.client_secret").0, Some("***"));
    assert_eq!(origin(&config, "webhook.signing_key").0, Some("*** (2)"));
    assert_eq!(origin(&config, "database.url").0, Some("\"postgres://k:***@db/keeper\""));
    assert_eq!(config.calendly.client().unwrap().1.expose(), "hunter2-client");

    let mut broken = variables;
    broken[1].1 = "hunter2\nclient";
    broken[2].1 = "hunter2\u{1}sign";
    broken[3].1 = "k1:hunter2";
    broken[4].1 = "other://k:hunter2-db@db/keeper";
    let error = load("", &broken, &[]).unwrap_err();
    assert_eq!(error.0.len(), 4);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).display().to_string()
    };
    let [secret, signing, url] = [
        write("secret", "hunter2\r\n"),
        write("signing", "new,old\n"),
        write("url", "postgres://k:hunter2@db/keeper\n"),
    ];
    let variables = [
        ("CALENDLY__CLIENT_SECRET_FILE", secret.as_str()),
        ("WEBHOOK__SIGNING_KEY_FILE", &signing),
        ("DATABASE__URL_FILE", &url),
    ];
    let config = load("", &variables, &[]).unwrap();
    assert_eq!(config.calendly.client_secret.as_ref().unwrap().expose(), "hunter2");
    assert_eq!(
        config.webhook.signing_keys.iter().map(SigningKey::expose).collect::<Vec<_>>(),
        ["new", "old"]
    );
    assert_eq!(config.database.url.to_string(), "postgres://k:***@db/keeper");
    let from = format!("file {secret} (calendly.client_secret_file)");
    assert_eq!(origin(&config, "calendly.client_secret"), (Some("***"), Some(from.as_str())));

    let message = refused("[calendly]\nclient_secret = \"x\"", &variables[..1]);
    assert!(message.contains("is given twice, also by calendly.client_secret_file"), "{message}");

    fs::write(&secret, "two\nlines\n").unwrap();
    let message = refused("", &variables[..1]);
    assert!(
        message.contains(&secret) && message.contains("several lines") && !message.contains("two"),
        "{message}"
    );
}

#[test]
fn what_a_command_that_speaks_with_calendly_lacks_is_named() {
    let config = load("[calendly]\nclient_id = \"x\"", &[], &[]).unwrap();
    let ConfigError(problems) = config.calendly.client().unwrap_err();
    assert_eq!(
        problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(),
        ["calendly.client_secret"]
    );
}

#[test]
fn the_production_example_has_known_keys_only() {
    let error = load(include_str!("../../config/production.example.toml"), &[], &[]).unwrap_err();
    assert!(
        error.0.iter().all(|problem| problem.key.ends_with("_file")),
        "only its files are missing: {error}"
    );
}

#[test]
fn a_configuration_file_that_is_not_there_is_named() {
    let error =
        Config::load(&Sources { file: Some("/nowhere.toml".into()), ..Sources::default() }).unwrap_err();
    assert!(error.to_string().contains("/nowhere.toml"), "{error}");
}

#[test]
fn events_are_not_passed_on_in_the_clear_nor_to_the_keeper_itself() {
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let at = |url: &str| {
        let file = format!(
            "[server]\nlisten = \"127.0.0.1:8787\"\npublic_listen = \"0.0.0.0:9443\"\n\
             public_url = \"https://keeper.example.com/k\"\n[relay]\nurl = \"{url}\"\nsecret = \"{secret}\""
        );
        load(&file, &[], &[])
    };
    for own in [
        "http://127.0.0.1:8787/hooks",
        "http://localhost:8787/",
        "http://[::1]:9443/x",
        "https://keeper.example.com/k/webhooks/calendly",
        "https://keeper.example.com/k/webhooks/calendly/anna",
        "https://keeper.example.com/k/v1/events/ack",
    ] {
        let ConfigError(problems) = at(own).unwrap_err();
        assert_eq!(problems.len(), 1, "{own}: {problems:?}");
        assert!(problems[0].key == "relay.url" && problems[0].what.contains("the keeper's own"), "{own}");
    }
    for fine in
        ["http://127.0.0.1:8080/hooks", "https://keeper.example.com/app/hooks", "https://app.example.com/k"]
    {
        assert_eq!(at(fine).unwrap().relay.to.unwrap().url.as_str(), fine);
    }
    let clear = at("http://app.example.com/hooks").unwrap_err().to_string();
    assert!(clear.contains("must be https outside loopback"), "{clear}");
    assert!(refused("[relay]\nurl = \"https://a.example/\"", &[]).contains("without relay.secret"));
    assert!(refused("[inbox]\nmax_body = \"900KiB\"", &[]).contains("out of bounds"));
}
