//! Keeping tables in order: days that are older than they are kept go, files of a day are sorted into
//! one, files that nobody names are deleted.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use catalog::EventDataStore;
use iceberg::spec::Operation;
use jiff::{SignedDuration, Timestamp};
use tables::{Change, chain};
use tracing::{debug, info, warn};

use crate::{Error, EventTable, event_stores::Shared, file::StoreFile, sorting::sorted};

/// Days that are put in order in one round at most, so that deleting gets its turn.
const DAYS: usize = 16;

/// Files of a day at which they are sorted into one before the day is over.
const MANY: usize = 8;

/// Files of a table at which days are put in order although an import is running, which brings more of
/// them soon.
const MANY_WHILE_IMPORTING: usize = 512;

const DAY_US: i64 = 86_400_000_000;

/// Looks after all tables for ever.
pub(crate) async fn look_after(shared: Arc<Shared>) {
    let pause = Duration::from_secs(shared.settings.upkeep_seconds.max(1));
    loop {
        shared.components.ambient.clock.sleep(pause).await;
        if let Err(error) = round(&shared).await {
            warn!(error = chain(&error), "upkeep of event data stores failed, trying again later");
        }
    }
}

/// One round of everything that is due.
///
/// # Errors
/// When store of files or catalog fail. Nothing is lost by it.
pub(crate) async fn round(shared: &Shared) -> Result<(), Error> {
    let now = shared.components.ambient.clock.now();
    for store in shared.catalog.all_stores().await? {
        let Some(table) = shared.table(store.arn.id) else { continue };
        drop_old(&table, &store, now).await?;
        for _ in 0..DAYS {
            if !sort_some(shared, &table, now).await? {
                break;
            }
        }
        let grace = shared.settings.grace_seconds.min(u64::from(u32::MAX)).cast_signed();
        table.sweep(SignedDuration::from_secs(grace)).await;
    }
    Ok(())
}

/// Drops the days whose records are all older than they are kept.
async fn drop_old(table: &EventTable, store: &EventDataStore, now: Timestamp) -> Result<(), Error> {
    let kept = SignedDuration::from_hours(24 * i64::from(store.settings.retention_days));
    let Ok(oldest) = now.saturating_sub(kept) else { return Ok(()) };
    let is_old = |it: &StoreFile| {
        it.day.is_some_and(|day| (i64::from(day) + 1) * DAY_US <= oldest.as_microsecond())
    };
    let files = &table.seen().files;
    let drop: HashSet<String> =
        files.iter().filter(|it| is_old(it)).map(|it| it.url.to_string()).collect();
    if drop.is_empty() {
        return Ok(());
    }
    let count = drop.len();
    let change = Change { operation: Operation::Delete, add: Vec::new(), drop, marks: Vec::new() };
    table.commit(&change).await?;
    info!(store = %table.id(), files = count, "days dropped that are older than they are kept");
    Ok(())
}

/// Sorts the files of one day into one. Returns false when no day needs it.
async fn sort_some(
    shared: &Shared,
    table: &Arc<EventTable>,
    now: Timestamp,
) -> Result<bool, Error> {
    let today = i32::try_from(now.as_microsecond().div_euclid(DAY_US)).unwrap_or(i32::MAX);
    let seen = table.seen();
    if table.is_importing() && seen.files.len() < MANY_WHILE_IMPORTING {
        return Ok(false);
    }
    let Some(files) = choose(&seen.files, shared.settings.file_bytes, today) else {
        return Ok(false);
    };
    let drop: HashSet<String> = files.iter().map(|it| it.url.to_string()).collect();
    let (rows, count) = (files.iter().map(|it| it.rows).sum::<u64>(), files.len());
    let add = sorted(table, files, &shared.settings).await?;
    let written: u64 = add.iter().map(iceberg::spec::DataFile::record_count).sum();
    if written != rows {
        table.discard(&add).await;
        return Err(Error::Columns(format!("{rows} rows became {written} by sorting")));
    }
    let change = Change { operation: Operation::Replace, add, drop, marks: Vec::new() };
    // Another engine may have dropped one of them meanwhile; then there is nothing to do.
    if table.commit(&change).await? {
        debug!(store = %table.id(), files = count, rows, "files of a day sorted into one");
    }
    Ok(true)
}

/// The files of a day that should become one next: all that are small or not in order, once the day
/// is over or when there are many of them.
fn choose(files: &[Arc<StoreFile>], file_bytes: u64, today: i32) -> Option<Vec<Arc<StoreFile>>> {
    let mut days: BTreeMap<Option<i32>, Vec<&Arc<StoreFile>>> = BTreeMap::new();
    for file in files.iter().filter(|it| it.bytes < file_bytes || !it.is_sorted) {
        days.entry(file.day).or_default().push(file);
    }
    let needs = |day: &Option<i32>, files: &[&Arc<StoreFile>]| {
        let is_over = day.is_some_and(|it| it < today);
        let is_untidy = files.len() > 1 || files.iter().any(|it| !it.is_sorted);
        files.len() >= MANY || (is_over && is_untidy)
    };
    let (_, mut chosen) = days.into_iter().find(|(day, files)| needs(day, files))?;
    // The smallest first, and no more than makes a file: a day of great size stays in several.
    chosen.sort_by_key(|it| it.bytes);
    let (mut bytes, mut count) = (0, 0);
    for file in &chosen {
        bytes += file.bytes;
        count += 1;
        if bytes >= file_bytes {
            break;
        }
    }
    chosen.truncate(count);
    Some(chosen.into_iter().map(Arc::clone).collect())
}
