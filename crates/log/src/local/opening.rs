//! Finding out what is there: the segments and their chain, a torn tail, what is lost.
//!
//! Only the last segment is read whole. Of the others header and footer are read and trusted; damage
//! between them is found by whoever reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;
use tracing::{info, warn};

use crate::{
    Error, Usage,
    disk::{Disk, File},
    frame::Position,
    local::{
        Components, Settings,
        fullness::{Fullness, Seen},
        gaps::{self, Pending},
        io_error,
        queue::Queue,
        repair::{self, Salvage},
        state::{self, Loaded, State, StateFile},
        survey::{self, Survey, Verdict},
        table::{Segment, Shared, Table},
        writer::Writer,
    },
    segment::{self, Footer, Header, Index, LogId},
};

/// Opens whatever log there is on the disk, which is locked; makes one when there is none.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    settings: Settings,
    components: Components,
) -> Result<Writer, Error> {
    let state = identify(disk.as_ref(), &components)?;
    let mut opening = Opening::begin(disk, state)?;
    let files = opening.files()?;
    opening.fill(files.keys().next().copied().unwrap_or(state.durable))?;
    let mut rest = files.into_iter().peekable();
    while let Some((first, size)) = rest.next() {
        opening.fill(first)?;
        let next = rest.peek().map(|(next, _)| *next);
        opening.take(first, size, next)?;
    }
    // The last segment is gone, or lacks its end.
    opening.fill(state.durable)?;
    opening.finish(settings, components)
}

/// Whose log it is and where it begins, from the state file or else from a segment.
fn identify(disk: &dyn Disk, components: &Components) -> Result<State, Error> {
    match state::load(disk).map_err(io_error("read", state::NAME))? {
        Loaded::State(state) => return Ok(state),
        Loaded::Unknown(version) => {
            return Err(Error::Version { file: state::NAME.to_owned(), version });
        }
        Loaded::Nothing => {}
    }
    let firsts = segments(disk)?;
    for first in firsts.keys() {
        let name = segment::name(*first);
        let file = disk.open(&name).map_err(io_error("open", &*name))?;
        let header = Header::read(file.as_ref()).map_err(io_error("read", &*name))?;
        if let Some(header) = header.filter(|it| it.first == *first) {
            warn!("the log's state file is lost, going by its segments");
            let first = firsts.keys().next().copied().unwrap_or_default();
            return Ok(State::new(header.id, first));
        }
    }
    if firsts.values().any(|size| *size > segment::HEADER) {
        // Frames without a key to tell whether they are ours. Someone must look.
        let error = io::Error::from(io::ErrorKind::InvalidData);
        return Err(io_error("recognise the log without", state::NAME)(error));
    }
    let mut id = [0; 16];
    components.ambient.random.fill(&mut id);
    Ok(State::new(LogId(id), 0))
}

/// First positions of the segment files, with their sizes.
fn segments(disk: &dyn Disk) -> Result<BTreeMap<u64, u64>, Error> {
    let files = disk.list("").map_err(io_error("list", "the folder"))?;
    Ok(files
        .into_iter()
        .filter_map(|(name, size)| Some((segment::first_of(&name)?, size)))
        .collect())
}

/// What is known so far, from the first segment on.
struct Opening {
    disk: Arc<dyn Disk>,
    state: State,
    /// The position behind the segments seen so far.
    end: u64,
    segments: BTreeMap<u64, Segment>,
    active: Option<(Arc<dyn File>, Index)>,
    open: BTreeSet<u64>,
    last_arrival_us: Option<i64>,
    /// What was lost, and is not told of yet.
    owed: Pending,
}

impl Opening {
    fn begin(disk: Arc<dyn Disk>, state: State) -> Result<Self, Error> {
        let owed = finish_repair(disk.as_ref(), state.id)?;
        Ok(Self {
            disk,
            state,
            end: state.first,
            segments: BTreeMap::new(),
            active: None,
            open: BTreeSet::new(),
            last_arrival_us: None,
            owed,
        })
    }

    /// The segment files, without those that were trimmed.
    fn files(&self) -> Result<BTreeMap<u64, u64>, Error> {
        let mut files = segments(self.disk.as_ref())?;
        // A crash may have brought some of them back.
        let kept = files.split_off(&self.state.first);
        for first in files.keys() {
            let name = segment::name(*first);
            self.disk.remove(&name).map_err(io_error("remove", name))?;
        }
        Ok(kept)
    }

    /// Puts an empty segment where positions up to `end` are missing altogether.
    fn fill(&mut self, end: u64) -> Result<(), Error> {
        if self.end < end {
            warn!(from = self.end, to = end, "a segment is missing");
            self.salvage(self.end..end, None, &[], &[])?;
        }
        Ok(())
    }

    /// Takes up the segment that begins with `first`; `next` begins the one behind it.
    fn take(&mut self, first: u64, size: u64, next: Option<u64>) -> Result<(), Error> {
        let name = segment::name(first);
        let failed = |action| io_error(action, name.clone());
        let seed = self.state.id.seed();
        let file = self.disk.open(&name).map_err(failed("open"))?;
        let header = Header::read(file.as_ref()).map_err(failed("read"))?;
        if let Some(header) = header.filter(|it| !it.is_known()) {
            return Err(Error::Version { file: name, version: header.version });
        }
        let intact = header.is_some_and(|it| it.id == self.state.id && it.first == first);
        let footer = Footer::read(file.as_ref(), size, seed).map_err(failed("read"))?;
        let fits = |it: &Footer| it.first == first && next.is_none_or(|next| it.end <= next);
        match (footer.filter(fits), next) {
            (Some(footer), None) if intact => {
                // It may be in the page cache alone, after a sync that failed.
                let bytes = footer.encode(seed);
                file.write_at(&bytes, footer.frames_end).map_err(failed("write"))?;
                file.sync_data().map_err(failed("sync"))?;
                self.sealed(&footer, size);
                Ok(())
            }
            (Some(footer), Some(_)) if intact => {
                self.sealed(&footer, size);
                Ok(())
            }
            (footer, next) => {
                let end = footer.as_ref().map_or(size, |it| it.frames_end);
                let survey = Survey::of(file.as_ref(), segment::HEADER..end, seed, intact);
                let survey = survey.map_err(failed("read"))?;
                let holes = footer.as_ref().map(|it| Arc::clone(&it.holes)).unwrap_or_default();
                match next.or(footer.map(|it| it.end)) {
                    Some(end) => {
                        let kept = survey.survivors(first..end);
                        self.salvage(first..end, Some(file.as_ref()), &kept, &holes)
                    }
                    None => self.take_last(first, &file, &survey),
                }
            }
        }
    }

    /// Takes up the last segment, which was being written.
    fn take_last(
        &mut self,
        first: u64,
        file: &Arc<dyn File>,
        survey: &Survey,
    ) -> Result<(), Error> {
        let name = segment::name(first);
        match survey.judge_last(first, self.state.durable) {
            Verdict::Remove => {
                self.disk.remove(&name).map_err(io_error("remove", name))?;
                self.disk.sync_dir("").map_err(io_error("sync", "the folder"))
            }
            Verdict::Salvage { end } => {
                let kept = survey.survivors(first..end);
                self.salvage(first..end, Some(file.as_ref()), &kept, &[])
            }
            Verdict::Resume { end, frames_end } => {
                let kept = survey.survivors(first..end);
                let proven = self.state.durable.max(survey.proven());
                let unproven = kept.iter().find(|it| it.position >= proven).map(|it| it.offset);
                // A segment in which nothing is proven may lack its header, too.
                let unproven = if proven <= first { Some(0) } else { unproven };
                settle_tail(file.as_ref(), unproven.unwrap_or(frames_end), frames_end)
                    .map_err(io_error("write", name))?;
                let mut index = Index::default();
                kept.iter().for_each(|it| index.note(it.position, it.offset));
                repair::follow(&mut self.open, &kept);
                self.end = end;
                self.last_arrival_us = kept.last().map(|it| it.arrival_us).or(self.last_arrival_us);
                let mut segment = Segment::begun(first);
                (segment.end, segment.frames_end, segment.size) = (end, frames_end, frames_end);
                segment.last_arrival_us = self.last_arrival_us;
                self.segments.insert(first, segment);
                self.active = Some((Arc::clone(file), index));
                Ok(())
            }
        }
    }

    /// Takes up a segment that is sealed.
    fn sealed(&mut self, footer: &Footer, size: u64) {
        self.segments.insert(footer.first, Segment::sealed(footer, size));
        self.end = footer.end;
        self.last_arrival_us = footer.last_arrival_us;
        self.open = footer.open.iter().copied().collect();
    }

    /// Puts what is left of a segment into its place, and takes that up.
    fn salvage(
        &mut self,
        Range { start: first, end }: Range<u64>,
        source: Option<&dyn File>,
        kept: &[survey::Seen],
        known_holes: &[Range<u64>],
    ) -> Result<(), Error> {
        let mut lost = survey::missing(kept, first..end, self.last_arrival_us, None);
        lost.retain(|it| !known_holes.contains(&(it.from.0..it.to.0)));
        let name = segment::name(first);
        warn!(segment = name, gaps = lost.len(), kept = kept.len(), "salvaging a segment");
        repair::follow(&mut self.open, kept);
        self.open.retain(|it| !lost.iter().any(|gap| gap.contains(*it)));
        let salvage = Salvage {
            id: self.state.id,
            first,
            end,
            source,
            kept,
            last_arrival_us: self.last_arrival_us,
            open: &self.open,
        };
        let disk = self.disk.as_ref();
        let (footer, size) = salvage.write(disk).map_err(io_error("salvage", &*name))?;
        if self.owed.is_nothing() {
            // The gap frames come behind everything, hence not before this.
            self.owed.since = first;
        }
        self.owed.swaps.push(first);
        self.owed.gaps.extend(lost);
        self.owed.save(disk, self.state.id.seed()).map_err(io_error("write", gaps::NAME))?;
        repair::swap(disk, first).map_err(io_error("replace", name))?;
        self.sealed(&footer, size);
        Ok(())
    }

    /// Drops those gaps from what is owed that a gap frame tells of already.
    fn forget_told(&mut self) -> Result<(), Error> {
        let seed = self.state.id.seed();
        for segment in self.segments.values().filter(|it| self.owed.since < it.end) {
            let name = segment::name(segment.first);
            let file = self.disk.open(&name).map_err(io_error("open", &*name))?;
            let range = segment::HEADER..segment.frames_end;
            let survey = Survey::of(file.as_ref(), range, seed, true);
            let told: BTreeSet<_> = survey
                .map_err(io_error("read", name))?
                .frames
                .into_iter()
                .filter(|it| it.position >= self.owed.since)
                .filter_map(|it| it.tells_of)
                .collect();
            self.owed.gaps.retain(|it| !told.contains(&it.from.0));
        }
        Ok(())
    }

    fn finish(mut self, settings: Settings, components: Components) -> Result<Writer, Error> {
        if !self.owed.is_nothing() {
            self.forget_told()?;
        }
        self.state.durable = self.end;
        let state = StateFile::open(self.disk.as_ref(), self.state);
        let state = state.map_err(io_error("write", state::NAME))?;
        let table = Table::new(self.segments, self.active, self.open);
        let usage = Usage { bound: settings.ordinary_bound(), ..Usage::default() };
        let shared = Arc::new(Shared {
            disk: self.disk,
            id: self.state.id,
            table: Mutex::new(table),
            queue: Queue::new(
                settings.queue_bytes,
                Duration::from_micros(u64::from(settings.gather_us)),
            ),
            durable: watch::Sender::new(Position(self.end)),
            failed: watch::Sender::new(None),
            usage: Mutex::new(usage),
        });
        let mut writer = Writer {
            shared,
            settings,
            components,
            state,
            next: self.end,
            last_arrival_us: self.last_arrival_us,
            owed: self.owed,
            buffer: Vec::new(),
            fullness: Fullness::default(),
            is_restless: false,
        };
        writer.settle_or_postpone()?;
        writer.watch_room(Seen::default());
        info!(end = writer.next, segments = writer.shared.table().segments.len(), "log is open");
        Ok(writer)
    }
}

/// Goes on with a repair that a crash interrupted. Says what was lost by it.
fn finish_repair(disk: &dyn Disk, id: LogId) -> Result<Pending, Error> {
    let mut owed =
        Pending::load(disk, id.seed()).map_err(io_error("read", gaps::NAME))?.unwrap_or_default();
    let files = disk.list("").map_err(io_error("list", "the folder"))?;
    for (name, _) in files {
        let Some(first) = repair::first_of_copy(&name) else { continue };
        if owed.swaps.contains(&first) {
            repair::swap(disk, first).map_err(io_error("replace", name))?;
        } else {
            // Nothing had been changed yet: it is made again if it is still needed.
            disk.remove(&name).map_err(io_error("remove", name))?;
        }
    }
    if !owed.swaps.is_empty() {
        owed.finish_swaps(disk, id.seed()).map_err(io_error("write", gaps::NAME))?;
    }
    Ok(owed)
}

/// Cuts what is torn off, and writes anew what was perhaps never synced: after a sync that failed,
/// the page cache may hold bytes that the disk does not, and no later sync would write them.
fn settle_tail(file: &dyn File, unproven: u64, frames_end: u64) -> io::Result<()> {
    let torn = file.size()?.saturating_sub(frames_end);
    if torn > 0 {
        warn!(bytes = torn, "cutting off a torn write");
        file.truncate(frames_end)?;
    }
    repair::copy(file, unproven, frames_end, file, unproven)?;
    file.sync_data()
}
