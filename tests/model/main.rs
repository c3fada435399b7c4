//! The rotation protocol, explored in all its interleavings by a breadth-first search: two keepers, the first at work
//! and the second standing by, a token server, a database with its failovers, journals, and a user. One tick is 30 s.
//!
//! What a story allows, it allows at every step: kills, lost machines, a lost lock, stopped processes, an outage, a
//! failover to a state that lacks the last writes, lost or late answers of server and database, user's acts.
//! `design` shows that nothing breaks, `without` that something does when any one guard is taken out, `residuals` what
//! no guard can keep. `cargo test --test model -- --nocapture` prints figures and the shortest traces.
//!
//! Larger bounds, instead of those written down:
//! ```text
//! KEEPER_MODEL="faults=3 acts=1 rotations=2" cargo test --release --test model environment -- --nocapture
//! ```
//! Bounds: `faults` altogether; of each kind `kills`, `machines`, `locks`, `freezes`, `outages`, `failovers`,
//! `answers` (of the token server, lost), `errors` (of the database, lost or late answers); `slow` ticks that pass while
//! a statement is open; the user's `acts`; `rotations` of a grant; `depth` in steps; `server=plain|reuse-kills|one-grant`;
//! `progress=0` leaves out whether each state leads on. A million states take about 50 MB: three faults and an
//! act are 43 million, with two rotations 217 million and ten minutes.
//!
//! Not modelled: clock drift, a journal that cannot be written, fingerprints over several connections, everybody
//! refused, commits that share a transaction.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests on real time that print their figures; what cannot be set up fails them"
)]

mod actions;
mod database;
mod faults;
mod fingerprint;
mod forward;
mod guards;
mod invariants;
mod known;
mod memory;
mod progress;
mod rotation;
mod search;
mod server;
mod standing;
mod story;
mod user;
mod words;
mod world;

mod design;
mod residuals;
mod without;
