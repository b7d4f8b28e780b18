//! The thread that writes: appends in groups that share a sync, new segments, trimming, repair.
//!
//! INVARIANT: a frame is written only after everything before its group was synced; the field
//! `preceding` of a frame is a proof because of that.
//! INVARIANT: nothing is acknowledged before its bytes, its segment's header and the segment's name
//! are synced.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::{error, info, warn};

use crate::{
    Error,
    disk::File,
    encoding::{self, Place},
    frame::{Frame, Position},
    local::{
        Components, Settings,
        fullness::{Change, Fullness, Seen},
        gaps::Pending,
        io_error, is_full,
        queue::{Append, Class, Work},
        state::StateFile,
        table::{Segment, Shared, Table},
    },
    segment::{self, Footer, Header, Index},
};

/// Owns the files that are written.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: Settings,
    pub(crate) components: Components,
    pub(crate) state: StateFile,
    /// The position of the next frame.
    pub(crate) next: u64,
    /// Arrival of the last frame, in microseconds.
    pub(crate) last_arrival_us: Option<i64>,
    /// Losses that no gap frame tells of yet.
    pub(crate) owed: Pending,
    /// Frames on their way to the disk.
    pub(crate) buffer: Vec<u8>,
    pub(crate) fullness: Fullness,
    /// Whether the state file may be behind.
    pub(crate) is_restless: bool,
}

impl Writer {
    /// Bytes that are encoded before they are handed to the operating system.
    const BUFFER_BYTES: usize = 4 << 20;
    /// How long nothing must come until the state file is synced and memory is given back.
    const PATIENCE: Duration = Duration::from_millis(200);

    /// Works until the queue is closed and empty, or something fails.
    pub(crate) fn run(mut self) {
        // Also when the thread panics, nobody may wait for it.
        let _last_words = LastWords(Arc::clone(&self.shared));
        loop {
            let patience = self.is_restless.then_some(Self::PATIENCE);
            let result = match self.shared.queue.next(patience) {
                Work::Appends(group) => self.commit(group),
                Work::Repair(first, reply) => match self.repair(first) {
                    Ok(result) => {
                        let _ = reply.send(result);
                        Ok(())
                    }
                    Err(error) => {
                        let _ = reply.send(Err(again(&error)));
                        Err(error)
                    }
                },
                Work::Trim(before, reply) => {
                    // Not fatal: whatever is still there is removed by the next attempt.
                    let _ = reply.send(self.trim(before.0));
                    Ok(())
                }
                Work::Rest => {
                    self.rest();
                    Ok(())
                }
                Work::Stop => return self.rest(),
            };
            if let Err(error) = result {
                return self.fail(&error);
            }
        }
    }

    /// Appends all of a group with one sync, and answers each.
    fn commit(&mut self, group: Vec<Append>) -> Result<(), Error> {
        let settled = self.settle();
        let Usage { mut used, bound } = self.room();
        let (mut admitted, mut refused) = (Vec::new(), Vec::new());
        for append in group {
            let bound = match append.class {
                Class::Ordinary => bound,
                Class::Reserved => self.settings.bound_bytes,
            };
            if settled.is_ok() && append.bytes <= bound.saturating_sub(used) {
                used += append.bytes;
                admitted.push(append);
            } else {
                refused.push(append);
            }
        }
        let stored = match settled {
            Err(error) if is_fatal(&error) => Err(error),
            _ if admitted.is_empty() => Ok(()),
            _ => self.store(&admitted),
        };
        // Whoever is answered finds the numbers as they are now.
        match stored {
            Ok(()) => {
                self.watch_room(Seen::of(&admitted, &refused));
                self.answer(admitted);
            }
            Err(Error::Full { .. }) => {
                refused.extend(admitted);
                self.watch_room(Seen::of(&[], &refused));
            }
            Err(error) => {
                for append in admitted.into_iter().chain(refused) {
                    let _ = append.reply.send(Err(again(&error)));
                }
                return Err(error);
            }
        }
        for append in refused {
            let _ = append.reply.send(Err(self.full()));
        }
        Ok(())
    }

    /// Tells each of an acknowledged group its positions.
    fn answer(&self, group: Vec<Append>) {
        let count: usize = group.iter().map(|it| it.frames.len()).sum();
        let mut at = self.next - count as u64;
        for append in group {
            let end = at + append.frames.len() as u64;
            let _ = append.reply.send(Ok(Position(at)..Position(end)));
            at = end;
        }
    }

    /// Writes and syncs appends, and lets readers see them.
    pub(crate) fn store(&mut self, appends: &[impl AsRef<[Frame]>]) -> Result<(), Error> {
        let frames = || appends.iter().flat_map(|it| it.as_ref());
        let bytes = frames().map(|it| encoding::length(it) as u64).sum();
        let file = self.make_room(bytes)?;
        let (from, first) = self.active_end();
        let (end, marks) = match self.write(file.as_ref(), from, appends) {
            Ok(written) => written,
            Err(error) if is_full(&error) => {
                return Err(self.take_back(file.as_ref(), from, first));
            }
            Err(error) => return Err(io_error("write", segment::name(first))(error)),
        };
        self.sync(file.as_ref(), first)?;

        let mut table = self.shared.table();
        let mut position = self.next;
        for frame in frames() {
            let answers = frame.answers.map(|it| it.0);
            Table::follow(&mut table.open, position, frame.kind, answers);
            self.last_arrival_us = Some(frame.arrival.as_microsecond());
            position += 1;
        }
        if let Some((_, index)) = &mut table.active {
            marks.into_iter().for_each(|(position, offset)| index.note(position, offset));
        }
        if let Some(segment) = table.segments.get_mut(&first) {
            (segment.end, segment.frames_end, segment.size) = (position, end, end);
            segment.last_arrival_us = self.last_arrival_us;
        }
        drop(table);
        self.next = position;
        self.is_restless = true;
        // Only a hint: without it the log is as durable, and less able to prove it.
        if let Err(error) = self.state.hint(position) {
            warn!(%error, "cannot note how far the log is durable");
        }
        self.shared.durable.send_replace(Position(position));
        Ok(())
    }

    /// Encodes and writes appends from an offset on. Says where they end, and where some of them
    /// begin.
    fn write(
        &mut self,
        file: &dyn File,
        mut offset: u64,
        appends: &[impl AsRef<[Frame]>],
    ) -> io::Result<(u64, Vec<(u64, u64)>)> {
        let seed = self.shared.seed();
        let mut marks = Vec::new();
        let mut preceding = 0_u32;
        for append in appends.iter().map(AsRef::as_ref) {
            for (at, frame) in append.iter().enumerate() {
                if self.buffer.len() >= Self::BUFFER_BYTES {
                    file.write_at(&self.buffer, offset)?;
                    offset += self.buffer.len() as u64;
                    self.buffer.clear();
                }
                let position = self.next + u64::from(preceding);
                let following = u32::try_from(append.len() - at - 1).unwrap_or(u32::MAX);
                marks.push((position, offset + self.buffer.len() as u64));
                let place = Place { position, preceding, following };
                encoding::encode(&mut self.buffer, frame, place, seed);
                preceding = preceding.saturating_add(1);
            }
        }
        let rest = std::mem::take(&mut self.buffer);
        let written = file.write_at(&rest, offset);
        let end = offset + rest.len() as u64;
        self.buffer = rest;
        self.buffer.clear();
        written.map(|()| (end, marks))
    }

    /// Syncs a segment, and takes the time.
    fn sync(&self, file: &dyn File, first: u64) -> Result<(), Error> {
        let began = Instant::now();
        file.sync_data().map_err(io_error("sync", segment::name(first)))?;
        let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut usage = self.shared.usage();
        usage.syncs += 1;
        usage.sync_us += us;
        usage.sync_us_max = usage.sync_us_max.max(us);
        Ok(())
    }

    /// Cuts off what did not fit, durably: frames that were refused must not come back.
    fn take_back(&mut self, file: &dyn File, length: u64, first: u64) -> Error {
        self.buffer.clear();
        let name = segment::name(first);
        if let Err(error) = file.truncate(length) {
            return io_error("truncate", name)(error);
        }
        match self.sync(file, first) {
            Ok(()) => self.full(),
            Err(error) => error,
        }
    }

    pub(crate) fn full(&self) -> Error {
        let Usage { used, bound } = self.room();
        Error::Full { used, bound }
    }

    /// The file to append to: the active segment, or a new one when that has grown large enough.
    fn make_room(&mut self, bytes: u64) -> Result<Arc<dyn File>, Error> {
        let table = self.shared.table();
        let active = table.active.as_ref().map(|(file, _)| Arc::clone(file));
        drop(table);
        match active {
            None => self.begin(),
            Some(file) => {
                let (end, first) = self.active_end();
                if end == segment::HEADER || end + bytes <= self.settings.segment_bytes {
                    return Ok(file);
                }
                self.seal(file.as_ref(), first)?;
                self.begin()
            }
        }
    }

    /// Where the frames of the active segment end, and its first position.
    fn active_end(&self) -> (u64, u64) {
        let table = self.shared.table();
        let active = table.segments.values().next_back().filter(|it| !it.is_sealed);
        active.map_or((segment::HEADER, self.next), |it| (it.frames_end, it.first))
    }

    /// Begins a segment. Its name is synced before anything in it can be acknowledged.
    fn begin(&mut self) -> Result<Arc<dyn File>, Error> {
        let first = self.next;
        let name = segment::name(first);
        let disk = Arc::clone(&self.shared.disk);
        let file = match disk.create(&name) {
            Ok(file) => file,
            Err(error) if is_full(&error) => return Err(self.full()),
            Err(error) => return Err(io_error("create", name)(error)),
        };
        match file.write_at(&Header::encode(self.shared.id, first), 0) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                disk.remove(&name).map_err(io_error("remove", name))?;
                return Err(self.full());
            }
            Err(error) => return Err(io_error("write", name)(error)),
        }
        // The header is synced with the first frame.
        disk.sync_dir("").map_err(io_error("sync the folder of", name))?;
        let mut table = self.shared.table();
        table.segments.insert(first, Segment::begun(first));
        table.active = Some((Arc::clone(&file), Index::default()));
        Ok(file)
    }

    /// Ends the active segment with a footer.
    fn seal(&mut self, file: &dyn File, first: u64) -> Result<(), Error> {
        let table = self.shared.table();
        let Some(segment) = table.segments.get(&first).cloned() else { return Ok(()) };
        let index = table.active.as_ref().map(|(_, index)| index.clone()).unwrap_or_default();
        let footer = Footer {
            first,
            end: segment.end,
            holes: segment.holes,
            frames_end: segment.frames_end,
            last_arrival_us: segment.last_arrival_us,
            index: Arc::new(index),
            open: table.open.iter().copied().collect(),
        };
        drop(table);
        let bytes = footer.encode(self.shared.seed());
        match file.write_at(&bytes, footer.frames_end) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                return Err(self.take_back(file, footer.frames_end, first));
            }
            Err(error) => return Err(io_error("write", segment::name(first))(error)),
        }
        self.sync(file, first)?;
        let mut table = self.shared.table();
        table.active = None;
        table.seal(&footer, footer.frames_end + bytes.len() as u64);
        Ok(())
    }

    /// Warns once when the alarm threshold is passed or the log is full, and keeps the numbers.
    pub(crate) fn watch_room(&mut self, seen: Seen) {
        let Usage { used, bound } = self.room();
        let segments = self.shared.table().segments.len() as u64;
        let mut usage = self.shared.usage();
        let alarm = used >= bound / 100 * u64::from(self.settings.alarm_percent);
        if alarm && !usage.alarm {
            warn!(used, bound, "the log is filling up");
        }
        match self.fullness.follow(&seen) {
            Some(Change::Full) => error!(used, bound, "the log is full, appends are refused"),
            Some(Change::RoomAgain) => info!(used, bound, "the log has room again"),
            None => {}
        }
        (usage.bytes, usage.segments) = (used, segments);
        usage.alarm = alarm;
        usage.full = seen.is_full().unwrap_or(usage.full);
    }

    fn room(&self) -> Usage {
        Usage { used: self.shared.table().bytes(), bound: self.settings.ordinary_bound() }
    }

    /// Syncs the hint, and gives memory back.
    fn rest(&mut self) {
        if self.is_restless {
            self.is_restless = false;
            self.buffer = Vec::new();
            if let Err(error) = self.state.keep() {
                warn!(%error, "cannot note how far the log is durable");
            }
        }
    }

    /// Stops the log: what is on disk is not known any more, and another try would prove nothing.
    fn fail(self, error: &Error) {
        error!(%error, source = std::error::Error::source(error), "the log has stopped");
        self.shared.failed.send_replace(Some(chain(error)));
        self.shared.queue.abandon();
    }
}

/// Bytes used, and the bound.
struct Usage {
    used: u64,
    bound: u64,
}

/// Answers those who wait when the thread ends, however it ends.
struct LastWords(Arc<Shared>);

impl Drop for LastWords {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.send_replace(Some("the log's thread has panicked".to_owned()));
        }
        self.0.queue.abandon();
    }
}

impl AsRef<[Frame]> for Append {
    fn as_ref(&self) -> &[Frame] {
        &self.frames
    }
}

/// Whether the log must stop.
fn is_fatal(error: &Error) -> bool {
    !matches!(error, Error::Full { .. })
}

/// The error again, for one more caller.
fn again(error: &Error) -> Error {
    match error {
        Error::Full { used, bound } => Error::Full { used: *used, bound: *bound },
        Error::Io { action, file, source } => Error::Io {
            action,
            file: file.clone(),
            source: io::Error::new(source.kind(), source.to_string()),
        },
        Error::Closed
        | Error::InUse
        | Error::TooLarge { .. }
        | Error::Trimmed { .. }
        | Error::Version { .. } => Error::Closed,
    }
}

/// An error with its causes, in one line.
fn chain(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
