//! What actors say to each other. Nothing below them sends messages upwards.

use std::sync::Arc;

use actix::{Actor, ActorContext as _, Context, Message};

use super::supervision::{ChildEvent, Exit, ExitCell};
use crate::registry::cell::Cell;

/// To a connection: look at your cell and decide anew.
#[derive(Message, Clone, Copy, Debug, Default)]
#[rtype(result = "()")]
pub struct Look {
    /// The verification that was asked for has ended.
    pub verified: bool,
}

/// To a connection: you are deleted.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Finish;

/// To any supervised actor: fail, as a bug would make you. For `demo --chaos` and tests of the supervision.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub enum Fail {
    /// Panic in the handler.
    Panic,
    /// End with an error.
    Error,
    /// Stop without a reason.
    Stop,
}

impl Fail {
    /// What every supervised actor does when it gets the message.
    pub(super) fn carry_out<A: Actor<Context = Context<A>>>(self, exit: &ExitCell, ctx: &mut Context<A>) {
        match self {
            #[expect(clippy::panic, reason = "what the message is for")]
            Self::Panic => panic!("{INJECTED}"),
            Self::Error => {
                exit.set(Exit::Error(INJECTED.into()));
                ctx.stop();
            }
            Self::Stop => ctx.stop(),
        }
    }
}

const INJECTED: &str = "failure injected on purpose";

/// To the webhook actor: verify this connection's subscription, then tell its actor.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct Verify(pub Arc<Cell>);

/// To the supervisor: what became of a child.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct OfChild(pub ChildEvent);

/// To the supervisor: look for changed rows now.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Poll;
