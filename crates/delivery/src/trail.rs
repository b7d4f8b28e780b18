//! Trails as this crate sees them: what was valid from which position of the log on.

use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

use integrity::digest::Root;
use jiff::Timestamp;
use log::Position;
use matching::{Selection, Selectors};
use record::{AccountId, Category, Record};
use tokio::sync::watch;

/// Where trails come from.
pub trait Trails: Debug + Send + Sync {
    /// All versions of all trails that records may still be judged by, in any order, and every
    /// change of them. A deleted trail stays, by a last version that is not logging.
    ///
    /// A version should be here before the log reaches its position. One that comes late is applied
    /// from its position on, save to records whose files were already decided on, and as far as the
    /// log still has them.
    fn versions(&self) -> watch::Receiver<Arc<[Arc<TrailVersion>]>>;
}

/// A trail as it is from one position of the log until its next version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrailVersion {
    /// ARN of the trail.
    pub trail_arn: String,
    /// Counts up for each ARN, also when a trail of that name is deleted and made again.
    pub version: u64,
    /// The first position that it judges.
    pub from: Position,
    /// Since when the trail has been logging and validating without a break, up to this version: when
    /// the chain of digests starts. When it was made, if it does not.
    pub since: Timestamp,
    /// Name of the trail.
    pub name: String,
    /// The account that owns the trail.
    pub account: AccountId,
    /// Home region of the trail.
    pub home_region: String,
    /// Whether it is logging. A deleted trail is not.
    pub is_logging: bool,
    /// `S3BucketName`.
    pub bucket: String,
    /// `S3KeyPrefix`, without slashes at its ends.
    pub prefix: Option<String>,
    /// Which records it chooses.
    pub selectors: Selectors,
    /// Whether it takes records of every region, else only of its home region.
    pub multi_region: bool,
    /// Whether it takes records of services that have no region.
    pub global_events: bool,
    /// Whether digest files are made.
    pub validation: bool,
    /// Of an organization trail, the organization.
    pub organization: Option<Organization>,
    /// The key that log files are encrypted by, else the bucket's own way.
    pub kms_key: Option<String>,
    /// The topic to notify.
    pub sns_topic: Option<String>,
    /// Whether it takes records of what other trails deliver into its bucket. Those of its own
    /// deliveries it never takes: it would feed itself.
    pub recursive_logging: bool,
}

/// Whose records an organization trail takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// The accounts in it, the management account included.
    pub members: BTreeSet<AccountId>,
}

impl TrailVersion {
    /// What the keys of its files begin with.
    #[must_use]
    pub fn root(&self) -> Root {
        let organization = self.organization.as_ref().map(|it| it.id.clone());
        Root { prefix: self.prefix.clone().filter(|it| !it.is_empty()), organization }
    }

    /// Whether digests are due for it.
    pub(crate) fn is_validated(&self) -> bool {
        self.is_logging && self.validation
    }

    /// Whether records of this account and region are any of its business.
    pub(crate) fn covers(&self, account: AccountId, region: &str) -> bool {
        self.covers_account(account) && (self.multi_region || region == self.home_region)
    }

    fn covers_account(&self, account: AccountId) -> bool {
        match &self.organization {
            Some(organization) => organization.members.contains(&account),
            None => account == self.account,
        }
    }

    /// Whether a delivery to the object of that ARN is none of its records: its own, and without
    /// recursive logging those of others into its bucket.
    ///
    /// Spec: CloudTrail API Reference, "CreateTrail", `RecursiveLogging`.
    fn leaves_out(&self, object_arn: &str) -> bool {
        let place = object_arn.split_once(":::").and_then(|(_, it)| it.split_once('/'));
        let Some((bucket, key)) = place else { return false };
        let is_own = key.starts_with(&self.root().folder());
        bucket == self.bucket && (is_own || !self.recursive_logging && key.contains("AWSLogs/"))
    }

    /// The accounts that have a chain of digests in any case.
    pub(crate) fn accounts(&self) -> Vec<AccountId> {
        match &self.organization {
            Some(organization) => organization.members.iter().copied().collect(),
            None => vec![self.account],
        }
    }
}

/// The folder that log files of one kind of record lie in; also a part of their names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Family {
    Main,
    Insight,
    NetworkActivity,
    Aggregated,
}

impl Family {
    pub(crate) const fn of(category: Category) -> Self {
        match category {
            Category::Insight => Self::Insight,
            Category::NetworkActivity => Self::NetworkActivity,
            Category::Aggregated => Self::Aggregated,
            Category::Management
            | Category::Data
            | Category::ActivityAuditLog
            | Category::ConfigurationItem
            | Category::Evidence
            | Category::Other => Self::Main,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "CloudTrail",
            Self::Insight => "CloudTrail-Insight",
            Self::NetworkActivity => "CloudTrail-NetworkActivity",
            Self::Aggregated => "CloudTrail-Aggregated",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Main, Self::Insight, Self::NetworkActivity, Self::Aggregated];
        all.into_iter().find(|it| it.as_str() == word)
    }
}

/// A stretch of the log in which the same versions are valid, compiled to be judged together.
#[derive(Debug)]
pub(crate) struct Epoch {
    /// Counts up with each that was entered.
    pub(crate) number: u64,
    /// The position behind its last; none while it lasts.
    pub(crate) until: Option<u64>,
    /// The versions that are valid in it, also of trails that are not logging.
    pub(crate) versions: Vec<Arc<TrailVersion>>,
    /// Those that are logging, in the order of the sets of `selection`.
    logging: Vec<Arc<TrailVersion>>,
    selection: Selection,
    /// Access keys that deliveries write with.
    writers: Arc<BTreeSet<String>>,
}

impl Epoch {
    /// The stretch that `position` lies in.
    pub(crate) fn at(
        versions: &[Arc<TrailVersion>],
        position: u64,
        number: u64,
        writers: &Arc<BTreeSet<String>>,
    ) -> Self {
        let until = versions.iter().map(|it| it.from.0).filter(|from| *from > position).min();
        let mut valid: Vec<Arc<TrailVersion>> = Vec::new();
        for version in versions.iter().filter(|it| it.from.0 <= position) {
            let order = |it: &TrailVersion| (it.from, it.version);
            match valid.iter_mut().find(|it| it.trail_arn == version.trail_arn) {
                Some(other) if order(other) < order(version) => *other = Arc::clone(version),
                Some(_) => {}
                None => valid.push(Arc::clone(version)),
            }
        }
        let logging: Vec<_> = valid.iter().filter(|it| it.is_logging).cloned().collect();
        let selection = Selection::compile(logging.iter().map(|it| &it.selectors));
        Self { number, until, versions: valid, logging, selection, writers: Arc::clone(writers) }
    }

    pub(crate) fn contains(&self, position: u64) -> bool {
        self.until.is_none_or(|until| position < until)
    }

    /// Whether no trail is logging, so that nothing need be read.
    pub(crate) fn is_idle(&self) -> bool {
        self.logging.is_empty()
    }

    /// The versions that choose the record.
    pub(crate) fn choose<'a>(
        &'a self,
        account: AccountId,
        region: &str,
        record: &Record<'_>,
    ) -> Vec<&'a Arc<TrailVersion>> {
        if !self.logging.iter().any(|it| it.covers(account, region)) {
            return Vec::new();
        }
        let chosen = self.selection.judge(record);
        let chosen = chosen.iter().filter_map(|set| self.logging.get(set));
        let is_global = is_global(region, record);
        let chosen =
            chosen.filter(|it| it.covers(account, region) && (it.global_events || !is_global));
        if !self.is_delivery(record) {
            return chosen.collect();
        }
        let objects: Vec<_> = record.resources().into_iter().filter_map(|it| it.name).collect();
        chosen.filter(|it| !objects.iter().any(|arn| it.leaves_out(arn))).collect()
    }

    /// Whether the record is of a write that a delivery has made, past the door.
    fn is_delivery(&self, record: &Record<'_>) -> bool {
        !self.writers.is_empty()
            && record.event_source().as_deref() == Some("s3.amazonaws.com")
            && record.access_key_id().is_some_and(|it| self.writers.contains(it.as_ref()))
    }
}

/// Whether the record is of a service without regions. Such are recorded in `us-east-1`.
///
/// Spec: CloudTrail User Guide, "About global service events".
fn is_global(region: &str, record: &Record<'_>) -> bool {
    region == GLOBAL_REGION
        && record.event_source().is_some_and(|source| GLOBAL_SOURCES.contains(&source.as_ref()))
}

const GLOBAL_REGION: &str = "us-east-1";
const GLOBAL_SOURCES: [&str; 3] =
    ["cloudfront.amazonaws.com", "iam.amazonaws.com", "sts.amazonaws.com"];
