//! Panics in the log: where, on which thread, and what they say, as far as it is no secret.

use std::any::Any;
use std::io::Write as _;
use std::panic;
use std::thread;

use super::scrub;

/// A message is for orientation; a value that was printed with `{:?}` may be as long as it likes.
const MOST: usize = 300;

/// Logs every panic from now on, also those that supervision catches.
pub fn log_panics() {
    panic::set_hook(Box::new(|panicked| {
        let thread = thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let location = panicked.location().map(ToString::to_string).unwrap_or_default();
        let message = message(panicked.payload());
        if log::log_enabled!(target: "panic", log::Level::Error) {
            log::error!(target: "panic", thread, location, message; "a task panicked");
        } else {
            // Before the log is there; a standard error that is gone is nothing to panic about again.
            let _ = writeln!(std::io::stderr(), "panic on thread {thread} at {location}: {message}");
        }
    }));
}

fn message(payload: &dyn Any) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let mut shown: String = scrub::scrub(text).chars().take(MOST).collect();
    if shown.len() < text.len() && shown.chars().count() == MOST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_s_message_is_short_and_without_secrets() {
        assert_eq!(message(&"index out of bounds"), "index out of bounds");
        assert_eq!(message(&String::from("Bearer abcdefgh1")), "Bearer ***");
        assert_eq!(message(&7), "no message");
        assert_eq!(message(&"x ".repeat(1000)).chars().count(), MOST + 1);
    }
}
