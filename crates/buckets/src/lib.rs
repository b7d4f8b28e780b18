//! The embedded S3: buckets and objects in a folder, for a deployment with no upstream.
//!
//! Lives here: what S3's operations do, the bytes on disk, the index of what there is. S3's protocol
//! is that of the `s3s` crate.
//! Lives elsewhere: signatures, permissions of users, records of the calls (`door`, `wire`).
//!
//! Start at [`Buckets::open`]. Inside: `answer` takes a call to `s3s` and back, `service` holds the
//! operations, `index` and `disk` keep what was put.
//! Spec: Amazon S3 API Reference. Without versions, ACLs, encryption, lifecycle. An object under a lock
//! cannot be replaced either, for want of versions.

mod access;
mod answer;
mod digest;
mod disk;
mod error;
mod index;
mod listing;
mod lock;
mod own_reads;
mod own_writes;
mod policy;
mod service;
mod store;

use std::{path::Path, sync::Arc};

use ambient::Ambient;
use record::AccountId;
use serde::{Deserialize, Serialize};

use crate::store::Store;
pub use crate::{
    error::Error,
    lock::{ObjectLock, Retention, RetentionMode},
    own_reads::BucketReader,
    own_writes::{OwnPut, Refused},
    policy::PolicyRefusal,
};

/// How the embedded S3 is reached.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Domains under which a bucket may be named in the host, as in `bucket.s3.example.com`. None
    /// unless told otherwise: buckets are then named in the path alone.
    pub domains: Vec<String>,
}

/// The embedded S3. Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub struct Buckets {
    store: Arc<Store>,
    service: s3s::service::S3Service,
    settings: Arc<Settings>,
}

impl Buckets {
    /// Opens the buckets in `folder`, and creates it when it is not there. Removes what uploads that
    /// never ended have left, so it takes time with the number of objects.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process serves the folder; [`Error::Newer`], [`Error::Index`],
    /// [`Error::Io`] when the folder cannot be used.
    pub async fn open(folder: &Path, settings: Settings, ambient: Ambient) -> Result<Self, Error> {
        let store = Store::open(folder, ambient).await?;
        let service = service::build(Arc::clone(&store));
        Ok(Self { store, service, settings: Arc::new(settings) })
    }

    /// Whose bucket it is; `None` when there is no such bucket. Answered from memory.
    #[must_use]
    pub fn owner(&self, bucket: &str) -> Option<AccountId> {
        self.store.find(bucket).map(|it| it.account)
    }

    /// The region of a bucket; `None` when there is no such bucket. Answered from memory.
    #[must_use]
    pub fn region(&self, bucket: &str) -> Option<String> {
        self.store.find(bucket).map(|it| it.region)
    }
}
