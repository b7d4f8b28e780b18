//! Where trails may deliver: the buckets of the embedded S3, and those that the operator has set up.
//!
//! Lives here: which bucket a name stands for, and who may write there.
//! Lives elsewhere: what is written and when (`delivery`), the errors of AWS (`api`).
//!
//! Start at [`Places::new`].
//! Spec: CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail".

mod results;
mod s3;
mod settings;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use ambient::{Ambient, Clock};
use anyhow::{Context as _, bail};
use api::trails::{self, DestinationProblem, Destinations, key_in};
use buckets::{Buckets, OwnPut, Retention, RetentionMode};
use bytes::Bytes;
use catalog::TrailArn;
use delivery::{Destination, Notifier, Object, Refusal, Target, Writer};
use futures::{FutureExt as _, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use record::AccountId;
use tokio::time::timeout;
use tracing::warn;

use self::s3::{Key, Service};
pub(crate) use self::settings::BucketSettings;
use crate::config::Config;

/// All places that trails may write to.
#[derive(Debug)]
pub(crate) struct Places {
    embedded: Option<Arc<Buckets>>,
    configured: BTreeMap<String, Place>,
    notifier: Option<Arc<dyn Notifier>>,
    /// For how long nobody can change what trails write into the embedded S3.
    retention: SignedDuration,
    clock: Arc<dyn Clock>,
}

/// A bucket that the operator has set up, or all that have no entry of their own.
#[derive(Debug)]
struct Place {
    writers: BTreeSet<AccountId>,
    at: At,
}

#[derive(Debug)]
enum At {
    /// The folder of the bucket, or the one in which each bucket is a folder.
    Folder(PathBuf),
    Service(Arc<Service>),
}

impl Places {
    /// Reads what is set up; asks nobody yet. A bucket that is set up goes before one of the same
    /// name in the embedded S3.
    ///
    /// # Errors
    /// When an entry cannot be used.
    pub(crate) fn new(
        embedded: Option<Arc<Buckets>>,
        config: &Config,
        own: AccountId,
        notifier: Option<Arc<dyn Notifier>>,
        ambient: &Ambient,
    ) -> anyhow::Result<Self> {
        let place = |(name, settings): (&String, &BucketSettings)| {
            let at = match (&settings.folder, &settings.endpoint) {
                (Some(folder), None) => Ok(At::Folder(folder.clone())),
                (None, Some(_)) => Service::new(settings, Arc::clone(&ambient.clock))
                    .map(|it| At::Service(Arc::new(it))),
                (None, None) => bail!("`buckets.{name}`: set `endpoint` or `folder`"),
                (Some(_), Some(_)) => {
                    bail!("`buckets.{name}`: set `endpoint` or `folder`, not both")
                }
            };
            let context = || format!("`buckets.{name}` cannot be used");
            let at = at.with_context(context)?;
            let writers = settings.writers(own).with_context(context)?;
            Ok((name.clone(), Place { writers, at }))
        };
        let configured = config.buckets.iter().map(place).collect::<anyhow::Result<_>>()?;
        let clock = Arc::clone(&ambient.clock);
        let retention = SignedDuration::from_hours(24 * i64::from(config.trail_retention_days));
        Ok(Self { embedded, configured, notifier, retention, clock })
    }

    /// The bucket as a trail of `trail.account` may write to it.
    fn find(
        &self,
        bucket: &str,
        trail: &TrailArn,
        kms_key: Option<&str>,
    ) -> Result<Destination, Refusal> {
        let writer = OnBehalf { arn: trail.to_string(), account: trail.account };
        self.find_for(bucket, writer, kms_key, self.retention)
    }

    /// The bucket as what is named may write to it.
    fn find_for(
        &self,
        bucket: &str,
        writer: OnBehalf,
        kms_key: Option<&str>,
        retention: SignedDuration,
    ) -> Result<Destination, Refusal> {
        if let Some(place) = self.configured.get(bucket) {
            return place.open(bucket, &writer, kms_key, false);
        }
        if let Some(embedded) = &self.embedded
            && embedded.owner(bucket).is_some()
        {
            if kms_key.is_some() {
                let reason = "the embedded S3 does not encrypt: take the key off the trail";
                return Err(Refusal::new("NotImplemented", reason));
            }
            return Ok(Destination::Writer(Arc::new(Embedded {
                buckets: Arc::clone(embedded),
                bucket: bucket.to_owned(),
                writer,
                retention,
                clock: Arc::clone(&self.clock),
            })));
        }
        match self.configured.get(ANY) {
            Some(place) => place.open(bucket, &writer, kms_key, true),
            None => Err(Refusal::new("NoSuchBucket", "no such bucket is set up")),
        }
    }

    /// The region of a bucket, where the operator has said it.
    fn region(&self, bucket: &str) -> Option<&str> {
        match &self.configured.get(bucket)?.at {
            At::Folder(_) => None,
            At::Service(service) => service.region(),
        }
    }

    /// Writes what CloudTrail leaves in a bucket to see whether it may: an empty object for each
    /// folder that the trail will write to.
    async fn leave_markers(
        &self,
        wanted: trails::Destination<'_>,
    ) -> Result<(), DestinationProblem> {
        // The embedded S3 does not encrypt. The trail can be made, so that what has a key elsewhere can
        // be tried here; its files wait, and its status says why.
        let is_embedded = !self.configured.contains_key(wanted.bucket)
            && self.embedded.as_ref().is_some_and(|it| it.owner(wanted.bucket).is_some());
        let key = wanted.kms_key_arn.filter(|_| !is_embedded);
        let key_region = key.and_then(|it| it.split(':').nth(3));
        if let (Some(of_key), Some(of_bucket)) = (key_region, self.region(wanted.bucket))
            && of_key != of_bucket
        {
            return Err(DestinationProblem::KeyMissing);
        }
        let bucket =
            self.find(wanted.bucket, wanted.trail, key).map_err(|refusal| problem(&refusal))?;
        let families = ["CloudTrail", "CloudTrail-Digest"];
        let count = 1 + usize::from(wanted.log_file_validation_enabled);
        for family in families.iter().take(count) {
            let prefix = wanted.prefix.map(|it| format!("{it}/")).unwrap_or_default();
            let organization = wanted.organization.map(|it| format!("{it}/")).unwrap_or_default();
            let account = wanted.trail.account;
            let key = format!("{prefix}AWSLogs/{organization}{account}/{family}/");
            let marker = Object { key, body: Bytes::new(), metadata: Vec::new() };
            let put = bucket.put(marker).await;
            // Somebody else's object in its place, such as a folder made by hand, stands in nobody's way.
            put.or_else(|refusal| if refusal.is_taken() { Ok(()) } else { Err(refusal) }).map_err(|refusal| {
                warn!(bucket = wanted.bucket, trail = %wanted.trail, %refusal, "the bucket takes nothing from the trail");
                problem(&refusal)
            })?;
        }
        Ok(())
    }
}

impl Places {
    async fn tell_topic(&self, wanted: trails::Destination<'_>) -> Result<(), DestinationProblem> {
        let (Some(notifier), Some(topic)) = (&self.notifier, wanted.sns_topic_arn) else {
            return Ok(());
        };
        let told = notifier.publish(topic, VALIDATION).await;
        told.map_err(|refusal| {
            warn!(topic, trail = %wanted.trail, %refusal, "the topic takes nothing from the trail");
            DestinationProblem::Topic
        })
    }
}

impl Place {
    fn open(
        &self,
        bucket: &str,
        writer: &OnBehalf,
        kms_key: Option<&str>,
        is_any: bool,
    ) -> Result<Destination, Refusal> {
        let account = writer.account;
        if !self.writers.contains(&account) {
            let reason = format!("the operator does not let account {account} write there");
            return Err(Refusal::new("AccessDenied", reason));
        }
        Ok(match &self.at {
            At::Folder(folder) if is_any => Destination::Folder(folder.join(bucket)),
            At::Folder(folder) => Destination::Folder(folder.clone()),
            At::Service(service) => Destination::Writer(Arc::new(s3::Bucket {
                service: Arc::clone(service),
                name: bucket.to_owned(),
                key: kms_key.map(|key| Key::of(key, &writer.arn)),
            })),
        })
    }
}

impl delivery::Buckets for Places {
    fn open<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Destination, Refusal>> {
        let found = TrailArn::parse(&target.trail_arn)
            .map_err(|error| Refusal::new("InternalError", error.to_string()))
            .and_then(|trail| self.find(&target.bucket, &trail, target.kms_key.as_deref()));
        async { found }.boxed()
    }
}

/// Keys and log groups cannot be asked, and are believed; so are topics when nobody is notified.
impl Destinations for Places {
    fn key_arn<'a>(
        &'a self,
        key: &'a str,
        bucket: &'a str,
        trail: &'a TrailArn,
    ) -> BoxFuture<'a, Result<String, DestinationProblem>> {
        let region = self.region(bucket).unwrap_or(&trail.home_region);
        let arn = key_in(region, key, trail.account);
        async { Ok(arn) }.boxed()
    }

    fn check<'a>(
        &'a self,
        destination: trails::Destination<'a>,
    ) -> BoxFuture<'a, Result<(), DestinationProblem>> {
        async move {
            let asked = timeout(ANSWER_WITHIN, async {
                self.leave_markers(destination).await?;
                self.tell_topic(destination).await
            });
            // The caller waits, and so would the end of the server.
            asked.await.unwrap_or_else(|_| {
                Err(DestinationProblem::Unreachable("there was no answer in time".into()))
            })
        }
        .boxed()
    }
}

/// For what, and for whom, is written.
#[derive(Clone, Debug)]
struct OnBehalf {
    arn: String,
    account: AccountId,
}

/// A bucket of the embedded S3, as one trail, or the queries of an account, may write to it.
#[derive(Debug)]
struct Embedded {
    buckets: Arc<Buckets>,
    bucket: String,
    writer: OnBehalf,
    retention: SignedDuration,
    clock: Arc<dyn Clock>,
}

impl Embedded {
    async fn write(&self, object: Object) -> Result<(), Refusal> {
        let (bucket, OnBehalf { arn, account }) = (&self.bucket, &self.writer);
        let allowed =
            self.buckets.may_deliver(bucket, &object.key, arn, account.as_str(), Some(ACL));
        allowed.map_err(|refusal| Refusal::new("AccessDenied", refusal.to_string()))?;
        // A marker only shows that one may write.
        let is_kept = !object.body.is_empty() && !self.retention.is_zero();
        let until = self.clock.now().saturating_add(self.retention).unwrap_or(Timestamp::MAX);
        let retention = Retention { mode: RetentionMode::Compliance, until };
        let put = OwnPut {
            bucket: self.bucket.clone(),
            key: object.key,
            body: object.body,
            content_type: "application/json".to_owned(),
            content_encoding: Some("gzip".to_owned()),
            metadata: object.metadata,
            retention: is_kept.then_some(retention),
        };
        let put = self.buckets.put_own(put).await;
        put.map_err(|refused| Refusal::new(refused.code, refused.reason))
    }
}

impl Writer for Embedded {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<(), Refusal>> {
        self.write(object).boxed()
    }
}

fn problem(refusal: &Refusal) -> DestinationProblem {
    match refusal.code.as_deref() {
        Some("NoSuchBucket") => DestinationProblem::BucketMissing,
        Some("AccessDenied" | "AccessControlListNotSupported") => DestinationProblem::BucketDenies,
        Some(code) if code.starts_with("KMS.") => DestinationProblem::KeyDenies,
        Some(_) | None => DestinationProblem::Unreachable(refusal.reason.clone().into()),
    }
}

/// The access control that CloudTrail asks for, which bucket policies insist on.
const ACL: &str = "bucket-owner-full-control";
/// What CloudTrail says to a topic to see whether it may.
const VALIDATION: &str = "CloudTrail validation message.";
/// How long a bucket and a topic may take to say whether they take what a trail writes.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The entry for every bucket that has none of its own.
const ANY: &str = "*";
