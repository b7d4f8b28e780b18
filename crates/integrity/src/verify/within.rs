//! The part of what trails delivered that was asked for, as a folder inside of `AWSLogs` names it: an
//! account, a region, a day.
//!
//! What lies beyond is neither looked at nor missed. Log files are judged by the digests of their
//! region, which lie in a folder beside theirs.

use jiff::{Span, civil::Date, tz::TimeZone};

use crate::digest::{ChainId, LogFileName, Stamp};

/// A folder inside of `AWSLogs`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Within {
    /// Up to the account.
    root: String,
    account: String,
    /// `CloudTrail`, `CloudTrail-Digest`, ….
    family: Option<String>,
    region: Option<String>,
    days: Option<(Stamp, Stamp)>,
    /// Whether log files are there to be looked at.
    log_files: bool,
}

impl Within {
    /// Reads a folder's key, or its path below the folder that holds `AWSLogs`. None when it does not
    /// lie in the folder of an account, so that every trail that is found there counts.
    #[must_use]
    pub fn parse(folder: &str) -> Option<Self> {
        let folder = folder.trim_end_matches('/');
        let at = match folder.rfind("/AWSLogs/") {
            Some(at) => at + 1,
            None => folder.starts_with("AWSLogs/").then_some(0)?,
        };
        let (before, after) = folder.split_at_checked(at + "AWSLogs/".len())?;
        let mut parts = after.split('/').peekable();
        let organization = parts.next_if(|it| it.starts_with("o-"));
        let root = organization.map_or_else(|| before.to_owned(), |it| format!("{before}{it}/"));
        let account = parts.next()?;
        let is_account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
        let family = parts.next().map(str::to_owned);
        let region = parts.next().map(str::to_owned);
        let day: Vec<_> = parts.collect();
        let days = if day.is_empty() { None } else { Some(days(&day)?) };
        is_account.then(|| Self {
            root,
            account: account.to_owned(),
            family,
            region,
            days,
            log_files: true,
        })
    }

    /// The folders to list: that of the region or account, and that of the digests which name what is
    /// in it. Without slashes at their ends.
    #[must_use]
    pub fn folders(&self) -> Vec<String> {
        let region = self.region.as_ref().map_or_else(String::new, |it| format!("/{it}"));
        let of = |family: &str| format!("{}{}/{family}{region}", self.root, self.account);
        match &self.family {
            None => vec![format!("{}{}", self.root, self.account)],
            Some(family) if self.is_of_digests() => vec![of(family)],
            Some(family) => vec![of(family), of(DIGESTS)],
        }
    }

    /// From when until when, where days are named.
    #[must_use]
    pub const fn days(&self) -> Option<(Stamp, Stamp)> {
        self.days
    }

    /// Whether digests alone are asked for, and the log files that they name.
    #[must_use]
    pub fn is_of_digests(&self) -> bool {
        self.family.as_deref() == Some(DIGESTS)
    }

    /// The account's folder of log files, which digests name.
    #[must_use]
    pub fn log_files(&self) -> String {
        format!("{}{}/CloudTrail", self.root, self.account)
    }

    /// The same of digests alone, whose log files are out of reach.
    #[must_use]
    pub fn without_log_files(self) -> Self {
        Self { log_files: false, ..self }
    }

    /// Whether a chain's digests lie in it, or beside it.
    pub(crate) fn concerns(&self, chain: &ChainId) -> bool {
        self.account == chain.account && self.region.as_ref().is_none_or(|it| *it == chain.region)
    }

    /// Whether a digest of this end is asked for.
    pub(crate) fn holds_digest(&self, end: Stamp) -> bool {
        // Log files of a day are named by digests of the next, too.
        !self.is_of_digests() || self.days.is_none_or(|(from, until)| from <= end && end < until)
    }

    /// Whether a log file is to be judged, by its key.
    pub(crate) fn holds_log_file(&self, key: &str) -> bool {
        if !self.log_files {
            return false;
        }
        let Some((_, name)) = LogFileName::parse(key) else { return true };
        let Some(family) = self.family.as_ref().filter(|_| !self.is_of_digests()) else {
            return true;
        };
        let in_days = |(from, until)| from <= name.delivered && name.delivered < until;
        name.account == self.account
            && name.family == *family
            && self.region.as_ref().is_none_or(|it| *it == name.region)
            && self.days.is_none_or(in_days)
    }
}

/// From when until when, by year, month and day, or fewer of them.
fn days(parts: &[&str]) -> Option<(Stamp, Stamp)> {
    let mut numbers = parts.iter().map(|it| it.parse::<i16>().ok());
    let year = numbers.next()??;
    let (month, day) = (numbers.next(), numbers.next());
    let span = match (month, day, numbers.next()) {
        (None, None, None) => Span::new().years(1),
        (Some(_), None, None) => Span::new().months(1),
        (Some(_), Some(_), None) => Span::new().days(1),
        _ => return None,
    };
    let small = |it: Option<Option<i16>>| it.map_or(Some(1), |it| i8::try_from(it?).ok());
    let first = Date::new(year, small(month)?, small(day)?).ok()?;
    let stamp = |it: Date| Some(Stamp::of(it.to_zoned(TimeZone::UTC).ok()?.timestamp()));
    Some((stamp(first)?, stamp(first.checked_add(span).ok()?)?))
}

const DIGESTS: &str = "CloudTrail-Digest";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(folder: &str, folders: &[&str], days: Option<(&str, &str)>) {
        let within = Within::parse(folder).unwrap();
        assert_eq!(within.folders(), folders);
        let days = days.map(|(from, until)| (from.parse().unwrap(), until.parse().unwrap()));
        assert_eq!(within.days(), days);
    }

    #[test]
    fn a_folder_of_log_files_comes_with_that_of_its_digests() {
        check("p/AWSLogs/123456789012/", &["p/AWSLogs/123456789012"], None);
        check(
            "AWSLogs/o-1/123456789012/CloudTrail/eu-west-1/2026/02",
            &[
                "AWSLogs/o-1/123456789012/CloudTrail/eu-west-1",
                "AWSLogs/o-1/123456789012/CloudTrail-Digest/eu-west-1",
            ],
            Some(("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")),
        );
        check(
            "AWSLogs/123456789012/CloudTrail-Digest/eu-west-1/2026/12/31",
            &["AWSLogs/123456789012/CloudTrail-Digest/eu-west-1"],
            Some(("2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z")),
        );
    }

    #[test]
    fn another_folder_is_no_part() {
        for folder in [
            "",
            "trails",
            "AWSLogs",
            "p/AWSLogs/",
            "AWSLogs/o-1",
            "AWSLogs/1234/CloudTrail",
            "AWSLogs/123456789012/CloudTrail/eu-west-1/2026/13",
            "AWSLogs/123456789012/CloudTrail/eu-west-1/2026/01/01/x",
        ] {
            assert_eq!(Within::parse(folder), None, "{folder}");
        }
    }
}
