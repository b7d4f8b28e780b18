//! Control-plane state: who may call, who owns what, and how far each consumer has come.
//!
//! Lives here: accounts, users, access keys with sealed secrets, sessions learnt from answers, owners
//! of resources, organizations, trails, event data stores and channels with their versions, imports,
//! queries, what trails have to deliver, signing keys, cursors, settings; all in one SQLite file that
//! several processes may open.
//! Lives elsewhere: what a policy document means (`wire::iam`), the records themselves (`log`,
//! `lake`), the buckets' contents (`buckets`).
//!
//! Start at [`Catalog::open`], then [`Catalog::first_start`] and [`Catalog::lookup`].
//! Spec for names, ids and limits: IAM User Guide, "IAM and AWS STS quotas" and "IAM identifiers".

mod account;
mod channel;
mod cursor;
mod database;
pub mod delivery;
mod error;
mod fresh;
mod import;
mod key;
mod lookup;
mod organization;
mod owner;
mod query;
mod refusal;
mod resource_policy;
mod seal;
mod session;
mod signing_key;
mod start;
mod store;
#[cfg(test)]
mod tests;
mod trail;
mod user;
mod words;

use std::{path::Path, sync::Arc};

use ambient::Ambient;
use record::AccountId;
use sqlx::AnyPool;
use tokio::sync::{RwLock, watch};

use crate::fresh::Fresh;
pub use crate::{
    account::Account,
    channel::{CHANNELS_MAX, Channel, IngestionStatus, NewChannel},
    error::Error,
    import::{
        FailureStatus, Import, ImportFailure, ImportReport, ImportSource, ImportStatistics,
        ImportStatus, NewImport,
    },
    key::{AccessKey, KeyStatus, NewKey, Principal},
    lookup::{Credential, Known},
    organization::{
        AccountRequest, DELEGATES_MAX, Delegate, FeatureSet, Joined, MEMBERS_MAX, Member,
        Organization, ServiceAccess,
    },
    query::{
        DeliveryState, NewQuery, QUERIES_MAX, Query, QueryAlias, QueryReport, QueryStatistics,
        QueryStatus,
    },
    refusal::LakeRefusal,
    seal::{MasterKey, Secret},
    session::Session,
    signing_key::{NewSigningKey, PrivateKey, ServiceKey, SigningKey},
    start::{FixedKey, Root, SIGN_WITH_V4, Wanted, write_credentials_file},
    store::{
        BillingMode, ChannelArn, ChannelVersion, ContextKeys, EventConfiguration, EventDataStore,
        Insights, InvalidLakeArn, NewStore, RESTORABLE, STORES_CURSOR, STORES_MAX, StoreArn,
        StoreHistory, StoreSettings, StoreStatus, StoreVersion, lake_id,
    },
    trail::{
        CloudWatchLogs, DELIVERY_CURSOR, DeliveryStatus, InvalidTrailArn, InvalidTrailName,
        NewTrail, Stage, TAGS_MAX, TRAILS_MAX, Tag, Tagged, Trail, TrailArn, TrailHistory,
        TrailName, TrailSettings, TrailVersion, partition,
    },
    user::{InvalidUserName, Policy, User, UserName, UserPath},
};

/// The file of the catalog inside the data folder.
pub const FILE: &str = "catalog.sqlite";

/// The control-plane state of one deployment. Cheap to clone; every clone is the same catalog.
///
/// Another process may have the same file open: what it changes is seen here within a second.
#[derive(Clone, Debug)]
pub struct Catalog {
    pool: AnyPool,
    master: Arc<MasterKey>,
    ambient: Ambient,
    known: Arc<Fresh<Option<Known>>>,
    owners: Arc<Fresh<Option<AccountId>>>,
    trail_changes: Arc<watch::Sender<u64>>,
    store_changes: Arc<watch::Sender<u64>>,
    channels_lead: Arc<RwLock<()>>,
}

impl Catalog {
    /// Opens the catalog in `folder`, and creates it when there is none.
    ///
    /// Take `master` from [`MasterKey::in_folder`], or from the environment by [`MasterKey::parse`].
    ///
    /// # Errors
    /// [`Error::MasterKeyWrong`] when the catalog was sealed under another key; [`Error::Newer`] when
    /// a newer Trailmark wrote it; [`Error::Database`] and [`Error::Io`] when the file cannot be used.
    pub async fn open(folder: &Path, master: MasterKey, ambient: Ambient) -> Result<Self, Error> {
        let pool = database::open(&folder.join(FILE)).await?;
        let catalog = Self {
            pool,
            master: Arc::new(master),
            ambient,
            known: Arc::new(Fresh::new(lookup::CACHED_MAX)),
            owners: Arc::new(Fresh::new(owner::CACHED_MAX)),
            trail_changes: Arc::new(watch::Sender::new(0)),
            store_changes: Arc::new(watch::Sender::new(0)),
            channels_lead: Arc::default(),
        };
        catalog.check_master_key().await?;
        Ok(catalog)
    }

    /// Closes the file once running statements have ended. Later calls fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Milliseconds since 1970, as the tables keep time.
    fn now_ms(&self) -> i64 {
        self.ambient.clock.now().as_millisecond()
    }
}
