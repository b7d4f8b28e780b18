//! Which buckets the operator has set up for trails, outside the embedded S3.

use std::{collections::BTreeSet, fmt, path::PathBuf};

use anyhow::anyhow;
use record::AccountId;
use serde::{Deserialize, Serialize};

/// Where a bucket lies, and who may write there: `buckets.<name>`, or `buckets."*"` for every bucket
/// that has no entry of its own.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BucketSettings {
    /// URL of an S3-compatible service. None when `folder` is set.
    pub(crate) endpoint: Option<String>,
    /// The region that requests are signed for. Default `us-east-1`.
    pub(crate) region: Option<String>,
    /// Whether the bucket is named in the host (`bucket.s3.example.com`) instead of the path.
    pub(crate) virtual_host: bool,
    /// The access key to write with.
    pub(crate) access_key_id: Option<String>,
    /// Its secret. Better in `TRAILMARK_BUCKETS__<NAME>__SECRET_ACCESS_KEY`, or in a file.
    #[serde(skip_serializing)]
    pub(crate) secret_access_key: Option<String>,
    /// A file with the secret alone.
    pub(crate) secret_access_key_file: Option<PathBuf>,
    /// The session token of temporary credentials.
    #[serde(skip_serializing)]
    pub(crate) session_token: Option<String>,
    /// A folder of this machine, which must be there, instead of a service: delivered means synced.
    /// For `buckets."*"` each bucket is a folder in it.
    pub(crate) folder: Option<PathBuf>,
    /// The accounts whose trails may write there. Default: the deployment's own.
    pub(crate) accounts: BTreeSet<String>,
    /// Asks for server-side encryption with the service's own key (`AES256`) where the trail names
    /// no key. Default off, since many services refuse it.
    pub(crate) sse_s3: bool,
    /// Leaves out `x-amz-acl: bucket-owner-full-control`, which CloudTrail sends and which some
    /// services refuse. Default off.
    pub(crate) no_acl: bool,
    /// Days for which each object is locked in mode `COMPLIANCE`, 1 to 36,500. Needs a bucket that
    /// was made with Object Lock. Default none.
    pub(crate) object_lock_days: Option<u16>,
}

/// Shows everything but secrets.
impl fmt::Debug for BucketSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketSettings")
            .field("endpoint", &self.endpoint)
            .field("folder", &self.folder)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

impl BucketSettings {
    /// The accounts that may write, `own` when nothing is said.
    ///
    /// # Errors
    /// When one is no account id.
    pub(crate) fn writers(&self, own: AccountId) -> anyhow::Result<BTreeSet<AccountId>> {
        if self.accounts.is_empty() {
            return Ok(BTreeSet::from([own]));
        }
        let account = |text: &String| {
            AccountId::parse(text).map_err(|reason| anyhow!("the account id `{text}` {reason}"))
        };
        self.accounts.iter().map(account).collect()
    }
}
