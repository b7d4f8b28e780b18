//! What a witness keeps: its key, and the last checkpoint that it cosigned of each log.
//!
//! ```text
//! key                      the signing key, mode 0600
//! lock                     held while a witness runs on the folder
//! logs/<hex of origin>     the last cosigned checkpoint, a note
//! evidence/<hex>-<root>    a checkpoint that a log signed and that contradicts what was seen
//! ```
//!
//! INVARIANT: a cosignature leaves only after its checkpoint is synced under `logs`, and checkpoints
//! of one witness are judged and kept one after another.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, anyhow};
use integrity::tree::{
    Algorithm, Checkpoint, Hash, KeyName, Note, NoteSignature, SigningKey, TreeHead, VerifierKey,
    witness::{AddCheckpoint, Refusal},
};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use tracing::{error, info, warn};

/// The folder of a witness.
pub(super) struct Store {
    folder: PathBuf,
    key: SigningKey,
    logs: Vec<VerifierKey>,
    /// The last cosigned checkpoint of each log, by origin.
    seen: Mutex<HashMap<String, Seen>>,
    _lock: fs::File,
}

/// What became of a request.
pub(super) enum Stored {
    Cosigned(NoteSignature),
    Refused(Refusal),
}

struct Seen {
    head: TreeHead,
    note: String,
}

impl Store {
    /// Opens the folder, and makes it and the key at the first start.
    ///
    /// # Errors
    /// When another witness runs on it, or what lies in it is not what this witness wrote.
    pub(super) fn open(
        folder: &Path,
        name: Option<KeyName>,
        logs: Vec<VerifierKey>,
    ) -> anyhow::Result<Self> {
        if let Some(key) = logs.iter().find(|it| it.algorithm() != Algorithm::Ed25519) {
            return Err(anyhow!("`{key}` is the key of a witness, not of a log"));
        }
        let mut origins = BTreeSet::new();
        if let Some(key) = logs.iter().find(|it| !origins.insert(it.name().as_str())) {
            return Err(anyhow!("two keys are given for the log `{}`: a log has one", key.name()));
        }
        for each in [folder, &folder.join("logs"), &folder.join("evidence")] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(each);
            made.with_context(|| format!("cannot make the folder `{}`", each.display()))?;
        }
        let lock = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| anyhow!("another witness uses the folder `{}`", folder.display()))?;
        let key = key_of(&folder.join("key"), name)?;
        let seen = logs
            .iter()
            .map(|log| log.name().as_str())
            .filter_map(|origin| read(folder, origin, &key).transpose())
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { folder: folder.to_owned(), key, logs, seen: Mutex::new(seen), _lock: lock })
    }

    /// The key that checks what the witness signs.
    pub(super) const fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// The last cosigned checkpoint of the log whose origin has this SHA-256, in hexadecimal.
    pub(super) fn latest(&self, id: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().find(|(origin, _)| id_of(origin) == id).map(|(_, it)| it.note.clone())
    }

    /// Judges a request, keeps its checkpoint and cosigns it. Blocks.
    ///
    /// # Errors
    /// When the disk fails: then nothing was cosigned.
    pub(super) fn add(&self, body: &[u8], now: Timestamp) -> anyhow::Result<Stored> {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(refusal) => return Ok(Stored::Refused(refusal)),
        };
        let origin = request.origin();
        // Held until the new state is durable: two requests at once must not roll it back.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let head = seen.get(origin).map(|it| it.head);
        if let Err(refusal) = request.judge(&self.logs, head) {
            if let Refusal::Inconsistent { seen } = refusal {
                self.keep_evidence(&request, seen)?;
            }
            return Ok(Stored::Refused(refusal));
        }
        let cosignature = self.key.sign(request.note.text(), now);
        let note = request.note.clone().with(cosignature.clone()).to_string();
        replace(&path_of(&self.folder, origin), note.as_bytes())
            .with_context(|| format!("cannot keep the checkpoint of `{origin}`"))?;
        info!(origin, size = request.head().size, "checkpoint cosigned");
        seen.insert(origin.to_owned(), Seen { head: request.head(), note });
        Ok(Stored::Cosigned(cosignature))
    }

    /// Keeps what a log signed and what does not continue what was seen. Two roots of one size
    /// convict the log; a larger size may also come with a wrong proof, from anybody.
    fn keep_evidence(&self, request: &AddCheckpoint, seen: TreeHead) -> anyhow::Result<()> {
        let (origin, size) = (request.origin(), request.head().size);
        if size == seen.size {
            error!(origin, size, "the log signed two different trees of one size");
        } else {
            warn!(origin, size, seen = seen.size, "a checkpoint does not continue what was seen");
        }
        let folder = self.folder.join("evidence");
        if fs::read_dir(&folder)?.count() < EVIDENCE_MAX {
            let file = folder.join(format!("{}-{:?}", id_of(origin), request.head().root));
            replace(&file, request.note.to_string().as_bytes()).context("cannot keep evidence")?;
        }
        Ok(())
    }
}

/// What was seen of a log, when there is something.
fn read(folder: &Path, origin: &str, key: &SigningKey) -> anyhow::Result<Option<(String, Seen)>> {
    let path = path_of(folder, origin);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
        }
    };
    let opened = Note::parse(&bytes).and_then(|note| {
        let is_ours = !note.check(std::slice::from_ref(key.verifier()))?.is_empty();
        Ok((is_ours, Checkpoint::parse(note.text())?, note.to_string()))
    });
    match opened {
        Ok((true, checkpoint, note)) if checkpoint.origin == origin => {
            Ok(Some((origin.to_owned(), Seen { head: checkpoint.head, note })))
        }
        // Beginning anew here would cosign whatever history comes next.
        Ok(_) | Err(_) => Err(anyhow!(
            "`{}` is not a checkpoint of `{origin}` that this witness cosigned; restore it",
            path.display()
        )),
    }
}

/// The key of the folder; made at the first start.
fn key_of(path: &Path, name: Option<KeyName>) -> anyhow::Result<SigningKey> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let key = SigningKey::from_secret_text(text.trim_end())
                .with_context(|| format!("cannot use `{}`", path.display()))?;
            match name {
                Some(name) if name != *key.verifier().name() => Err(anyhow!(
                    "the key in `{}` is that of `{}`, not of `{name}`",
                    path.display(),
                    key.verifier().name()
                )),
                _ if key.verifier().algorithm() != Algorithm::Cosignature => {
                    Err(anyhow!("the key in `{}` is not that of a witness", path.display()))
                }
                _ => Ok(key),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name =
                name.ok_or_else(|| anyhow!("name the witness at its first start: --name"))?;
            let key = SigningKey::generate(name, Algorithm::Cosignature);
            replace(path, format!("{}\n", *key.secret_text()).as_bytes())
                .with_context(|| format!("cannot keep the key in `{}`", path.display()))?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

fn path_of(folder: &Path, origin: &str) -> PathBuf {
    folder.join("logs").join(id_of(origin))
}

fn id_of(origin: &str) -> String {
    format!("{:?}", Hash::of(origin.as_bytes()))
}

/// Replaces a file by one that is whole and synced, readable by its owner only.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = path.with_extension("new");
    // What a crash left there may have another mode.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    fs::File::open(folder)?.sync_all()
}

/// A log that floods its witness with contradictions proves no more by the hundredth.
const EVIDENCE_MAX: usize = 100;
