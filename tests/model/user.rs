//! What the user does: pause, resume, delete, hand over a grant anew or in place of the old one.

use calendly_keeper::domain::grant::{Existing, NewGrant, Put, Seen, decide_put};
use calendly_keeper::domain::ids::{Generation, GrantId};
use calendly_keeper::domain::secrets::RefreshToken;
use calendly_keeper::domain::token::DEFAULT_LIFETIME;
use chrono::DateTime;

use super::actions::Rules;
use super::guards::Guard;
use super::server::Kind;
use super::standing::take;
use super::world::{Due, GRANTS, Memory, Pair, Record, Row, Token, World};

/// Pauses or resumes, in the row; cells learn of it by a reload.
pub(crate) fn pause(world: &mut World, paused: bool) -> bool {
    let row = &mut world.database.stored.row;
    let may =
        world.database.up && !row.deleted && row.paused != paused && (!paused || take(&mut world.left.acts));
    if may {
        row.paused = paused;
    }
    may
}

/// Through the working keeper: journalled before it is acknowledged.
pub(crate) fn delete(world: &mut World, keeper: usize) -> bool {
    let row = world.database.stored.row;
    let known = row.pair.grant == world.user.grant && !row.deleted;
    if !serves(world, keeper) || !known || !take(&mut world.left.acts) {
        return false;
    }
    // The claim stays in the tombstone: its token may be spent.
    world.database.stored.row = Row { deleted: true, refused: false, paused: false, ..row };
    acknowledge(world, keeper);
    world.user.deleted = true;
    world.server.due[usize::from(row.pair.grant)] = Due::Nothing;
    true
}

/// A new grant through the working keeper: journalled before it is acknowledged.
pub(crate) fn put(world: &mut World, keeper: usize, rules: Rules) -> bool {
    if !serves(world, keeper) || !write(world, rules) {
        return false;
    }
    acknowledge(world, keeper);
    world.server.due[usize::from(world.user.grant)] = Due::Kept;
    true
}

/// A new grant by an import into the database alone.
pub(crate) fn import(world: &mut World, rules: Rules) -> bool {
    world.database.up && write(world, rules)
}

fn serves(world: &World, keeper: usize) -> bool {
    let me = &world.keepers[keeper];
    me.is_ready(&world.database) && me.believes && world.database.lock == Some(keeper)
}

fn acknowledge(world: &mut World, keeper: usize) {
    let row = world.database.stored.row;
    let me = &mut world.keepers[keeper];
    me.append(Record { pair: row.pair, deleted: row.deleted });
    me.memory = Some(Memory::of(row));
}

fn write(world: &mut World, rules: Rules) -> bool {
    let old = world.database.stored.row;
    let grant = world.user.grant + 1;
    // Handed over on top of what the user knows, not of what a failover left.
    let known = old.pair.grant == world.user.grant && old.deleted == world.user.deleted;
    if usize::from(grant) >= GRANTS || !known || !take(&mut world.left.acts) {
        return false;
    }
    let existing = Existing {
        deleted: old.deleted,
        generation: Generation(i64::from(old.pair.generation)),
        expires_at: None,
        holds_offered_token: false,
    };
    let keeps_tombstone = !old.deleted || rules.removed.keeps(Guard::TombstoneGenerations);
    let decided = decide_put(keeps_tombstone.then_some(&existing), &offer(), &Seen::Never);
    let (Put::Created(Generation(generation)) | Put::Replaced(Generation(generation))) = decided else {
        return false;
    };
    let generation = u8::try_from(generation).unwrap_or(u8::MAX);
    let pair = Pair { grant, generation, token: Token { grant, number: 0 } };
    world.database.stored.row = Row { paused: old.paused, ..Row::new(pair) };
    let ended = usize::from(world.user.grant);
    world.server.due[ended] = Due::Nothing;
    world.server.dead[ended] |= rules.server == Kind::OneGrant;
    world.user.grant = grant;
    world.user.deleted = false;
    true
}

fn offer() -> NewGrant {
    NewGrant {
        id: "user".parse().unwrap(),
        grant_id: GrantId::new(uuid::Uuid::nil()),
        granted_at: DateTime::UNIX_EPOCH,
        client_id: None,
        access_token: None,
        refresh_token: RefreshToken::new("r"),
        expires_at: None,
        lifetime: DEFAULT_LIFETIME,
        scope: None,
        user: None,
        organization: None,
        replace: true,
    }
}
