//! The suite for every log, on the local one.

use std::{path::PathBuf, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use log::{
    EventLog, LocalLog,
    conformance::{Subject, check},
    local::Settings,
    simulated::Simulated,
};

use crate::{components, open};

fn settings() -> Settings {
    Settings { segment_bytes: 64 << 10, ..Settings::default() }
}

struct OnDisk {
    folder: tempfile::TempDir,
    count: usize,
}

impl OnDisk {
    fn path(&self) -> PathBuf {
        self.folder.path().join(self.count.to_string())
    }
}

impl Subject for OnDisk {
    fn fresh(&mut self) -> BoxFuture<'_, Arc<dyn EventLog>> {
        self.count += 1;
        self.reopen()
    }

    fn reopen(&mut self) -> BoxFuture<'_, Arc<dyn EventLog>> {
        let log = LocalLog::open(&self.path(), settings(), components()).unwrap();
        async { Arc::new(log) as Arc<dyn EventLog> }.boxed()
    }
}

struct InMemory(Simulated);

impl Subject for InMemory {
    fn fresh(&mut self) -> BoxFuture<'_, Arc<dyn EventLog>> {
        self.0 = Simulated::new(1);
        self.reopen()
    }

    fn reopen(&mut self) -> BoxFuture<'_, Arc<dyn EventLog>> {
        // What was acknowledged must be there after a power failure, too.
        self.0.crash();
        let log = open(&self.0, &settings()).unwrap();
        async { Arc::new(log) as Arc<dyn EventLog> }.boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_log_conforms_on_a_real_disk() {
    check(&mut OnDisk { folder: tempfile::tempdir().unwrap(), count: 0 }).await;
}

#[tokio::test]
async fn the_local_log_conforms_on_a_simulated_disk() {
    check(&mut InMemory(Simulated::new(1))).await;
}
