//! Lines as applications export them, good and bad.

use proptest::prelude::*;
use uuid::Uuid;

use super::super::json;
use super::*;

fn now() -> DateTime<Utc> {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn read(line: &str) -> Result<NewGrant, BadLine> {
    let fields = json::fields(line.as_bytes()).map_err(|bad| panic!("{line}: {bad}")).unwrap();
    grant(&fields, GrantId::new(Uuid::nil()), now(), Some("client"))
}

#[test]
fn the_design_s_line_is_read() {
    let grant = read(
        r#"{"id":"user-42","access_token":"a","refresh_token":"r","expires_at":"2026-01-31T12:00:00Z"}"#,
    );
    let grant = grant.unwrap();
    assert_eq!(grant.id.as_str(), "user-42");
    assert_eq!(grant.access_token.unwrap().expose(), "a");
    assert_eq!(grant.refresh_token.expose(), "r");
    assert_eq!(grant.expires_at, Some("2026-01-31T12:00:00Z".parse().unwrap()));
    assert_eq!(grant.lifetime, DEFAULT_LIFETIME);
    assert_eq!(grant.granted_at, now());
    assert_eq!(grant.client_id.as_deref(), Some("client"));
    assert!(!grant.replace);
}

#[test]
fn everything_but_id_and_refresh_token_may_be_left_out() {
    let grant = read(r#"{"id":"a","refresh_token":"r","access_token":"","expires_at":null}"#).unwrap();
    assert!(grant.access_token.is_none() && grant.expires_at.is_none());
    assert_eq!(grant.lifetime, DEFAULT_LIFETIME);
}

#[test]
fn expires_in_is_a_lifetime_and_says_nothing_about_the_end() {
    for text in ["3600", "\"3600\"", "3600.0"] {
        let grant =
            read(&format!(r#"{{"id":"a","access_token":"x","refresh_token":"r","expires_in":{text}}}"#));
        let grant = grant.unwrap();
        assert_eq!((grant.lifetime.seconds(), grant.expires_at), (3600, None));
    }
}

#[test]
fn what_is_known_about_the_user_is_kept() {
    let grant = read(
        r#"{"id":"a","refresh_token":"r","calendly_user":"https://api.calendly.com/users/U",
            "calendly_organization":"https://api.calendly.com/organizations/O","scope":" users:read webhooks:write "}"#,
    )
    .unwrap();
    assert_eq!(grant.user.as_deref(), Some("https://api.calendly.com/users/U"));
    assert_eq!(grant.organization.as_deref(), Some("https://api.calendly.com/organizations/O"));
    assert_eq!(grant.scope.as_deref(), Some("users:read webhooks:write"));
}

#[test]
fn bad_lines_are_refused_with_what_is_wrong() {
    for (more, why) in [
        (r#""refresh_token":"r""#, BadLine::NoId),
        (r#""id":"","refresh_token":"r""#, BadLine::NoId),
        (r#""id":"a b","refresh_token":"r""#, InvalidConnectionId::Character(' ').into()),
        (r#""id":"..","refresh_token":"r""#, InvalidConnectionId::Dots.into()),
        (r#""id":"a""#, BadLine::NoRefreshToken),
        (r#""id":"a","refresh_token":"""#, BadLine::NoRefreshToken),
        (r#""id":"a","refresh_token":"r r""#, BadLine::NotAToken("refresh_token")),
        (r#""id":"a","refresh_token":"r\n""#, BadLine::NotAToken("refresh_token")),
        (r#""id":"a","refresh_token":"r\u0000""#, BadLine::NotAToken("refresh_token")),
        (r#""id":"a","refresh_token":"ré""#, BadLine::NotAToken("refresh_token")),
        (r#""id":"a","refresh_token":"r","access_token":"Bearer x""#, BadLine::NotAToken("access_token")),
        (r#""id":"a","refresh_token":"r","access_token":"r""#, BadLine::SameTokens),
        (r#""id":"a","refresh_token":"r","expires_at":"2026-01-31T12:00:00""#, BadTime::NoZone.into()),
        (r#""id":"a","refresh_token":"r","expires_at":"soon""#, BadTime::Unreadable.into()),
        (r#""id":"a","refresh_token":"r","expires_at":"9999-01-31T12:00:00Z""#, BadLine::FarAhead),
        (r#""id":"a","refresh_token":"r","expires_in":0"#, BadLine::Lifetime),
        (r#""id":"a","refresh_token":"r","expires_in":1.5"#, BadLine::Lifetime),
        (r#""id":"a","refresh_token":"r","expires_in":99999999999999999999"#, BadLine::Lifetime),
        (r#""id":"a","refresh_token":"r","calendly_user":"AAAA""#, BadLine::NotAUri("calendly_user")),
        (r#""id":"a","refresh_token":"r","scope":"a\u0000b""#, BadLine::Control("scope")),
    ] {
        assert_eq!(read(&format!("{{{more}}}")).err(), Some(why), "{more}");
    }
    let long = format!(r#"{{"id":"a","refresh_token":"{}"}}"#, "r".repeat(MAX_TOKEN_BYTES + 1));
    assert_eq!(read(&long).err(), Some(BadLine::TooLong("refresh_token")));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(fields) = json::fields(&bytes) {
            let _ = grant(&fields, GrantId::new(Uuid::nil()), now(), None);
        }
    }

    #[test]
    fn no_values_make_it_panic(
        id in ".{0,20}", token in ".{0,20}", at in "[0-9TZ:+ .-]{0,30}", seconds in "[0-9.-]{0,25}", user in ".{0,30}",
    ) {
        let line = serde_json::json!({
            "id": id, "refresh_token": token, "expires_at": at, "expires_in": seconds, "calendly_user": user,
        });
        let fields = json::fields(line.to_string().as_bytes()).ok().unwrap();
        let _ = grant(&fields, GrantId::new(Uuid::nil()), now(), None);
    }

    #[test]
    fn a_refusal_never_quotes_a_token(token in "[a-zA-Z0-9]{12,40}", blank in "[ \t]") {
        let spoilt = format!("{token}{blank}{token}");
        let line = serde_json::json!({ "id": "a", "refresh_token": spoilt, "access_token": token });
        let fields = json::fields(line.to_string().as_bytes()).ok().unwrap();
        let bad = grant(&fields, GrantId::new(Uuid::nil()), now(), None).unwrap_err();
        let said = format!("{bad} {bad:?}");
        prop_assert!(!said.contains(&token));
    }
}
