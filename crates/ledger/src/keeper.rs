//! The one task that follows the log, lets the tree grow, and signs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use ambient::Ambient;
use integrity::tree::{Checkpoint, KeyName, Note, SigningKey, TreeHead, VerifierKey};
use jiff::{SignedDuration, Timestamp};
use log::{EventLog, Position};
use tokio::{sync::watch, task::spawn_blocking};
use tracing::{error, warn};

use crate::{
    erasure,
    error::Error,
    folder::Folder,
    keys,
    public::PublicLog,
    tree::{Tree, last_checkpoint},
};

/// What the tree needs of its owner.
#[derive(Clone, Debug)]
pub struct Components {
    /// Time.
    pub ambient: Ambient,
    /// Where records come from.
    pub log: Arc<dyn EventLog>,
    /// Name of the key, and so the origin of checkpoints, when the tree is made; a tree that is
    /// there keeps its own.
    pub origin: KeyName,
}

/// A signed checkpoint, and what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedHead {
    /// Size and root of the tree.
    pub head: TreeHead,
    /// The checkpoint as it is sent.
    pub note: Note,
}

/// Keeps the tree of the deployment. One for each folder.
#[derive(Debug)]
pub struct TreeKeeper {
    folder: Folder,
    components: Components,
    key: Arc<SigningKey>,
    /// `None` after a failure, until it is taken up again.
    tree: Option<Tree>,
    signed_at: Option<Timestamp>,
    /// Whether checkpoints may be signed at present.
    may_sign: watch::Receiver<bool>,
    checkpoint: watch::Sender<Option<Arc<SignedHead>>>,
    committed: watch::Sender<Position>,
}

impl TreeKeeper {
    /// Takes up the tree in `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// [`Error::Behind`], [`Error::Tree`] and [`Error::Damaged`] when the folder is not as it was
    /// left: nothing may be signed on top. [`Error::KeyMissing`], [`Error::Io`].
    pub async fn open(folder: PathBuf, components: Components) -> Result<Self, Error> {
        let origin = components.origin.clone();
        let (folder, key, tree, signed) = blocking(move || {
            let folder = Folder::create(folder)?;
            let last = last_checkpoint(&folder)?;
            let key = keys::signing_key(&folder, &origin, last.is_none())?;
            let signed = last.map(|it| opened(it, key.verifier())).transpose()?;
            let tree = Tree::open(folder.clone(), signed.as_ref().map(|it| it.head))?;
            Ok((folder, key, tree, signed))
        })
        .await?;
        Ok(Self {
            folder,
            components,
            key: Arc::new(key),
            signed_at: None,
            // Its sender is gone: it stays so.
            may_sign: watch::channel(true).1,
            checkpoint: watch::Sender::new(signed.map(Arc::new)),
            committed: watch::Sender::new(tree.state().next),
            tree: Some(tree),
        })
    }

    /// Signs only while `may_sign` says so. The tree grows all the same.
    #[must_use]
    pub fn signing_while(self, may_sign: watch::Receiver<bool>) -> Self {
        Self { may_sign, ..self }
    }

    /// The position before which the tree needs nothing of the log any more: whoever trims the log
    /// takes the lowest of all its consumers.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<Position> {
        self.committed.subscribe()
    }

    /// The newest signed checkpoint, and every one that follows; `None` before the first record.
    #[must_use]
    pub fn checkpoint(&self) -> watch::Receiver<Option<Arc<SignedHead>>> {
        self.checkpoint.subscribe()
    }

    /// The key that others check checkpoints and proofs with.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// What anybody may fetch of this tree.
    #[must_use]
    pub fn public(&self) -> PublicLog {
        PublicLog::new(self.folder.clone(), self.checkpoint())
    }

    /// Follows the log until it closes. Dropping the future at any point loses nothing.
    pub async fn run(mut self) {
        let mut durable = self.components.log.durable();
        let mut pause = RETRY;
        loop {
            let worked = match self.tick().await {
                Ok(()) => self.wait(&mut durable).await,
                Err(error) => Err(error),
            };
            match worked {
                Ok(()) => pause = RETRY,
                Err(Error::Log(log::Error::Closed) | Error::Stopping) => return,
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "the tree cannot grow, trying again"
                    );
                    self.components.ambient.clock.sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// Reads the log to its end, and signs when it is time.
    ///
    /// # Errors
    /// When log or disk fail; the next call takes up what is durable.
    pub async fn tick(&mut self) -> Result<(), Error> {
        self.take_up().await?;
        while self.read().await? {
            self.sign_when_due().await?;
        }
        self.erase_what_was_asked().await?;
        self.sign_when_due().await
    }

    /// Opens the tree anew when a failure has left it aside.
    async fn take_up(&mut self) -> Result<(), Error> {
        if self.tree.is_none() {
            let folder = self.folder.clone();
            let signed = self.checkpoint.borrow().as_ref().map(|it| it.head);
            let tree = blocking(move || Tree::open(folder, signed)).await?;
            self.committed.send_replace(tree.state().next);
            self.tree = Some(tree);
        }
        Ok(())
    }

    /// Lets the tree grow by a batch of the log. Whether there may be more.
    async fn read(&mut self) -> Result<bool, Error> {
        let next = self.next();
        let end = *self.components.log.durable().borrow();
        if next >= end {
            return Ok(false);
        }
        let read = self.components.log.read(next, BATCH_BYTES).await;
        let (frames, next) = match read {
            Ok(frames) => {
                let next = frames.last().map_or(end, |it| it.position.next());
                (frames, next)
            }
            Err(log::Error::Trimmed { wanted, first }) => {
                error!(%wanted, %first, "the log was trimmed before its records were in the tree");
                (Vec::new(), first)
            }
            Err(error) => return Err(error.into()),
        };
        let mut tree = self.tree.take().ok_or(Error::Stopping)?;
        let tree = blocking(move || tree.grow(&frames, next).map(|()| tree)).await?;
        self.tree = Some(tree);
        self.committed.send_replace(next);
        Ok(next < end)
    }

    /// Erases days, once all that was appended is in the tree.
    async fn erase_what_was_asked(&mut self) -> Result<(), Error> {
        let folder = self.folder.clone();
        let now = self.components.ambient.clock.now();
        let mut tree = self.tree.take().ok_or(Error::Stopping)?;
        let erase = move || {
            for day in erasure::asked(&folder)? {
                tree.erase(day, now)?;
            }
            Ok(tree)
        };
        self.tree = Some(blocking(erase).await?);
        Ok(())
    }

    async fn sign_when_due(&mut self) -> Result<(), Error> {
        let now = self.components.ambient.clock.now();
        if !self.is_behind() || !self.signs_in(now).is_zero() {
            return Ok(());
        }
        let tree = self.tree.take().ok_or(Error::Stopping)?;
        let head = tree.state().head;
        let note = Checkpoint::sign(head, &self.key, now);
        let (tree, note) = blocking(move || tree.publish(&note).map(|()| (tree, note))).await?;
        self.tree = Some(tree);
        self.signed_at = Some(now);
        self.checkpoint.send_replace(Some(Arc::new(SignedHead { head, note })));
        Ok(())
    }

    /// Waits until there is something to do.
    async fn wait(&mut self, durable: &mut watch::Receiver<Position>) -> Result<(), Error> {
        let clock = &self.components.ambient.clock;
        if self.is_behind() {
            clock.sleep(self.signs_in(clock.now())).await;
            return Ok(());
        }
        let next = self.next();
        tokio::select! {
            appended = durable.wait_for(|it| *it > next) => drop(appended.map_err(|_| Error::Stopping)?),
            // The operator may have asked for an erasure, or signing be allowed again.
            () = clock.sleep(LOOK_EVERY) => return Ok(()),
        }
        // Records that come one by one are written some at a time.
        clock.sleep(GATHER).await;
        Ok(())
    }

    fn next(&self) -> Position {
        *self.committed.borrow()
    }

    /// Whether leaves wait for a checkpoint that may be signed.
    fn is_behind(&self) -> bool {
        let size = self.tree.as_ref().map_or(0, |it| it.state().head.size);
        *self.may_sign.borrow()
            && size > self.checkpoint.borrow().as_ref().map_or(0, |it| it.head.size)
    }

    /// How long until a checkpoint may be signed again. A clock that was put back does not hold it up.
    fn signs_in(&self, now: Timestamp) -> Duration {
        let passed = self.signed_at.map(|it| now.duration_since(it));
        let passed = passed.filter(|it| *it >= SignedDuration::ZERO);
        passed.map_or(Duration::ZERO, |it| SIGN_EVERY.saturating_sub(it.unsigned_abs()))
    }
}

fn opened(note: Note, key: &VerifierKey) -> Result<SignedHead, Error> {
    let head = Checkpoint::open(&note, key)?.head;
    Ok(SignedHead { head, note })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(|_| Error::Stopping)?
}

/// Bytes of bodies that become one commit, at most.
const BATCH_BYTES: usize = 8 << 20;
/// How long records may gather before they are read.
const GATHER: Duration = Duration::from_millis(100);
/// How long to wait after a failure; doubles up to the maximum.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// How often requests are looked for while nothing else happens.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The least time between two checkpoints.
const SIGN_EVERY: Duration = Duration::from_secs(1);
