//! What a trail is called: its name, and the ARN that says whose and where.
//!
//! Spec: CloudTrail User Guide, "Naming requirements for CloudTrail resources, S3 buckets, and KMS
//! keys".

use std::{fmt, net::Ipv4Addr};

use record::AccountId;

/// The name of a trail, unique in its account and home region.
///
/// 3 to 128 characters: ASCII letters, digits, `.`, `_`, `-`; a letter or digit at each end;
/// no two separators in a row; not an IPv4 address.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrailName(String);

/// Why a text is not a [`TrailName`]. The message is for who sent it: AWS's own text where it is
/// known.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidTrailName {
    /// Two separators in a row.
    #[error(
        "Trail name cannot have two adjacent periods (.), hyphens (-), or underscores (_), \
         or a combination of them."
    )]
    AdjacentSeparators,
    /// A character that names do not have.
    #[error(
        "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, \
         periods (.), hyphens (-), and underscores (_)."
    )]
    Character,
    /// It ends in a separator.
    #[error("Trail name must ends with a letter or number.")]
    End,
    /// It looks like an IPv4 address.
    #[error("Trail name must not be in IP address format (for example, 192.168.5.4).")]
    IpAddress,
    /// More than 128 characters.
    #[error(
        "Trail name too long. Maximum allowed length: 128 characters. Specified name length: \
         {0} characters."
    )]
    Long(usize),
    /// Fewer than 3 characters.
    #[error(
        "Trail name too short. Minimum allowed length: 3 characters. Specified name length: \
         {0} characters."
    )]
    Short(usize),
    /// It starts with a separator.
    #[error("Trail name must starts with a letter or number.")]
    Start,
}

impl TrailName {
    /// Reads a name.
    ///
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidTrailName> {
        use InvalidTrailName as Wrong;
        let length = text.chars().count();
        if length < 3 {
            return Err(Wrong::Short(length));
        }
        if length > 128 {
            return Err(Wrong::Long(length));
        }
        if !text.starts_with(|it: char| it.is_ascii_alphanumeric()) {
            return Err(Wrong::Start);
        }
        if !text.ends_with(|it: char| it.is_ascii_alphanumeric()) {
            return Err(Wrong::End);
        }
        if text.chars().any(|it| !it.is_ascii_alphanumeric() && !is_separator(it)) {
            return Err(Wrong::Character);
        }
        if text.chars().zip(text.chars().skip(1)).any(|(a, b)| is_separator(a) && is_separator(b)) {
            return Err(Wrong::AdjacentSeparators);
        }
        if text.parse::<Ipv4Addr>().is_ok() {
            return Err(Wrong::IpAddress);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_separator(letter: char) -> bool {
    matches!(letter, '.' | '_' | '-')
}

impl fmt::Display for TrailName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The ARN of a trail: `arn:partition:cloudtrail:home-region:account:trail/name`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrailArn {
    /// Where the trail was created.
    pub home_region: String,
    /// Whose it is.
    pub account: AccountId,
    /// Its name there.
    pub name: TrailName,
}

/// Why a text is not a [`TrailArn`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidTrailArn {
    /// It is not an ARN of CloudTrail's with a region and an account.
    #[error("is not of the form arn:partition:cloudtrail:region:account:trail/name")]
    Form,
    /// Its last part is not a name.
    #[error(transparent)]
    Name(#[from] InvalidTrailName),
}

impl TrailArn {
    /// Reads an ARN.
    ///
    /// # Errors
    /// When `text` is not the ARN of a trail, or of another partition than its region is in.
    pub fn parse(text: &str) -> Result<Self, InvalidTrailArn> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or(InvalidTrailArn::Form);
        let (arn, of, service) = (next()?, next()?, next()?);
        let (home_region, account, resource) = (next()?, next()?, next()?);
        let name = resource.strip_prefix("trail/").ok_or(InvalidTrailArn::Form)?;
        if arn != "arn" || service != "cloudtrail" || !is_region(home_region) {
            return Err(InvalidTrailArn::Form);
        }
        if of != partition(home_region) {
            return Err(InvalidTrailArn::Form);
        }
        Ok(Self {
            home_region: home_region.to_owned(),
            account: AccountId::parse(account).map_err(|_| InvalidTrailArn::Form)?,
            name: TrailName::parse(name)?,
        })
    }
}

impl fmt::Display for TrailArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { home_region, account, name } = self;
        write!(f, "arn:{}:cloudtrail:{home_region}:{account}:trail/{name}", partition(home_region))
    }
}

/// Whether a text looks like a region; which ones there are is nobody's to say.
pub(crate) fn is_region(text: &str) -> bool {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

/// The partition that a region lies in: the second part of every ARN there.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

#[cfg(test)]
mod tests {
    use InvalidTrailName as Wrong;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), Wrong>) {
        assert_eq!(TrailName::parse(text).map(drop), expected, "{text}");
    }

    #[test]
    fn a_name_obeys_every_rule_of_aws() {
        for right in ["abc", "A.b_c-9", "1.2.3", "192.168.5.444", &"x".repeat(128)] {
            check(right, Ok(()));
        }
        check("", Err(Wrong::Short(0)));
        check("ab", Err(Wrong::Short(2)));
        check(&"x".repeat(129), Err(Wrong::Long(129)));
        check("-abc", Err(Wrong::Start));
        check("abc.", Err(Wrong::End));
        check("a b c", Err(Wrong::Character));
        check("aéc", Err(Wrong::Character));
        check("a/bc", Err(Wrong::Character));
        check("my-_namespace", Err(Wrong::AdjacentSeparators));
        check("my--trail", Err(Wrong::AdjacentSeparators));
        check("192.168.5.4", Err(Wrong::IpAddress));
    }

    #[test]
    fn an_arn_reads_as_it_is_written() {
        for text in [
            "arn:aws:cloudtrail:eu-west-1:123456789012:trail/my-trail",
            "arn:aws-cn:cloudtrail:cn-north-1:123456789012:trail/my-trail",
            "arn:aws-us-gov:cloudtrail:us-gov-west-1:123456789012:trail/my-trail",
        ] {
            assert_eq!(TrailArn::parse(text).unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "arn:aws:cloudtrail:eu-west-1:123456789012:trail",
            "arn:aws:cloudtrail:eu-west-1:123456789012:eventdatastore/my-trail",
            "arn:aws:s3:eu-west-1:123456789012:trail/my-trail",
            "arn:aws:cloudtrail:eu-west-1:12345678901:trail/my-trail",
            "arn:aws:cloudtrail::123456789012:trail/my-trail",
            "arn:aws:cloudtrail:cn-north-1:123456789012:trail/my-trail",
        ] {
            assert_eq!(TrailArn::parse(wrong), Err(InvalidTrailArn::Form), "{wrong}");
        }
        let short = TrailArn::parse("arn:aws:cloudtrail:eu-west-1:123456789012:trail/my");
        assert_eq!(short, Err(InvalidTrailArn::Name(Wrong::Short(2))));
    }
}
