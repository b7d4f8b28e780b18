//! What the server asks of the system at start.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use crate::harness::eventually;

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// The soft and the hard limit on open files of a process.
fn open_files(process: u32) -> Option<(String, String)> {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
    let line = limits.lines().find_map(|it| it.strip_prefix("Max open files"))?;
    let mut numbers = line.split_whitespace().map(str::to_owned);
    Some((numbers.next()?, numbers.next()?))
}

#[test]
fn the_soft_limit_on_open_files_is_raised_to_the_hard_one() {
    let folder = tempfile::tempdir().unwrap();
    for hard in ["512", "4096"] {
        let mut command = Command::new("sh");
        command.args(["-c", r#"ulimit -S -n 128 && ulimit -H -n "$0" && exec "$@""#, hard]);
        command.args([env!("CARGO_BIN_EXE_trailmark"), "serve", "--listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(folder.path().join(hard)).current_dir(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Running(command.spawn().unwrap());
        let limits = eventually("the limit is raised", || {
            let limits = open_files(server.0.id())?;
            let is_over = server.0.try_wait().unwrap().is_some();
            assert!(!is_over, "the server ended");
            (limits.1 == hard && limits.0 != "128").then_some(limits)
        });
        assert_eq!(limits, (hard.to_owned(), hard.to_owned()));
    }
}
