//! A hash for each state: all that is kept of one that was seen.

use std::hash::{Hash, Hasher};

use super::story::Left;
use super::world::{Claim, Keeper, Memory, Pair, Record, Row, Token, World};

/// Of a world that stands well.
pub(crate) fn fingerprint(world: &World) -> u64 {
    let mut hasher = Mixed::default();
    world.hash(&mut hasher);
    hasher.finish()
}

/// A quick hash of many small numbers: eight of them a word.
#[derive(Default)]
struct Mixed {
    mixed: u64,
    word: u64,
    bytes: u8,
}

impl Mixed {
    fn push(&mut self, byte: u8) {
        self.word = self.word << 8 | u64::from(byte);
        self.bytes += 1;
        if self.bytes == 8 {
            self.mix(self.word);
            self.word = 0;
            self.bytes = 0;
        }
    }

    fn mix(&mut self, word: u64) {
        let mixed = (self.mixed ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.mixed = mixed ^ mixed >> 29;
    }
}

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        // The low bits choose the place in a table, and are the least mixed.
        let last = (self.mixed ^ self.mixed >> 32 ^ self.word).wrapping_mul(0xd6e8_feb8_6659_fd93);
        last ^ last >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push(byte);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.push(byte);
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    /// Which variant: there are fewer than 256 of each.
    fn write_isize(&mut self, variant: isize) {
        self.push(variant as u8);
    }

    /// A keeper or a length.
    fn write_usize(&mut self, small: usize) {
        self.push(small as u8);
    }
}

// What there is most of, in whole words. That no field is forgotten the patterns see to.

impl Hash for Pair {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(word(*self, [0; 4]));
    }
}

impl Hash for Row {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { pair, deleted, refused, paused, claim } = *self;
        let claim = claim.map_or(0, |Claim { by, age }| 1 | by << 1 | age << 2);
        hasher.write_u64(word(pair, [u8::from(deleted), u8::from(refused), u8::from(paused), claim]));
    }
}

impl Hash for Memory {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { pair, deleted, refused, paused } = *self;
        hasher.write_u64(word(pair, [u8::from(deleted), u8::from(refused), u8::from(paused), 0]));
    }
}

impl Hash for Record {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { pair, deleted } = *self;
        hasher.write_u64(word(pair, [u8::from(deleted), 0, 0, 0]));
    }
}

impl Hash for Keeper {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self {
            alive,
            gone,
            frozen,
            started,
            forwarded,
            skipped,
            believes,
            hold,
            ref memory,
            ref journal,
            ref tasks,
        } = *self;
        hasher.write_u64(u64::from_be_bytes([
            u8::from(alive),
            u8::from(gone),
            u8::from(frozen),
            u8::from(started),
            u8::from(forwarded),
            u8::from(skipped),
            u8::from(believes),
            hold,
        ]));
        memory.hash(hasher);
        journal.hash(hasher);
        tasks.hash(hasher);
    }
}

impl Hash for Left {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { faults, kills, machines, locks, freezes, outages, failovers, answers, errors, slow, acts } =
            *self;
        hasher.write_u64(u64::from_be_bytes([
            faults, kills, machines, locks, freezes, outages, failovers, answers,
        ]));
        hasher.write_u64(u64::from_be_bytes([errors, slow, acts, 0, 0, 0, 0, 0]));
    }
}

fn word(pair: Pair, more: [u8; 4]) -> u64 {
    let Pair { grant, generation, token: Token { grant: of, number } } = pair;
    let [a, b, c, d] = more;
    u64::from_be_bytes([grant, generation, of, number, a, b, c, d])
}
