//! Names and keys: where digest files and log files lie in a bucket, and what their names say.
//!
//! Spec: CloudTrail User Guide, "CloudTrail digest file location" and "CloudTrail log file name
//! format". Verifiers cut the time out of a digest's key by counting from its end, so nothing may be
//! added there.

use std::fmt;

use super::Stamp;

/// What stands before the account in every key of a trail.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Root {
    /// The trail's `S3KeyPrefix`, without slashes at its ends.
    pub prefix: Option<String>,
    /// The organization's id (`o-…`), for trails of an organization.
    pub organization: Option<String>,
}

impl Root {
    /// `[prefix/]AWSLogs/[o-id/]`, as all keys of the trail begin.
    pub fn folder(&self) -> String {
        let mut folder = String::new();
        if let Some(prefix) = &self.prefix {
            folder.push_str(prefix);
            folder.push('/');
        }
        folder.push_str("AWSLogs/");
        if let Some(organization) = &self.organization {
            folder.push_str(organization);
            folder.push('/');
        }
        folder
    }

    /// Splits a key into its root, the account's folder and what follows that.
    fn split(key: &str) -> Option<(Self, &str, &str)> {
        // A prefix may hold `AWSLogs` too; the trail's own is the last.
        let (before, after) = match key.rsplit_once("/AWSLogs/") {
            Some((before, after)) => (Some(before), after),
            None => (None, key.strip_prefix("AWSLogs/")?),
        };
        let (first, rest) = after.split_once('/')?;
        let (organization, account, rest) = if first.starts_with("o-") {
            let (account, rest) = rest.split_once('/')?;
            (Some(first.to_owned()), account, rest)
        } else {
            (None, first, rest)
        };
        is_account(account)
            .then(|| (Self { prefix: before.map(str::to_owned), organization }, account, rest))
    }
}

/// Which chain a digest belongs to: one for each account, region and trail.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChainId {
    /// The account whose activity is recorded.
    pub account: String,
    /// The region where the events were recorded.
    pub region: String,
    /// The trail's name.
    pub trail: String,
    /// The trail's home region.
    pub home_region: String,
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of account {} in {}", self.trail, self.account, self.region)
    }
}

/// What the name of a digest file says.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DigestName {
    /// The chain.
    pub chain: ChainId,
    /// `digestEndTime`.
    pub end: Stamp,
    /// Whether it belongs to the chain of backfill digests, which is separate.
    pub backfill: bool,
}

impl DigestName {
    /// The whole key, below `root`.
    pub fn key(&self, root: &Root) -> String {
        let ChainId { account, region, trail, home_region } = &self.chain;
        let backfill = if self.backfill { "_backfill" } else { "" };
        format!(
            "{}{account}/{DIGEST_FOLDER}/{region}/{}/{account}_{DIGEST_FOLDER}_{region}_{trail}_\
             {home_region}_{}{backfill}.json.gz",
            root.folder(),
            self.end.day(),
            self.end.compact(),
        )
    }

    /// Reads a key; none when it is not exactly what [`DigestName::key`] writes.
    pub fn parse(key: &str) -> Option<(Root, Self)> {
        let (root, account, rest) = Root::split(key)?;
        let file = rest.strip_prefix(DIGEST_FOLDER)?.rsplit_once('/')?.1;
        let stem = file.strip_suffix(".json.gz")?;
        let (stem, backfill) = match stem.strip_suffix("_backfill") {
            Some(stem) => (stem, true),
            None => (stem, false),
        };
        let stem = stem.strip_prefix(account)?.strip_prefix("_CloudTrail-Digest_")?;
        // The trail's name may hold `_`; regions hold none.
        let (stem, end) = stem.rsplit_once('_')?;
        let (stem, home_region) = stem.rsplit_once('_')?;
        let (region, trail) = stem.split_once('_')?;
        let name = Self {
            chain: ChainId {
                account: account.to_owned(),
                region: region.to_owned(),
                trail: trail.to_owned(),
                home_region: home_region.to_owned(),
            },
            end: Stamp::from_compact(end)?,
            backfill,
        };
        (name.key(&root) == key).then_some((root, name))
    }
}

/// What the name of a log file says.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LogFileName {
    /// The account whose activity is recorded.
    pub account: String,
    /// The folder, which is also part of the name: `CloudTrail`, `CloudTrail-Insight`, ….
    pub family: String,
    /// The region where the events were recorded.
    pub region: String,
    /// The slice of time in which it was delivered, in whole minutes.
    pub delivered: Stamp,
}

/// The key of a digest or log file by the name of the file alone: of a trail without prefix, in no
/// organization. None when it is named otherwise.
#[must_use]
pub fn key_of_file(file: &str) -> Option<String> {
    let mut parts = file.strip_suffix(".json.gz")?.split('_');
    let (account, family, region) = (parts.next()?, parts.next()?, parts.next()?);
    let day = parts.find_map(Stamp::from_compact)?.day();
    let key = format!("AWSLogs/{account}/{family}/{region}/{day}/{file}");
    (DigestName::parse(&key).is_some() || LogFileName::parse(&key).is_some()).then_some(key)
}

impl LogFileName {
    /// Reads a key; none when it is not that of a log file (markers, digests, foreign objects).
    pub fn parse(key: &str) -> Option<(Root, Self)> {
        let (root, account, rest) = Root::split(key)?;
        let (family, rest) = rest.split_once('/')?;
        if !family.starts_with("CloudTrail") || family == DIGEST_FOLDER {
            return None;
        }
        let (region, _) = rest.split_once('/')?;
        let file = rest.rsplit_once('/')?.1.strip_suffix(".json.gz")?;
        let mut parts = file.strip_prefix(account)?.strip_prefix('_')?.split('_');
        let (token, of, stamp) = (parts.next()?, parts.next()?, parts.next()?);
        if token != family || of != region {
            return None;
        }
        let delivered = Stamp::from_compact(stamp)?;
        let (account, family, region) = (account.to_owned(), family.to_owned(), region.to_owned());
        Some((root, Self { account, family, region, delivered }))
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|it| it.is_ascii_digit())
}

const DIGEST_FOLDER: &str = "CloudTrail-Digest";
