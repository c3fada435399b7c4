//! A bar while a long import runs; nothing where nobody looks at a terminal, or where it is over in a second.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::ports::Clock;

const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Progress<'a> {
    clock: &'a dyn Clock,
    started: Duration,
    total: Option<u64>,
    bar: Option<ProgressBar>,
    watched: bool,
}

impl<'a> Progress<'a> {
    /// Of `total` bytes, where their number is known.
    pub(super) fn new(clock: &'a dyn Clock, total: Option<u64>) -> Self {
        Self { clock, started: clock.boot(), total, bar: None, watched: std::io::stderr().is_terminal() }
    }

    /// So many bytes are read.
    pub(super) fn at(&mut self, position: u64) {
        if !self.watched || self.clock.boot().saturating_sub(self.started) < PATIENCE {
            return;
        }
        let total = self.total;
        self.bar.get_or_insert_with(|| bar(total)).set_position(position);
    }

    /// Takes the bar away.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    match ProgressStyle::with_template("importing {wide_bar} {bytes}/{total_bytes} {eta}") {
        Ok(style) if total.is_some() => bar.with_style(style),
        _ => bar,
    }
}
