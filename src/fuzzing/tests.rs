//! The same as the targets under `fuzz/`, with inputs that come near to what is read.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Any text made of these pieces, with rubbish between some of them.
fn of(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
        1 => ".{0,8}".prop_map(String::into_bytes),
    ];
    vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

/// An object of some of these members, whole or nearly.
fn object(members: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let values = select(&VALUES[..]).prop_map(str::to_owned);
    let value = prop_oneof![6 => values, 1 => "[0-9]{1,25}", 1 => r#""[ -~&&[^\\\\"]]{0,20}""#];
    let pairs = vec((select(members), value), 0..7);
    let more = prop_oneof![8 => Just(""), 1 => Just("}"), 1 => Just(","), 1 => Just("\0")];
    (pairs, more, any::<prop::sample::Index>(), 0..8).prop_map(|(pairs, more, cut, whether)| {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        let mut text = format!("{{{}{more}}}", pairs.join(", ")).into_bytes();
        if whether == 0 {
            text.truncate(cut.index(text.len()));
        }
        text
    })
}

const DELIVERY: [&str; 6] = ["event", "created_at", "created_by", "payload", "payload", "other"];
const DELIVERY_TEXT: [&str; 12] = [
    "t=0,v1=",
    "00000000000000000000000000000000",
    ",v1=",
    "{",
    "}",
    "\0",
    "[[[[[[[[[[[[[[[[[[[[",
    r#""event":"invitee.created","#,
    r#""event":"\u0000","#,
    r#""payload":{"uri":"u","updated_at":"t","no_show":{"uri":"n"}}"#,
    r#""payload":{"uri":7,"scheduled_event":{"event_memberships":[{"user":"h"},1]}}"#,
    r#""created_by":"\ud800","#,
];

const VALUES: [&str; 24] = [
    r#""abcdefgh12""#,
    r#""""#,
    "null",
    "true",
    "7200",
    "-1",
    "1e999",
    r#""\ud800""#,
    r#""invalid_grant""#,
    r#""invalid_client""#,
    r#""Insufficient Scope""#,
    r#"["a", 1, null]"#,
    r#"[{"parameter": "p", "message": "m"}, {}]"#,
    "{}",
    r#"[{"uri":"u","callback_url":"c","state":"active","events":["e"],"scope":"user"}]"#,
    r#"{"next_page": "https://x.test/?page_token=a"}"#,
    r#"{"next_page": "x", "next_page_token": ""}"#,
    r#"{"uri": "u", "current_organization": "o"}"#,
    r#""2027-01-31T12:00:00Z""#,
    r#""-262143-01-01 00:00:00Z""#,
    r#""2027-01-31 12:00:00""#,
    r#""https://api.calendly.com/users/A""#,
    r#""r token 1234""#,
    r#""a\rb""#,
];

const TOKEN: [&str; 7] =
    ["access_token", "refresh_token", "expires_in", "created_at", "scope", "error", "\\ud800"];
const LIST: [&str; 5] = ["collection", "pagination", "resource", "uri", "events"];
const ERROR: [&str; 6] = ["title", "message", "error", "error_description", "details", "required_scopes"];
const IMPORT: [&str; 9] = [
    "id",
    "refresh_token",
    "access_token",
    "expires_at",
    "expires_in",
    "calendly_user",
    "scope",
    "note",
    "a\\u0007",
];
const CSV: [&str; 16] = [
    "id,refresh_token,access_token,expires_at\n",
    "id,refresh_token,expires_in,calendly_user\r\n",
    "id",
    "refresh_token",
    ",",
    ",",
    ",",
    "\n",
    "\r",
    "\"",
    "a-1",
    "token123456",
    "3600",
    "2027-01-31 12:00:00+00",
    "-262143-01-01 00:00:00Z",
    "https://x.test/u",
];
const HEADERS: [&str; 16] = [
    "retry-after: ",
    "x-ratelimit-reset: ",
    "x-ratelimit-remaining: ",
    "date: ",
    "\n",
    "\n",
    "\n",
    "0",
    "1",
    "60",
    "-1",
    "18446744073709551615",
    "99999999999",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Fri, 31 Dec 9999 23:59:60 GMT",
    " ",
];
const CALLBACK: [&str; 18] = [
    "state=",
    "code=",
    "error=",
    "&",
    "&",
    "&",
    "&",
    "access_denied",
    "invalid_scope",
    "server_error",
    "c0de",
    "%",
    "%00",
    "%26state%3D",
    "%E2%82%AC",
    "+",
    "iss=https%3A%2F%2Fauth.calendly.com",
    "st%61te=",
];
/// Lines, most of them with a known key; `$` is a secret.
fn toml() -> impl Strategy<Value = String> {
    let key = prop_oneof![8 => select(&KEYS[..]).prop_map(str::to_owned), 1 => "[ -~]{0,12}"];
    let value = prop_oneof![8 => select(&SETTINGS[..]).prop_map(str::to_owned), 1 => "[ -~]{0,12}"];
    let line = prop_oneof![
        8 => (key, value).prop_map(|(key, value)| format!("{key} = {value}\n")),
        1 => select(&["[calendly]\n", "[[log]]\n", "[webhook.events]\n", "$\n", "x = '$", "= $\n"][..])
            .prop_map(str::to_owned),
    ];
    vec(line, 0..6).prop_map(|lines| lines.concat())
}

const KEYS: [&str; 18] = [
    "data_dir",
    "calendly.client_id",
    "calendly.client_secret",
    "calendly.client_secret.x",
    "calendly.api_url",
    "calendly.token_timeout",
    "database.url",
    "database.max_connections",
    "encryption.keys",
    "refresh.max_concurrent",
    "webhook.callback_url",
    "webhook.events",
    "webhook.signing_key",
    "webhook.retire_urls",
    "log",
    "log.format",
    r#""x[99999999999]""#,
    r#""calendly.client_secret[-3]""#,
];
const SETTINGS: [&str; 20] = [
    r#""$""#,
    "'$",
    r#""$\u0001""#,
    "$",
    r#"["$", "$"]"#,
    r#"["$", 1]"#,
    r#"{ x = "$" }"#,
    r#""https://u:$@x.test/""#,
    r#""ftp://u:$@""#,
    r#""postgres://u:$@db/k?sslmode=x""#,
    r#"["https://u:$@x.test/h"]"#,
    r#""k1:$""#,
    r#""15m""#,
    "5",
    "-5",
    "nan",
    "1979-05-27",
    "true",
    r#""""#,
    "\"\"\"\n$\"\"\"",
];

proptest! {
    #[test]
    fn token_answers(status in select(&[200_u16, 204, 302, 400, 401, 429, 500][..]), body in object(&TOKEN)) {
        token_answer(status, &body);
    }

    #[test]
    fn list_answers(body in object(&LIST)) {
        list_answer(&body);
    }

    #[test]
    fn error_bodies(status in 300_u16..600, body in object(&ERROR)) {
        error_body(status, &body);
    }

    #[test]
    fn headers(lines in of(&HEADERS, 12)) {
        rate_headers(&lines);
    }

    #[test]
    fn callbacks(query in of(&CALLBACK, 14)) {
        oauth_callback(&query);
    }

    #[test]
    fn deliveries(body in prop_oneof![object(&DELIVERY), of(&DELIVERY_TEXT, 14)]) {
        delivery(&body);
    }

    #[test]
    fn imports_of_json(lines in vec(object(&IMPORT), 0..3)) {
        import_json(&lines.join(&b'\n'));
    }

    #[test]
    fn imports_of_csv(file in of(&CSV, 24)) {
        import_csv(&file);
    }

    #[test]
    fn configurations(text in toml()) {
        configuration(&text);
    }

    /// A file with one byte or several changed, doubled or taken out.
    #[test]
    fn journal_files(
        records in vec(vec(any::<u8>(), 0..24), 0..5),
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 0..3),
    ) {
        let mut file = crate::spool::fuzzing::file_of(&records);
        for (at, byte, what) in changes {
            let at = at.index(file.len());
            match what {
                0 => file[at] = byte,
                1 => file.insert(at, byte),
                _ => drop(file.remove(at)),
            }
        }
        journal_file(&file);
    }
}

#[test]
fn records_at_the_bounds_of_what_can_be_written() {
    for (generation, time) in
        [(i64::MIN, "-262143-01-01T00:00:00Z"), (i64::MAX, "+262142-12-31T23:59:59.999999999Z")]
    {
        let text = format!(
            r#"{{"pair":{{"tokens":{{"id":"anna","lifetime":0,"expires_at":"{time}","access":"a"}},"head":{{"grant_id":
            "00000000-0000-0000-0000-000000000001","since":{generation},"granted_at":"{time}"}},"generation":{generation}}}}}"#
        );
        journal_record(text.as_bytes());
    }
}
