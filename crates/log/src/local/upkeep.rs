//! What the writer thread does besides appending: trimming, repairing, and telling of losses.

use std::{io, sync::Arc};

use bytes::Bytes;
use record::Category;
use tracing::error;

use crate::{
    Error,
    disk::File,
    encoding,
    frame::{Evidence, Frame, Kind, Marks},
    local::{
        Gap,
        fullness::Seen,
        gaps::{self, Pending},
        io_error, is_full,
        repair::{self, Salvage},
        survey::{self, Survey},
        table::Segment,
        writer::Writer,
    },
    segment::{self, Footer, Header},
};

/// A salvaged copy that is written, and what it does not hold any more.
struct Salvaged {
    footer: Footer,
    size: u64,
    lost: Vec<Gap>,
}

impl Writer {
    /// Appends the gap frames that are owed. They are let through the bound on disk use.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        if self.owed.is_nothing() {
            return Ok(());
        }
        let frames: Vec<_> = self.owed.gaps.iter().map(|it| vec![self.gap_frame(it)]).collect();
        if !frames.is_empty() {
            self.store(&frames)?;
        }
        for gap in &self.owed.gaps {
            error!(from = gap.from.0, to = gap.to.0, at_most = gap.at_most(), "frames are lost");
        }
        self.shared.usage().gaps += self.owed.gaps.len() as u64;
        self.owed = Pending::default();
        Pending::remove(self.shared.disk.as_ref()).map_err(io_error("remove", gaps::NAME))
    }

    fn gap_frame(&self, gap: &Gap) -> Frame {
        let record = (self.components.gap_body)(gap);
        let mut frame = Frame {
            kind: Kind::Gap,
            evidence: Evidence::Server,
            marks: Marks::NONE,
            category: Category::Management,
            arrival: self.components.ambient.clock.now(),
            source: gaps::SOURCE.to_owned(),
            source_sequence: gap.from.0,
            account: record.account,
            region: record.region,
            answers: None,
            body: record.body,
        };
        if let Err(error) = encoding::check(&frame) {
            // A gap that is told of badly is better than one that is not told of.
            error!(%error, "the record of a gap is too large");
            (frame.region, frame.body) = (String::new(), Bytes::new());
        }
        frame
    }

    /// Removes sealed segments that lie before `before` and before every open intent.
    pub(crate) fn trim(&mut self, before: u64) -> Result<(), Error> {
        let mut table = self.shared.table();
        let limit = table.open.first().map_or(before, |it| before.min(*it));
        let gone = |it: &&Segment| it.is_sealed && it.end <= limit;
        let gone: Vec<_> = table.segments.values().take_while(gone).cloned().collect();
        let Some(last) = gone.last() else { return Ok(()) };
        for segment in &gone {
            table.segments.remove(&segment.first);
            table.forget(segment.first);
        }
        drop(table);
        // The next start must know that these are not missing but trimmed, before they go.
        self.state.state.first = last.end;
        let mut result = self.state.keep().map_err(io_error("write", "state"));
        for segment in gone {
            if result.is_ok() {
                result = self.remove(&segment);
            }
            if result.is_err() {
                // It is still there: the next attempt begins with it.
                self.shared.table().segments.insert(segment.first, segment);
            }
        }
        self.watch_room(Seen::default());
        result?;
        self.shared.disk.sync_dir("").map_err(io_error("sync", "the folder"))
    }

    fn remove(&self, segment: &Segment) -> Result<(), Error> {
        let name = segment::name(segment.first);
        match self.shared.disk.remove(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", name)(error))
            }
            _ => Ok(()),
        }
    }

    /// Looks at a segment in which a reader met damage, and salvages it if there is any.
    ///
    /// The outer error stops the log. The inner one does not: nothing was changed.
    pub(crate) fn repair(&mut self, first: u64) -> Result<Result<(), Error>, Error> {
        let table = self.shared.table();
        let Some(segment) = table.segments.get(&first).cloned() else { return Ok(Ok(())) };
        drop(table);
        let salvaged = match self.salvage(&segment) {
            Ok(Some(salvaged)) => salvaged,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        let disk = Arc::clone(&self.shared.disk);
        let mut owed = self.owed.clone();
        if owed.is_nothing() {
            owed.since = self.next;
        }
        owed.gaps.extend(salvaged.lost.iter().copied());
        owed.swaps.push(first);
        match owed.save(disk.as_ref(), self.shared.seed()) {
            Err(error) if is_full(&error) => return Ok(Err(self.full())),
            result => result.map_err(io_error("write", gaps::NAME))?,
        }
        self.owed = owed;
        repair::swap(disk.as_ref(), first).map_err(io_error("replace", segment::name(first)))?;

        let mut table = self.shared.table();
        table.open.retain(|it| !salvaged.lost.iter().any(|gap| gap.contains(*it)));
        if !segment.is_sealed {
            table.active = None;
        }
        table.seal(&salvaged.footer, salvaged.size);
        drop(table);
        self.settle_or_postpone().map(Ok)
    }

    /// Tells of losses now, or before the next append if there is no room.
    pub(crate) fn settle_or_postpone(&mut self) -> Result<(), Error> {
        match self.settle() {
            Err(Error::Full { .. }) => {
                // What was swapped must not be swapped again, should the segment be damaged anew.
                let disk = self.shared.disk.as_ref();
                self.owed.finish_swaps(disk, self.shared.seed()).or_else(|error| {
                    if is_full(&error) { Ok(()) } else { Err(io_error("write", gaps::NAME)(error)) }
                })
            }
            result => result,
        }
    }

    /// Writes what is left of a segment into a copy; nothing if the segment is sound after all.
    fn salvage(&self, segment: &Segment) -> Result<Option<Salvaged>, Error> {
        let name = segment::name(segment.first);
        let failed = |action| io_error(action, name.clone());
        let disk = self.shared.disk.as_ref();
        let file = match disk.open(&name) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("open")(error)),
        };
        let (kept, footer, is_sound) = match &file {
            Some(file) => self.inspect(segment, file.as_ref()).map_err(failed("read"))?,
            None => (Vec::new(), None, false),
        };
        if is_sound {
            return Ok(None);
        }
        let table = self.shared.table();
        let before = table.segments.range(..segment.first).next_back();
        let before = before.and_then(|(_, it)| it.last_arrival_us);
        // Open intents of later are no harm: a start that needs these reads what is behind, too.
        let open = footer.map_or_else(|| table.open.clone(), |it| it.open.into_iter().collect());
        drop(table);

        let mut lost = survey::missing(&kept, segment.first..segment.end, before, None);
        lost.retain(|it| !segment.holes.contains(&(it.from.0..it.to.0)));
        error!(segment = name, gaps = lost.len(), "segment is damaged, keeping what is left of it");
        let salvage = Salvage {
            id: self.shared.id,
            first: segment.first,
            end: segment.end,
            source: file.as_deref(),
            kept: &kept,
            last_arrival_us: before,
            open: &open,
        };
        match salvage.write(disk) {
            Ok((footer, size)) => Ok(Some(Salvaged { footer, size, lost })),
            Err(error) if is_full(&error) => Err(self.full()),
            Err(error) => Err(failed("salvage")(error)),
        }
    }

    /// The frames and the footer of a segment, and whether all is as it should be.
    fn inspect(
        &self,
        segment: &Segment,
        file: &dyn File,
    ) -> io::Result<(Vec<survey::Seen>, Option<Footer>, bool)> {
        let (first, seed) = (segment.first, self.shared.seed());
        let size = file.size()?;
        let footer = Footer::read(file, size, seed)?.filter(|it| it.first == first);
        let header = Header::read(file)?;
        let intact = header.is_some_and(|it| it.id == self.shared.id && it.first == first);
        let range = segment::HEADER..segment.frames_end.min(size);
        let survey = Survey::of(file, range, seed, intact)?;
        let positions = first..segment.end;
        let is_sound = (footer.is_some() || !segment.is_sealed)
            && survey.whole(positions.clone(), &segment.holes) == Some(segment.frames_end);
        Ok((survey.survivors(positions), footer, is_sound))
    }
}
