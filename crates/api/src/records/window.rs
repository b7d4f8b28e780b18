//! Which records are already there: the last half million that came in bulk.
//!
//! Lives here: fingerprints of records, which record a request may append, and the file that carries
//! the window over a restart.
//! A record counts as already there when account, event id and bytes are the same and it came within
//! the last 262,144 to twice as many records. The same id with other bytes is another record:
//! it is kept and marked, else whoever sends an id first could suppress another's.
//!
//! The window is written to its file before the log is trimmed, with the position up to which it
//! knows the log; what came later is read from the log at start. So it survives a kill and a power
//! cut as the records themselves do.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256, digest};
use log::{EventLog, Marks, Position};
use record::{AccountId, parse};
use tokio::sync::watch;

use super::batch::Fresh;

/// What a record is known by: 64 bits of a keyed hash each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Fingerprint {
    /// Of account and event id.
    id: u64,
    /// Of the bytes.
    bytes: u64,
}

/// The records that came last.
#[derive(Debug)]
pub struct Window {
    file: PathBuf,
    seed: [u8; 16],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: HashMap<u64, u64, foldhash::fast::FixedState>,
    previous: HashMap<u64, u64, foldhash::fast::FixedState>,
    /// What requests are appending at the moment.
    pending: HashMap<u64, (u64, watch::Receiver<bool>), foldhash::fast::FixedState>,
    /// The requests that are appending, by the first id of each.
    endings: HashMap<u64, Appending>,
    /// The next number of a record within its source.
    sequence: u64,
}

#[derive(Debug)]
struct Appending {
    /// Tells who waits that the append has ended.
    ended: watch::Sender<bool>,
    /// Where the log ended before; everything of the request comes after.
    after: Position,
}

/// What a request may append, and what it must wait for.
pub(super) struct Claim {
    /// To append, with marks and number.
    pub(super) ours: Vec<(Fresh, Marks, u64)>,
    /// To settle once the append has ended.
    pub(super) claimed: Vec<Fingerprint>,
    pub(super) duplicates: usize,
    pub(super) contested: usize,
    /// Other requests that are appending records of this one.
    pub(super) waits: Vec<watch::Receiver<bool>>,
}

/// Why the window could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The log could not be read.
    #[error("cannot read what came last")]
    Log(#[from] log::Error),
}

impl Window {
    /// Opens the window in `folder` and reads from the log what came after it was written.
    ///
    /// A damaged file is passed over: the window then knows what the log still holds.
    ///
    /// # Errors
    /// When the file or the log cannot be read.
    pub async fn open(folder: &Path, log: &dyn EventLog) -> Result<Self, Error> {
        let file = folder.join(FILE);
        let stored = match fs::read(&file) {
            Ok(bytes) => Stored::decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(Error::Io { action: "read", path: file, source }),
        };
        let (seed, from, state) = match stored {
            Some(stored) => (stored.seed, stored.position, stored.state),
            None => {
                let mut seed = [0; 16];
                aws_lc_rs::rand::fill(&mut seed).expect("the operating system has randomness");
                (seed, Position(0), State::default())
            }
        };
        let window = Self { file, seed, state: Mutex::new(state) };
        window.replay(log, from.max(log.first())).await?;
        Ok(window)
    }

    async fn replay(&self, log: &dyn EventLog, mut from: Position) -> Result<(), Error> {
        let end = *log.durable().borrow();
        while from < end {
            let entries = log.read(from, REPLAY_BYTES).await?;
            let Some(last) = entries.last() else { break };
            from = last.position.next();
            let mut state = self.lock();
            for entry in entries.iter().filter(|it| it.frame.source.starts_with(SOURCE)) {
                state.sequence = state.sequence.max(entry.frame.source_sequence + 1);
                if let Ok(record) = parse(&entry.frame.body) {
                    let id = record.event_id().filter(|id| !id.is_empty());
                    let id = id.as_deref().map_or(record.bytes(), str::as_bytes);
                    let print = self.fingerprint(entry.frame.account, id, record.bytes());
                    state.remember(print);
                }
            }
        }
        Ok(())
    }

    /// What a record is known by.
    pub(super) fn fingerprint(&self, account: AccountId, id: &[u8], bytes: &[u8]) -> Fingerprint {
        let hash = |parts: &[&[u8]]| {
            let mut context = Context::new(&SHA256);
            context.update(&self.seed);
            parts.iter().for_each(|part| context.update(part));
            first_eight(context.finish().as_ref())
        };
        Fingerprint { id: hash(&[account.as_bytes(), id]), bytes: hash(&[bytes]) }
    }

    /// Decides for each of `fresh` whether this request appends it, and takes those that are decided
    /// out. What another request is appending at the moment stays in `fresh`. `after` is where the
    /// log ends now.
    pub(super) fn claim(&self, fresh: &mut Vec<Fresh>, after: Position) -> Claim {
        let mut claim = Claim {
            ours: Vec::with_capacity(fresh.len()),
            claimed: Vec::with_capacity(fresh.len()),
            duplicates: 0,
            contested: 0,
            waits: Vec::new(),
        };
        let (ending, ended) = watch::channel(false);
        let mut state = self.lock();
        let mut undecided = Vec::new();
        for one in fresh.drain(..) {
            let print = one.fingerprint;
            let before = state.pending.get(&print.id).cloned();
            let known = state.known(print);
            let mut marks = Marks::NONE;
            match (known, before) {
                (Some(Known::Same), _) => {
                    claim.duplicates += 1;
                    continue;
                }
                (_, Some((bytes, other))) if bytes == print.bytes => {
                    if other.same_channel(&ended) {
                        // Twice in one request: acknowledged with the first.
                        claim.duplicates += 1;
                    } else {
                        claim.waits.push(other);
                        undecided.push(one);
                    }
                    continue;
                }
                (Some(Known::OtherBytes), _) | (None, Some(_)) => marks = Marks::CONTESTED_ID,
                (None, None) => {
                    state.pending.insert(print.id, (print.bytes, ended.clone()));
                }
            }
            claim.contested += usize::from(marks == Marks::CONTESTED_ID);
            let sequence = state.sequence;
            state.sequence += 1;
            claim.claimed.push(print);
            claim.ours.push((one, marks, sequence));
        }
        if let Some(first) = claim.claimed.first() {
            state.endings.insert(first.id, Appending { ended: ending, after });
        }
        drop(state);
        *fresh = undecided;
        claim
    }

    /// Remembers what was appended, or forgets what could not be, and wakes who waits for it.
    pub(super) fn settle(&self, claimed: &[Fingerprint], appended: bool) {
        let mut state = self.lock();
        for print in claimed {
            // Of a contested id another request may be appending the other record.
            if state.pending.get(&print.id).is_some_and(|(bytes, _)| *bytes == print.bytes) {
                state.pending.remove(&print.id);
            }
            if appended {
                state.remember(*print);
            }
        }
        let ending = claimed.first().and_then(|first| state.endings.remove(&first.id));
        drop(state);
        if let Some(appending) = ending {
            appending.ended.send_replace(true);
        }
    }

    /// Writes the window to its file, durable when this returns. It then knows the log up to
    /// `position`, or up to where the oldest unfinished append began.
    ///
    /// # Errors
    /// [`Error::Io`]; the file from before is then still there.
    pub fn keep(&self, position: Position) -> Result<(), Error> {
        let state = self.lock();
        let unfinished = state.endings.values().map(|it| it.after).min();
        let known = unfinished.map_or(position, |after| after.min(position));
        let bytes = Stored::encode(&self.seed, known, &state);
        drop(state);
        let draft = self.file.with_extension("new");
        let fail = |action| {
            let path = draft.clone();
            move |source| Error::Io { action, path, source }
        };
        fs::write(&draft, &bytes).map_err(fail("write"))?;
        fs::File::open(&draft).and_then(|it| it.sync_all()).map_err(fail("sync"))?;
        fs::rename(&draft, &self.file).map_err(fail("rename"))?;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::File::open(folder).and_then(|it| it.sync_all()).map_err(fail("sync the folder of"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it left single entries, never half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, print: Fingerprint) {
        if self.current.len() >= GENERATION {
            self.previous = std::mem::take(&mut self.current);
        }
        match self.known(print) {
            Some(Known::Same) => {}
            Some(Known::OtherBytes) => {
                self.current.insert(print.of_contested(), print.bytes);
            }
            None => {
                self.current.insert(print.id, print.bytes);
            }
        }
    }

    fn known(&self, print: Fingerprint) -> Option<Known> {
        let find = |id| self.current.get(&id).or_else(|| self.previous.get(&id)).copied();
        let first = find(print.id)?;
        let same = first == print.bytes || find(print.of_contested()) == Some(print.bytes);
        Some(if same { Known::Same } else { Known::OtherBytes })
    }
}

/// What the window knows of a record.
enum Known {
    OtherBytes,
    Same,
}

impl Fingerprint {
    /// Where the second and later records of one event id are kept.
    fn of_contested(self) -> u64 {
        self.id ^ self.bytes.rotate_left(17)
    }
}

/// The window's file: magic, seed, position, sequence, two generations, SHA-256 of all before.
struct Stored {
    seed: [u8; 16],
    position: Position,
    state: State,
}

impl Stored {
    fn encode(seed: &[u8; 16], position: Position, state: &State) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 16 * (state.current.len() + state.previous.len()));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(seed);
        bytes.extend_from_slice(&position.0.to_le_bytes());
        bytes.extend_from_slice(&state.sequence.to_le_bytes());
        for generation in [&state.previous, &state.current] {
            bytes.extend_from_slice(&(generation.len() as u64).to_le_bytes());
            for (id, hash) in generation {
                bytes.extend_from_slice(&id.to_le_bytes());
                bytes.extend_from_slice(&hash.to_le_bytes());
            }
        }
        let sum = digest(&SHA256, &bytes);
        bytes.extend_from_slice(sum.as_ref());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if digest(&SHA256, content).as_ref() != sum {
            return None;
        }
        let mut rest = content.strip_prefix(MAGIC)?;
        let (seed, after) = rest.split_first_chunk::<16>()?;
        rest = after;
        let position = Position(number(&mut rest)?);
        let mut state = State { sequence: number(&mut rest)?, ..State::default() };
        for generation in [&mut state.previous, &mut state.current] {
            for _ in 0..number(&mut rest)? {
                generation.insert(number(&mut rest)?, number(&mut rest)?);
            }
        }
        rest.is_empty().then_some(Self { seed: *seed, position, state })
    }
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (head, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*head))
}

fn first_eight(hash: &[u8]) -> u64 {
    hash.first_chunk::<8>().map_or(0, |head| u64::from_le_bytes(*head))
}

/// Records of one generation; two are remembered. 16 bytes each, and what a hash table adds.
const GENERATION: usize = 262_144;
/// What the sources of bulk records begin with.
const SOURCE: &str = "records/";
/// Bytes of the log that are read at once at start.
const REPLAY_BYTES: usize = 4 << 20;
const FILE: &str = "records.window";
const MAGIC: &[u8] = b"TRLMKWN1";
