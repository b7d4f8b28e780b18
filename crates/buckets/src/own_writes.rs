//! Objects that the deployment itself writes, such as the log files of trails: no call, no record.

use bytes::Bytes;
use futures::stream;

use crate::{
    Buckets,
    digest::{Algorithm, Hasher},
    disk::WriteError,
    error::Fault,
    index::{Meta, Object, Properties, Put, WhenEtag},
    store::no_such_bucket,
};

/// An object to be written.
#[derive(Clone, Debug)]
pub struct OwnPut {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The bytes.
    pub body: Bytes,
    /// `Content-Type`.
    pub content_type: String,
    /// `Content-Encoding`, if any.
    pub content_encoding: Option<String>,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: Vec<(String, String)>,
}

/// Why it was not written, as S3 would say it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Refused {
    /// S3's code, such as `NoSuchBucket`.
    pub code: String,
    /// What happened, for the operator.
    pub reason: String,
}

impl Buckets {
    /// Writes an object as `PutObject` does, durable when this returns. Whose bucket it is must have
    /// been looked at before.
    ///
    /// # Errors
    /// [`Refused`] with S3's code.
    pub async fn put_own(&self, put: OwnPut) -> Result<(), Refused> {
        self.write_own(put).await.map_err(|fault| {
            if let Fault::Internal(error) = &fault {
                tracing::error!(error = error as &dyn std::error::Error, "the embedded S3 failed");
            }
            let answer = fault.into_answer();
            Refused {
                code: answer.code().as_str().to_owned(),
                reason: answer.message().unwrap_or_default().to_owned(),
            }
        })
    }

    async fn write_own(&self, put: OwnPut) -> Result<(), Fault> {
        let store = &self.store;
        store.find(&put.bucket).ok_or_else(no_such_bucket)?;
        let length = put.body.len() as u64;
        let bytes = stream::iter([Ok::<_, std::io::Error>(put.body)]);
        let algorithm = Algorithm::Crc64Nvme;
        let written = store.disk.write(bytes, Hasher::new(vec![algorithm]), length).await;
        let (draft, digests) = written.map_err(|error| match error {
            WriteError::Disk(error) => error,
            // The bytes are in memory: neither can be.
            WriteError::Body | WriteError::TooLarge => crate::Error::Torn,
        })?;
        let object = Object {
            size: draft.blob().size,
            etag: hex::encode(digests.md5),
            modified: store.now_ms(),
            meta: Meta {
                properties: Properties {
                    content_type: Some(put.content_type),
                    content_encoding: put.content_encoding,
                    user: put.metadata.into_iter().collect(),
                    ..Properties::default()
                },
                checksum: digests.of(algorithm),
                ..Meta::default()
            },
        };
        let place = (put.bucket.as_str(), put.key.as_str());
        match store.put(place, object, vec![draft], WhenEtag::default()).await? {
            Put::Done(_) => Ok(()),
            // It was deleted a moment ago.
            Put::NoBucket | Put::NoKey | Put::Precondition => Err(no_such_bucket()),
        }
    }
}
