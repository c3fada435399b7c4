//! Pages of a list: what a page token says, and which part of the list it stands for.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::call::Form;
use super::errors::Detail;
use super::time::SECOND;

const DEFAULT_COUNT: usize = 20;
const MAX_COUNT: usize = 100;

/// A part of a list, and the tokens of its neighbours.
pub(super) struct Page {
    pub items: Vec<u32>,
    next: Option<String>,
    previous: Option<String>,
}

/// Cuts the page out of `all` that the parameters ask for. `all` is in list order; a token names the item it
/// starts after (or ends before), so that items deleted between two pages shift nothing.
pub(super) fn page(
    all: &[u32],
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
    let comes_before = |item: u32, key: u32| if descending { item > key } else { item < key };
    let start = match parameters.get("page_token") {
        None => 0,
        Some(token) => match read(token, lifetime, now) {
            Some((b'n', key)) => all.partition_point(|item| comes_before(*item, key) || *item == key),
            Some((b'p', key)) => all.partition_point(|item| comes_before(*item, key)).saturating_sub(count),
            _ => return Err(("page_token", "is invalid".into())),
        },
    };
    let items: Vec<u32> = all[start..].iter().take(count).copied().collect();
    let more = start + items.len() < all.len();
    let next = items.last().filter(|_| more).map(|last| written(b'n', *last, now));
    let previous = items.first().filter(|_| start > 0).map(|first| written(b'p', *first, now));
    Ok(Page { items, next, previous })
}

impl Page {
    /// The `pagination` object; `path` is the list's own URL.
    pub fn pagination(&self, path: &str, parameters: &Form<'_>) -> Value {
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

fn written(direction: u8, key: u32, now: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{key}:{now}", direction as char))
}

fn read(token: &str, lifetime: i64, now: i64) -> Option<(u8, u32)> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let mut parts = text.split(':');
    let direction = *parts.next()?.as_bytes().first()?;
    let key = parts.next()?.parse().ok()?;
    let issued_at: i64 = parts.next()?.parse().ok()?;
    let stale = lifetime > 0 && now - issued_at > lifetime * SECOND;
    (!stale).then_some((direction, key))
}
