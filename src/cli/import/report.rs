//! What came of an import, counted, with the first few reasons of each kind. No token is in it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::domain::grant_line::NAMES;
use crate::telemetry::log::scrubbed;

/// So many reasons of a kind are shown; who has a thousand bad lines mends the export, not the lines.
const SHOWN: usize = 10;
/// So many names of unknown keys are remembered.
const REMEMBERED: usize = 50;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Created,
    Replaced,
    Unchanged,
    Older,
    Refused,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Created, Self::Replaced, Self::Unchanged, Self::Older, Self::Refused];

    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replaced => "replaced",
            Self::Unchanged => "unchanged",
            Self::Older => "older",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Report {
    counts: BTreeMap<Kind, u64>,
    reasons: BTreeMap<Kind, Vec<String>>,
    unknown: BTreeMap<String, u64>,
    /// Why it ended before the file did.
    pub(super) stopped: Option<String>,
}

impl Report {
    pub(super) fn count(&mut self, kind: Kind) {
        *self.counts.entry(kind).or_default() += 1;
    }

    pub(super) fn because(&mut self, kind: Kind, line: u64, reason: impl std::fmt::Display) {
        self.count(kind);
        let reasons = self.reasons.entry(kind).or_default();
        if reasons.len() < SHOWN {
            // Where columns are mixed up, an id may be a token.
            reasons.push(scrubbed(&format!("line {line}: {reason}")));
        }
    }

    pub(super) fn unknown_key(&mut self, name: &str) {
        if let Some(count) = self.unknown.get_mut(name) {
            *count += 1;
        } else if self.unknown.len() < REMEMBERED {
            self.unknown.insert(name.into(), 1);
        }
    }

    pub(super) fn counted(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// Whether every line was taken.
    pub(super) fn is_fine(&self) -> bool {
        self.counted(Kind::Refused) == 0 && self.stopped.is_none()
    }

    pub(super) fn print(&self, name: &str, dry_run: bool, out: &mut impl Write) -> io::Result<()> {
        let lines: u64 = self.counts.values().sum();
        let title = if dry_run { "dry run, nothing was stored: " } else { "" };
        writeln!(out, "{title}{name}, {lines} {}", if lines == 1 { "line" } else { "lines" })?;
        for kind in Kind::ALL {
            writeln!(out, "  {:<9}  {:>8}", kind.name(), self.counted(kind))?;
        }
        for (kind, reasons) in &self.reasons {
            writeln!(out, "\n{}:", kind.name())?;
            reasons.iter().try_for_each(|reason| writeln!(out, "  {reason}"))?;
            let more = self.counted(*kind) - reasons.len() as u64;
            if more > 0 {
                writeln!(out, "  … and {more} more")?;
            }
        }
        self.print_unknown(out)?;
        if let Some(why) = &self.stopped {
            writeln!(out, "\nstopped early: {}", scrubbed(why))?;
            writeln!(out, "run it again: lines that were taken will be unchanged")?;
        }
        if lines > 0 {
            writeln!(
                out,
                "\nA grant can have only one refresher. Stop the job that refreshed these grants until now, before\n\
                 `calendly-keeper run` starts: whoever refreshes second ends the grant."
            )?;
        }
        Ok(())
    }

    fn print_unknown(&self, out: &mut impl Write) -> io::Result<()> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nkeys that mean nothing here (known are {}):", NAMES.join(", "))?;
        for (name, count) in &self.unknown {
            let lines = if *count == 1 { "line" } else { "lines" };
            let meant = nearest(name).map(|known| format!("; did you mean {known}?")).unwrap_or_default();
            writeln!(out, "  {:?} in {count} {lines}{meant}", scrubbed(name))?;
        }
        Ok(())
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    NAMES
        .into_iter()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness > 0.88)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_first_reasons_and_what_to_do_are_printed() {
        let mut report = Report::default();
        report.count(Kind::Created);
        for line in 2..15 {
            report.because(Kind::Refused, line, "has no id");
        }
        report.because(Kind::Older, 20, "what is stored ends later");
        report.unknown_key("created_at");
        report.unknown_key("expire_at");
        report.unknown_key("expire_at");
        let mut out = vec![];
        report.print("grants.jsonl", true, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        dry run, nothing was stored: grants.jsonl, 15 lines
          created           1
          replaced          0
          unchanged         0
          older             1
          refused          13

        older:
          line 20: what is stored ends later

        refused:
          line 2: has no id
          line 3: has no id
          line 4: has no id
          line 5: has no id
          line 6: has no id
          line 7: has no id
          line 8: has no id
          line 9: has no id
          line 10: has no id
          line 11: has no id
          … and 3 more

        keys that mean nothing here (known are id, access_token, refresh_token, expires_at, expires_in, calendly_user, calendly_organization, scope):
          "created_at" in 1 line
          "expire_at" in 2 lines; did you mean expires_at?

        A grant can have only one refresher. Stop the job that refreshed these grants until now, before
        `calendly-keeper run` starts: whoever refreshes second ends the grant.
        "#);
    }

    #[test]
    fn a_token_that_stands_where_an_id_should_is_not_printed() {
        let mut report = Report::default();
        report.because(Kind::Refused, 1, "belongs to R3fr3shAbCdEfGhIjKlMnOpQrStUvWxYz0123456789");
        let mut out = vec![];
        report.print("-", false, &mut out).unwrap();
        assert!(!String::from_utf8(out).unwrap().contains("R3fr3sh"));
    }
}
