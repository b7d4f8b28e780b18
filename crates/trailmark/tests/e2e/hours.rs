//! Hours that pass in seconds: server and clients read one clock, which the test sets.

use std::{fs, path::PathBuf, process::Command};

/// A clock for processes, by Debian's `faketime`: the system's, moved forward. What they wait for
/// takes its real time.
pub(crate) struct Hours {
    folder: tempfile::TempDir,
    passed: u64,
}

impl Hours {
    /// A clock that shows the system's time of after the next midnight, so that a day is ahead.
    pub(crate) fn new() -> Self {
        let said = Command::new("date").args(["-u", "+%H"]).output().unwrap().stdout;
        let hour: u64 = String::from_utf8(said).unwrap().trim().parse().unwrap();
        let hours = Self { folder: tempfile::tempdir().unwrap(), passed: 24 - hour };
        hours.show();
        hours
    }

    /// Lets an hour pass.
    pub(crate) fn pass(&mut self) {
        self.passed += 1;
        self.show();
    }

    /// What a process must have in its environment to read this clock.
    pub(crate) fn environment(&self) -> [(String, String); 4] {
        let library = libraries().into_iter().find(|it| it.exists());
        let library = library.expect("no libfaketime: run `make test`");
        [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    fn show(&self) {
        // A reader never sees half a file.
        let staged = self.folder.path().join("staged");
        fs::write(&staged, format!("+{}h\n", self.passed)).unwrap();
        fs::rename(staged, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("time")
    }
}

fn libraries() -> [PathBuf; 2] {
    ["x86_64", "aarch64"]
        .map(|it| PathBuf::from(format!("/usr/lib/{it}-linux-gnu/faketime/libfaketime.so.1")))
}
