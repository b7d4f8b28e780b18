//! What the settings of a trail may be, one by one and together: the same for `CreateTrail` and
//! `UpdateTrail`.
//!
//! Spec: the errors of both operations in the CloudTrail API Reference.

use catalog::TrailSettings;
use record::AccountId;
use serde_json::{Map, Value};
use wire::shapes::cloudtrail::ErrorCode;

use super::{Asker, Trails, Unusable};
use crate::fault::{Fault, fault};

impl Trails {
    /// Checks settings as they would be from now on.
    ///
    /// # Errors
    /// The modelled error of the first that is wrong; combinations come before the bucket.
    pub(super) async fn check(
        &self,
        asker: Asker<'_>,
        settings: &TrailSettings,
    ) -> Result<(), Fault> {
        if settings.is_multi_region && !settings.includes_global_events {
            return Err(fault(
                ErrorCode::InvalidParameterCombinationException,
                "Multi-Region trail must include global service events.",
            ));
        }
        if settings.is_organization {
            // There is no organization until the accounts of this deployment can form one.
            return Err(fault(
                ErrorCode::OrganizationsNotInUseException,
                "Your account is not a member of an organization.",
            ));
        }
        bucket_name(&settings.bucket)?;
        prefix(&settings.prefix)?;
        log_group(settings)?;
        if let Some(key) = &settings.kms_key_id {
            kms_key(key)?;
        }
        match self.destinations.check(&settings.bucket, asker.account).await {
            Ok(()) => Ok(()),
            Err(Unusable::Missing) => Err(fault(
                ErrorCode::S3BucketDoesNotExistException,
                &format!("S3 bucket {} does not exist!", settings.bucket),
            )),
            Err(Unusable::Denied) => Err(fault(
                ErrorCode::InsufficientS3BucketPolicyException,
                &format!("Incorrect S3 bucket policy is detected for bucket: {}", settings.bucket),
            )),
        }
    }
}

/// The members that `CreateTrail`, `UpdateTrail`, `GetTrail` and `DescribeTrails` all show.
pub(super) fn members(name: &str, arn: &str, settings: &TrailSettings) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut show = |member: &str, value: Value| shown.insert(member.to_owned(), value);
    show("Name", name.into());
    show("S3BucketName", settings.bucket.as_str().into());
    if !settings.prefix.is_empty() {
        show("S3KeyPrefix", settings.prefix.as_str().into());
    }
    if let Some(topic) = &settings.sns_topic_arn {
        // Deprecated, and still shown.
        show("SnsTopicName", topic.as_str().into());
        show("SnsTopicARN", topic.as_str().into());
    }
    show("IncludeGlobalServiceEvents", settings.includes_global_events.into());
    show("IsMultiRegionTrail", settings.is_multi_region.into());
    show("TrailARN", arn.into());
    show("LogFileValidationEnabled", settings.validates_files.into());
    for (member, value) in [
        ("CloudWatchLogsLogGroupArn", &settings.log_group_arn),
        ("CloudWatchLogsRoleArn", &settings.log_role_arn),
        ("KmsKeyId", &settings.kms_key_id),
    ] {
        if let Some(value) = value {
            show(member, value.as_str().into());
        }
    }
    show("IsOrganizationTrail", settings.is_organization.into());
    show("RecursiveLogging", settings.is_recursive.into());
    shown
}

/// A topic's ARN from what a request gives: a name is one of the asker's account and region.
///
/// # Errors
/// `InvalidSnsTopicNameException`, also for a FIFO topic, which cannot take these messages.
pub(super) fn topic_arn(text: &str, asker: Asker<'_>) -> Result<String, Fault> {
    let invalid = || {
        let message = format!("SNS topic name `{text}` is invalid.");
        fault(ErrorCode::InvalidSnsTopicNameException, &message)
    };
    let name = match text.strip_prefix("arn:") {
        None => text,
        Some(rest) => match *rest.split(':').collect::<Vec<_>>().as_slice() {
            [_, "sns", region, account, name]
                if !region.is_empty() && AccountId::parse(account).is_ok() =>
            {
                name
            }
            _ => return Err(invalid()),
        },
    };
    let is_name = (1..=256).contains(&name.len())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || "-_".contains(it));
    if !is_name {
        return Err(invalid());
    }
    if text.starts_with("arn:") {
        return Ok(text.to_owned());
    }
    Ok(format!("arn:aws:sns:{}:{}:{name}", asker.region, asker.account.as_str()))
}

/// 3 to 63 lower-case letters, digits, periods and hyphens, as S3 demands.
fn bucket_name(name: &str) -> Result<(), Fault> {
    let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    let is_name = (3..=63).contains(&name.len())
        && name.starts_with(is_plain)
        && name.ends_with(is_plain)
        && name.chars().all(|it| is_plain(it) || ".-".contains(it))
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if is_name {
        return Ok(());
    }
    let message = format!("Bucket name `{name}` is not a valid S3 bucket name.");
    Err(fault(ErrorCode::InvalidS3BucketNameException, &message))
}

fn prefix(prefix: &str) -> Result<(), Fault> {
    let message = if prefix.chars().count() > 200 {
        "S3 prefix is too long. Maximum allowed length: 200 characters."
    } else if prefix.contains("AWSLogs/") {
        "S3 prefix must not contain AWSLogs/."
    } else {
        return Ok(());
    };
    Err(fault(ErrorCode::InvalidS3PrefixException, message))
}

fn log_group(settings: &TrailSettings) -> Result<(), Fault> {
    let (group, role) = match (&settings.log_group_arn, &settings.log_role_arn) {
        (None, None) => return Ok(()),
        (group, role) => (group.as_deref(), role.as_deref()),
    };
    let is_group =
        |it: &&str| it.starts_with("arn:") && it.contains(":logs:") && it.contains(":log-group:");
    if group.filter(is_group).is_none() {
        return Err(fault(
            ErrorCode::InvalidCloudWatchLogsLogGroupArnException,
            "CloudWatchLogsLogGroupArn must be the ARN of a log group, given together with CloudWatchLogsRoleArn.",
        ));
    }
    let is_role =
        |it: &&str| it.starts_with("arn:") && it.contains(":iam:") && it.contains(":role/");
    if role.filter(is_role).is_none() {
        return Err(fault(
            ErrorCode::InvalidCloudWatchLogsRoleArnException,
            "CloudWatchLogsRoleArn must be the ARN of a role, given together with CloudWatchLogsLogGroupArn.",
        ));
    }
    Ok(())
}

/// A key's id, ARN, alias or the ARN of an alias.
fn kms_key(text: &str) -> Result<(), Fault> {
    let resource = match text.strip_prefix("arn:") {
        None => text,
        Some(rest) => match rest.split(':').collect::<Vec<_>>().as_slice() {
            [_, "kms", _, _, resource] => resource,
            _ => "",
        },
    };
    let is_id =
        |it: &str| it.len() >= 36 && it.chars().all(|it| it.is_ascii_alphanumeric() || it == '-');
    let is_alias = |it: &str| it.len() > "alias/".len() && it.starts_with("alias/");
    if is_alias(resource) || is_id(resource.strip_prefix("key/").unwrap_or(resource)) {
        return Ok(());
    }
    let message = format!("KMS key `{text}` is not the id or ARN of a key, or an alias.");
    Err(fault(ErrorCode::InvalidKmsKeyIdException, &message))
}
