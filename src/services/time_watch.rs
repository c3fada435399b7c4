//! Watches how time goes by: a wall clock that is set, a machine that slept. Neither is any connection's fault, and
//! neither may let a token outlive its end or wake everybody at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log::debug;

use super::Services;
use super::system_fault::Kind;
use crate::ports::Clock;
use crate::registry::lock;
use crate::runtime::sleep;

/// How often it looks, and how long a fault of this kind lasts.
const EVERY: Duration = Duration::from_secs(5);
/// A clock that is corrected by less moves nothing.
const STEP: TimeDelta = TimeDelta::seconds(2);
/// By less it is not worth a fault.
const JUMP: TimeDelta = TimeDelta::seconds(30);
/// A look that comes so late was not late by load.
const LATE: Duration = Duration::from_secs(30);

/// What was seen of the clocks so far.
#[derive(Debug)]
pub struct TimeWatch(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    wall: DateTime<Utc>,
    boot: Duration,
    /// Something odd was last seen then.
    odd_at: Option<Duration>,
    /// The clock was set forward then, and not back since.
    forward_since: Option<DateTime<Utc>>,
    /// By so much was it set back, and not forward since.
    back_by: TimeDelta,
}

impl TimeWatch {
    /// Looks for the first time.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        let (wall, boot) = (clock.now(), clock.boot());
        Self(Mutex::new(Seen { wall, boot, odd_at: None, forward_since: None, back_by: TimeDelta::zero() }))
    }

    /// Looks now: before somebody acts on what time it is for all.
    pub fn look(&self, services: &Services) {
        lock(&self.0).look(services);
    }
}

/// Watches until the keeper stops.
pub(super) fn watch(services: &Arc<Services>) {
    let services = services.clone();
    services.io.clone().spawn_loop(async move {
        loop {
            tokio::select! {
                () = sleep(EVERY) => services.time.look(&services),
                () = services.shutdown.requested() => return,
            }
        }
    });
}

impl Seen {
    fn look(&mut self, services: &Services) {
        let clock = &services.adapters.clock;
        let (wall, boot) = (clock.now(), clock.boot());
        let passed = boot.saturating_sub(self.boot);
        let expected = self.wall + TimeDelta::from_std(passed).unwrap_or_default();
        let step = wall - expected;
        // Small ones are left to gather, or many of them would come to an hour unseen.
        let is_set = step.abs() >= STEP;
        (self.wall, self.boot) = (if is_set { wall } else { expected }, boot);
        if step <= -STEP {
            self.set_back(services, step);
        } else if is_set {
            self.set_forward(services, step, expected);
        }
        self.tell(services, step, passed);
    }

    fn tell(&mut self, services: &Services, step: TimeDelta, passed: Duration) {
        let slept = passed > EVERY + LATE;
        if slept {
            let slept = humantime::format_duration(Duration::from_secs(passed.as_secs()));
            let hint =
                format!("the machine slept or this process stood still for {slept}: all is looked at again");
            services.system.begin(Kind::Suspended, self.wall, &hint);
        } else if step.abs() >= JUMP {
            let by = humantime::format_duration(Duration::from_secs(step.num_seconds().unsigned_abs()));
            let sign = if step < TimeDelta::zero() { '-' } else { '+' };
            let hint = format!("the wall clock was set by {sign}{by}: check the machine's time service");
            services.system.begin(Kind::ClockJumped, self.wall, &hint);
        } else {
            if self.odd_at.is_some_and(|at| self.boot.saturating_sub(at) >= EVERY) {
                self.odd_at = None;
                services.system.end(Kind::Suspended, self.wall);
                services.system.end(Kind::ClockJumped, self.wall);
            }
            return;
        }
        self.odd_at = Some(self.boot);
    }

    /// Tokens end when they would have ended, whatever the clock says then.
    fn set_back(&mut self, services: &Services, step: TimeDelta) {
        let unless_before = self.forward_since.take();
        if unless_before.is_none() {
            self.back_by -= step;
        }
        for cell in services.registry.cells() {
            cell.shift(step, unless_before);
        }
        debug!(target: "supervisor", seconds = step.num_seconds(); "the wall clock was set back, and what memory knows with it");
    }

    /// A clock that is right again moves what it moved before. For the rest, the machine may have stood still without its
    /// boot clock noticing: who seems to have ended, has.
    fn set_forward(&mut self, services: &Services, step: TimeDelta, before: DateTime<Utc>) {
        let undone = step.min(self.back_by);
        self.back_by -= undone;
        if undone > TimeDelta::zero() {
            services.registry.cells().iter().for_each(|cell| cell.shift(undone, None));
        }
        if step - undone >= STEP {
            self.forward_since.get_or_insert(before);
        }
    }
}
