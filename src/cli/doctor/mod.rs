//! `doctor`: looks at every outside thing that the keeper needs and says how to mend it. Nothing is spent.

mod calendly;
mod database;
mod keeper;
mod machine;
mod unit;

use std::io::Write;

use serde::Serialize;
use serde_json::json;

use super::global::Global;
use super::{Done, print};

const HELP: &str = "\
It opens the database as the other commands do, asks Calendly about a made-up token, sends
HEAD to the callback URL and looks at files. No token is used. Run it as the keeper's user,
with the keeper's configuration. The exit code is 1 where something fails.

Examples:
  calendly-keeper doctor
  calendly-keeper doctor --json | jq '.checks[] | select(.result != \"ok\")'";

/// What `doctor` takes.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    result: Level,
    text: String,
    /// What to do about it.
    remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, result: Level::Ok, text: text.into(), remedy: None }
    }

    fn warn(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, result: Level::Warn, text: text.into(), remedy: Some(remedy.into()) }
    }

    fn fail(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, result: Level::Fail, text: text.into(), remedy: Some(remedy.into()) }
    }
}

/// Looks at everything.
///
/// # Errors
/// Where the configuration cannot be read. What is found out is no error: it is printed, and makes it [`Done::Failed`].
pub fn execute(args: Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let mut findings = machine::files(&config);
    findings.extend(unit::installed());
    findings.extend(database::check(&config));
    findings.extend(calendly::check(&config)?);
    findings.push(keeper::check(&config));
    let failed = findings.iter().any(|finding| finding.result == Level::Fail);
    if args.json {
        print::json(&json!({ "ok": !failed, "checks": findings }), out)?;
    } else {
        for Finding { check, result, text, remedy } in &findings {
            let word = match result {
                Level::Ok => "ok",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            writeln!(out, "{word:<5} {check:<12} {text}")?;
            if let Some(remedy) = remedy {
                writeln!(out, "{:<18} → {remedy}", "")?;
            }
        }
    }
    Ok(if failed { Done::Failed } else { Done::Fine })
}
