//! `refresh`, `verify`, `pause` and `resume` ask the running keeper alike: what they take, and how its answer is told.

use std::io::Write;

use serde_json::Value;

use super::api::{Answer, Api, path};
use super::global::Global;
use super::{Done, print};
use crate::domain::ids::ConnectionId;

/// What each of them takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Asked {
    /// Which connection
    #[arg(value_name = "ID")]
    pub id: ConnectionId,
    /// Print JSON, in the shape of the HTTP API
    #[arg(long)]
    pub json: bool,
}

/// Has it done; `tell` says what came of it, where JSON is not wanted.
pub(super) fn ask<W: Write>(
    verb: &str,
    args: &Asked,
    global: &Global,
    out: &mut W,
    tell: impl FnOnce(&Told<'_>, &mut W) -> anyhow::Result<Done>,
) -> anyhow::Result<Done> {
    let config = global.start()?;
    let answer = Api::of(&config)?.post(&path(&args.id, &format!("/{verb}")))?;
    if args.json {
        return print::json(&answer.body, out);
    }
    tell(&Told { id: &args.id, answer: &answer }, out)
}

/// What the keeper answered.
pub(super) struct Told<'a> {
    pub(super) id: &'a ConnectionId,
    answer: &'a Answer,
}

impl Told<'_> {
    /// Whether it was done at once, and not only taken on.
    pub(super) fn is_done(&self) -> bool {
        self.answer.status == 200
    }

    /// A value of the connection, as text; `-` where there is none.
    pub(super) fn text(&self, pointer: &str) -> String {
        match self.answer.body.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => "-".into(),
            Some(other) => other.to_string(),
        }
    }
}
