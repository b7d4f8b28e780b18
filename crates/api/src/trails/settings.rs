//! What a caller may choose for a trail: the form of names and ARNs, and what goes together.
//!
//! Spec: CloudTrail User Guide, "Naming requirements for CloudTrail resources, S3 buckets, and KMS
//! keys"; CloudTrail API Reference, "CreateTrail" and "UpdateTrail".

use std::net::Ipv4Addr;

use catalog::{CloudWatchLogs, TrailArn, TrailSettings, partition};
use wire::shapes::cloudtrail::ErrorCode;

use super::{Asked, Destination};
use crate::fault::{Fault, fault};

impl Asked<'_> {
    /// Checks what can be checked by looking at it.
    pub(super) fn check_form(settings: &TrailSettings, of: &TrailArn) -> Result<(), Fault> {
        if settings.is_multi_region_trail && !settings.include_global_service_events {
            return Err(fault(
                ErrorCode::InvalidParameterCombinationException,
                "Multi-Region trail must include global service events.",
            ));
        }
        check_bucket(&settings.s3_bucket_name)?;
        if let Some(prefix) = &settings.s3_key_prefix {
            check_prefix(prefix)?;
        }
        if let Some(topic) = &settings.sns_topic_name {
            check_topic(topic)?;
        }
        if let Some(logs) = &settings.cloud_watch_logs {
            check_logs(logs, of)?;
        }
        settings.kms_key_id.as_deref().map_or(Ok(()), check_key)
    }

    /// Finds the ARN of the key, and asks whether the trail can write to where it is told to.
    pub(super) async fn check_destination(
        &self,
        settings: &mut TrailSettings,
        of: &TrailArn,
    ) -> Result<(), Fault> {
        let destinations = &self.trails.destinations;
        let bucket = settings.s3_bucket_name.clone();
        let key = settings.kms_key_id.clone().unwrap_or_default();
        if !key.is_empty() {
            let arn = destinations.key_arn(&key, &bucket, of).await;
            settings.kms_key_id = Some(arn.map_err(|it| it.fault(&bucket, &key))?);
        }
        let sns_topic_arn = settings.sns_topic_arn(of);
        let destination = Destination {
            trail: of,
            organization: settings.organization.as_deref(),
            bucket: &bucket,
            prefix: settings.s3_key_prefix.as_deref(),
            log_file_validation_enabled: settings.log_file_validation_enabled,
            kms_key_arn: settings.kms_key_id.as_deref(),
            sns_topic_arn: sns_topic_arn.as_deref(),
            cloud_watch_logs: settings.cloud_watch_logs.as_ref(),
        };
        destinations.check(destination).await.map_err(|it| it.fault(&bucket, &key))
    }
}

/// An optional text of a request: an empty one counts as none.
pub(crate) fn given(text: Option<String>) -> Option<String> {
    text.filter(|it| !it.is_empty())
}

/// The log group and the role that a request names: both, or neither.
pub(super) fn logs(
    group: Option<String>,
    role: Option<String>,
) -> Result<Option<CloudWatchLogs>, Fault> {
    match (given(group), given(role)) {
        (None, None) => Ok(None),
        (Some(log_group_arn), Some(role_arn)) => {
            Ok(Some(CloudWatchLogs { log_group_arn, role_arn }))
        }
        (Some(_), None) => Err(fault(
            ErrorCode::InvalidCloudWatchLogsRoleArnException,
            "You must specify a role ARN as well as a log group.",
        )),
        (None, Some(_)) => Err(fault(
            ErrorCode::InvalidCloudWatchLogsLogGroupArnException,
            "You must specify a log group as well as a role ARN.",
        )),
    }
}

pub(crate) fn check_bucket(name: &str) -> Result<(), Fault> {
    let edge = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    let valid = (3..=63).contains(&name.len())
        && name.chars().all(|it| edge(it) || matches!(it, '.' | '-'))
        && name.starts_with(edge)
        && name.ends_with(edge)
        && !["..", ".-", "-."].iter().any(|it| name.contains(it))
        && name.parse::<Ipv4Addr>().is_err();
    check(valid, ErrorCode::InvalidS3BucketNameException, || {
        format!("Bucket name {name} is not valid.")
    })
}

pub(crate) fn check_prefix(prefix: &str) -> Result<(), Fault> {
    // Whoever carries a request resolves such parts, and would ask for another object.
    let is_resolved = prefix.split('/').any(|it| matches!(it, "." | ".."));
    let valid = prefix.chars().count() <= 200 && !prefix.chars().any(char::is_control);
    check(valid && !is_resolved, ErrorCode::InvalidS3PrefixException, || {
        "The S3 key prefix is not valid; it can have up to 200 characters, and no part `.` or `..`."
            .to_owned()
    })
}

/// The name of a topic, or its ARN. Topics that keep an order are not taken.
fn check_topic(topic: &str) -> Result<(), Fault> {
    let name = if topic.starts_with("arn:") {
        match topic.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", of, "sns", region, account, name]
                if *of == partition(region) && is_account(account) && !region.is_empty() =>
            {
                *name
            }
            _ => "",
        }
    } else {
        topic
    };
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    let valid = (1..=256).contains(&name.len()) && name.chars().all(plain);
    check(valid, ErrorCode::InvalidSnsTopicNameException, || {
        format!("SNS topic name {topic} is not valid.")
    })
}

/// A key id, an alias, or the ARN of either. AWS does not tell a malformed one from an unknown one.
fn check_key(key: &str) -> Result<(), Fault> {
    let named = |it: &str| match it.split_once('/') {
        Some(("alias", name)) => !name.is_empty() && name.chars().all(is_of_key),
        Some(("key", id)) => is_key_id(id),
        _ => false,
    };
    let valid = if key.starts_with("arn:") {
        match key.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", of, "kms", region, account, resource] => {
                *of == partition(region) && is_account(account) && named(resource)
            }
            _ => false,
        }
    } else {
        is_key_id(key) || key.starts_with("alias/") && named(key)
    };
    check(valid, ErrorCode::KmsKeyNotFoundException, || format!("KMS key {key} is not found."))
}

/// A UUID, or that of a multi-Region key.
fn is_key_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.chars().all(|it| is_of_key(it) && it != '/')
}

fn is_of_key(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '/')
}

/// A log group in the trail's home region and a role, both of the owner's account.
fn check_logs(logs: &CloudWatchLogs, of: &TrailArn) -> Result<(), Fault> {
    let parts: Vec<_> = logs.log_group_arn.splitn(8, ':').collect();
    let valid = match parts.as_slice() {
        ["arn", partition_of, "logs", region, account, "log-group", name, "*"] => {
            *partition_of == partition(region)
                && *region == of.home_region
                && *account == of.account.as_str()
                && !name.is_empty()
        }
        _ => false,
    };
    check(valid, ErrorCode::InvalidCloudWatchLogsLogGroupArnException, || {
        "CloudTrail cannot validate the specified log group ARN.".to_owned()
    })?;
    let valid = match logs.role_arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition_of, "iam", "", account, role] => {
            *partition_of == partition(&of.home_region)
                && *account == of.account.as_str()
                && role.strip_prefix("role/").is_some_and(|it| !it.is_empty())
        }
        _ => false,
    };
    check(valid, ErrorCode::InvalidCloudWatchLogsRoleArnException, || {
        "CloudTrail cannot validate the specified role ARN.".to_owned()
    })
}

fn is_account(text: &str) -> bool {
    record::AccountId::parse(text).is_ok()
}

fn check(valid: bool, code: ErrorCode, message: impl FnOnce() -> String) -> Result<(), Fault> {
    if valid { Ok(()) } else { Err(fault(code, &message())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_all(rule: fn(&str) -> Result<(), Fault>, right: &[&str], wrong: &[&str]) {
        for text in right {
            assert!(rule(text).is_ok(), "{text}");
        }
        for text in wrong {
            assert!(rule(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bucket_has_a_name_that_s3_would_take() {
        let long = "x".repeat(64);
        check_all(
            check_bucket,
            &["abc", "my.bucket-1", "1-2"],
            &["", "ab", "My-bucket", "a_b", "-ab", "ab-", "a..b", "a.-b", "192.168.5.4", &long],
        );
    }

    #[test]
    fn a_prefix_has_up_to_200_characters() {
        check_all(
            check_prefix,
            &["a/b", "/a//b/", &"é".repeat(200)],
            &[&"x".repeat(201), "a\nb", "a/../b", "."],
        );
    }

    #[test]
    fn a_topic_is_a_name_or_an_arn_and_keeps_no_order() {
        check_all(
            check_topic,
            &["my-topic", "arn:aws:sns:eu-west-1:123456789012:my_topic", &"x".repeat(256)],
            &[
                "",
                "my topic",
                "orders.fifo",
                "arn:aws:sns:eu-west-1:123456789012:orders.fifo",
                "arn:aws:sns:eu-west-1:1234:my-topic",
                "arn:aws:sqs:eu-west-1:123456789012:my-topic",
                "arn:aws:sns:eu-west-1:123456789012",
                &"x".repeat(257),
            ],
        );
    }

    #[test]
    fn a_key_is_an_id_an_alias_or_an_arn() {
        let id = "0f0e0d0c-1111-2222-3333-444455556666";
        check_all(
            check_key,
            &[
                id,
                "mrk-0f0e0d0c111122223333444455556666",
                "alias/trail/one",
                &format!("arn:aws:kms:eu-west-1:123456789012:key/{id}"),
                "arn:aws:kms:eu-west-1:123456789012:alias/trail",
            ],
            &[
                "alias/",
                "key/abc",
                "a b",
                "arn:aws:s3:::bucket",
                "arn:aws:kms:eu-west-1:123456789012:alias/",
                "arn:aws:kms:eu-west-1:123:key/abc",
            ],
        );
    }

    #[test]
    fn a_log_group_is_in_the_home_region_and_like_its_role_the_owners() {
        let of = TrailArn::parse("arn:aws:cloudtrail:eu-west-1:123456789012:trail/audit").unwrap();
        let check = |group: &str, role: &str| {
            let logs = CloudWatchLogs { log_group_arn: group.into(), role_arn: role.into() };
            check_logs(&logs, &of).map_err(|it| it.code)
        };
        let group = "arn:aws:logs:eu-west-1:123456789012:log-group:CloudTrail/all:*";
        let role = "arn:aws:iam::123456789012:role/service-role/Logs";
        assert_eq!(check(group, role), Ok(()));
        for wrong in [
            "arn:aws:logs:eu-west-1:123456789012:log-group:CloudTrail/all",
            "arn:aws:logs:us-east-1:123456789012:log-group:CloudTrail/all:*",
            "arn:aws:logs:eu-west-1:210987654321:log-group:CloudTrail/all:*",
            "arn:aws:logs:eu-west-1:123456789012:log-group::*",
        ] {
            let refused = check(wrong, role).unwrap_err();
            assert_eq!(refused, "InvalidCloudWatchLogsLogGroupArnException", "{wrong}");
        }
        for wrong in ["arn:aws:iam::210987654321:role/Logs", "arn:aws:iam::123456789012:user/mira"]
        {
            let refused = check(group, wrong).unwrap_err();
            assert_eq!(refused, "InvalidCloudWatchLogsRoleArnException", "{wrong}");
        }
    }
}
