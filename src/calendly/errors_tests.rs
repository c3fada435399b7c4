//! Tests of `errors`.

use proptest::prelude::*;

use super::*;

fn refused_with(status: u16, body: &[u8], secrets: &[&str]) -> ApiError {
    let headers = HeaderMap::new();
    refused("test", &Refusal { status, headers: &headers, body, now: DateTime::UNIX_EPOCH }, secrets)
}

#[test]
fn a_detail_is_one_line_of_bounded_length() {
    let body = format!(r#"{{"title":"a\r\nb\u001b[31m","message":"{}"}}"#, "ü".repeat(2000));
    let detail = refused_with(400, body.as_bytes(), &[]).detail;
    assert!(detail.starts_with("400 a  b [31m: ü"), "{detail}");
    assert_eq!(detail.chars().count(), LONGEST_DETAIL + 1);
}

#[test]
fn a_secret_at_the_cut_leaves_no_half_of_itself() {
    for before in LONGEST_DETAIL - 20..LONGEST_DETAIL {
        let body = format!(r#"{{"title":"{}secret-token"}}"#, "x".repeat(before));
        let detail = refused_with(400, body.as_bytes(), &["secret-token"]).detail;
        assert!(!detail.contains("sec"), "{detail}");
    }
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(status in 0_u16..1000, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let error = refused_with(status, &body, &["secret"]);
        prop_assert!(error.detail.chars().count() <= LONGEST_DETAIL + 1);
        prop_assert!(!error.detail.chars().any(char::is_control));
    }

    #[test]
    fn no_shape_of_an_error_makes_it_panic(value in "(null|3|\"t\"|\\[\\]|\\[1,null\\]|\\{\\}|\\[\\{\"parameter\":4\\}\\])") {
        let body = format!(
            r#"{{"title":{value},"error":{value},"message":{value},"details":{value},"required_scopes":{value}}}"#
        );
        refused_with(403, body.as_bytes(), &[]);
        refused_with(403, value.as_bytes(), &[]);
    }
}
