//! What waits for the writer thread, bounded in bytes.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{
    Error,
    frame::{Frame, Position},
};

/// How a command is answered. Whoever asked may be gone.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// Something for the writer thread to do.
#[derive(Debug)]
pub(crate) enum Command {
    Append(Append),
    Repair(u64, Reply<()>),
    Trim(Position, Reply<()>),
}

/// Up to which bound an append may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Class {
    /// Leaves the reserve alone.
    Ordinary,
    /// May use the reserve.
    Reserved,
}

/// Frames that wait to be written, wholly or not at all.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) frames: Vec<Frame>,
    /// Bytes they will take.
    pub(crate) bytes: u64,
    pub(crate) class: Class,
    pub(crate) reply: Reply<Range<Position>>,
    /// Room in the queue, given back when this is dropped.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// What the writer thread does next.
#[derive(Debug)]
pub(crate) enum Work {
    /// Appends that share a sync.
    Appends(Vec<Append>),
    Repair(u64, Reply<()>),
    Trim(Position, Reply<()>),
    /// Nothing came for a while.
    Rest,
    /// No more will come.
    Stop,
}

/// Commands in order of arrival.
#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    wake: Condvar,
    room: Arc<Semaphore>,
    bound: u32,
    /// How long a group is waited for.
    gather: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    commands: VecDeque<Command>,
    is_closed: bool,
    /// Appends of the last group.
    last_group: usize,
    /// The thread sleeps until so many commands wait. 0 while it works.
    wanted: usize,
}

impl Queue {
    /// Bytes that share one sync at most, so that none waits long for others.
    const GROUP_BYTES: u64 = 8 << 20;
    /// A group of so many shows that many callers are about, and that the next one is worth a wait.
    const CROWD: usize = 4;
    /// Nobody waits for a larger group: a sync is cheap enough when so many share it.
    const GROUP_WANTED: usize = 32;

    pub(crate) fn new(bound: u32, gather: Duration) -> Self {
        let room = Arc::new(Semaphore::new(bound.max(1) as usize));
        Self { inner: Mutex::default(), wake: Condvar::new(), room, bound: bound.max(1), gather }
    }

    /// Waits until there is room for `bytes`, or for all that fits in case they are more.
    pub(crate) async fn room(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Error> {
        let share = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bound);
        Arc::clone(&self.room).acquire_many_owned(share).await.map_err(|_| Error::Closed)
    }

    pub(crate) fn push(&self, command: Command) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.is_closed {
            return Err(Error::Closed);
        }
        // Only appends are worth a wait.
        let is_urgent = !matches!(command, Command::Append(_));
        inner.commands.push_back(command);
        let wakes = inner.wanted > 0 && (is_urgent || inner.commands.len() >= inner.wanted);
        if wakes {
            inner.wanted = 0;
        }
        drop(inner);
        if wakes {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Takes no more commands. Those that wait are still done.
    pub(crate) fn close(&self) {
        self.inner().is_closed = true;
        self.room.close();
        self.wake.notify_one();
    }

    /// Drops all commands that wait, which answers them with [`Error::Closed`].
    pub(crate) fn abandon(&self) {
        self.close();
        let commands = std::mem::take(&mut self.inner().commands);
        drop(commands);
    }

    /// Waits for work; at most for `patience`, if there is one.
    pub(crate) fn next(&self, patience: Option<Duration>) -> Work {
        let mut inner = self.gather(self.inner());
        loop {
            match inner.commands.pop_front() {
                Some(Command::Append(append)) => return inner.group(append),
                Some(Command::Repair(first, reply)) => return Work::Repair(first, reply),
                Some(Command::Trim(before, reply)) => return Work::Trim(before, reply),
                None if inner.is_closed => return Work::Stop,
                None => {}
            }
            inner.wanted = 1;
            inner = match patience {
                None => self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let woken = self.wake.wait_timeout(inner, patience);
                    let (inner, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && inner.commands.is_empty() && !inner.is_closed {
                        return Work::Rest;
                    }
                    inner
                }
            };
        }
    }

    /// After a group of many, waits a moment for as many again: their callers come back, and a sync
    /// for each few of them would cost more than the wait. Whoever calls alone never waits.
    fn gather<'a>(&self, mut inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        let wanted = (inner.last_group * 2).min(Self::GROUP_WANTED);
        let is_urgent = |it: &Inner| {
            it.is_closed || it.commands.iter().any(|it| !matches!(it, Command::Append(_)))
        };
        if inner.last_group < Self::CROWD || inner.commands.len() >= wanted || is_urgent(&inner) {
            return inner;
        }
        inner.wanted = wanted;
        let woken =
            self.wake.wait_timeout_while(inner, self.gather, |it| it.wanted > 0 && !it.is_closed);
        let (mut inner, _) = woken.unwrap_or_else(PoisonError::into_inner);
        inner.wanted = 0;
        inner
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// An append, and those behind it that may share its sync.
    fn group(&mut self, first: Append) -> Work {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        while let Some(Command::Append(next)) = self.commands.front() {
            bytes += next.bytes;
            if bytes > Queue::GROUP_BYTES {
                break;
            }
            let Some(Command::Append(next)) = self.commands.pop_front() else { break };
            group.push(next);
        }
        self.last_group = group.len();
        Work::Appends(group)
    }
}
