//! Lines as they are printed.

use log::{Level, Record};

use super::*;

fn line(
    format: Format,
    level: Level,
    target: &str,
    message: &str,
    keys: &[(&str, log::kv::Value<'_>)],
) -> String {
    let at = DateTime::parse_from_rfc3339("2026-11-24T10:00:00.412Z").unwrap().to_utc();
    format.line(
        at,
        &Record::builder()
            .args(format_args!("{message}"))
            .level(level)
            .target(target)
            .key_values(&keys)
            .build(),
    )
}

fn text(level: Level, target: &str, message: &str, keys: &[(&str, log::kv::Value<'_>)]) -> String {
    line(Format::Text, level, target, message, keys)
}

#[test]
fn a_line_reads_as_the_design_shows() {
    assert_eq!(
        text(
            Level::Info,
            "supervisor",
            "started",
            &[("connections", 5.into()), ("active", 4.into()), ("database", "sqlite".into())]
        ),
        "2026-11-24T10:00:00.412Z INFO  supervisor       started connections=5 active=4 database=sqlite\n"
    );
    assert_eq!(
        text(
            Level::Warn,
            "connection/carla",
            "",
            &[
                ("status", "reauthorization_required".into()),
                ("reason", "revoked".into()),
                ("hint", "ask the user to connect again".into())
            ]
        ),
        "2026-11-24T10:00:00.412Z WARN  connection/carla status=reauthorization_required reason=revoked \
         hint=\"ask the user to connect again\"\n"
    );
}

#[test]
fn a_longer_target_is_not_cut() {
    let line = text(Level::Error, "connection/a-long-name", "x", &[]);
    assert_eq!(line, "2026-11-24T10:00:00.412Z ERROR connection/a-long-name x\n");
}

#[test]
fn whatever_it_holds_an_event_is_one_line_that_a_terminal_only_prints() {
    let line = text(
        Level::Info,
        "x\ny",
        "two\nlines \u{1b}[31m",
        &[("a", "b\n\"c\"\\".into()), ("empty", "".into()), ("eq", "a=b".into()), ("rtl", "\u{202e}".into())],
    );
    assert_eq!(
        line,
        "2026-11-24T10:00:00.412Z INFO  x\\ny             two\\nlines \\u{1b}[31m \
         a=\"b\\n\\\"c\\\"\\\\\" empty=\"\" eq=\"a=b\" rtl=\\u{202e}\n"
    );
}

#[test]
fn values_under_secret_keys_and_values_that_look_like_tokens_are_masked() {
    const TOKEN: &str = "R3fr3shAbCdEfGhIjKlMnOpQrStUvWxYz0123456789";
    for format in [Format::Text, Format::Json] {
        let message = format!("sending {TOKEN}");
        let keys = [
            ("refresh_token", "short".into()),
            ("detail", TOKEN.into()),
            ("tokens", 3.into()),
            ("connection", "a".into()),
        ];
        let line = line(format, Level::Trace, "x", &message, &keys);
        assert!(!line.contains(TOKEN) && !line.contains("short"), "{line}");
        assert!(line.contains("***") && line.contains('3'), "{line}");
    }
}

#[test]
fn a_connection_is_named_whatever_its_id_looks_like() {
    const ID: &str = "User0123456789012345678901234567890123456789";
    assert!(text(Level::Info, "webhook", "", &[("connection", ID.into())]).contains(ID));
}

#[test]
fn a_json_line_is_one_object_with_numbers_as_numbers() {
    let line = line(
        Format::Json,
        Level::Warn,
        "webhook",
        "was \"disabled\"\n",
        &[
            ("events", 2.into()),
            ("ok", true.into()),
            ("took", 0.5.into()),
            ("level", "x".into()),
            ("none", log::kv::Value::null()),
        ],
    );
    assert_eq!(
        line,
        "{\"ts\":\"2026-11-24T10:00:00.412Z\",\"level\":\"WARN\",\"target\":\"webhook\",\
         \"msg\":\"was \\\"disabled\\\"\\n\",\"events\":2,\"ok\":true,\"took\":0.5,\"level_\":\"x\",\"none\":null}\n"
    );
    serde_json::from_str::<serde_json::Value>(&line).unwrap();
}
