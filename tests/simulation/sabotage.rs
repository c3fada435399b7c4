//! What the simulated Calendly does to show that the invariants can fail.

use super::calendly::Calendly;
use super::plan::{Hook, Sabotage};

impl Calendly {
    pub(crate) fn sabotage(&self, user: u32, grant: u32, how: Sabotage) {
        let now = self.clock.now();
        match how {
            Sabotage::TakesBack => {
                self.ledger().use_up_unseen(grant, now);
            }
            Sabotage::EndsEarly => self.ledger().end_early(grant, now),
            Sabotage::Unsubscribes => self.tamper(user, Hook::Deleted),
            Sabotage::Withholds => {
                let mut ledger = self.ledger();
                let latest = ledger.grants[grant as usize].latest;
                let next = ledger.use_up_unseen(grant, now);
                ledger.hand_out(latest, next, now);
            }
        }
    }
}
