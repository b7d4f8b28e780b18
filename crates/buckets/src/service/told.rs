//! How we tell times, owners, checksums and keys in S3's shapes.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use record::AccountId;
use s3s::dto::{ETag, Owner, Timestamp};

/// A time as `s3s` writes it.
pub(super) fn time(ms: i64) -> Timestamp {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    Timestamp::from(SystemTime::UNIX_EPOCH + since)
}

/// A time as headers tell it: whole seconds.
pub(super) fn time_in_seconds(ms: i64) -> Timestamp {
    time(ms - ms.rem_euclid(1000))
}

/// An ETag, quoted when it is written.
pub(super) fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

/// The owner of everything in an account's buckets. The canonical id is made of the account's, for
/// S3 has no accounts of twelve digits here.
pub(super) fn owner(account: AccountId) -> Owner {
    let id = hex::encode(digest(&SHA256, account.as_bytes()).as_ref());
    Owner { display_name: None, id: Some(id) }
}

/// A number in S3's signed shapes.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A small number in S3's signed shapes.
pub(super) fn small(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A key, percent-encoded when the caller asked for it.
pub(super) fn encoded(text: &str, is_url: bool) -> String {
    const KEPT: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'*');
    if is_url { utf8_percent_encode(text, KEPT).to_string() } else { text.to_owned() }
}

/// Tells a checksum in the five members that S3's shapes have for it.
macro_rules! tell_checksum {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let value = Some(checksum.value.clone());
            match checksum.algorithm {
                $crate::digest::Algorithm::Crc32 => $output.checksum_crc32 = value,
                $crate::digest::Algorithm::Crc32c => $output.checksum_crc32c = value,
                $crate::digest::Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
                $crate::digest::Algorithm::Sha1 => $output.checksum_sha1 = value,
                $crate::digest::Algorithm::Sha256 => $output.checksum_sha256 = value,
            }
        }
    };
}
pub(super) use tell_checksum;
