//! Tests of `rate`.

use proptest::prelude::*;
use reqwest::header::{HeaderName, HeaderValue};

use super::*;

const NOW: Duration = Duration::from_secs(1000);

fn window(remaining: u32, ends: u64) -> Window {
    Window { remaining, ends: Duration::from_secs(ends) }
}

fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
    pairs
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?))
        })
        .collect()
}

#[test]
fn within_a_window_the_least_counts_and_another_window_replaces_it() {
    assert_eq!(window(3, 1060).and(window(5, 1060), NOW), window(3, 1060), "overtaken");
    assert_eq!(window(3, 1060).and(window(2, 1061), NOW), window(2, 1061), "rounded");
    assert_eq!(window(0, 1005).and(window(49, 1065), NOW), window(49, 1065), "a new one");
    assert_eq!(window(0, 999).and(window(49, 1000), NOW), window(49, 1000), "over");
    assert_eq!(window(0, 1300).and(window(49, 1060), NOW), window(0, 1300), "a wait asked for stands");
    assert_eq!(window(9, 1300).and(window(4, 1060), NOW), window(4, 1060), "the server knows better");
}

#[test]
fn memory_is_bounded_and_windows_that_are_over_make_room() {
    let mut users = Users::default();
    for n in 0..MOST_USERS + 10 {
        users.note(&n.to_string(), window(1, 1060), NOW);
    }
    assert_eq!(users.windows.len(), MOST_USERS);
    users.note("late", window(0, 1200), Duration::from_secs(1061));
    assert_eq!(users.windows.len(), 1);
}

proptest! {
    #[test]
    fn no_header_makes_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), at in 0_i64..9_000_000_000) {
        let headers = headers(&[("retry-after", &bytes), ("x-ratelimit-reset", &bytes)]);
        let now = DateTime::from_timestamp(at, 0).unwrap();
        let wait = wait(&headers, now);
        prop_assert!(wait.is_none_or(|wait| (Duration::from_secs(1)..=LONGEST).contains(&wait)));
        let _ = http_date(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_number_is_a_wait_of_at_most_an_hour(seconds in any::<u64>()) {
        let text = seconds.to_string();
        let wait = wait(&headers(&[("retry-after", text.as_bytes())]), DateTime::UNIX_EPOCH).unwrap();
        prop_assert_eq!(wait, Duration::from_secs(seconds.clamp(1, 3600)));
    }
}
