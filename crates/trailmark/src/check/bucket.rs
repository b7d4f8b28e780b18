//! What a bucket says of itself, and of the newest log file that lies in it.
//!
//! What a trail wrote tells more than settings do: a lock may come with each object, and a bucket that
//! could lock may not do so. What cannot be asked stays unknown, whatever the reason: who asks may not,
//! or the service does not know the question.
//!
//! Spec: Amazon S3 API Reference, the operations behind the questions; CloudTrail User Guide, "Finding
//! your CloudTrail log files".

use std::{collections::BTreeSet, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::timeout;
use wire::xml::{self, Element};

use super::text;
use crate::{caller::Failure, cloudtrail::CloudTrail};

/// What is known of a bucket.
#[derive(Clone, Debug)]
pub(super) struct BucketFacts {
    /// Regions that it holds log files of, for an account's trail.
    pub(super) regions: Vec<String>,
    pub(super) versioning: Known,
    pub(super) mfa_delete: Known,
    /// The mode in which it locks new objects that ask for nothing.
    pub(super) default_lock: Known,
    /// The algorithm by which it encrypts new objects that ask for nothing.
    pub(super) default_encryption: Known,
    pub(super) is_public: Option<bool>,
    /// Some of what lies in it beside the trails' files, if it may be listed.
    pub(super) others: Option<Vec<String>>,
    pub(super) newest: Newest,
}

/// The newest log file of the trail.
#[derive(Clone, Debug)]
pub(super) enum Newest {
    File(FileFacts),
    /// There is none yet.
    Missing,
    /// The bucket cannot be listed.
    Unknown,
}

/// What is known of a log file.
#[derive(Clone, Debug)]
pub(super) struct FileFacts {
    pub(super) lock_mode: Known,
    /// In RFC 3339.
    pub(super) locked_until: Known,
    /// The algorithm that encrypts it.
    pub(super) encryption: Known,
}

/// What was answered to one question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Known {
    Is(String),
    /// Nothing of the kind is set.
    Unset,
    /// There was no answer that says.
    Unknown,
}

impl Known {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Is(it) if it.eq_ignore_ascii_case(word))
    }
}

/// Where questions of one bucket go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket<'a> {
    pub(super) s3: &'a CloudTrail,
    pub(super) region: &'a str,
    pub(super) name: &'a str,
}

/// Looks at the bucket of a trail. `all` are the trails of the account, some of which may share it.
///
/// # Errors
/// Why nothing can be known of it.
pub(super) async fn look_at(
    bucket: Bucket<'_>,
    trail: &Value,
    all: &[Value],
) -> Result<BucketFacts, String> {
    let looked = timeout(ANSWERS_WITHIN, look(bucket, trail, all)).await;
    looked.unwrap_or_else(|_| Err(format!("the bucket `{}` does not answer", bucket.name)))
}

async fn look(bucket: Bucket<'_>, trail: &Value, all: &[Value]) -> Result<BucketFacts, String> {
    if let Err(failure) = bucket.ask("", "list-type=2&max-keys=1").await {
        let name = bucket.name;
        if failure.status.is_none() {
            return Err(format!("the bucket `{name}` does not answer: {}", failure.words));
        }
        if failure.words.contains("NoSuchBucket") {
            return Err(format!("there is no bucket `{name}` where S3 was asked"));
        }
    }
    let versioning = bucket.document("", "versioning", "VersioningConfiguration").await;
    let lock = bucket.document("", "object-lock", "ObjectLockConfiguration").await;
    let encryption = bucket.document("", "encryption", "ServerSideEncryptionConfiguration").await;
    let roots: Vec<String> =
        all.iter().filter(|it| text(it, "S3BucketName") == bucket.name).map(root_of).collect();
    Ok(BucketFacts {
        regions: regions(bucket, trail).await,
        versioning: versioning.word("Status"),
        mfa_delete: versioning.word("MfaDelete"),
        default_lock: lock.word("Mode"),
        default_encryption: encryption.word("SSEAlgorithm"),
        is_public: is_public(bucket).await,
        others: others(bucket, &roots).await,
        newest: newest(bucket, trail).await,
    })
}

/// Whether anybody may come in, by policy or by access control list.
async fn is_public(bucket: Bucket<'_>) -> Option<bool> {
    let block = "PublicAccessBlockConfiguration";
    let block = bucket.document("", "publicAccessBlock", block).await;
    let by_policy = if block.word("RestrictPublicBuckets").is("true") {
        Some(false)
    } else {
        let status = bucket.document("", "policyStatus", "PolicyStatus").await;
        match (status.word("IsPublic"), bucket.ask("", "policy").await) {
            (Known::Is(word), _) => Some(word.eq_ignore_ascii_case("true")),
            (Known::Unset, _) => Some(false),
            // Some services know policies, but not this question about them.
            (Known::Unknown, Err(failure)) if is_unset(&failure) => Some(false),
            (Known::Unknown, _) => None,
        }
    };
    let by_list = if block.word("IgnorePublicAcls").is("true") {
        Some(false)
    } else {
        match bucket.document("", "acl", "AccessControlPolicy").await {
            Document::Is(root) => Some(grants_all(&root)),
            Document::Unset | Document::Unknown => None,
        }
    };
    match (by_policy, by_list) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        (None, _) | (_, None) => None,
    }
}

/// Whether an access control list names everybody, or everybody with an account somewhere.
fn grants_all(element: &Element) -> bool {
    let is_all = ["/AllUsers", "/AuthenticatedUsers"].iter().any(|it| element.text.ends_with(it));
    (element.name == "URI" && is_all) || element.children.iter().any(grants_all)
}

/// The regions that the bucket holds log files of, for an account's multi-region trail: each tells only
/// of its own deliveries.
async fn regions(bucket: Bucket<'_>, trail: &Value) -> Vec<String> {
    let is = |name: &str| trail.get(name).and_then(Value::as_bool).unwrap_or_default();
    if !is("IsMultiRegionTrail") || is("IsOrganizationTrail") {
        return Vec::new();
    }
    let folder = format!("{}{}/CloudTrail/", root_of(trail), account_of(trail));
    let names = bucket.list(&folder).await.unwrap_or_default();
    let regions = names.iter().filter_map(|it| it.strip_prefix(&folder)?.strip_suffix('/'));
    regions.map(str::to_owned).collect()
}

/// Some of what lies beside the folders of trails, on the way to each of them.
async fn others(bucket: Bucket<'_>, roots: &[String]) -> Option<Vec<String>> {
    let ways: BTreeSet<&str> = roots
        .iter()
        .flat_map(|root| root.match_indices('/').filter_map(|(at, _)| root.get(..=at)))
        .collect();
    let is_on_way = |it: &&str| !roots.iter().any(|root| root == it);
    let mut others = Vec::new();
    for folder in [""].into_iter().chain(ways.iter().copied().filter(is_on_way)) {
        let names = bucket.list(folder).await?;
        // A folder that was made by hand is an object of that very name.
        let foreign = |it: &String| it != folder && !ways.contains(it.as_str());
        others.extend(names.into_iter().filter(foreign));
    }
    Some(others)
}

/// Finds the newest log file: the last of each kind of folder on the way.
async fn newest(bucket: Bucket<'_>, trail: &Value) -> Newest {
    let account = format!("{}/", account_of(trail));
    let home = format!("{}/", text(trail, "HomeRegion"));
    let is_shared = trail.get("IsOrganizationTrail").and_then(Value::as_bool).unwrap_or_default();
    let (organization, member) = (Step::Only("o-"), Step::Rather(&account));
    let rest = [Step::Only("CloudTrail/"), Step::Rather(&home), Step::LAST, Step::LAST, Step::LAST];
    let steps = if is_shared { vec![organization, member] } else { vec![Step::Only(&account)] };
    let mut folder = root_of(trail);
    for step in steps.into_iter().chain(rest) {
        let Some(names) = bucket.list(&folder).await else { return Newest::Unknown };
        let Some(name) = step.of(&folder, &names) else { return Newest::Missing };
        folder = name;
    }
    let Some(names) = bucket.list(&folder).await else { return Newest::Unknown };
    let Some(key) = names.iter().rfind(|it| it.ends_with(".json.gz")) else {
        return Newest::Missing;
    };
    let headers = bucket.s3.head_object(bucket.region, bucket.name, key).await.ok();
    let header = |name: &str| match &headers {
        Some(headers) => headers.get(name).map_or(Known::Unset, |it| {
            Known::Is(String::from_utf8_lossy(it.as_bytes()).into_owned())
        }),
        None => Known::Unknown,
    };
    let encryption = header("x-amz-server-side-encryption");
    let (mut lock_mode, mut locked_until) =
        (header("x-amz-object-lock-mode"), header("x-amz-object-lock-retain-until-date"));
    if lock_mode == Known::Unset || lock_mode == Known::Unknown {
        // Who may not ask for locks is not shown them in headers either.
        let retention = bucket.document(key, "retention", "Retention").await;
        lock_mode = retention.word("Mode");
        locked_until = retention.word("RetainUntilDate");
    }
    Newest::File(FileFacts { lock_mode, locked_until, encryption })
}

/// Which of the folders in a folder to go into.
#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    /// The last whose name begins so.
    Only(&'a str),
    /// The one of that name, else the last.
    Rather(&'a str),
}

impl Step<'_> {
    const LAST: Self = Self::Rather("");

    fn of(self, folder: &str, names: &[String]) -> Option<String> {
        let below = |start: &str| {
            let begins = |it: &&String| {
                it.ends_with('/')
                    && it
                        .strip_prefix(folder)
                        .is_some_and(|it| it.starts_with(start) && !it.is_empty())
            };
            names.iter().rfind(begins).cloned()
        };
        match self {
            Self::Only(start) => below(start),
            Self::Rather(name) => below(name).or_else(|| below("")),
        }
    }
}

/// What was answered to a question whose answer is a document.
#[derive(Debug)]
enum Document {
    Is(Element),
    Unset,
    Unknown,
}

impl Document {
    fn word(&self, name: &str) -> Known {
        match self {
            Self::Is(root) => {
                root.find(name).map_or(Known::Unset, |it| Known::Is(it.text.trim().to_owned()))
            }
            Self::Unset => Known::Unset,
            Self::Unknown => Known::Unknown,
        }
    }
}

impl Bucket<'_> {
    async fn ask(&self, key: &str, query: &str) -> Result<String, Failure> {
        self.s3.bucket(self.region, self.name, key, query).await
    }

    /// The document that the question is answered with. A service that does not know the question may
    /// take it for another one, and answer that.
    async fn document(&self, key: &str, query: &str, root: &str) -> Document {
        match self.ask(key, query).await {
            Ok(answer) => match xml::parse(answer.as_bytes()) {
                Ok(element) if element.name == root => Document::Is(element),
                Ok(_) | Err(_) => Document::Unknown,
            },
            Err(failure) if is_unset(&failure) => Document::Unset,
            Err(_) => Document::Unknown,
        }
    }

    /// Names of what lies in a folder, those of folders with their `/`, in order.
    async fn list(&self, folder: &str) -> Option<Vec<String>> {
        let escaped = utf8_percent_encode(folder, NON_ALPHANUMERIC);
        let query = format!("list-type=2&delimiter=%2F&prefix={escaped}");
        let answer = self.ask("", &query).await.ok()?;
        let root = xml::parse(answer.as_bytes()).ok().filter(|it| it.name == "ListBucketResult")?;
        let names = root.children.iter().filter_map(|it| match it.name.as_str() {
            "CommonPrefixes" => it.child_text("Prefix"),
            "Contents" => it.child_text("Key"),
            _ => None,
        });
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        Some(names)
    }
}

/// Whether S3 says that nothing of the kind is set.
fn is_unset(failure: &Failure) -> bool {
    UNSET.iter().any(|it| failure.words.contains(it))
}

/// What the keys of all files of a trail begin with.
fn root_of(trail: &Value) -> String {
    match text(trail, "S3KeyPrefix") {
        "" => "AWSLogs/".to_owned(),
        prefix => format!("{prefix}/AWSLogs/"),
    }
}

fn account_of(trail: &Value) -> &str {
    text(trail, "TrailARN").split(':').nth(4).unwrap_or_default()
}

/// How S3 says it, and for the lock of an object in a bucket that has none.
const UNSET: [&str; 6] = [
    "<Code>NoSuchBucketPolicy</Code>",
    "<Code>NoSuchObjectLockConfiguration</Code>",
    "<Code>NoSuchPublicAccessBlockConfiguration</Code>",
    "<Code>ObjectLockConfigurationNotFoundError</Code>",
    "<Code>ServerSideEncryptionConfigurationNotFoundError</Code>",
    "Bucket is missing Object Lock Configuration",
];
/// How long all questions of one bucket may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
