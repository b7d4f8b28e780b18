//! Keeping the table in order: old records go, small files are merged, files that nobody names are
//! deleted.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tables::chain;
use tracing::{debug, info, warn};

use crate::{
    Error,
    compaction::{choose, merge},
    settings::Retention,
    shared::Shared,
    table::{Change, Operation},
    table_file::TableFile,
};

/// Merges in one round at most, so that deleting gets its turn.
const MERGES: usize = 16;

/// How full the tail may be for files to be merged: new records come first.
const CALM: f32 = 0.5;

/// Looks after the table for ever. Begins by deleting `orphans`.
pub(crate) async fn look_after(shared: Arc<Shared>, orphans: Vec<String>) {
    shared.delete(orphans).await;
    let pause = Duration::from_secs(shared.settings.upkeep_seconds.max(1));
    loop {
        shared.ambient.clock.sleep(pause).await;
        if let Err(error) = round(&shared).await {
            warn!(error = chain(&error), "upkeep of the table failed, trying again later");
        }
    }
}

/// One round of everything that is due.
///
/// # Errors
/// When store or catalog fail. Nothing is lost by it.
pub(crate) async fn round(shared: &Shared) -> Result<(), Error> {
    drop_old(shared).await?;
    for _ in 0..MERGES {
        if shared.pressure() > CALM || !merge_some(shared).await? {
            break;
        }
    }
    let due = {
        let mut table = shared.table.lock().await;
        table.due(shared.grace(), shared.ambient.clock.now())
    };
    shared.delete(due).await;
    Ok(())
}

/// Drops the files whose records are all older than they are kept.
async fn drop_old(shared: &Shared) -> Result<(), Error> {
    let now = shared.ambient.clock.now();
    let old: HashSet<String> = shared
        .view()
        .files
        .iter()
        .filter(|it| is_old(it, &shared.retention, now))
        .map(|it| it.url.to_string())
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let files = old.len();
    let change =
        Change { operation: Operation::Delete, add: Vec::new(), drop: old, marks: Vec::new() };
    shared.commit(&change).await?;
    info!(files, "files dropped whose records are older than they are kept");
    Ok(())
}

/// Whether nothing in the file is shown any more.
fn is_old(file: &TableFile, retention: &Retention, now: Timestamp) -> bool {
    let kept = now.saturating_sub(retention.of(file.category));
    kept.is_ok_and(|kept| file.newest_us() < kept.as_microsecond())
}

/// Merges one set of small files. Returns false when there is none.
async fn merge_some(shared: &Shared) -> Result<bool, Error> {
    let Some(files) = choose(&shared.view().files, shared.settings.file_bytes) else {
        return Ok(false);
    };
    let drop: HashSet<String> = files.iter().map(|it| it.url.to_string()).collect();
    let merge = move |target: &_, begun: &mut _| merge(&files, target, begun);
    let add = shared.write_files(merge).await?;
    let change = Change { operation: Operation::Replace, add, drop, marks: Vec::new() };
    // Another engine may have dropped one of them meanwhile; then there is nothing to merge.
    if shared.commit(&change).await? {
        debug!(files = change.drop.len(), "files merged");
    }
    Ok(true)
}
