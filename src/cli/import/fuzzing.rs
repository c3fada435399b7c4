//! What holds of every import file.

use chrono::DateTime;
use uuid::Uuid;

use super::csv::Header;
use super::lines::{Line, Lines};
use crate::domain::grant_line::{self, BadLine, Fields};
use crate::domain::ids::GrantId;
use crate::domain::token;

/// One JSON object a line.
pub fn import_json(file: &[u8]) {
    each_line(file, |line| grant(grant_line::fields(line).map_err(|bad| bad.to_string())));
}

/// A header, then records.
pub fn import_csv(file: &[u8]) {
    let mut header = None;
    each_line(file, |line| match &header {
        None => {
            let parsed = Header::parse(line);
            if let Err(bad) = &parsed {
                is_a_reason(&bad.to_string());
            }
            header = Some(parsed);
        }
        Some(Ok(header)) => {
            let fields = header.fields(line).map_err(|bad| bad.to_string());
            assert!(
                fields.is_err() || line.contains(&b'"') || !line.trim_ascii().contains(&b'\r'),
                "half of it was read"
            );
            grant(fields);
        }
        Some(Err(_)) => {}
    });
}

fn each_line(file: &[u8], mut read: impl FnMut(&[u8])) {
    let mut lines = Lines::new(file);
    let mut count = 0;
    while let Ok(Some((number, line))) = lines.next() {
        count += 1;
        assert_eq!(number, count);
        if let Line::Bytes(line) = line
            && !line.trim_ascii().is_empty()
        {
            read(&line);
        }
    }
    assert_eq!(lines.position(), file.len() as u64, "something was not read");
}

/// A line is a grant that the keeper can work with, or is refused with a reason that quotes no token.
fn grant(fields: Result<Fields, String>) {
    let fields = match fields {
        Ok(fields) => fields,
        Err(bad) => return is_a_reason(&bad),
    };
    let now = DateTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    match grant_line::grant(&fields, GrantId::new(Uuid::nil()), now, Some("client")) {
        Ok(grant) => {
            assert_eq!(fields.get("refresh_token"), Some(grant.refresh_token.expose()));
            assert_eq!(fields.get("id"), Some(grant.id.as_str()));
            assert!(!grant.refresh_token.expose().is_empty());
            let access = grant.access_token.as_ref().map(crate::domain::secrets::AccessToken::expose);
            assert_eq!(fields.get("access_token"), access);
            if let Some(expires_at) = grant.expires_at {
                assert!(token::refresh_at(expires_at, grant.lifetime, 1.0) < expires_at);
            }
        }
        Err(bad) => {
            let (reason, shown) = (bad.to_string(), format!("{bad:?}"));
            is_a_reason(&reason);
            let a_character = matches!(bad, BadLine::Id(_)); // of the id, which is no secret
            for token in ["access_token", "refresh_token"].into_iter().filter_map(|name| fields.get(name)) {
                // What the reasons say themselves may stand in a token, too.
                let telling = token.len() >= 8 && token.bytes().any(|byte| byte.is_ascii_digit());
                assert!(
                    a_character || !telling || !(reason.contains(token) || shown.contains(token)),
                    "quoted: {reason}"
                );
            }
        }
    }
}

/// One short line that says something.
fn is_a_reason(reason: &str) {
    assert!(
        reason.len() > 8 && reason.len() < 300 && !reason.contains(char::is_control),
        "no reason: {reason:?}"
    );
}
