//! The unit for systemd, where one is installed: whether it gives the keeper what it was built for.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Finding;

const CHECK: &str = "systemd";
/// As `systemctl` finds them, the strongest first.
const PLACES: [&str; 3] = [
    "/etc/systemd/system/calendly-keeper.service",
    "/usr/local/lib/systemd/system/calendly-keeper.service",
    "/usr/lib/systemd/system/calendly-keeper.service",
];
/// The keeper drains for 75 s.
const STOP: Duration = Duration::from_secs(90);

pub(super) fn installed() -> Vec<Finding> {
    if !Path::new("/run/systemd/system").is_dir() {
        return vec![Finding::ok(CHECK, "this machine, or container, is not run by systemd")];
    }
    let Some((place, text)) = PLACES.iter().find_map(|place| Some((place, fs::read_to_string(place).ok()?)))
    else {
        return vec![Finding::ok(CHECK, "no unit calendly-keeper.service is installed")];
    };
    let wrong = facts(&text);
    if wrong.is_empty() { vec![Finding::ok(CHECK, format!("{place} is as it should be"))] } else { wrong }
}

/// What is wrong with a unit.
fn facts(text: &str) -> Vec<Finding> {
    let value = |key: &str| {
        let lines = text.lines().map(str::trim);
        lines
            .filter_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('=').map(str::trim))
            .next_back()
    };
    let mut wrong = vec![];
    let stop = value("TimeoutStopSec").map_or(STOP, |text| duration(text).unwrap_or(Duration::ZERO));
    if stop < STOP {
        let text = format!(
            "TimeoutStopSec gives a stop {} s, and refreshes under way may take 75 s",
            stop.as_secs()
        );
        wrong.push(Finding::fail(CHECK, text, "set TimeoutStopSec=90"));
    }
    if !matches!(value("Restart"), Some("always" | "on-failure")) {
        let text = "nothing starts the keeper again when it has failed";
        wrong.push(Finding::fail(CHECK, text, "set Restart=always (or on-failure)"));
    }
    if value("RestartPreventExitStatus").is_none_or(|codes| !codes.split_whitespace().any(|code| code == "2"))
    {
        let text = "a wrong configuration (exit code 2) is started again and again";
        wrong.push(Finding::warn(CHECK, text, "set RestartPreventExitStatus=2"));
    }
    if value("Type") != Some("notify") {
        let text = "systemd is not told when the keeper is ready, nor that it stands still";
        wrong.push(Finding::warn(CHECK, text, "set Type=notify and WatchdogSec=60"));
    }
    if matches!(value("User"), None | Some("root" | "0")) {
        let text = "the keeper runs as root";
        wrong.push(Finding::warn(CHECK, text, "give it a user of its own with User="));
    }
    wrong
}

/// As systemd writes it: seconds without a unit, `1min 30s`, `infinity`.
fn duration(text: &str) -> Option<Duration> {
    match text {
        "infinity" => Some(Duration::MAX),
        _ => text.parse().map(Duration::from_secs).ok().or_else(|| humantime::parse_duration(text).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_that_comes_with_the_keeper_is_as_it_should_be() {
        assert_eq!(facts(include_str!("../../../deploy/calendly-keeper.service")), []);
    }

    #[test]
    fn what_would_lose_tokens_or_sleep_is_named() {
        let bare = facts("[Service]\nExecStart=/usr/local/bin/calendly-keeper run\nTimeoutStopSec=10s\n");
        let remedies: Vec<_> = bare.iter().map(|one| one.remedy.clone().unwrap_or_default()).collect();
        assert_eq!(remedies.len(), 5, "{remedies:?}");
        assert!(remedies[0].contains("TimeoutStopSec=90") && remedies[1].contains("Restart=always"));
        let patient = facts("Restart=always\nTimeoutStopSec=1min 30s\n").into_iter();
        assert!(patient.into_iter().all(|one| !one.text.contains("TimeoutStopSec")));
    }
}
