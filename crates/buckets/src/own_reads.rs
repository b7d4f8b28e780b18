//! Reads of our own: a bucket of the embedded S3 as an object store that cannot be written to, without
//! a call through the door, and so without a record.
//!
//! Lives elsewhere: who may have a bucket read for him ([`Buckets::may_be_read`]).
//! Start at [`Buckets::reader`].

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::DateTime;
use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, path::Path,
};
use objects::{key_of, path_of};
use record::AccountId;

use crate::{
    Buckets,
    listing::{From, Line, Query, page},
    store::Store,
};

/// A bucket, to be read only. Its paths are those of `objects`, so that every key has one.
#[derive(Clone)]
pub struct BucketReader {
    store: Arc<Store>,
    bucket: String,
}

impl fmt::Debug for BucketReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketReader").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl fmt::Display for BucketReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bucket {}", self.bucket)
    }
}

impl Buckets {
    /// A bucket as an object store that cannot be written to.
    #[must_use]
    pub fn reader(&self, bucket: &str) -> BucketReader {
        BucketReader { store: Arc::clone(&self.store), bucket: bucket.to_owned() }
    }

    /// Whether a bucket may be read for an account: its own ones may.
    #[must_use]
    pub fn may_be_read(&self, bucket: &str, account: AccountId) -> bool {
        self.owner(bucket) == Some(account)
    }
}

impl BucketReader {
    fn failed(&self, error: crate::Error) -> Error {
        Error::Generic { store: "embedded S3", source: Box::new(error) }
    }

    fn missing(&self, key: &Path) -> Error {
        let path = format!("{}/{key}", self.bucket);
        Error::NotFound { path, source: "there is no such object".into() }
    }

    async fn page(
        &self,
        prefix: &str,
        delimiter: Option<&str>,
        next: Option<Vec<u8>>,
    ) -> Result<crate::listing::Page> {
        let from = next.map_or(From::After(""), From::At);
        let bucket = &self.bucket;
        let query = Query { bucket, prefix, delimiter, from, limit: PAGE };
        page(&self.store.index, query).await.map_err(|it| self.failed(it))
    }
}

fn meta(location: Path, size: u64, etag: &str, modified: i64) -> ObjectMeta {
    ObjectMeta {
        location,
        last_modified: DateTime::from_timestamp_millis(modified).unwrap_or_default(),
        size,
        e_tag: Some(etag.to_owned()),
        version: None,
    }
}

/// What keys below a folder begin with.
fn prefix_of(folder: Option<&Path>) -> String {
    let folder = folder.filter(|it| !it.as_ref().is_empty());
    folder.map_or_else(String::new, |it| format!("{}/", key_of(it)))
}

#[async_trait]
impl ObjectStore for BucketReader {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only("put"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only("put"))
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let found = self.store.index.object(&self.bucket, &key_of(key)).await;
        let object = found.map_err(|it| self.failed(it))?.ok_or_else(|| self.missing(key))?;
        let meta = meta(key.clone(), object.size, &object.etag, object.modified);
        options.check_preconditions(&meta)?;
        let range = match options.range {
            None => 0..meta.size,
            Some(GetRange::Bounded(range)) => range.start.min(meta.size)..range.end.min(meta.size),
            Some(GetRange::Offset(from)) => from.min(meta.size)..meta.size,
            Some(GetRange::Suffix(count)) => meta.size.saturating_sub(count)..meta.size,
        };
        let range = if options.head { 0..0 } else { range };
        let reading = self.store.disk.read(object.meta.blobs, range.clone()).await;
        let reading = reading.map_err(|it| self.failed(it))?.ok_or_else(|| self.missing(key))?;
        let reader = self.clone();
        let bytes = reading.stream().map_err(move |it| reader.failed(it)).boxed();
        Ok(GetResult {
            payload: GetResultPayload::Stream(bytes),
            meta,
            range,
            attributes: Attributes::default(),
        })
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::once(async { Err(read_only("delete")) }).boxed()
    }

    fn list(&self, folder: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (reader, prefix) = (self.clone(), prefix_of(folder));
        let pages = stream::try_unfold(Some(None), move |next: Option<Option<Vec<u8>>>| {
            let (reader, prefix) = (reader.clone(), prefix.clone());
            async move {
                let Some(next) = next else { return Ok::<_, Error>(None) };
                let page = reader.page(&prefix, None, next).await?;
                let lines = page.lines.into_iter().filter_map(|it| match it {
                    Line::Key(it) => {
                        Some(Ok(meta(path_of(&it.key), it.size, &it.etag, it.modified)))
                    }
                    Line::CommonPrefix(_) => None,
                });
                let lines: Vec<Result<ObjectMeta>> = lines.collect();
                Ok(Some((stream::iter(lines), page.next.map(Some))))
            }
        });
        pages.try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, folder: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix_of(folder);
        let mut all = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut next = None;
        loop {
            let page = self.page(&prefix, Some("/"), next).await?;
            for line in page.lines {
                match line {
                    Line::Key(it) => {
                        let location = path_of(&it.key);
                        all.objects.push(meta(location, it.size, &it.etag, it.modified));
                    }
                    Line::CommonPrefix(prefix) => {
                        all.common_prefixes.push(objects::prefix_of(&prefix));
                    }
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only("copy"))
    }
}

fn read_only(operation: &str) -> Error {
    Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: "BucketReader".to_owned(),
    }
}

/// Keys and folders that are listed at once.
const PAGE: usize = 1_000;
