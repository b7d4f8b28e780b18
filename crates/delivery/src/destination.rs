//! Where files go: a bucket of any object store, a writer handed in, or a local folder where delivered
//! means synced.

use std::{
    fmt::{self, Debug},
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use integrity::digest::METADATA_SUFFIX;
use object_store::{
    Attribute, Attributes, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};
use record::AccountId;
use tokio::task::spawn_blocking;

/// Finds buckets by name.
pub trait Buckets: Debug + Send + Sync {
    /// The bucket, as this trail may write to it. Asked before every write, so that a change takes
    /// effect at once; cache what is dear. The store should not retry for long: we do.
    ///
    /// # Errors
    /// [`Refusal`] with the code that S3 has for it, such as `NoSuchBucket` or `AccessDenied`.
    fn open<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Destination, Refusal>>;
}

/// Who wants to write where, and how it is to be encrypted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Target {
    /// Name of the bucket.
    pub bucket: String,
    /// ARN of the trail that writes; holds the account whose trail it is.
    pub trail_arn: String,
    /// The account whose activity the file holds.
    pub account: Option<AccountId>,
    /// The key to encrypt by, if any.
    pub kms_key: Option<String>,
}

/// A bucket.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A folder of this machine. Metadata, which files have none of, lies beside digests.
    Folder(PathBuf),
    /// A bucket of an object store whose writes are durable when they are acknowledged.
    Store(Arc<dyn ObjectStore>),
    /// A bucket that needs more than an object store can say: access control, encryption, retention.
    Writer(Arc<dyn Writer>),
}

/// Writes objects into one bucket.
pub trait Writer: Debug + Send + Sync {
    /// Writes the object; when this returns, it is there to stay. Written again with the same bytes,
    /// it stays the same; other bytes are refused where the service can tell ([`Refusal::taken`]).
    ///
    /// # Errors
    /// [`Refusal`] with the code of S3.
    fn put(&self, object: Object) -> BoxFuture<'_, Result<(), Refusal>>;
}

/// Why a file was not taken, as S3 would say it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The bare code of S3, as `LatestDeliveryError` shows it; none for time-outs, which it does
    /// not show.
    pub code: Option<String>,
    /// What happened, for the operator.
    pub reason: String,
}

impl Refusal {
    /// A refusal with a code.
    #[must_use]
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self { code: Some(code.to_owned()), reason: reason.into() }
    }

    /// A refusal in the words of an S3, whose document of error is in `words`. Without one, the code
    /// is `known`.
    #[must_use]
    pub fn of_answer(words: &str, known: Option<&str>) -> Self {
        let code = s3_code(words).or_else(|| known.map(str::to_owned));
        Self { code, reason: words.chars().take(REASON_MAX).collect() }
    }

    /// Another object stands where this one belongs, and stays: two histories meet there.
    #[must_use]
    pub fn taken(key: &str) -> Self {
        let reason = format!(
            "another object is already at `{key}`: was an older copy of the data folder put back?"
        );
        Self::new(TAKEN, reason)
    }

    /// Whether it is that another object stands there.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.code.as_deref() == Some(TAKEN)
    }

    pub(crate) fn timed_out() -> Self {
        Self { code: None, reason: "timed out".to_owned() }
    }

    fn of_store(error: &object_store::Error) -> Self {
        let reason = chain(error);
        let code = s3_code(&reason).or_else(|| known_code(error).map(str::to_owned));
        Self { code, reason }
    }

    fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as K;
        let kind = error.kind();
        let code = if kind == K::NotFound {
            "NoSuchBucket"
        } else if matches!(kind, K::PermissionDenied | K::ReadOnlyFilesystem) {
            "AccessDenied"
        } else {
            "InternalError"
        };
        Self::new(code, error.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// An object to be written: gzip of JSON, as `application/json` with the encoding `gzip`.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its key, of any characters that S3 allows.
    pub key: String,
    /// Its bytes; none for the marker that shows that a trail may write.
    pub body: Bytes,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: Vec<(String, String)>,
}

impl Destination {
    /// Writes the object; when this returns, it is there to stay. Never in the place of another, save
    /// what is left of a write of the same that broke off: the beginning of its bytes.
    ///
    /// # Errors
    /// [`Refusal`] when it is not taken.
    pub async fn put(&self, object: Object) -> Result<(), Refusal> {
        match self {
            Self::Folder(folder) => {
                let (folder, key) = (folder.clone(), object.key.clone());
                let write = move || write(&folder, &object);
                match spawn_blocking(write).await {
                    Ok(Err(error)) if error.kind() == io::ErrorKind::AlreadyExists => {
                        Err(Refusal::taken(&key))
                    }
                    Ok(written) => written.map_err(|error| Refusal::of_io(&error)),
                    Err(_) => Err(Refusal::new("InternalError", "the process is stopping")),
                }
            }
            Self::Store(store) => put(store.as_ref(), object).await,
            Self::Writer(writer) => writer.put(object).await,
        }
    }
}

async fn put(store: &dyn ObjectStore, object: Object) -> Result<(), Refusal> {
    // `parse` takes the key as it is; `from` would escape what S3 allows.
    let key = object_store::path::Path::parse(&object.key)
        .map_err(|error| Refusal::new("InvalidURI", error.to_string()))?;
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "application/json".into());
    attributes.insert(Attribute::ContentEncoding, "gzip".into());
    for (name, value) in object.metadata {
        attributes.insert(Attribute::Metadata(name.into()), value.into());
    }
    let put = async |mode| {
        let attributes = attributes.clone();
        let options = PutOptions { attributes, mode, ..PutOptions::default() };
        store.put_opts(&key, PutPayload::from_bytes(object.body.clone()), options).await.map(drop)
    };
    match put(PutMode::Create).await {
        Ok(()) => return Ok(()),
        Err(object_store::Error::AlreadyExists { .. }) => {}
        Err(error) => return Err(Refusal::of_store(&error)),
    }
    let there = async { store.get(&key).await?.bytes().await };
    let there = there.await.map_err(|error| Refusal::of_store(&error))?;
    if there == object.body {
        Ok(())
    } else if object.body.starts_with(&there) {
        put(PutMode::Overwrite).await.map_err(|error| Refusal::of_store(&error))
    } else {
        Err(Refusal::taken(&object.key))
    }
}

/// Writes file and, where there is metadata, a file with it beside; synced with every folder above.
fn write(folder: &Path, object: &Object) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    // A marker, whose key ends with `/`, is a folder.
    let name = object.key.strip_suffix('/').unwrap_or(&object.key);
    let outside = name.split('/').any(|it| matches!(it, "" | "." | ".."));
    if outside {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    if name.len() < object.key.len() {
        return fs::create_dir_all(folder.join(name));
    }
    if !object.metadata.is_empty() {
        let metadata: serde_json::Map<_, _> = object
            .metadata
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let beside = format!("{}{METADATA_SUFFIX}", object.key);
        write_synced(folder, &beside, &serde_json::to_vec(&metadata)?)?;
    }
    write_synced(folder, &object.key, &object.body)
}

fn write_synced(folder: &Path, key: &str, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(key);
    match fs::read(&path) {
        Ok(there) if !bytes.starts_with(&there) => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // What is there already may not be durable yet.
        Ok(_) | Err(_) => {}
    }
    let parent = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    fs::create_dir_all(parent)?;
    // A reader never sees half a file: it gets its name when it is whole.
    let mut name = path.clone().into_os_string();
    name.push(STAGED);
    let staged = PathBuf::from(name);
    let mut file = File::create(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&staged, &path)?;
    for above in parent.ancestors() {
        File::open(above)?.sync_all()?;
        if above == folder {
            break;
        }
    }
    Ok(())
}

/// The code inside the XML that an S3 answered with.
fn s3_code(words: &str) -> Option<String> {
    let (_, rest) = words.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let sane =
        code.len() <= CODE_MAX && code.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'.');
    (sane && !code.is_empty()).then(|| code.to_owned())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not ours and not exhaustive")]
fn known_code(error: &object_store::Error) -> Option<&'static str> {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => Some("NoSuchBucket"),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Some("AccessDenied"),
        E::AlreadyExists { .. } | E::Precondition { .. } => Some(TAKEN),
        E::InvalidPath { .. } => Some("InvalidURI"),
        E::NotImplemented { .. } | E::NotSupported { .. } => Some("NotImplemented"),
        _ => None,
    }
}

/// The error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !words.contains(&said) {
            words.push_str(": ");
            words.push_str(&said);
        }
        cause = error.source();
    }
    words
}

/// S3's answer to a write that must not replace anything.
const TAKEN: &str = "PreconditionFailed";
const CODE_MAX: usize = 64;
/// Characters of an answer that are kept for the operator.
const REASON_MAX: usize = 500;
/// Ends the names of files that are still being written.
const STAGED: &str = "#staged";
