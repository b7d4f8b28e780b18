//! Copies of local log files in a bucket, from where the server reads them.
//!
//! Where they lie follows from the absolute path and the store alone, so that a command that was killed
//! finds its copies again.

use std::{collections::HashMap, fmt::Write as _, path::Path as FilePath, sync::Arc};

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use logfiles::{FILE_MAX, LogFile, Source};
use md5::{Digest as _, Md5};
use object_store::{
    ObjectStore, ObjectStoreExt as _,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use serde_json::Value;

use super::{number, text};
use crate::{credentials::Credentials, verify::Progress, words::say};

/// The log files of a local path, and where their copies are to lie.
#[derive(Debug)]
pub(super) struct Copies {
    bucket: String,
    /// Ends with `/`.
    prefix: String,
    /// The path that keys stand below.
    root: String,
    files: Vec<LogFile>,
    /// Whether the path is that of one file.
    is_file: bool,
}

impl Copies {
    /// Finds the files of a path.
    ///
    /// # Errors
    /// When there are none, or one is too large to be imported.
    pub(super) async fn of(path: &str, store: &str, bucket: String) -> anyhow::Result<Self> {
        let cannot = || format!("cannot open `{path}`");
        let absolute = FilePath::new(path).canonicalize().with_context(cannot)?;
        let source = Source::local(&absolute).with_context(cannot)?;
        let files = LogFile::all(&source).await.with_context(cannot)?;
        let Some(first) = files.first() else { bail!("`{path}` holds no log files") };
        if let Some(large) = files.iter().find(|it| it.bytes() > FILE_MAX) {
            bail!("`{}` has more than {FILE_MAX} bytes: split it", large.name());
        }
        let root = first.name().strip_suffix(first.key()).unwrap_or_default().to_owned();
        let mut hash = Md5::new();
        hash.update(absolute.as_os_str().as_encoded_bytes());
        hash.update(b"\n");
        hash.update(store);
        let prefix = format!("trailmark-import/{}/", hex(&hash.finalize()));
        Ok(Self { bucket, prefix, root, files, is_file: absolute.is_file() })
    }

    /// The bucket of the copies.
    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Where the copies lie; of a single file, where its copy does.
    pub(super) fn uri(&self) -> String {
        let one = self.files.first().filter(|_| self.is_file).map(|it| self.place(it));
        one.map_or_else(|| self.folder(), |it| format!("s3://{}/{it}", self.bucket))
    }

    fn folder(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    /// How many files there are.
    pub(super) fn count(&self) -> u64 {
        self.files.len() as u64
    }

    /// The local file of a copy.
    pub(super) fn original(&self, location: &str) -> String {
        let key = location.strip_prefix(&self.folder());
        key.map_or(location.to_owned(), |it| format!("{}{it}", self.root))
    }

    /// Copies what is not there yet. Where an import `has_begun`, files that came since stay out: the
    /// import may be past them.
    ///
    /// # Errors
    /// When a file cannot be read or copied.
    pub(super) async fn upload(
        &self,
        endpoint: &str,
        key: &Credentials,
        region: &str,
        has_begun: bool,
        line: &Progress,
    ) -> anyhow::Result<()> {
        let store = &self.open(endpoint, key, region)?;
        let there: HashMap<Path, Option<String>> = store
            .list(Some(&Path::from(self.prefix.as_str())))
            .map_ok(|it| (it.location, it.e_tag))
            .try_collect()
            .await
            .with_context(|| format!("cannot list {}", self.uri()))?;
        let (there, mut done) = (&there, 0_u64);
        let copies = self.files.iter().map(|file| async move {
            let to = self.place(file);
            let before = there.get(&to);
            if has_begun && before.is_none() {
                return anyhow::Ok(());
            }
            let cannot = || format!("cannot copy `{}`", file.name());
            let body = file.get().await.with_context(cannot)?;
            let digest = hex(&Md5::digest(&body));
            let is_there = before
                .is_some_and(|tag| tag.as_deref().is_some_and(|it| it.trim_matches('"') == digest));
            if !is_there {
                store.put(&to, body.into()).await.with_context(cannot)?;
            }
            Ok(())
        });
        let mut copied = futures::stream::iter(copies).buffer_unordered(AT_ONCE);
        while copied.try_next().await.inspect_err(|_| line.clear())?.is_some() {
            done += 1;
            line.show(|| format!("copying: {done} of {} files", self.count()));
        }
        line.clear();
        Ok(())
    }

    /// Says when the path holds other files than were imported.
    pub(super) fn tell_of_others(&self, import: &Value) {
        let (imported, there) = (number(import, "FilesCompleted"), self.count());
        if text(import, "ImportStatus") == "COMPLETED" && imported < there {
            say(format_args!(
                "{} files have come since the import began, and are not part of it: name them, or \
                 their folder, to import them",
                there - imported
            ));
        }
    }

    /// Deletes the copies.
    ///
    /// # Errors
    /// When they cannot be deleted.
    pub(super) async fn delete(
        &self,
        endpoint: &str,
        key: &Credentials,
        region: &str,
        line: &Progress,
    ) -> anyhow::Result<()> {
        let store = self.open(endpoint, key, region)?;
        let prefix = Path::from(self.prefix.as_str());
        let all = store.list(Some(&prefix)).map_ok(|it| it.location).boxed();
        let mut deleted = store.delete_stream(all);
        let cannot = || format!("all is imported, but the copies at {} stay", self.uri());
        let mut done = 0_u64;
        while deleted.try_next().await.with_context(cannot)?.is_some() {
            done += 1;
            line.show(|| format!("deleting copies: {done}"));
        }
        line.clear();
        Ok(())
    }

    fn place(&self, file: &LogFile) -> Path {
        let key = file.key();
        // Whoever names one file wants it; in a bucket only names tell which are log files.
        let ending = if ENDINGS.iter().any(|it| key.ends_with(it)) { "" } else { ".json" };
        Path::from(format!("{}{key}{ending}", self.prefix))
    }

    fn open(
        &self,
        endpoint: &str,
        key: &Credentials,
        region: &str,
    ) -> anyhow::Result<Arc<AmazonS3>> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_region(region)
            .with_access_key_id(&key.id)
            .with_secret_access_key(&key.secret);
        if let Some(token) = &key.token {
            builder = builder.with_token(token);
        }
        let store = builder.build();
        Ok(Arc::new(store.with_context(|| format!("cannot open the bucket `{}`", self.bucket))?))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text does not fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// Files that are copied at once.
const AT_ONCE: usize = 8;
/// How names of log files end.
const ENDINGS: [&str; 6] = [".json.gz", ".json", ".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz"];
