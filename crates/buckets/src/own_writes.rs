//! Writes of our own: what trails deliver into the embedded S3, without a call through the door, and
//! so without a record.
//!
//! Lives elsewhere: whether a trail may write into a bucket ([`Buckets::may_deliver`]).
//! Start at [`Buckets::put_own`].

use bytes::Bytes;
use futures::{TryStreamExt as _, stream};

use crate::{
    Buckets, Error,
    digest::{Algorithm, Hasher},
    disk::WriteError,
    index::{Meta, Object, Properties, Put, Relock, WhenEtag},
    lock::{ObjectLock, Retention},
    service::USER_METADATA_MAX,
};

/// An object to write.
#[derive(Clone, Debug)]
pub struct OwnPut {
    /// The bucket, of any account.
    pub bucket: String,
    /// The key: 1 to 1,024 bytes.
    pub key: String,
    /// The bytes, as a whole in memory.
    pub body: Bytes,
    /// Such as `application/json`.
    pub content_type: String,
    /// Such as `gzip`.
    pub content_encoding: Option<String>,
    /// User metadata: names without `x-amz-meta-`, and values. 2,048 bytes together at most.
    pub metadata: Vec<(String, String)>,
    /// Until when the object stays as it is. The bucket's own default counts as well: the longer of
    /// the two holds, in the stronger mode.
    pub retention: Option<Retention>,
}

/// Why an object was not written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Refused {
    /// S3's error code: `InternalError`, `KeyTooLongError`, `MetadataTooLarge`, `NoSuchBucket`,
    /// `PreconditionFailed` when another object stands there, `ServiceUnavailable` when there is no
    /// room.
    pub code: &'static str,
    /// A sentence for people.
    pub reason: String,
}

impl Buckets {
    /// Writes an object; it is durable when this returns.
    ///
    /// The same object again is fine, also where the first one is under a lock: nothing is written
    /// then, but the retention becomes the longer of the two. In the place of any other object it is
    /// refused, locked or not. Bucket policies are not asked.
    ///
    /// # Errors
    /// See [`Refused::code`]. Only `InternalError` and `ServiceUnavailable` may go away by themselves.
    pub async fn put_own(&self, put: OwnPut) -> Result<(), Refused> {
        let Some(bucket) = self.store.find(&put.bucket) else { return Err(no_such_bucket()) };
        check(&put)?;
        let now = self.store.ambient.clock.now();
        let standard = bucket.lock.and_then(|it| it.default).map(|it| it.from(now));
        let retention = match (put.retention, standard) {
            (Some(asked), Some(standard)) => Some(asked.and(standard)),
            (one, other) => one.or(other),
        };
        let lock = ObjectLock { retention, legal_hold: false, by_trail: true };
        let properties = Properties {
            content_encoding: put.content_encoding.clone(),
            content_type: Some(put.content_type.clone()),
            user: put
                .metadata
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect(),
            ..Properties::default()
        };
        if self.stands(&put, &properties).await? {
            return self.prolong(&put, &lock).await;
        }
        let hasher = Hasher::new([Algorithm::Crc64Nvme]);
        let size = put.body.len() as u64;
        let body = stream::iter([Ok::<_, Error>(put.body.clone())]);
        let (draft, digests) =
            self.store.disk.write(body, hasher, size).await.map_err(|e| match e {
                WriteError::Disk(error) => failed(&error),
                WriteError::Body | WriteError::TooLarge => internal("the body could not be read"),
            })?;
        let object = Object {
            size,
            etag: hex::encode(digests.md5),
            modified: now.as_millisecond(),
            meta: Meta {
                properties: properties.clone(),
                checksum: digests.of(Algorithm::Crc64Nvme),
                lock: lock.clone(),
                ..Meta::default()
            },
        };
        let place = (put.bucket.as_str(), put.key.as_str());
        let done = self.store.put(place, object, vec![draft], WhenEtag::Absent).await;
        match done.map_err(|e| failed(&e))? {
            Put::Done(_) => Ok(()),
            Put::NoBucket => Err(no_such_bucket()),
            Put::Locked | Put::Precondition => {
                if self.stands(&put, &properties).await? {
                    self.prolong(&put, &lock).await
                } else {
                    Err(taken())
                }
            }
            Put::NoKey => Err(internal("a write of a new object asked for one that is there")),
        }
    }

    /// What keeps an object as it is; `None` when there is no such object.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn lock_of(&self, bucket: &str, key: &str) -> Result<Option<ObjectLock>, Error> {
        Ok(self.store.index.object(bucket, key).await?.map(|it| it.meta.lock))
    }

    /// Whether the object to write is there already, byte for byte.
    async fn stands(&self, put: &OwnPut, properties: &Properties) -> Result<bool, Refused> {
        let found = self.store.index.object(&put.bucket, &put.key).await;
        let Some(object) = found.map_err(|e| failed(&e))? else { return Ok(false) };
        if object.size != put.body.len() as u64 || object.meta.properties != *properties {
            return Ok(false);
        }
        let reading = self.store.disk.read(object.meta.blobs, 0..object.size).await;
        // Gone: it was replaced at this moment.
        let Some(reading) = reading.map_err(|e| failed(&e))? else { return Ok(false) };
        let mut rest = put.body.as_ref();
        let mut bytes = std::pin::pin!(reading.stream());
        while let Some(piece) =
            bytes.try_next().await.map_err(|_| internal("an object could not be read"))?
        {
            let Some(after) = rest.strip_prefix(piece.as_ref()) else { return Ok(false) };
            rest = after;
        }
        Ok(rest.is_empty())
    }

    /// Gives an object that stands the longer retention.
    async fn prolong(&self, put: &OwnPut, lock: &ObjectLock) -> Result<(), Refused> {
        let asked = lock.retention;
        let change = move |old: &ObjectLock| {
            let retention = match (old.retention, asked) {
                (Some(old), Some(asked)) => Some(old.and(asked)),
                (one, other) => one.or(other),
            };
            let new = ObjectLock { retention, by_trail: true, ..old.clone() };
            (new != *old).then_some(new)
        };
        let done = self.store.relock((&put.bucket, &put.key), change).await;
        match done.map_err(|e| failed(&e))? {
            Relock::Done | Relock::Unchanged => Ok(()),
            Relock::NoKey => Err(internal("the object was deleted at this moment")),
        }
    }
}

fn check(put: &OwnPut) -> Result<(), Refused> {
    let bytes: usize = put.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > USER_METADATA_MAX {
        let reason = format!("the metadata has {bytes} bytes, {USER_METADATA_MAX} are allowed");
        return Err(Refused { code: "MetadataTooLarge", reason });
    }
    if put.key.is_empty() || put.key.len() > KEY_MAX {
        let reason = format!("a key has 1 to {KEY_MAX} bytes, not {}", put.key.len());
        return Err(Refused { code: "KeyTooLongError", reason });
    }
    Ok(())
}

fn failed(error: &Error) -> Refused {
    let code = if error.is_full() { "ServiceUnavailable" } else { "InternalError" };
    Refused { code, reason: error.to_string() }
}

fn internal(reason: &str) -> Refused {
    Refused { code: "InternalError", reason: reason.to_owned() }
}

fn taken() -> Refused {
    let reason = "another object stands there: was an older copy of the data folder put back?";
    Refused { code: "PreconditionFailed", reason: reason.to_owned() }
}

fn no_such_bucket() -> Refused {
    let reason = "the bucket does not exist".to_owned();
    Refused { code: "NoSuchBucket", reason }
}

/// How many bytes a key may have.
const KEY_MAX: usize = 1024;
