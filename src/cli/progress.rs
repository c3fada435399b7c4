//! What is shown on a terminal, and only there, while the start takes its time.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::actors::Shared;
use crate::runtime::sleep;

/// Nobody wants to see a bar flash by.
const PATIENCE: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_millis(100);

/// Shows how many connections are loaded, until all are.
pub(super) async fn loading(shared: Arc<Shared>) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    sleep(PATIENCE).await;
    if shared.is_started() || shared.services.registry.is_empty() {
        return; // done already, or standing by
    }
    let bar = ProgressBar::new_spinner().with_message("loading connections");
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {human_pos} ({per_sec})") {
        bar.set_style(style);
    }
    while !shared.is_started() && !shared.services.shutdown.is_requested() {
        bar.set_position(shared.services.registry.len() as u64);
        sleep(REFRESH).await;
    }
    bar.finish_and_clear();
}
