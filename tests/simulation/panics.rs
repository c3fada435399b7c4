//! Panics that nobody asked for are found, also where supervision or a runtime catches them; injected ones are not shown.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static WATCHED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// What an actor says when a plan made it panic.
const INJECTED: &str = "injected on purpose";

/// From now on, on this thread.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let why = info.payload();
            let text =
                why.downcast_ref::<String>().map(String::as_str).or(why.downcast_ref::<&str>().copied());
            if text.is_some_and(|text| text.contains(INJECTED)) {
                return;
            }
            WATCHED.with(|watched| {
                if let Ok(mut watched) = watched.try_borrow_mut()
                    && let Some(seen) = watched.as_mut()
                {
                    seen.push(info.to_string());
                }
            });
            before(info);
        }));
    });
    WATCHED.with(|watched| *watched.borrow_mut() = Some(vec![]));
}

/// The first one since.
pub(crate) fn taken() -> Option<String> {
    WATCHED.with(|watched| watched.borrow_mut().as_mut().and_then(|seen| seen.drain(..).next()))
}
