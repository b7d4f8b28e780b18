//! The small file beside the segments: whose they are, where they begin, how far they surely went.
//!
//! Three slots. The first two are written in turn and synced, so that one of them is always whole.
//! The third is written after every commit and not synced: it says how far the log was durable, and
//! lets the next start notice that acknowledged frames are missing at the very end, where nothing
//! behind them could tell. After `kill -9` it is exact; after a power failure it may be older than
//! the truth, never newer.

use std::{io, sync::Arc};

use crate::{
    disk::{Disk, File},
    encoding::POSITIONS,
    fields::{Fields, seal, unseal},
    segment::LogId,
};

/// The file's name.
pub(crate) const NAME: &str = "state";

const MAGIC: [u8; 8] = *b"TRLMSTA\xFF";
const FORMAT: u16 = 1;
/// Each slot has a page of its own, so that tearing one leaves the others alone.
const SLOT_STEP: u64 = 4_096;
const SLOT_BYTES: usize = 54;
const HINT_SLOT: u64 = 2;

/// What the file says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct State {
    pub(crate) id: LogId,
    /// Everything before this position was trimmed.
    pub(crate) first: u64,
    /// Everything before this position was synced.
    pub(crate) durable: u64,
    sequence: u64,
}

/// What was found at the start.
pub(crate) enum Loaded {
    Nothing,
    State(State),
    /// A newer version wrote it.
    Unknown(u16),
}

/// The open file, with what it says.
#[derive(Debug)]
pub(crate) struct StateFile {
    file: Arc<dyn File>,
    pub(crate) state: State,
}

/// Reads the newest intact slot.
pub(crate) fn load(disk: &dyn Disk) -> io::Result<Loaded> {
    let file = match disk.open(NAME) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Loaded::Nothing),
        Err(error) => return Err(error),
    };
    let mut newest: Option<State> = None;
    for slot in 0..=HINT_SLOT {
        let mut bytes = [0; SLOT_BYTES];
        let read = file.read_at(&mut bytes, slot * SLOT_STEP)?;
        match State::decode(bytes.get(..read).unwrap_or_default()) {
            Some((FORMAT, state)) if newest.is_none_or(|it| it.sequence < state.sequence) => {
                newest = Some(state);
            }
            Some((FORMAT, _)) | None => {}
            Some((version, _)) => return Ok(Loaded::Unknown(version)),
        }
    }
    Ok(newest.map_or(Loaded::Nothing, Loaded::State))
}

impl State {
    pub(crate) const fn new(id: LogId, first: u64) -> Self {
        Self { id, first, durable: first, sequence: 0 }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&self.id.0);
        for number in [self.sequence, self.first, self.durable] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        seal(&mut out, 0);
        out
    }

    fn decode(bytes: &[u8]) -> Option<(u16, Self)> {
        let mut fields = Fields(unseal(bytes, 0)?);
        (fields.array()? == MAGIC).then_some(())?;
        let version = fields.u16()?;
        let id = LogId(fields.array()?);
        let (sequence, first, durable) = (fields.u64()?, fields.u64()?, fields.u64()?);
        (first <= durable && durable <= POSITIONS).then_some(())?;
        Some((version, Self { id, first, durable, sequence }))
    }
}

impl StateFile {
    /// Opens the file to write, and makes sure that `state` is on disk, and with it every name that a
    /// process saw before it was killed.
    pub(crate) fn open(disk: &dyn Disk, state: State) -> io::Result<Self> {
        let file = match disk.open(NAME) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(NAME)?,
            file => file?,
        };
        let mut it = Self { file, state };
        it.keep()?;
        disk.sync_dir("")?;
        Ok(it)
    }

    /// Writes the state down, and syncs it.
    pub(crate) fn keep(&mut self) -> io::Result<()> {
        self.state.sequence += 1;
        // A hint takes a number too; two synced states in turn never share a slot all the same.
        let slot = u64::from(self.flip());
        self.file.write_at(&self.state.encode(), slot * SLOT_STEP)?;
        self.file.sync_data()
    }

    /// Takes note that everything before `durable` is synced, without a sync of its own.
    pub(crate) fn hint(&mut self, durable: u64) -> io::Result<()> {
        self.state.durable = durable;
        self.state.sequence += 1;
        self.file.write_at(&self.state.encode(), HINT_SLOT * SLOT_STEP)
    }

    /// Which of the two synced slots is the older one.
    fn flip(&self) -> bool {
        let sequence = |slot: u64| {
            let mut bytes = [0; SLOT_BYTES];
            let read = self.file.read_at(&mut bytes, slot * SLOT_STEP).unwrap_or_default();
            State::decode(bytes.get(..read).unwrap_or_default()).map(|(_, it)| it.sequence)
        };
        sequence(0) > sequence(1)
    }
}
