//! Finding rows, newest first, in the tail and in the table.
//!
//! Every file and row group waits under its latest event time; the latest is looked at next. The best
//! rows so far are kept; once there are enough, and everything that still waits is older than the
//! oldest of them, nothing more can change.
//!
//! Start at [`search`].

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, btree_map::Entry},
    sync::Arc,
};

use arrow_array::{Int32Array, StringArray};
use arrow_buffer::BooleanBuffer;
use jiff::Timestamp;
use log::{Marks, Position};
use record::Category;

use tables::Cache;

use crate::{
    Error, Lookup, Place, Row, Store,
    chunk::{Chunk, typed},
    columns::Column,
    matches::equal,
    scan::{Scan, Wanted, read_evidence},
    settings::Retention,
    view::View,
};

/// Where a lookup reads.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) view: Arc<View>,
    pub(crate) store: Store,
    pub(crate) cache: Arc<Cache>,
    pub(crate) retention: Arc<Retention>,
    pub(crate) now: Timestamp,
}

/// Files that one lookup keeps open.
const OPEN_FILES: usize = 32;

/// The places that a lookup admits, of one category.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Earliest event time, inclusive.
    pub(crate) from_us: i64,
    /// Latest event time, inclusive.
    pub(crate) to_us: i64,
    /// Positions lie before it.
    pub(crate) before: Position,
    after: Option<Place>,
}

/// Finds rows. Blocks; needs a Tokio runtime.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn search(sources: &Sources, lookup: &Lookup) -> Result<Vec<Row>, Error> {
    if lookup.limit == 0 {
        return Ok(Vec::new());
    }
    let mut best = Best { limit: lookup.limit, rows: BinaryHeap::new() };
    let wanted = Wanted {
        account: lookup.account.as_str(),
        region: lookup.region.as_deref(),
        attribute: lookup.attribute.as_ref(),
    };
    for (number, chunk) in sources.view.tail.iter().enumerate() {
        search_chunk(sources, lookup, wanted, number, chunk, &mut best)?;
    }
    search_files(sources, lookup, wanted, &mut best)?;
    fetch(sources, best)
}

impl Window {
    fn new(sources: &Sources, lookup: &Lookup, category: Category) -> Self {
        let kept = sources.now.saturating_sub(sources.retention.of(category));
        let kept_us = kept.map_or(i64::MIN, Timestamp::as_microsecond);
        let to_us = lookup.to.map_or(i64::MAX, last_us);
        Self {
            from_us: lookup.from.map_or(i64::MIN, first_us).max(kept_us),
            to_us: lookup.after.map_or(to_us, |it| to_us.min(it.event_time_us)),
            before: lookup.before,
            after: lookup.after,
        }
    }

    fn admits(&self, place: Place) -> bool {
        self.from_us <= place.event_time_us
            && place.event_time_us <= self.to_us
            && place.position < self.before
            && self.after.is_none_or(|after| place < after)
    }
}

/// The first microsecond that is not before `time`.
fn first_us(time: Timestamp) -> i64 {
    let us = time.as_microsecond();
    if time.subsec_nanosecond() % 1000 > 0 { us + 1 } else { us }
}

/// The last microsecond that is not after `time`.
fn last_us(time: Timestamp) -> i64 {
    let us = time.as_microsecond();
    if time.subsec_nanosecond() % 1000 < 0 { us - 1 } else { us }
}

/// Where a row is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum At {
    File { file: usize, group: usize, row: u32 },
    Tail { chunk: usize, row: usize },
}

/// The newest rows so far.
struct Best {
    limit: usize,
    rows: BinaryHeap<Reverse<(Place, At)>>,
}

impl Best {
    /// Whether a row at `place` would be among the best.
    fn wants(&self, place: Place) -> bool {
        self.rows.len() < self.limit || self.rows.peek().is_none_or(|it| place > it.0.0)
    }

    fn offer(&mut self, place: Place, at: At) {
        if self.wants(place) {
            self.rows.push(Reverse((place, at)));
            if self.rows.len() > self.limit {
                self.rows.pop();
            }
        }
    }

    /// Whether rows as late as `time_us` could still be among the best.
    fn may_want(&self, time_us: i64) -> bool {
        self.wants(Place { event_time_us: time_us, position: Position(u64::MAX) })
    }
}

fn search_chunk(
    sources: &Sources,
    lookup: &Lookup,
    wanted: Wanted<'_>,
    number: usize,
    chunk: &Chunk,
    best: &mut Best,
) -> Result<(), Error> {
    let mut left = equal(chunk.column(Column::Account)?.as_ref(), wanted.account)?;
    let mut narrow = |column: Column, value: &str| -> Result<(), Error> {
        if left.count_set_bits() > 0 {
            left = &left & &equal(chunk.column(column)?.as_ref(), value)?;
        }
        Ok(())
    };
    if let Some(region) = wanted.region {
        narrow(Column::AwsRegion, region)?;
    }
    if let Some(attribute) = wanted.attribute {
        narrow(attribute.key.column(), &attribute.value)?;
    }
    let (times, positions) = (chunk.times.values(), chunk.positions.values());
    for (category, rows) in by_category(chunk, &left, lookup)? {
        let window = Window::new(sources, lookup, category);
        for row in rows.set_indices() {
            let (Some(time), Some(position)) = (times.get(row), positions.get(row)) else {
                continue;
            };
            let place =
                Place { event_time_us: *time, position: Position(position.cast_unsigned()) };
            // Rows before it are in the table.
            if place.position >= sources.view.committed && window.admits(place) {
                best.offer(place, At::Tail { chunk: number, row });
            }
        }
    }
    Ok(())
}

/// The rows of each category that is asked for.
fn by_category(
    chunk: &Chunk,
    rows: &BooleanBuffer,
    lookup: &Lookup,
) -> Result<Vec<(Category, BooleanBuffer)>, Error> {
    let mut found = Vec::new();
    if rows.count_set_bits() == 0 {
        return Ok(found);
    }
    let column = chunk.column(Column::Category)?;
    for category in asked(lookup) {
        let of_category = rows & &equal(column.as_ref(), category.as_str())?;
        if of_category.count_set_bits() > 0 {
            found.push((*category, of_category));
        }
    }
    Ok(found)
}

fn asked(lookup: &Lookup) -> &[Category] {
    if lookup.categories.is_empty() { &Category::ALL } else { &lookup.categories }
}

/// Something that waits to be looked at; the latest event time comes first.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Waiting {
    latest_us: i64,
    file: usize,
    /// The whole file when absent.
    group: Option<usize>,
}

fn search_files(
    sources: &Sources,
    lookup: &Lookup,
    wanted: Wanted<'_>,
    best: &mut Best,
) -> Result<(), Error> {
    let view = &sources.view;
    let mut waiting: BinaryHeap<Waiting> = BinaryHeap::new();
    for (number, file) in view.files.iter().enumerate() {
        let window = Window::new(sources, lookup, file.category);
        let is_in = asked(lookup).contains(&file.category)
            && file.may_hold(lookup.account)
            && file.times.0 <= window.to_us
            && file.times.1 >= window.from_us
            && file.positions.0 < window.before.0;
        if is_in {
            let latest_us = file.times.1.min(window.to_us);
            waiting.push(Waiting { latest_us, file: number, group: None });
        }
    }
    let mut open: BTreeMap<usize, Scan<'_>> = BTreeMap::new();
    while let Some(next) = waiting.pop() {
        if !best.may_want(next.latest_us) {
            break;
        }
        let Some(file) = view.files.get(next.file) else { continue };
        let window = Window::new(sources, lookup, file.category);
        if open.len() >= OPEN_FILES && !open.contains_key(&next.file) {
            open.clear();
        }
        let scan = match open.entry(next.file) {
            Entry::Occupied(it) => it.into_mut(),
            Entry::Vacant(it) => it.insert(Scan::open(file, &sources.store, &sources.cache)?),
        };
        let Some(group) = next.group else {
            waiting.extend((0..scan.groups()).map(|group| Waiting {
                latest_us: scan.times(group).1.min(window.to_us),
                file: next.file,
                group: Some(group),
            }));
            continue;
        };
        if !scan.may_hold(group, wanted, &window)? {
            continue;
        }
        scan.rows(group, wanted, &mut |place, row| {
            if window.admits(place) {
                best.offer(place, At::File { file: next.file, group, row });
            }
            let is_over = place.event_time_us < window.from_us || !best.wants(place);
            !(file.is_sorted && is_over && place <= window.latest())
        })?;
    }
    Ok(())
}

impl Window {
    /// Places above it are not admitted.
    fn latest(&self) -> Place {
        let latest = Place { event_time_us: self.to_us, position: Position(u64::MAX) };
        self.after.map_or(latest, |it| latest.min(it))
    }
}

/// Reads what is missing of the best rows, and puts them in order.
fn fetch(sources: &Sources, best: Best) -> Result<Vec<Row>, Error> {
    let mut rows: Vec<Row> = Vec::with_capacity(best.rows.len());
    let mut in_files: BTreeMap<(usize, usize), Vec<(u32, Place)>> = BTreeMap::new();
    for Reverse((place, at)) in best.rows {
        match at {
            At::Tail { chunk, row } => rows.extend(tail_row(sources, chunk, row, place)?),
            At::File { file, group, row } => {
                in_files.entry((file, group)).or_default().push((row, place));
            }
        }
    }
    for ((file, group), mut places) in in_files {
        let Some(file) = sources.view.files.get(file) else { continue };
        places.sort_unstable();
        let numbers: Vec<u32> = places.iter().map(|it| it.0).collect();
        let scan = Scan::open(file, &sources.store, &sources.cache)?;
        let found = scan.records(group, &numbers)?;
        rows.extend(places.into_iter().zip(found).map(|((_, place), found)| Row {
            place,
            evidence: found.evidence,
            marks: found.marks,
            record: found.record,
        }));
    }
    rows.sort_unstable_by_key(|it| Reverse(it.place));
    Ok(rows)
}

fn tail_row(
    sources: &Sources,
    chunk: usize,
    row: usize,
    place: Place,
) -> Result<Option<Row>, Error> {
    let Some(chunk) = sources.view.tail.get(chunk) else { return Ok(None) };
    let Some(body) = chunk.bodies.get(row) else { return Ok(None) };
    let evidence: StringArray = typed(&chunk.columns, Column::Evidence)?;
    let marks: Int32Array = typed(&chunk.columns, Column::Marks)?;
    let marks = marks.values().get(row).copied().unwrap_or_default();
    Ok(Some(Row {
        place,
        evidence: read_evidence(evidence.value(row)),
        marks: Marks(u16::try_from(marks).unwrap_or_default()),
        record: body.clone(),
    }))
}
