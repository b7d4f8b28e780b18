//! What the key of a log file says of it, without opening it.
//!
//! `[prefix/]AWSLogs/[o-…/]account/CloudTrail[-Insight|…]/region/yyyy/mm/dd/
//! account_CloudTrail_region_yyyymmddThhmmZ_unique.json.gz`

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Columns that are left out of `*`: what Athena tables take from the key, and Athena's own.
///
/// Beside the names of the User Guide's tables those of AWS's Security Analytics Bootstrap.
pub const HIDDEN: [&str; 14] = [
    "$path",
    "$file_size",
    "$file_modified_time",
    "account",
    "region",
    "year",
    "month",
    "day",
    "timestamp",
    "dt",
    "date",
    "account_partition",
    "region_partition",
    "date_partition",
];

/// What is known of an object, or of all objects below a folder.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Facts {
    pub(crate) account: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) year: Option<String>,
    pub(crate) month: Option<String>,
    pub(crate) day: Option<String>,
    /// When the file was written, by its name.
    pub(crate) written: Option<Timestamp>,
    /// Digests and other things that are no log files.
    pub(crate) is_other: bool,
}

impl Facts {
    /// Reads a key, or the prefix of keys.
    pub(crate) fn of(key: &str) -> Self {
        let mut facts = Self::default();
        let parts: Vec<&str> = key.split('/').collect();
        facts.is_other = parts.iter().any(|it| SERVICES.contains(it));
        let family = parts.iter().rposition(|it| it.starts_with("CloudTrail"));
        if let Some(at) = family {
            facts.is_other |= parts.get(at).is_some_and(|it| OTHERS.contains(it));
            let part = |by: usize| parts.get(at + by).map(|it| (*it).to_owned());
            let number = |by: usize, digits: usize| part(by).filter(|it| is_number(it, digits));
            facts.account =
                at.checked_sub(1).and_then(|it| parts.get(it)).map(|it| (*it).to_owned());
            facts.account = facts.account.filter(|it| is_number(it, 12));
            facts.region = part(1).filter(|it| is_region(it));
            facts.year = number(2, 4);
            facts.month = number(3, 2);
            facts.day = number(4, 2);
        }
        if let Some(name) = parts.last() {
            facts.read_name(name);
        }
        facts
    }

    fn read_name(&mut self, name: &str) {
        let parts: Vec<&str> = name.split('_').collect();
        let Some(family) = parts.iter().position(|it| it.starts_with("CloudTrail")) else { return };
        self.is_other |= parts.get(family).is_some_and(|it| OTHERS.contains(it));
        let account = family.checked_sub(1).and_then(|it| parts.get(it));
        let owned = |it: &&str| (*it).to_owned();
        self.account = self.account.take().or(account.map(owned).filter(|it| is_number(it, 12)));
        let region = parts.get(family + 1).filter(|it| is_region(it));
        self.region = self.region.take().or(region.map(owned));
        self.written = parts.get(family + 2).and_then(|it| written(it));
        if let Some(time) = self.written {
            let day = time.to_zoned(TimeZone::UTC).date();
            self.year.get_or_insert_with(|| format!("{:04}", day.year()));
            self.month.get_or_insert_with(|| format!("{:02}", day.month()));
            self.day.get_or_insert_with(|| format!("{:02}", day.day()));
        }
    }

    /// The value of a hidden column that the key tells.
    pub(crate) fn value(&self, column: &str) -> Option<String> {
        let date = |between: &str| {
            let (year, month, day) =
                (self.year.as_ref()?, self.month.as_ref()?, self.day.as_ref()?);
            Some([year.as_str(), month, day].join(between))
        };
        match column {
            "account" | "account_partition" => self.account.clone(),
            "region" | "region_partition" => self.region.clone(),
            "year" => self.year.clone(),
            "month" => self.month.clone(),
            "day" => self.day.clone(),
            "timestamp" | "date_partition" => date("/"),
            "dt" | "date" => date("-"),
            _ => None,
        }
    }

    /// The first and the last instant at which files of here can have been written.
    pub(crate) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        if let Some(written) = self.written {
            return Some((written, written));
        }
        let number = |text: &Option<String>| text.as_ref()?.parse::<i8>().ok();
        let year = self.year.as_ref()?.parse::<i16>().ok()?;
        let (month, day) = (number(&self.month), number(&self.day));
        let date = jiff::civil::Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
        let last = match (month, day) {
            (Some(_), Some(_)) => date,
            (Some(_), None) => date.last_of_month(),
            (None, _) => date.last_of_year(),
        };
        let at = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp());
        Some((at(date.at(0, 0, 0, 0))?, at(last.at(23, 59, 59, 0))?))
    }
}

fn written(text: &str) -> Option<Timestamp> {
    let minute = DateTime::strptime("%Y%m%dT%H%MZ", text)
        .or_else(|_| DateTime::strptime("%Y%m%dT%H%M%SZ", text));
    minute.ok()?.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp())
}

fn is_number(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|it| it.is_ascii_digit())
}

/// `us-east-1`, and every other of the same form.
fn is_region(text: &str) -> bool {
    let (begin, number) = text.rsplit_once('-').unwrap_or_default();
    !number.is_empty()
        && number.bytes().all(|it| it.is_ascii_digit())
        && begin.contains('-')
        && begin.bytes().all(|it| it.is_ascii_lowercase() || it == b'-')
}

/// Folders of an account that hold logs of other kinds.
const SERVICES: [&str; 8] = [
    "Config",
    "GuardDuty",
    "WAFLogs",
    "elasticloadbalancing",
    "network-firewall",
    "redshift",
    "vpcdnsquerylogs",
    "vpcflowlogs",
];
/// What lies beside log files and is none. Aggregated events would be counted twice.
const OTHERS: [&str; 3] = ["CloudTrail-Digest", "CloudTrail-Lake", "CloudTrail-Aggregated"];
