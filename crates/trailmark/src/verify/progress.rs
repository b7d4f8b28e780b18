//! Progress: one line on standard error, rewritten, only where that is a terminal.

use std::{
    io::{IsTerminal as _, Write as _, stderr},
    sync::atomic::{AtomicU64, Ordering},
};

/// Shows how far the work has come.
pub(crate) struct Progress {
    on_terminal: bool,
    calls: AtomicU64,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { on_terminal: stderr().is_terminal(), calls: AtomicU64::new(0) }
    }

    /// Shows a line in place of the one before. Most calls only count.
    pub(crate) fn show(&self, line: impl FnOnce() -> String) {
        if self.on_terminal && self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY) {
            self.write(&line());
        }
    }

    /// Shows a line at once.
    pub(crate) fn now(&self, line: &str) {
        if self.on_terminal {
            self.write(line);
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.on_terminal {
            self.write("");
        }
    }

    fn write(&self, line: &str) {
        // Nobody may be looking, and that must not stop the work.
        let _unseen = write!(stderr().lock(), "\r\u{1b}[2K{line}").and_then(|()| stderr().flush());
    }
}

/// How many calls show one line.
const EVERY: u64 = 16;
