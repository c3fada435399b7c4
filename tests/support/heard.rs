//! What a test's own thread has logged, where the whole keeper runs on it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::Once;

use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(vec![]) };
}

struct Ears;

/// Listens from now on; what was heard before on this thread is forgotten.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Ears).unwrap();
        log::set_max_level(LevelFilter::Info);
    });
    LINES.with_borrow_mut(Vec::clear);
}

/// The lines that hold all `parts`.
pub(crate) fn lines(parts: &[&str]) -> Vec<String> {
    let holds = |line: &&String| parts.iter().all(|part| line.contains(part));
    LINES.with_borrow(|lines| lines.iter().filter(holds).cloned().collect())
}

impl Log for Ears {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Info
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut line = format!("{} {} {}", record.level(), record.target(), record.args());
        record.key_values().visit(&mut Pairs(&mut line)).unwrap();
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn flush(&self) {}
}

struct Pairs<'l>(&'l mut String);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        write!(self.0, " {key}={value}").map_err(Error::boxed)
    }
}
