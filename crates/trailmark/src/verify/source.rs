//! Where objects come from: a folder, or S3. Reading only.

use std::{
    collections::HashMap,
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Component, Path as FilePath, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream::BoxStream};
use integrity::{
    digest::{METADATA_SUFFIX, gunzip, key_of_file},
    verify::{
        Address, CheckedLogFile, DigestObject, Listed, LogFileCheck, LogFileJob, Place, Scope,
        Within,
    },
};
use object_store::{
    Attribute, ObjectStore, ObjectStoreExt as _,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use objects::{key_of, path_of, prefix_of};

use crate::{cli::Verify, s3};

/// A folder or a bucket.
#[derive(Debug)]
pub(crate) enum Source {
    /// Keys are `lead` and paths below `root`; only what lies below `within` is listed.
    Folder {
        root: PathBuf,
        within: PathBuf,
        lead: String,
    },
    Bucket(Box<Bucket>),
}

/// A bucket, and others that its digests may name.
#[derive(Debug)]
pub(crate) struct Bucket {
    name: String,
    prefix: String,
    builder: AmazonS3Builder,
    endpoint: Option<String>,
    opened: Mutex<HashMap<String, Arc<AmazonS3>>>,
}

/// A log file of a source.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// Its bytes.
    Whole(LogFileJob, Bytes),
    /// It is large, not there, or cannot be read.
    Checked(CheckedLogFile),
}

/// The objects of a listing.
pub(crate) type Listing<'a> = BoxStream<'a, anyhow::Result<Listed>>;

impl Source {
    pub(crate) async fn open(subject: &str, options: &Verify) -> anyhow::Result<Self> {
        match subject.strip_prefix("s3://") {
            Some(rest) => Ok(Self::Bucket(Box::new(Bucket::open(rest, options).await?))),
            None => Self::open_folder(subject),
        }
    }

    fn open_folder(subject: &str) -> anyhow::Result<Self> {
        let within = FilePath::new(subject)
            .canonicalize()
            .with_context(|| format!("cannot open the folder `{subject}`"))?;
        if !within.is_dir() {
            return Err(anyhow!("`{subject}` is no folder: name the one that holds `AWSLogs`"));
        }
        // Inside `AWSLogs`, keys still begin there.
        let root = within
            .ancestors()
            .filter(|it| it.file_name().is_some_and(|name| name == "AWSLogs"))
            .find_map(FilePath::parent)
            .unwrap_or(&within)
            .to_owned();
        // Of a copy of an account or region alone, the names of files tell where it lay.
        let lead = lead(&root, &root).unwrap_or_default();
        Ok(Self::Folder { root, within, lead })
    }

    /// The part that is asked for, where the subject lies inside of `AWSLogs`.
    pub(crate) fn within(&self) -> Option<Within> {
        match self {
            Self::Folder { root, within, lead } => {
                let below_root = within.strip_prefix(root).ok()?.to_str()?;
                let within = Within::parse(&format!("{lead}{below_root}"))?;
                let is_there = |it: &Within| {
                    below(root, lead, &it.log_files()).is_some_and(|folder| folder.is_dir())
                };
                let digests_alone = within.is_of_digests() && !is_there(&within);
                Some(if digests_alone { within.without_log_files() } else { within })
            }
            Self::Bucket(bucket) => Within::parse(&bucket.prefix),
        }
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Folder { .. } => Place::Folder,
            Self::Bucket(bucket) => Place::Bucket(bucket.name.clone()),
        }
    }

    /// Whether what is asked for lies in the folder, or holds it.
    pub(crate) fn reaches(&self, folder: &str) -> bool {
        match self {
            Self::Folder { .. } => true,
            Self::Bucket(bucket) => {
                let asked = bucket.prefix.trim_end_matches('/');
                let rest = folder.strip_prefix(asked);
                asked.starts_with(folder)
                    || rest.is_some_and(|it| asked.is_empty() || it.starts_with('/'))
            }
        }
    }

    /// The endpoint of S3, when it is not AWS's own.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Folder { .. } => None,
            Self::Bucket(bucket) => bucket.endpoint.as_deref(),
        }
    }

    /// How many objects to work on at once: enough to keep every core busy while others wait for a
    /// disk, or for a network.
    pub(crate) fn parallelism(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        match self {
            Self::Folder { .. } => cores * 2,
            Self::Bucket(_) => cores * 8,
        }
    }

    /// Lists what may be digests and log files, whatever the scope needs and perhaps more.
    pub(crate) fn list(&self, scope: &Scope) -> anyhow::Result<Listing<'_>> {
        match self {
            Self::Folder { root, within, lead } => {
                let mut objects = Vec::new();
                let asked = scope.within.as_ref().map_or_else(Vec::new, Within::folders);
                let folders = asked.iter().filter_map(|it| below(root, lead, it));
                let mut folders: Vec<_> = folders.filter(|it| it.is_dir()).collect();
                if folders.is_empty() {
                    folders.push(within.clone());
                }
                for folder in folders {
                    walk(root, lead, &folder, &mut objects)?;
                }
                Ok(futures::stream::iter(objects.into_iter().map(Ok)).boxed())
            }
            Self::Bucket(bucket) => bucket.list(scope),
        }
    }

    /// A digest with its metadata; none when it is not there.
    pub(crate) async fn digest(&self, at: &Address) -> anyhow::Result<Option<DigestObject>> {
        match self {
            Self::Folder { root, lead, .. } => {
                let Some(path) = below(root, lead, &at.key) else { return Ok(None) };
                tokio::task::spawn_blocking(move || folder_digest(&path)).await?
            }
            Self::Bucket(bucket) => bucket.digest(at).await,
        }
    }

    /// Fetches a log file, or checks it when it is large.
    pub(crate) async fn log_file(&self, job: LogFileJob) -> Fetched {
        let fetched = match self {
            Self::Folder { root, lead, .. } => match below(root, lead, &job.at.key) {
                Some(path) => {
                    let job = job.clone();
                    tokio::task::spawn_blocking(move || read_file(&path, job))
                        .await
                        .unwrap_or_else(|error| Err(error.into()))
                }
                None => Ok(None),
            },
            Self::Bucket(bucket) => bucket.log_file(job.clone()).await,
        };
        match fetched {
            Ok(Some(fetched)) => fetched,
            Ok(None) => Fetched::Checked(CheckedLogFile::missing(job)),
            Err(error) => Fetched::Checked(CheckedLogFile::unreadable(job, &format!("{error:#}"))),
        }
    }

    /// An object, inflated.
    pub(crate) async fn inflated(&self, at: &Address) -> anyhow::Result<Vec<u8>> {
        let object = self.digest(at).await?.ok_or_else(|| anyhow!("{at} is not there"))?;
        Ok(gunzip(&object.body, INFLATED_MAX)?)
    }

    /// The object that is called so in another copy: under the same key, or the key from `AWSLogs`
    /// on.
    pub(crate) async fn copied(&self, at: &Address) -> anyhow::Result<Vec<u8>> {
        let bucket = match self {
            Self::Folder { .. } => String::new(),
            Self::Bucket(bucket) => bucket.name.clone(),
        };
        let same = Address { bucket: bucket.clone(), key: at.key.clone() };
        if let Ok(bytes) = self.inflated(&same).await {
            return Ok(bytes);
        }
        let short = at.key.rsplit_once("/AWSLogs/").map_or(at.key.as_str(), |(_, it)| it);
        let (prefix, short) = match self {
            Self::Bucket(bucket) if !bucket.prefix.is_empty() => {
                (format!("{}/", bucket.prefix.trim_end_matches('/')), short)
            }
            Self::Folder { .. } | Self::Bucket(_) => (String::new(), short),
        };
        let short = short.strip_prefix("AWSLogs/").unwrap_or(short);
        self.inflated(&Address { bucket, key: format!("{prefix}AWSLogs/{short}") }).await
    }
}

/// What stood before the paths of a folder, by the first file that is named as a log file or digest.
/// None where the folder holds `AWSLogs`, or nothing that is known.
fn lead(root: &FilePath, folder: &FilePath) -> Option<String> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let (folders, files): (Vec<_>, Vec<_>) =
        entries.partition(|it| it.file_type().is_ok_and(|it| it.is_dir()));
    let key =
        |file: &std::fs::DirEntry| Some((file.path(), key_of_file(file.file_name().to_str()?)?));
    if let Some((path, key)) = files.iter().find_map(key) {
        let below_root = path.strip_prefix(root).ok()?.to_str()?;
        return key.strip_suffix(below_root).filter(|it| it.ends_with('/')).map(str::to_owned);
    }
    if folders.iter().any(|it| it.file_name() == "AWSLogs") {
        return None;
    }
    folders.iter().find_map(|it| lead(root, &it.path()))
}

fn walk(
    root: &FilePath,
    lead: &str,
    folder: &FilePath,
    into: &mut Vec<Listed>,
) -> anyhow::Result<()> {
    let cannot = || format!("cannot list `{}`", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let kind = entry.file_type().with_context(cannot)?;
        let path = entry.path();
        // Links are not followed: they may lead in circles, and out of the folder.
        if kind.is_dir() {
            walk(root, lead, &path, into)?;
        } else if kind.is_file()
            && let Some(key) = path.strip_prefix(root).ok().and_then(FilePath::to_str)
        {
            let size = entry.metadata().with_context(cannot)?.len();
            let key = format!("{lead}{key}");
            into.push(Listed { at: Address { bucket: String::new(), key }, size });
        }
    }
    Ok(())
}

/// The file of a key, unless the key leads out of the folder.
fn below(root: &FilePath, lead: &str, key: &str) -> Option<PathBuf> {
    let holds_root = || lead.strip_prefix(key).filter(|it| it.starts_with('/')).map(|_| "");
    let key = FilePath::new(key.strip_prefix(lead).or_else(holds_root)?);
    key.components().all(|it| matches!(it, Component::Normal(_))).then(|| root.join(key))
}

fn folder_digest(path: &FilePath) -> anyhow::Result<Option<DigestObject>> {
    let body = match std::fs::read(path) {
        Ok(body) => body,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(METADATA_SUFFIX);
    let metadata = match std::fs::read(&beside) {
        Ok(text) => metadata(&text).context("its metadata is no JSON of texts")?,
        Err(error) if error.kind() == ErrorKind::NotFound => HashMap::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(DigestObject { body, metadata }))
}

/// Reads metadata that lies beside a digest: by itself, or inside of what `head-object` prints.
fn metadata(text: &[u8]) -> Option<HashMap<String, String>> {
    let value: serde_json::Value = serde_json::from_slice(text).ok()?;
    let members = value.get("Metadata").unwrap_or(&value).as_object()?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    members.iter().map(|(name, value)| Some((name.to_lowercase(), text(value)?))).collect()
}

fn read_file(path: &FilePath, job: LogFileJob) -> anyhow::Result<Option<Fetched>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut object = Vec::new();
    if file.metadata()?.len() <= WHOLE_MAX {
        // It may grow meanwhile.
        file.by_ref().take(WHOLE_MAX).read_to_end(&mut object)?;
        if (object.len() as u64) < WHOLE_MAX {
            return Ok(Some(Fetched::Whole(job, object.into())));
        }
    }
    let mut check = LogFileCheck::new(job);
    check.push(&object);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 || !check.push(buffer.get(..read).unwrap_or_default()) {
            return Ok(Some(Fetched::Checked(check.finish())));
        }
    }
}

impl Bucket {
    async fn open(rest: &str, options: &Verify) -> anyhow::Result<Self> {
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(anyhow!(
                "`s3://{rest}` names no bucket: write s3://BUCKET or s3://BUCKET/PREFIX"
            ));
        }
        let endpoint = s3::endpoint(options.endpoint_url.as_deref());
        let builder = s3::builder(name, endpoint.as_deref(), options.no_sign_request).await?;
        let bucket = Self {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            builder,
            endpoint,
            opened: Mutex::default(),
        };
        bucket.store(name)?;
        Ok(bucket)
    }

    fn store(&self, name: &str) -> anyhow::Result<Arc<AmazonS3>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(name) {
            return Ok(Arc::clone(store));
        }
        let store = objects::any_key(self.builder.clone().with_bucket_name(name))
            .with_context(|| format!("cannot open the bucket `{name}`"))?;
        let store = Arc::new(store);
        opened.insert(name.to_owned(), Arc::clone(&store));
        Ok(store)
    }

    fn told(&self, error: &object_store::Error, bucket: &str) -> anyhow::Error {
        s3::told(error, bucket, self.endpoint.as_deref())
    }

    fn list(&self, scope: &Scope) -> anyhow::Result<Listing<'_>> {
        let store = self.store(&self.name)?;
        let (start, end) = (scope.start, scope.end);
        let folders = match &scope.within {
            Some(within) => within.folders().iter().map(|it| prefix_of(it)).collect(),
            None => vec![prefix_of(&self.prefix)],
        };
        let listing = async move {
            let mut found = Vec::new();
            for folder in folders {
                found.extend(regions(&store, folder, 0).await?);
            }
            let listings = found.into_iter().map(move |region| {
                // The folders of days sort as time does. The day before too: a digest is filed under
                // its end, a log file under its slice.
                let from = start.map(|it| {
                    path_of(&format!("{}/{}", key_of(&region), it.plus_seconds(-DAY).day()))
                });
                let until = end.map(|it| format!("{region}/{}/~", it.plus_seconds(DAY).day()));
                let objects = match from {
                    Some(from) => store.list_with_offset(Some(&region), &from),
                    None => store.list(Some(&region)),
                };
                objects.try_take_while(move |it| {
                    let inside = until.as_deref().is_none_or(|until| it.location.as_ref() <= until);
                    futures::future::ready(Ok(inside))
                })
            });
            Ok::<_, object_store::Error>(futures::stream::select_all(listings))
        };
        let (name, endpoint) = (&self.name, self.endpoint.as_deref());
        Ok(futures::stream::once(listing)
            .try_flatten()
            .map(move |object| {
                let object = object.map_err(|it| s3::told(&it, name, endpoint))?;
                let key = key_of(&object.location);
                Ok(Listed { at: Address { bucket: name.clone(), key }, size: object.size })
            })
            .boxed())
    }

    async fn digest(&self, at: &Address) -> anyhow::Result<Option<DigestObject>> {
        let got = match self.store(&at.bucket)?.get(&path_of(&at.key)).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.told(&error, &at.bucket)),
        };
        let metadata = got
            .attributes
            .iter()
            .filter_map(|(name, value)| {
                let Attribute::Metadata(name) = name else { return None };
                Some((name.to_lowercase(), value.to_string()))
            })
            .collect();
        Ok(Some(DigestObject { body: got.bytes().await?.to_vec(), metadata }))
    }

    async fn log_file(&self, job: LogFileJob) -> anyhow::Result<Option<Fetched>> {
        let store = self.store(&job.at.bucket)?;
        let got = match store.get(&path_of(&job.at.key)).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.told(&error, &job.at.bucket)),
        };
        let size = got.meta.size;
        let mut pieces = got.into_stream();
        if size <= WHOLE_MAX {
            let mut object = Vec::with_capacity(usize::try_from(size)?);
            while let Some(piece) = pieces.try_next().await? {
                object.extend_from_slice(&piece);
            }
            return Ok(Some(Fetched::Whole(job, object.into())));
        }
        let mut check = LogFileCheck::new(job);
        while let Some(piece) = pieces.try_next().await? {
            if !check.push(&piece) {
                break;
            }
        }
        Ok(Some(Fetched::Checked(check.finish())))
    }
}

/// The folders `…/AWSLogs/…/CloudTrail…/<region>` below `folder`, so that each can be listed from its
/// first day on. A folder that lies deeper, or is not laid out so, stands for itself.
fn regions(
    store: &Arc<AmazonS3>,
    folder: Path,
    depth: usize,
) -> BoxFuture<'_, object_store::Result<Vec<Path>>> {
    Box::pin(async move {
        let parts: Vec<_> = folder.parts().map(|it| it.as_ref().to_owned()).collect();
        let trail = parts.iter().rposition(|it| it.starts_with("CloudTrail"));
        if trail.is_some_and(|at| at + 1 < parts.len()) || depth > DEPTH_MAX {
            return Ok(vec![folder]);
        }
        let in_logs = parts.iter().any(|it| it == "AWSLogs");
        let inside = store.list_with_delimiter(Some(&folder)).await?.common_prefixes;
        let mut found = Vec::new();
        for inside in inside {
            let name = inside.filename().unwrap_or_default();
            let account = name.len() == 12 && name.bytes().all(|it| it.is_ascii_digit());
            let ours = account || name.starts_with("o-") || name.starts_with("CloudTrail");
            if !in_logs || trail.is_some() || ours {
                found.extend(regions(store, inside, depth + 1).await?);
            }
        }
        Ok(found)
    })
}

/// How deep trails are looked for.
const DEPTH_MAX: usize = 8;
const DAY: i64 = 86_400;
/// Objects up to this size are fetched whole: each core may hold some.
const WHOLE_MAX: u64 = 8 << 20;
/// The largest log file that is compared with a copy.
const INFLATED_MAX: u64 = 1 << 30;
