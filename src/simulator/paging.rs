//! Pages of a list: what a page token says, and which part of the list it stands for.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::call::Form;
use super::errors::Detail;
use super::time::SECOND;

const DEFAULT_COUNT: usize = 20;
const MAX_COUNT: usize = 100;

/// What a list is ordered by, and the item's number: one value for each item.
pub(super) type Key = (i64, u32);

/// A part of a list, and the tokens of its neighbours.
pub(super) struct Page {
    pub items: Vec<Key>,
    next: Option<String>,
    previous: Option<String>,
}

/// Cuts the page out of `all` that the parameters ask for. `all` is in list order; a token names the item it
/// starts after (or ends before), so that items deleted between two pages shift nothing.
pub(super) fn page(
    all: &[Key],
    parameters: &Form<'_>,
    descending: bool,
    lifetime: i64,
    now: i64,
) -> Result<Page, Detail> {
    let count = match parameters.get("count").map(str::parse::<usize>) {
        None => DEFAULT_COUNT,
        Some(Ok(count @ 1..=MAX_COUNT)) => count,
        Some(_) => return Err(("count", format!("must be an integer from 1 to {MAX_COUNT}"))),
    };
    let comes_before = |item: Key, key: Key| if descending { item > key } else { item < key };
    let (start, end) = match parameters.get("page_token") {
        None => (0, count),
        Some(token) => match read(token, lifetime, now) {
            Some((b'n', key)) => {
                let start = all.partition_point(|item| comes_before(*item, key) || *item == key);
                (start, start + count)
            }
            Some((b'p', key)) => {
                let end = all.partition_point(|item| comes_before(*item, key));
                (end.saturating_sub(count), end)
            }
            _ => return Err(("page_token", "is invalid".into())),
        },
    };
    let end = end.min(all.len());
    let items = all[start..end].to_vec();
    let more = end < all.len();
    let next = items.last().filter(|_| more).map(|last| written(b'n', *last, now));
    let previous = items.first().filter(|_| start > 0).map(|first| written(b'p', *first, now));
    Ok(Page { items, next, previous })
}

impl Page {
    /// The `pagination` object; `path` is the list's own URL.
    pub(crate) fn pagination(&self, path: &str, parameters: &Form<'_>) -> Value {
        let link = |token: &Option<String>| {
            token.as_ref().map(|token| {
                let mut query = parameters.query_without("page_token");
                format!("{path}?{}", query.append_pair("page_token", token).finish())
            })
        };
        json!({
            "count": self.items.len(),
            "next_page": link(&self.next),
            "previous_page": link(&self.previous),
            "next_page_token": self.next,
            "previous_page_token": self.previous,
        })
    }
}

fn written(direction: u8, (order, number): Key, now: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{order}:{number}:{now}", direction as char))
}

fn read(token: &str, lifetime: i64, now: i64) -> Option<(u8, Key)> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let mut parts = text.split(':');
    let direction = *parts.next()?.as_bytes().first()?;
    let key = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let issued_at: i64 = parts.next()?.parse().ok()?;
    let stale = lifetime > 0 && now - issued_at > lifetime * SECOND;
    (!stale).then_some((direction, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::call::Form;

    fn ask(all: &[Key], query: &str, lifetime: i64, now: i64) -> Result<Page, Detail> {
        page(all, &Form::of_query(query), false, lifetime, now)
    }

    #[test]
    fn a_page_token_lives_as_long_as_it_is_told() {
        let all: Vec<Key> = (0..30).map(|number| (0, number)).collect();
        let token = ask(&all, "", 60, 0).unwrap().next.unwrap();
        let query = format!("page_token={token}");
        assert!(ask(&all, &query, 60, 60 * SECOND).is_ok());
        assert_eq!(ask(&all, &query, 60, 61 * SECOND).err().unwrap().0, "page_token");
        assert!(ask(&all, &query, 0, 1_000_000 * SECOND).is_ok(), "0: for ever");
    }

    #[test]
    fn what_is_deleted_between_two_pages_shifts_nothing() {
        let all: Vec<Key> = (0..10).map(|number| (0, number)).collect();
        let numbers = |page: &Page| page.items.iter().map(|item| item.1).collect::<Vec<_>>();
        let first = ask(&all, "count=4", 0, 0).unwrap();
        assert_eq!(numbers(&first), [0, 1, 2, 3]);
        let left: Vec<Key> = all.iter().copied().filter(|item| item.1 != 1 && item.1 != 3).collect();
        let query = format!("count=4&page_token={}", first.next.unwrap());
        let second = ask(&left, &query, 0, 0).unwrap();
        assert_eq!(numbers(&second), [4, 5, 6, 7]);
        let query = format!("count=4&page_token={}", second.previous.unwrap());
        assert_eq!(numbers(&ask(&left, &query, 0, 0).unwrap()), [0, 2]);
    }
}
