//! Bucket and key of an S3 request, by path or by virtual host.

use percent_encoding::percent_decode_str;

use super::Domains;

/// Where the bucket stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Address {
    /// The bucket, decoded; nothing for calls on the service itself.
    pub(super) bucket: Option<String>,
    /// The key, decoded.
    pub(super) key: Option<String>,
    /// Whether the bucket stood in the host name.
    pub(super) virtual_host: bool,
    /// The path as it would be without virtual hosts, still encoded.
    pub(super) path: String,
}

impl Address {
    pub(super) fn of(host: Option<&str>, path: &str, domains: &Domains) -> Self {
        let bucket = host.and_then(|it| virtual_bucket(it, domains));
        let path = match bucket {
            Some(bucket) => format!("/{bucket}{path}"),
            None => path.to_owned(),
        };
        let after = path.strip_prefix('/').unwrap_or(&path);
        let (name, key) = after.split_once('/').unwrap_or((after, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Self {
            bucket: (!name.is_empty()).then(|| decode(name)),
            key: (!key.is_empty()).then(|| decode(key)),
            virtual_host: bucket.is_some(),
            path,
        }
    }
}

/// The bucket in a host name below one of our domains, or below AWS's.
pub(super) fn virtual_bucket<'a>(host: &'a str, domains: &Domains) -> Option<&'a str> {
    let ours = domains.s3.iter().find_map(|domain| {
        let domain = domain.to_ascii_lowercase();
        host.strip_suffix(domain.as_str())?.strip_suffix('.')
    });
    ours.or_else(|| aws_bucket(host)).filter(|it| !it.is_empty())
}

/// `bucket.s3.eu-west-1.amazonaws.com`, `bucket.s3-eu-west-1.amazonaws.com`, dual stack, access
/// points and directory buckets. A bucket's name may hold dots, so the last `s3` label counts.
fn aws_bucket(host: &str) -> Option<&str> {
    let front =
        host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let is_s3 = |label: &str| {
        label == "s3"
            || ["s3-", "s3express-"].iter().any(|it| label.starts_with(it))
                && !label.starts_with("s3-control")
    };
    let mut end = front.len();
    for label in front.rsplit('.') {
        let start = end - label.len();
        if is_s3(label) {
            return front.get(..start.checked_sub(1)?);
        }
        end = start.saturating_sub(1);
    }
    None
}

/// Whether the host is S3's own.
pub(super) fn is_s3_host(host: &str, domains: &Domains) -> bool {
    domains.s3.iter().any(|it| it.eq_ignore_ascii_case(host))
        || virtual_bucket(host, domains).is_some()
        || (host.starts_with("s3.") || host.starts_with("s3-") && !host.starts_with("s3-control"))
            && host.contains(".amazonaws.com")
}
