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
}

#[derive(Debug, Default)]
struct Inner {
    commands: VecDeque<Command>,
    is_closed: bool,
}

impl Queue {
    /// Bytes that share one sync at most, so that none waits long for others.
    const GROUP_BYTES: u64 = 8 << 20;

    pub(crate) fn new(bound: u32) -> Self {
        let room = Arc::new(Semaphore::new(bound.max(1) as usize));
        Self { inner: Mutex::default(), wake: Condvar::new(), room, bound: bound.max(1) }
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
        inner.commands.push_back(command);
        drop(inner);
        self.wake.notify_one();
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
        let mut inner = self.inner();
        loop {
            match inner.commands.pop_front() {
                Some(Command::Append(append)) => return inner.group(append),
                Some(Command::Repair(first, reply)) => return Work::Repair(first, reply),
                Some(Command::Trim(before, reply)) => return Work::Trim(before, reply),
                None if inner.is_closed => return Work::Stop,
                None => {}
            }
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
        Work::Appends(group)
    }
}
