//! A disk in memory that does what real ones do on bad days. For tests, of this crate and others.
//!
//! Lives here: [`Simulated`], which forgets at a crash what was not synced (any part of it, in any
//! order, torn at any byte), fills up, and fails the call it is told to.
//! It is stricter than most file systems: contents and names are synced apart, and a sync that failed
//! takes what it should have written out of the reach of every later one, as Linux does.
//!
//! ```
//! use trailmark_log::simulated::Simulated;
//!
//! let machine = Simulated::new(1);
//! let disk = machine.disk();
//! let file = disk.create("a").unwrap();
//! disk.sync_dir("").unwrap();
//! file.write_at(b"kept", 0).unwrap();
//! file.sync_data().unwrap();
//! file.write_at(b"perhaps kept", 4).unwrap();
//! machine.crash();
//! assert!(file.sync_data().is_err());
//! assert!(machine.contents("a").unwrap().starts_with(b"kept"));
//! ```

use std::{
    any::Any,
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::disk::{Disk, File};

/// A machine with one disk, seen from outside: power, faults, and what lies on the disk.
#[derive(Clone, Debug)]
pub struct Simulated(Arc<Mutex<World>>);

impl Simulated {
    /// An empty disk. The seed decides what a crash or a failed call leaves behind.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World { dice: Dice(seed), ..World::default() })))
    }

    /// The disk as a program sees it, until the next crash.
    #[must_use]
    pub fn disk(&self) -> Arc<dyn Disk> {
        let generation = self.world().generation;
        Arc::new(Handle { world: Arc::clone(&self.0), generation })
    }

    /// Cuts the power and restores it: each write and each change of a name that was not synced
    /// survives wholly, partly or not at all. Every disk and file handed out before fails from now
    /// on. Faults that were ordered are forgotten.
    pub fn crash(&self) {
        self.world().crash();
    }

    /// Lets the `nth` call that changes or syncs something, from one on, fail with `EIO`. A write
    /// that fails may have done a part.
    pub fn fail_call(&self, nth: u64) {
        let mut world = self.world();
        world.fail_at = Some(world.calls + nth);
    }

    /// Cuts the power within the `nth` call that changes or syncs something, from one on. Every
    /// call fails then, until [`Simulated::crash`].
    pub fn cut_power_at_call(&self, nth: u64) {
        let mut world = self.world();
        world.cut_at = Some(world.calls + nth);
    }

    /// Forgets the faults that were ordered and have not come yet.
    pub fn clear_faults(&self) {
        let mut world = self.world();
        (world.fail_at, world.cut_at) = (None, None);
    }

    /// Bytes that the disk holds at most; `None`, as at first, is without end.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// Calls so far that changed or synced something.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// Names of all files, in order, those in folders with their folder.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        self.world().names.keys().cloned().collect()
    }

    /// What a program would read from a file.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let mut world = self.world();
        let id = *world.names.get(name)?;
        Some(world.inode(id).ok()?.now.clone())
    }

    /// Puts a file there, or other bytes into it, as if they had always been there.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut world = self.world();
        let id = world.inodes.len();
        let (now, kept) = (bytes.to_vec(), bytes.to_vec());
        world.inodes.push(Inode { now, kept, pending: Vec::new() });
        world.names.insert(name.to_owned(), id);
        world.kept_names.insert(name.to_owned(), id);
    }

    /// Takes a file away, as if it had never been there.
    pub fn delete(&self, name: &str) {
        let mut world = self.world();
        world.names.remove(name);
        world.kept_names.remove(name);
    }

    /// Another machine whose disk holds the same files, all synced.
    #[must_use]
    pub fn copy(&self, seed: u64) -> Self {
        let copy = Self::new(seed);
        for name in self.files() {
            copy.put(&name, &self.contents(&name).unwrap_or_default());
        }
        copy
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct World {
    /// Counts crashes; a handle of an earlier one is dead.
    generation: u64,
    power_is_off: bool,
    dice: Dice,
    calls: u64,
    fail_at: Option<u64>,
    cut_at: Option<u64>,
    capacity: Option<u64>,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    kept_names: BTreeMap<String, usize>,
    pending_names: Vec<Renaming>,
    locked: bool,
}

#[derive(Debug, Default)]
struct Inode {
    /// What a program reads.
    now: Vec<u8>,
    /// What is on the disk for certain.
    kept: Vec<u8>,
    /// What leads from the one to the other.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Truncate(u64),
    Write(u64, Vec<u8>),
}

/// A file comes to a name, leaves one, or both in one step.
#[derive(Clone, Debug)]
struct Renaming {
    id: usize,
    from: Option<String>,
    to: Option<String>,
}

/// How a call goes.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Fate {
    Done,
    Fails,
}

impl World {
    /// Counts a call that changes something, and decides how it goes.
    fn call(&mut self) -> Fate {
        self.calls += 1;
        if self.cut_at == Some(self.calls) {
            self.power_is_off = true;
            return Fate::Fails;
        }
        if self.fail_at == Some(self.calls) { Fate::Fails } else { Fate::Done }
    }

    fn inode(&mut self, id: usize) -> io::Result<&mut Inode> {
        self.inodes.get_mut(id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> u64 {
        let ids = self.names.values();
        ids.filter_map(|id| self.inodes.get(*id)).map(|it| it.now.len() as u64).sum()
    }

    fn change(&mut self, id: usize, change: Change) -> io::Result<()> {
        let inode = self.inode(id)?;
        change.apply(&mut inode.now);
        inode.pending.push(change);
        Ok(())
    }

    fn write(&mut self, id: usize, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        let growth = end.saturating_sub(self.inode(id)?.now.len() as u64);
        let room = self.capacity.map_or(u64::MAX, |it| it.saturating_sub(self.used()));
        let fate = self.call();
        let mut part = bytes;
        if growth > room {
            let fits = bytes.len().saturating_sub(to_usize(growth - room));
            part = bytes.get(..fits).unwrap_or_default();
        }
        if fate == Fate::Fails {
            part = part.get(..self.dice.below(part.len() + 1)).unwrap_or_default();
        }
        if !part.is_empty() {
            self.change(id, Change::Write(offset, part.to_vec()))?;
        }
        match fate {
            Fate::Fails => Err(broken()),
            Fate::Done if part.len() < bytes.len() => Err(io::ErrorKind::StorageFull.into()),
            Fate::Done => Ok(()),
        }
    }

    fn sync(&mut self, id: usize) -> io::Result<()> {
        let fate = self.call();
        if self.power_is_off {
            return Err(broken());
        }
        let World { inodes, dice, .. } = self;
        let Some(inode) = inodes.get_mut(id) else { return Err(io::ErrorKind::NotFound.into()) };
        for change in inode.pending.drain(..) {
            // A failed sync has written some; the rest is never written by a later one.
            if fate == Fate::Done || dice.below(2) == 0 {
                change.apply(&mut inode.kept);
            }
        }
        if fate == Fate::Done { Ok(()) } else { Err(broken()) }
    }

    fn rename(&mut self, renaming: Renaming) -> io::Result<()> {
        if self.call() == Fate::Fails {
            return Err(broken());
        }
        renaming.apply(&mut self.names);
        self.pending_names.push(renaming);
        Ok(())
    }

    fn sync_dir(&mut self, folder: &str) -> io::Result<()> {
        let fate = self.call();
        if self.power_is_off {
            return Err(broken());
        }
        for renaming in std::mem::take(&mut self.pending_names) {
            if !renaming.concerns(folder) {
                self.pending_names.push(renaming);
            } else if fate == Fate::Done || self.dice.below(2) == 0 {
                renaming.apply(&mut self.kept_names);
            }
        }
        if fate == Fate::Done { Ok(()) } else { Err(broken()) }
    }

    fn crash(&mut self) {
        let World { inodes, dice, pending_names, kept_names, names, .. } = self;
        for inode in inodes {
            survive(&mut inode.kept, &std::mem::take(&mut inode.pending), dice);
            inode.now.clone_from(&inode.kept);
        }
        let luck = dice.below(3);
        for renaming in pending_names.drain(..) {
            if luck == 0 || luck == 1 && dice.below(2) == 0 {
                renaming.apply(kept_names);
            }
        }
        names.clone_from(kept_names);
        self.generation += 1;
        (self.power_is_off, self.locked) = (false, false);
        (self.fail_at, self.cut_at) = (None, None);
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Truncate(length) => bytes.resize(to_usize(*length), 0),
            Self::Write(offset, part) => {
                let offset = to_usize(*offset);
                bytes.resize(bytes.len().max(offset + part.len()), 0);
                if let Some(place) = bytes.get_mut(offset..offset + part.len()) {
                    place.copy_from_slice(part);
                }
            }
        }
    }

    /// What a crash may leave of a change: all of it up to some byte.
    fn torn(&self, dice: &mut Dice) -> Option<Self> {
        match self {
            Self::Truncate(_) => None,
            Self::Write(offset, part) => {
                Some(Self::Write(*offset, part.get(..dice.below(part.len()))?.to_vec()))
            }
        }
    }

    /// What a crash may leave of a change when the disk writes in an order of its own.
    fn scattered(&self, dice: &mut Dice) -> Vec<Self> {
        match self {
            Self::Truncate(_) if dice.below(2) == 0 => vec![],
            Self::Truncate(_) => vec![self.clone()],
            Self::Write(offset, part) => part
                .chunks(SECTOR)
                .zip((*offset..).step_by(SECTOR))
                .filter(|_| dice.below(2) == 0)
                .map(|(chunk, offset)| Self::Write(offset, chunk.to_vec()))
                .collect(),
        }
    }
}

/// Applies those of the pending changes that happen to survive a crash.
fn survive(kept: &mut Vec<u8>, pending: &[Change], dice: &mut Dice) {
    match dice.below(4) {
        0 => {}
        1 => pending.iter().for_each(|it| it.apply(kept)),
        2 => {
            let whole = dice.below(pending.len() + 1);
            pending.iter().take(whole).for_each(|it| it.apply(kept));
            if let Some(torn) = pending.get(whole).and_then(|it| it.torn(dice)) {
                torn.apply(kept);
            }
        }
        _ => pending.iter().flat_map(|it| it.scattered(dice)).for_each(|it| it.apply(kept)),
    }
}

impl Renaming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(from) = self.from.as_ref().filter(|it| names.get(*it) == Some(&self.id)) {
            names.remove(from);
        }
        if let Some(to) = &self.to {
            names.insert(to.clone(), self.id);
        }
    }

    fn concerns(&self, folder: &str) -> bool {
        [&self.from, &self.to].into_iter().flatten().any(|it| split(it).0 == folder)
    }
}

#[derive(Debug)]
struct Handle {
    world: Arc<Mutex<World>>,
    generation: u64,
}

impl Handle {
    fn world(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        if world.power_is_off || world.generation != self.generation {
            return Err(broken());
        }
        Ok(world)
    }

    fn file(&self, id: usize) -> Arc<dyn File> {
        let handle = Self { world: Arc::clone(&self.world), generation: self.generation };
        Arc::new(OpenFile { handle, id })
    }
}

impl Disk for Handle {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut world = self.world()?;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = world.inodes.len();
        world.inodes.push(Inode::default());
        world.rename(Renaming { id, from: None, to: Some(name.to_owned()) })?;
        Ok(self.file(id))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let id = self.world()?.find(name)?;
        Ok(self.file(id))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        let world = self.world()?;
        let within = world.names.iter().filter(|(name, _)| split(name).0 == folder);
        let size = |id: &usize| world.inodes.get(*id).map_or(0, |it| it.now.len() as u64);
        Ok(within.map(|(name, id)| (split(name).1.to_owned(), size(id))).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world()?;
        let id = world.find(from)?;
        world.rename(Renaming { id, from: Some(from.to_owned()), to: Some(to.to_owned()) })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world()?;
        let id = world.find(name)?;
        world.rename(Renaming { id, from: Some(name.to_owned()), to: None })
    }

    fn sync_dir(&self, folder: &str) -> io::Result<()> {
        self.world()?.sync_dir(folder)
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut world = self.world()?;
        if world.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        world.locked = true;
        Ok(Box::new(Lock(Self { world: Arc::clone(&self.world), generation: self.generation })))
    }
}

/// The lock on a disk, until dropped.
#[derive(Debug)]
struct Lock(Handle);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Ok(mut world) = self.0.world() {
            world.locked = false;
        }
    }
}

#[derive(Debug)]
struct OpenFile {
    handle: Handle,
    id: usize,
}

impl File for OpenFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.handle.world()?;
        let there = world.inode(self.id)?.now.get(to_usize(offset)..).unwrap_or_default();
        let read = there.len().min(bytes.len());
        if let (Some(to), Some(from)) = (bytes.get_mut(..read), there.get(..read)) {
            to.copy_from_slice(from);
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.handle.world()?.write(self.id, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.handle.world()?.sync(self.id)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut world = self.handle.world()?;
        match world.call() {
            Fate::Done => world.change(self.id, Change::Truncate(length)),
            Fate::Fails => Err(broken()),
        }
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.handle.world()?.inode(self.id)?.now.len() as u64)
    }
}

/// Numbers that look random and follow from a seed (splitmix64).
#[derive(Debug, Default)]
struct Dice(u64);

impl Dice {
    /// A number below `bound`; zero when there is none.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        to_usize((mixed ^ (mixed >> 31)).checked_rem(bound as u64).unwrap_or(0))
    }
}

/// What a disk can write without tearing, in the mildest case.
const SECTOR: usize = 512;

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn broken() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
