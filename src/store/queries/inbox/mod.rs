//! Events, and how far the application has come with them.

pub(crate) mod intake;
pub(crate) mod look;
pub(crate) mod pull;
pub(crate) mod relay;
pub(crate) mod upkeep;

use super::{Conn, Database, write_attempts, write_events};
