//! `[backfill]`.

use std::time::Duration;

use super::super::reader::{Noted, Reader};
use super::super::sections::Backfill;
use super::{HOUR, MINUTE, YEAR};

pub(in super::super) fn backfill(r: &mut Reader) -> Result<Backfill, Noted> {
    let on_connect = r.duration("backfill.on_connect", Duration::ZERO, 2 * YEAR);
    // Each sweep reads all meetings to come, with half of the user's rate; what is older than a day it does not compare.
    let sweep_every = r.duration("backfill.sweep_every", 10 * MINUTE, 24 * HOUR);
    Ok(Backfill { on_connect: on_connect?, sweep_every: sweep_every? })
}
