//! The supervisor's status line: how many connections stand how, read from the cells.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use log::{info, kv};

use super::{Phase, Supervisor};
use crate::domain::status::Status;

/// How the connections stand.
#[derive(Debug, Default)]
pub(super) struct Counts {
    by_status: BTreeMap<Status, usize>,
    soonest_refresh: Option<DateTime<Utc>>,
}

impl Counts {
    pub(super) fn of(&self, status: Status) -> usize {
        self.by_status.get(&status).copied().unwrap_or(0)
    }

    /// One pair for `active` and for each other status that somebody is in.
    pub(super) fn shown(&self) -> impl Iterator<Item = (String, String)> + '_ {
        Status::ALL
            .into_iter()
            .filter(|status| *status == Status::Active || self.of(*status) > 0)
            .map(|status| (status.as_str().to_owned(), self.of(status).to_string()))
    }
}

impl Supervisor {
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for cell in self.shared.services.registry.cells() {
            *counts.by_status.entry(cell.status().status).or_default() += 1;
            let view = cell.token_view();
            if view.may_refresh {
                counts.soonest_refresh = counts.soonest_refresh.into_iter().chain(view.refresh_at).min();
            }
        }
        counts
    }

    pub(super) fn status_line(&mut self) {
        let services = &self.shared.services;
        if self.phase == Phase::StandBy {
            let holder = self.holder.as_deref().unwrap_or("not known yet");
            info!(target: "supervisor", holder, database = services.adapters.store.backend(); "standing by");
            return;
        }
        let counts = self.counts();
        let counted = services.counters().read();
        let news = counted.since(&self.last_counted);
        let next = counts
            .soonest_refresh
            .map(|at| (at - services.adapters.clock.now()).to_std().unwrap_or_default());
        let mut line = vec![("connections".to_owned(), services.registry.len().to_string())];
        line.extend(counts.shown());
        line.push(("refreshing".into(), services.limiter.under_way().to_string()));
        line.push(("restarts".into(), counted.restarts.to_string()));
        if counts.of(Status::Quarantined) == 0 {
            line.push(("quarantined".into(), "0".into()));
        }
        if let Some(next) = next {
            let next = humantime::format_duration(Duration::from_secs(next.as_secs())).to_string();
            line.push(("next_refresh_in".into(), next.replace(' ', "")));
        }
        line.push(("refreshed".into(), news.refreshed.to_string()));
        line.push(("repaired".into(), news.repaired.to_string()));
        if services.registry.has_many() {
            line.push(("verified".into(), news.verified.to_string())); // instead of a line for each
        }
        if let Some(share) = self.last_day.objective(services.adapters.clock.boot(), &counted) {
            line.push(("objective".into(), share));
        }
        if let Some(exposed) = services.registry.exposure.read() {
            for (key, exposed) in [("exposure_median", exposed.median), ("exposure_p99", exposed.p99)] {
                line.push((key.into(), format!("{exposed:.1?}")));
            }
        }
        if services.journal.is_broken() {
            line.push(("journal".into(), "unwritable".into()));
        }
        if let Some(fault) = services.system.current() {
            line.push(("fault".into(), fault.kind.as_str().into()));
        }
        say("status", &line);
        self.last_counted = counted;
    }
}

/// Logs with keys that are known only now.
pub(super) fn say(message: &str, line: &[(String, String)]) {
    let pairs: Vec<(&str, kv::Value<'_>)> =
        line.iter().map(|(key, value)| (key.as_str(), kv::Value::from(value.as_str()))).collect();
    log::logger().log(
        &log::Record::builder()
            .level(log::Level::Info)
            .target("supervisor")
            .module_path_static(Some(module_path!()))
            .args(format_args!("{message}"))
            .key_values(&pairs.as_slice())
            .build(),
    );
}
