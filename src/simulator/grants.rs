//! One grant: its token pairs, and the rules by which they live and die. No HTTP, no clock, no text of tokens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::options::{OldAccessToken, Rotation};
use super::time::SECOND;

/// More pairs than this are not remembered one by one: what is older counts as spent and expired.
const REMEMBERED: usize = 1024;

/// Set by the connection once the whole answer that carried a pair has been handed to the network.
pub(super) type Whole = Arc<AtomicBool>;

/// What one exchange made: an access token and a refresh token.
pub(super) struct Pair {
    pub issued_at: i64,
    pub expires_at: i64,
    pub whole: Whole,
    pub access_revoked: bool,
    pub refresh_spent: bool,
    /// The answer carried no refresh token: the one that made this pair stays the living one.
    refresh_hidden: bool,
    pub spent_at: i64,
    /// How often the refresh token was presented and judged.
    pub presented: u32,
    /// The pair whose refresh token made this one; 0: a consent did.
    pub previous: u32,
    /// The newest pair made from this one's refresh token; 0: none.
    pub successor: u32,
    pub access_used: bool,
}

pub(super) struct Grant {
    pub user: u32,
    pub scope: Arc<str>,
    pub revoked: bool,
    pub rotations: u32,
    /// Presentations of spent refresh tokens.
    pub reused: u32,
    /// Generation of the first remembered pair; generations count from 1.
    first: u32,
    pairs: VecDeque<Pair>,
}

/// What a refresh token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokenState {
    /// It would be exchanged.
    Living,
    /// It was exchanged (or revoked by name) and is worth nothing any more.
    Spent,
    /// The grant it belongs to was revoked.
    Revoked,
    /// This simulator never issued it.
    Unknown,
}

/// What an access token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenState {
    /// It opens the API.
    Valid,
    /// Its lifetime is over.
    Expired,
    /// It was revoked, alone or with its grant.
    Revoked,
    /// This simulator never issued it, or none was given.
    Unknown,
}

impl Grant {
    /// A fresh grant with its first pair, which its owner holds (seeded) or is about to get.
    pub(crate) fn new(user: u32, scope: Arc<str>, now: i64, lifetime: i64, whole: bool) -> Self {
        let mut grant = Self {
            user,
            scope,
            revoked: false,
            rotations: 0,
            reused: 0,
            first: 1,
            pairs: VecDeque::with_capacity(1),
        };
        grant.pairs.push_back(Pair::new(now, lifetime, 0));
        if whole {
            grant.pairs[0].whole.store(true, Ordering::Release);
        }
        grant
    }

    /// Generation of the newest pair.
    pub(crate) fn current(&self) -> u32 {
        self.first + self.pairs.len() as u32 - 1
    }

    pub(crate) fn pair(&self, generation: u32) -> Option<&Pair> {
        self.pairs.get(generation.checked_sub(self.first)? as usize)
    }

    pub(crate) fn pair_mut(&mut self, generation: u32) -> Option<&mut Pair> {
        self.pairs.get_mut(generation.checked_sub(self.first)? as usize)
    }

    pub(crate) fn refresh_state(&self, generation: u32) -> RefreshTokenState {
        if generation == 0 || generation > self.current() {
            return RefreshTokenState::Unknown;
        }
        match self.pair(generation) {
            _ if self.revoked => RefreshTokenState::Revoked,
            Some(pair) if !pair.refresh_spent => RefreshTokenState::Living,
            _ => RefreshTokenState::Spent,
        }
    }

    pub(crate) fn access_state(&self, generation: u32, now: i64) -> AccessTokenState {
        if generation == 0 || generation > self.current() {
            return AccessTokenState::Unknown;
        }
        match self.pair(generation) {
            _ if self.revoked => AccessTokenState::Revoked,
            Some(pair) if pair.access_revoked => AccessTokenState::Revoked,
            Some(pair) if pair.expires_at > now => AccessTokenState::Valid,
            _ => AccessTokenState::Expired,
        }
    }

    /// Generations whose refresh token would be exchanged: one, or several under legacy rotation.
    pub(crate) fn living(&self) -> Vec<u32> {
        (self.first..=self.current())
            .filter(|generation| self.refresh_state(*generation) == RefreshTokenState::Living)
            .collect()
    }

    /// The pair that a spent refresh token gets again, where the simulator repeats pairs for `window` seconds.
    pub(crate) fn repeated(&self, generation: u32, now: i64, window: u32) -> Option<u32> {
        let spent = self.pair(generation)?;
        let in_time = now - spent.spent_at <= i64::from(window) * SECOND;
        let living = self.refresh_state(spent.successor) == RefreshTokenState::Living;
        (window > 0 && in_time && living).then_some(spent.successor)
    }

    /// Whether an answer that carried a pair made from this refresh token has left whole.
    pub(crate) fn answered_whole(&self, generation: u32) -> bool {
        self.pair(generation)
            .and_then(|pair| self.pair(pair.successor))
            .is_some_and(|successor| successor.whole.load(Ordering::Acquire))
    }

    /// Exchanges a living refresh token; the generation of the new pair. With `keep_refresh` the presented
    /// token stays the living one (the answer will carry no other).
    pub(crate) fn rotate(
        &mut self,
        generation: u32,
        now: i64,
        lifetime: i64,
        rotation: Rotation,
        old_access: OldAccessToken,
        keep_refresh: bool,
    ) -> u32 {
        let made = self.current() + 1;
        let mut fresh = Pair::new(now, lifetime, generation);
        fresh.refresh_spent = keep_refresh;
        fresh.refresh_hidden = keep_refresh;
        if let Some(presented) = self.pair_mut(generation) {
            presented.successor = made;
            if rotation == Rotation::Strict {
                if !keep_refresh {
                    presented.spend(now);
                }
                presented.access_revoked |= old_access == OldAccessToken::Revoke;
            }
        }
        self.pairs.push_back(fresh);
        self.rotations += 1;
        self.forget(now);
        made
    }

    /// The access token of a pair was used: under legacy rotation that ends the pair it came from.
    pub(crate) fn access_used(
        &mut self,
        generation: u32,
        now: i64,
        rotation: Rotation,
        old_access: OldAccessToken,
    ) {
        let Some(pair) = self.pair_mut(generation) else { return };
        if pair.access_used {
            return;
        }
        pair.access_used = true;
        let (previous, replaces) = (pair.previous, !pair.refresh_hidden);
        if rotation == Rotation::Legacy
            && let Some(previous) = self.pair_mut(previous)
        {
            if replaces {
                previous.spend(now);
            }
            previous.access_revoked |= old_access == OldAccessToken::Revoke;
        }
    }

    fn forget(&mut self, now: i64) {
        while self.pairs.len() > REMEMBERED
            || (self.pairs.len() > 8
                && self.pairs[0].refresh_spent
                && (self.pairs[0].access_revoked || self.pairs[0].expires_at < now)
                && now - self.pairs[0].spent_at > 600 * SECOND)
        {
            self.pairs.pop_front();
            self.first += 1;
        }
    }
}

impl Pair {
    fn new(now: i64, lifetime: i64, previous: u32) -> Self {
        Self {
            issued_at: now,
            expires_at: now.saturating_add(lifetime.saturating_mul(SECOND)),
            whole: Whole::default(),
            access_revoked: false,
            refresh_spent: false,
            refresh_hidden: false,
            spent_at: 0,
            presented: 0,
            previous,
            successor: 0,
            access_used: false,
        }
    }

    pub(crate) fn spend(&mut self, now: i64) {
        if !self.refresh_spent {
            self.refresh_spent = true;
            self.spent_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant::new(0, "users:read".into(), 0, 7200, true)
    }

    fn rotate(grant: &mut Grant, generation: u32, now: i64, rotation: Rotation) -> u32 {
        grant.rotate(generation, now, 7200, rotation, OldAccessToken::Keep, false)
    }

    #[test]
    fn under_legacy_rotation_the_first_use_of_any_successor_ends_the_old_token() {
        let mut grant = grant();
        let second = rotate(&mut grant, 1, 0, Rotation::Legacy);
        let third = rotate(&mut grant, second, 0, Rotation::Legacy);
        assert_eq!(grant.living(), [1, 2, 3]);
        grant.access_used(second, 0, Rotation::Legacy, OldAccessToken::Keep);
        assert_eq!(grant.living(), [2, 3]);
        grant.access_used(third, 0, Rotation::Legacy, OldAccessToken::Keep);
        assert_eq!(grant.living(), [3]);
    }

    #[test]
    fn a_grant_in_heavy_use_forgets_pairs_but_not_that_they_are_spent() {
        let mut grant = grant();
        for generation in 1..=5000 {
            rotate(&mut grant, generation, i64::from(generation), Rotation::Strict);
        }
        assert!(grant.pairs.len() <= REMEMBERED);
        assert_eq!(grant.current(), 5001);
        assert_eq!(grant.refresh_state(1), RefreshTokenState::Spent);
        assert_eq!(grant.access_state(1, 0), AccessTokenState::Expired);
        assert_eq!(grant.refresh_state(5001), RefreshTokenState::Living);
        assert_eq!(grant.refresh_state(5002), RefreshTokenState::Unknown);
    }

    #[test]
    fn a_pair_is_repeated_within_its_window_while_it_lives() {
        let mut grant = grant();
        rotate(&mut grant, 1, 0, Rotation::Strict);
        assert_eq!(grant.repeated(1, 30 * SECOND, 30), Some(2));
        assert_eq!(grant.repeated(1, 31 * SECOND, 30), None);
        assert_eq!(grant.repeated(1, 0, 0), None, "switched off");
        rotate(&mut grant, 2, 0, Rotation::Strict);
        assert_eq!(grant.repeated(1, 0, 30), None, "spent itself");
    }
}
