//! A command at a terminal, with somebody who types.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::installation::{Installation, Ran};

/// The two ends: the user's, and the one that programs take for their terminal. It becomes nobody's controlling one.
fn terminal() -> (File, OwnedFd) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let name = ptsname(&user, vec![]).unwrap();
    let programs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (user.into(), programs)
}

impl Installation {
    /// Runs a command whose standard input is a terminal, at which `typed` is typed.
    pub(crate) fn run_at_a_terminal(&self, arguments: &[&str], typed: &str) -> Ran {
        let (mut user, programs) = terminal();
        user.write_all(typed.as_bytes()).unwrap();
        let mut command = self.command(arguments);
        command.stdin(programs).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}
