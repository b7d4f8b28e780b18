//! Saving what can be read of a damaged segment, and putting the damaged file aside.
//!
//! In order, each step synced before the next: the salvaged copy; the note of what was lost and what
//! is about to be replaced (`gaps`); the damaged file to the quarantine; the copy in its place. A
//! crash anywhere in between leaves something from which the next start goes on.

use std::{collections::BTreeSet, io, sync::Arc};

use crate::{
    disk::{Disk, File},
    local::{
        anew,
        survey::{self, Seen},
        table::Table,
    },
    segment::{self, Footer, Header, Index, LogId},
};

/// The folder of damaged segments, for study. Nothing here reads or removes them.
pub(crate) const QUARANTINE: &str = "quarantine";

const STEP: usize = 1 << 20;

/// What a salvaged segment shall hold.
pub(crate) struct Salvage<'a> {
    pub(crate) id: LogId,
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// The damaged file; none when it is missing.
    pub(crate) source: Option<&'a dyn File>,
    /// The frames that are left of it.
    pub(crate) kept: &'a [Seen],
    /// Arrival of the last frame before this segment.
    pub(crate) last_arrival_us: Option<i64>,
    /// Intents that are open behind this segment.
    pub(crate) open: &'a BTreeSet<u64>,
}

impl Salvage<'_> {
    /// Writes and syncs the copy, not yet in its place. Says its footer and its size.
    pub(crate) fn write(&self, disk: &dyn Disk) -> io::Result<(Footer, u64)> {
        let file = anew(disk, &copy_name(self.first))?;
        file.write_at(&Header::encode(self.id, self.first), 0)?;
        let mut at = segment::HEADER;
        let mut index = Index::default();
        for run in runs(self.kept) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            for frame in run {
                index.note(frame.position, at + (frame.offset - first.offset));
            }
            if let Some(source) = self.source {
                copy(source, first.offset, last.end(), file.as_ref(), at)?;
            }
            at += last.end() - first.offset;
        }
        let footer = Footer {
            first: self.first,
            end: self.end,
            holes: survey::missing(self.kept, self.first..self.end, None, None)
                .iter()
                .map(|it| it.from.0..it.to.0)
                .collect(),
            frames_end: at,
            last_arrival_us: self.kept.last().map(|it| it.arrival_us).or(self.last_arrival_us),
            index: Arc::new(index),
            open: self.open.iter().copied().collect(),
        };
        let bytes = footer.encode(self.id.seed());
        file.write_at(&bytes, at)?;
        file.sync_data()?;
        disk.sync_dir("")?;
        Ok((footer, at + bytes.len() as u64))
    }
}

/// Puts the damaged segment into the quarantine and its salvaged copy into its place.
pub(crate) fn swap(disk: &dyn Disk, first: u64) -> io::Result<()> {
    let name = segment::name(first);
    match disk.open(&name) {
        Ok(_) => quarantine(disk, &name)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    disk.rename(&copy_name(first), &name)?;
    disk.sync_dir("")
}

/// Moves a file to the quarantine.
fn quarantine(disk: &dyn Disk, name: &str) -> io::Result<()> {
    let taken: BTreeSet<_> = disk.list(QUARANTINE)?.into_iter().map(|(name, _)| name).collect();
    let free = (0_u64..).map(|number| format!("{name}.{number}")).find(|it| !taken.contains(it));
    disk.rename(name, &format!("{QUARANTINE}/{}", free.unwrap_or_default()))?;
    disk.sync_dir(QUARANTINE)?;
    disk.sync_dir("")
}

/// Frames as they lie behind each other without a break.
fn runs(frames: &[Seen]) -> impl Iterator<Item = &[Seen]> {
    frames.chunk_by(|one, next| one.end() == next.offset)
}

/// Copies bytes of one file into another.
pub(crate) fn copy(
    source: &dyn File,
    mut from: u64,
    to: u64,
    target: &dyn File,
    mut at: u64,
) -> io::Result<()> {
    let mut bytes = vec![0; STEP];
    while from < to {
        let length = usize::try_from(to - from).unwrap_or(STEP).min(STEP);
        let read = source.read_at(bytes.get_mut(..length).unwrap_or_default(), from)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        target.write_at(bytes.get(..read).unwrap_or_default(), at)?;
        (from, at) = (from + read as u64, at + read as u64);
    }
    Ok(())
}

/// The name of a salvaged copy that is not in its place yet.
pub(crate) fn copy_name(first: u64) -> String {
    format!("{}.salvage", segment::name(first))
}

/// Reads what [`copy_name`] wrote.
pub(crate) fn first_of_copy(name: &str) -> Option<u64> {
    name.strip_suffix(".salvage").and_then(segment::first_of)
}

/// The open intents behind some frames.
pub(crate) fn follow(open: &mut BTreeSet<u64>, frames: &[Seen]) {
    for frame in frames {
        Table::follow(open, frame.position, frame.kind, frame.answers);
    }
}
