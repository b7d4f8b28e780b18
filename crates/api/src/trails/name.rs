//! Names and ARNs of trails.

use catalog::TrailName;
use record::AccountId;
use wire::shapes::cloudtrail::ErrorCode;

use super::Asker;
use crate::fault::{Fault, fault};

/// The trail that a text means.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    account: AccountId,
    region: String,
    name: String,
}

impl Wanted {
    /// Reads a name, which is one of the asker's account and region, or an ARN.
    ///
    /// # Errors
    /// `InvalidTrailNameException`, `CloudTrailARNInvalidException`.
    pub(super) fn parse(text: &str, asker: Asker<'_>) -> Result<Self, Fault> {
        if !text.starts_with("arn:") {
            check(text)?;
            let (account, region) = (asker.account, asker.region.to_owned());
            return Ok(Self { account, region, name: text.to_owned() });
        }
        let invalid = || {
            fault(
                ErrorCode::CloudTrailARNInvalidException,
                &format!(
                    "`{text}` is not the ARN of a trail: arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME."
                ),
            )
        };
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [_, partition, "cloudtrail", region, account, resource] = parts.as_slice() else {
            return Err(invalid());
        };
        let name = resource.strip_prefix("trail/").ok_or_else(invalid)?;
        if !partition.starts_with("aws") || region.is_empty() || check(name).is_err() {
            return Err(invalid());
        }
        let account = AccountId::parse(account).map_err(|_| invalid())?;
        Ok(Self { account, region: (*region).to_owned(), name: name.to_owned() })
    }

    pub(super) fn as_name(&self) -> TrailName<'_> {
        TrailName { account: self.account, region: &self.region, name: &self.name }
    }

    pub(super) fn arn(&self) -> String {
        arn(&self.region, self.account, &self.name)
    }
}

/// The ARN of a trail. The partition is that of its region.
pub(super) fn arn(region: &str, account: AccountId, name: &str) -> String {
    let partition = match region {
        it if it.starts_with("cn-") => "aws-cn",
        it if it.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:cloudtrail:{region}:{}:trail/{name}", account.as_str())
}

/// Checks a trail's name: 3 to 128 ASCII letters, digits and `._-`, no two of the latter beside each
/// other or at an end, and no IPv4 address.
///
/// # Errors
/// `InvalidTrailNameException`, with the sentences that AWS uses where they are known.
pub(super) fn check(name: &str) -> Result<(), Fault> {
    let length = name.chars().count();
    let is_plain = |it: char| it.is_ascii_alphanumeric();
    let message = if length < 3 {
        format!(
            "Trail name too short. Minimum allowed length: 3 characters. Specified name length: {length} characters."
        )
    } else if length > 128 {
        format!(
            "Trail name too long. Maximum allowed length: 128 characters. Specified name length: {length} characters."
        )
    } else if !name.starts_with(is_plain) {
        "Trail name must starts with a letter or number.".to_owned()
    } else if !name.ends_with(is_plain) {
        "Trail name must ends with a letter or number.".to_owned()
    } else if !name.chars().all(|it| is_plain(it) || ".-_".contains(it)) {
        "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).".to_owned()
    } else if name.split(['.', '-', '_']).any(str::is_empty) {
        "Trail name must not have two periods, hyphens or underscores beside each other.".to_owned()
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        "Trail name must not be an IP address.".to_owned()
    } else {
        return Ok(());
    };
    Err(fault(ErrorCode::InvalidTrailNameException, &message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker() -> Asker<'static> {
        Asker { account: AccountId::parse("123456789012").unwrap(), region: "eu-west-1" }
    }

    #[track_caller]
    fn refuses(text: &str, code: &str) {
        assert_eq!(Wanted::parse(text, asker()).unwrap_err().code, code, "{text}");
    }

    #[test]
    fn a_bare_name_is_one_of_the_askers_region() {
        for name in ["abc", "my-trail", "A.b_c-9", &"x".repeat(128)] {
            let wanted = Wanted::parse(name, asker()).unwrap();
            assert_eq!(
                wanted.arn(),
                format!("arn:aws:cloudtrail:eu-west-1:123456789012:trail/{name}")
            );
        }
    }

    #[test]
    fn an_arn_names_account_and_region() {
        let arn = "arn:aws-cn:cloudtrail:cn-north-1:210987654321:trail/other";
        let wanted = Wanted::parse(arn, asker()).unwrap();
        assert_eq!((wanted.region.as_str(), wanted.name.as_str()), ("cn-north-1", "other"));
        assert_eq!(wanted.arn(), arn);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in
            ["", "ab", "-abc", "abc_", "my-_x", "my--x", "a b c", "192.168.5.4", "naïve-1", "a..b"]
        {
            refuses(name, "InvalidTrailNameException");
        }
        refuses(&"x".repeat(129), "InvalidTrailNameException");
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for arn in [
            "arn:",
            "arn:aws:s3:::bucket",
            "arn:aws:cloudtrail:eu-west-1:12345:trail/abc",
            "arn:aws:cloudtrail::123456789012:trail/abc",
            "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/abc",
            "arn:aws:cloudtrail:eu-west-1:123456789012:trail/a--b",
        ] {
            refuses(arn, "CloudTrailARNInvalidException");
        }
    }
}
