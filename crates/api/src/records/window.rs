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
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256, digest};
use log::{EventLog, Marks, Position};
use record::{AccountId, Record, parse};
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
    current: Prints<u64>,
    previous: Prints<u64>,
    /// What requests are appending at the moment: the bytes' hash and the claim, by slot.
    pending: Prints<(u64, u64)>,
    /// The claims that are not settled, by number.
    claims: BTreeMap<u64, Unsettled>,
    next_claim: u64,
}

type Prints<T> = HashMap<u64, T, foldhash::fast::FixedState>;

#[derive(Debug)]
struct Unsettled {
    /// Tells who waits that the append has ended.
    ended: watch::Sender<bool>,
    /// Where the log ended before; everything of the request comes after.
    after: Position,
}

/// What a request may append, and what it must wait for.
#[derive(Debug)]
pub(super) struct Claim {
    /// To append, with marks.
    pub(super) ours: Vec<(Fresh, Marks)>,
    /// To settle once the append has ended, well or not. Without it, others wait for ever.
    pub(super) unsettled: Claimed,
    pub(super) duplicates: usize,
    pub(super) contested: usize,
    /// Other requests that are appending records of this one.
    pub(super) waits: Vec<watch::Receiver<bool>>,
}

/// What a claim has taken: where in the window, and the bytes' hash.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    number: u64,
    slots: Vec<(u64, u64)>,
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

    async fn replay(&self, log: &dyn EventLog, from: Position) -> Result<(), Error> {
        let end = *log.durable().borrow();
        // What came before that many records would be forgotten again.
        let mut from = from.max(Position(end.0.saturating_sub(2 * GENERATION as u64)));
        while from < end {
            let entries = log.read(from, REPLAY_BYTES).await?;
            let Some(last) = entries.last() else { break };
            from = last.position.next();
            let mut state = self.lock();
            for entry in entries.iter().filter(|it| it.frame.source.starts_with(SOURCE)) {
                if let Ok(record) = parse(&entry.frame.body) {
                    let print = self.fingerprint(entry.frame.account, &record);
                    if let Standing::New { slot, .. } = state.standing(print) {
                        state.remember(slot, print.bytes);
                    }
                }
            }
        }
        Ok(())
    }

    /// What a record is known by. One without an event id, as from before there were any, or with
    /// one of absurd length, is known by its bytes alone.
    pub(super) fn fingerprint(&self, account: AccountId, record: &Record<'_>) -> Fingerprint {
        let hash = |parts: &[&[u8]]| {
            let mut context = Context::new(&SHA256);
            context.update(&self.seed);
            parts.iter().for_each(|part| context.update(part));
            first_eight(context.finish().as_ref())
        };
        let bytes = hash(&[record.bytes()]);
        let id = record.event_id().filter(|id| (1..=ID_MAX).contains(&id.len()));
        let id = id.map_or(bytes, |id| hash(&[account.as_bytes(), id.as_bytes()]));
        Fingerprint { id, bytes }
    }

    /// Decides for each of `fresh` whether this request appends it, and takes those that are decided
    /// out. What another request is appending at the moment stays in `fresh`. `after` is where the
    /// log ends now.
    pub(super) fn claim(&self, fresh: &mut Vec<Fresh>, after: Position) -> Claim {
        let mut state = self.lock();
        let number = state.next_claim;
        state.next_claim += 1;
        let mut claim = Claim {
            ours: Vec::with_capacity(fresh.len()),
            unsettled: Claimed { number, slots: Vec::with_capacity(fresh.len()) },
            duplicates: 0,
            contested: 0,
            waits: Vec::new(),
        };
        let mut undecided = Vec::new();
        for one in fresh.drain(..) {
            match state.standing(one.fingerprint) {
                // Twice in one request: acknowledged with the first.
                Standing::Pending(other) if other == number => claim.duplicates += 1,
                Standing::Same => claim.duplicates += 1,
                Standing::Pending(other) => {
                    let ended = state.claims.get(&other).map(|it| it.ended.subscribe());
                    claim.waits.extend(ended);
                    undecided.push(one);
                }
                Standing::New { slot, is_contested } => {
                    state.pending.insert(slot, (one.fingerprint.bytes, number));
                    claim.unsettled.slots.push((slot, one.fingerprint.bytes));
                    claim.contested += usize::from(is_contested);
                    let marks = if is_contested { Marks::CONTESTED_ID } else { Marks::NONE };
                    claim.ours.push((one, marks));
                }
            }
        }
        if !claim.ours.is_empty() {
            let ended = watch::Sender::new(false);
            state.claims.insert(number, Unsettled { ended, after });
        }
        drop(state);
        *fresh = undecided;
        claim
    }

    /// Remembers what was appended, or forgets what could not be, and wakes who waits for it.
    pub(super) fn settle(&self, claimed: &Claimed, is_appended: bool) {
        let mut state = self.lock();
        for (slot, bytes) in &claimed.slots {
            state.pending.remove(slot);
            if is_appended {
                state.remember(*slot, *bytes);
            }
        }
        let ended = state.claims.remove(&claimed.number).map(|it| it.ended);
        drop(state);
        if let Some(ended) = ended {
            ended.send_replace(true);
        }
    }

    /// Writes the window to its file, durable when this returns. It then knows the log up to
    /// `position`, or up to where the oldest unfinished append began.
    ///
    /// # Errors
    /// [`Error::Io`]; the file from before is then still there.
    pub fn keep(&self, position: Position) -> Result<(), Error> {
        let state = self.lock();
        let unfinished = state.claims.values().map(|it| it.after).min();
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

/// What is known of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// It is not there yet; it will be remembered in this slot.
    New {
        slot: u64,
        /// Another record has its event id.
        is_contested: bool,
    },
    /// The claim of this number is appending it.
    Pending(u64),
    /// It is there.
    Same,
}

impl State {
    fn standing(&self, print: Fingerprint) -> Standing {
        // The first record of an event id has the id's slot, every other one of its own.
        let own = print.id ^ print.bytes.rotate_left(17);
        for slot in [print.id, own] {
            let settled = self.current.get(&slot).or_else(|| self.previous.get(&slot));
            match (settled, self.pending.get(&slot)) {
                (Some(bytes), _) if *bytes == print.bytes => return Standing::Same,
                (_, Some((bytes, claim))) if *bytes == print.bytes => {
                    return Standing::Pending(*claim);
                }
                (None, None) => return Standing::New { slot, is_contested: slot != print.id },
                _ => {}
            }
        }
        Standing::New { slot: own, is_contested: true }
    }

    fn remember(&mut self, slot: u64, bytes: u64) {
        if self.current.len() >= GENERATION {
            self.previous = std::mem::take(&mut self.current);
        }
        self.current.insert(slot, bytes);
    }
}

/// The window's file: magic, seed, position, two generations, SHA-256 of all before.
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
        let mut state = State::default();
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
/// A longer event id is not taken for one.
const ID_MAX: usize = 256;
/// What the sources of bulk records begin with.
const SOURCE: &str = "records/";
/// Bytes of the log that are read at once at start.
const REPLAY_BYTES: usize = 4 << 20;
const FILE: &str = "records.window";
const MAGIC: &[u8] = b"TRLMKWN1";
