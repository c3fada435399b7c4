//! What a service manager is told: ready, how things stand, alive, stopping. By systemd's protocol, which others speak as
//! well; without `NOTIFY_SOCKET` nobody is told.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::actors::{Shared, Standing};

/// The manager gives up on a start that takes longer than it was told.
const MORE_MICROS: u32 = 30_000_000;

/// The start takes its time: the database is away.
pub fn waiting_for_database() {
    tell(&[NotifyState::Status("waiting for the database"), NotifyState::ExtendTimeoutUsec(MORE_MICROS)]);
}

/// Everything turns. To be called more often than the manager's patience lasts.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The stop has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping, no new work")]);
}

/// Tells of each change for ever. A stand-by is up, too: whoever waits for the unit must not wait for its turn.
pub async fn tell_standing(shared: &Shared, every: Duration) {
    let mut standing = shared.standing();
    let mut ready = false;
    loop {
        let now = standing.borrow_and_update().clone();
        let status = match &now {
            Standing::Starting => "loading".to_owned(),
            Standing::By { holder } => format!("standing by, {holder} works"),
            Standing::Working => match shared.services.system.current() {
                Some(fault) => {
                    format!("{} connections, fault {}", shared.services.registry.len(), fault.kind.as_str())
                }
                None => format!("{} connections", shared.services.registry.len()),
            },
        };
        if now != Standing::Starting && !ready {
            ready = true;
            tell(&[NotifyState::Ready]);
        }
        tell(&[NotifyState::Status(&status)]);
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { return },
            () = crate::runtime::sleep(every) => {}
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!(target: "supervisor", error:% = error; "the service manager could not be told");
    }
}
