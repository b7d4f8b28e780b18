//! What an auditor concludes from what trails and buckets say of themselves. Asks nobody.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Finding, State,
    bucket::{BucketFacts, FileFacts, Known, Newest},
};

/// Everything that was asked.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) trails: Vec<TrailFacts>,
    /// Whether the account is in an organization, if that could be found out.
    pub(super) in_organization: Option<bool>,
    pub(super) now: Timestamp,
}

/// What is known of one trail.
#[derive(Debug)]
pub(super) struct TrailFacts {
    /// As `DescribeTrails` tells.
    pub(super) trail: Value,
    /// As `GetTrailStatus` tells: in the home region, then in others.
    pub(super) statuses: Vec<Value>,
    /// As `GetEventSelectors` tells.
    pub(super) selectors: Value,
    /// None when the bucket does not answer, or is not where S3 was asked; and why.
    pub(super) bucket: Result<BucketFacts, String>,
}

/// All findings: what concerns the account first, then trail by trail.
pub(super) fn judge(answers: &Answers) -> Vec<Finding> {
    let mut findings = vec![coverage(answers), organization(answers)];
    for facts in &answers.trails {
        findings.extend([health(facts), validation(facts, answers.now)]);
        match facts.known_bucket() {
            Ok(bucket) => findings.extend([
                lock(facts, bucket, answers.now),
                encryption(facts, bucket),
                public(facts, bucket),
                dedicated(facts, bucket),
            ]),
            Err(why) => findings.extend(OF_BUCKET.map(|check| {
                let advice = "run the check where the bucket can be asked, see --s3-endpoint-url";
                facts.finding(check, State::Unknown, &why, Some(advice))
            })),
        }
    }
    findings
}

fn coverage(answers: &Answers) -> Finding {
    match answers.trails.iter().find(|it| it.covers_all_regions()) {
        Some(facts) => facts.finding(
            "all-regions",
            State::Pass,
            "all management events of all regions are logged",
            None,
        ),
        None => Finding {
            check: "all-regions",
            trail: None,
            state: State::Fail,
            found: "no trail logs all management events of all regions".to_owned(),
            advice: Some(
                "aws cloudtrail create-trail --is-multi-region-trail --enable-log-file-validation …, \
                 then start-logging",
            ),
        },
    }
}

fn organization(answers: &Answers) -> Finding {
    let covers = |it: &TrailFacts| it.is("IsOrganizationTrail") && it.covers_all_regions();
    let has_trail = answers.trails.iter().any(covers);
    let (state, found, advice) = match answers.in_organization {
        Some(true) if has_trail => (State::Pass, "a trail covers the organization", None),
        Some(true) => (
            State::Fail,
            "no trail covers the organization",
            Some("aws cloudtrail create-trail --is-organization-trail … by the management account"),
        ),
        Some(false) => (State::Pass, "the account is in no organization", None),
        None => (State::Unknown, "whether there is an organization could not be asked", None),
    };
    Finding { check: "organization", trail: None, state, found: found.to_owned(), advice }
}

/// What the server says of its own deliveries; the bucket need not be asked.
fn health(facts: &TrailFacts) -> Finding {
    let finding =
        |state, found: &str, advice| facts.finding("delivery", state, found, Some(advice));
    if !facts.is_logging() {
        let advice = "aws cloudtrail start-logging --name …";
        return finding(State::Fail, "the trail is stopped", advice);
    }
    let failed = |name| facts.statuses.iter().find_map(|it| it.get(name)?.as_str());
    for (name, what) in
        [("LatestDeliveryError", "log file"), ("LatestDigestDeliveryError", "digest")]
    {
        if let Some(code) = failed(name) {
            let advice = "see that the bucket is there and lets the trail write";
            return finding(State::Fail, &format!("a {what} was not taken: {code}"), advice);
        }
    }
    if let Some(since) = facts.statuses.iter().find_map(unanswered) {
        let found = format!("the bucket did not answer at {since}");
        return finding(State::Fail, &found, "see that the bucket can be reached");
    }
    if facts.has_delivered() {
        return facts.finding("delivery", State::Pass, "log files are delivered", None);
    }
    let advice = "wait for the first call that the trail chooses";
    finding(State::Warn, "nothing was delivered yet", advice)
}

/// When the last try was, if it had no answer. CloudTrail calls that no error.
fn unanswered(status: &Value) -> Option<&str> {
    let time = |name: &str| status.get(name).and_then(Value::as_str).unwrap_or_default();
    let (tried, done) = (time("LatestDeliveryAttemptTime"), time("LatestDeliveryAttemptSucceeded"));
    // In this form times sort as texts do.
    (tried > done).then_some(tried)
}

fn validation(facts: &TrailFacts, now: Timestamp) -> Finding {
    let finding = |state, found: &str, advice| facts.finding("validation", state, found, advice);
    if !facts.is("LogFileValidationEnabled") {
        let advice = Some("aws cloudtrail update-trail --enable-log-file-validation --name …");
        return finding(State::Fail, "there are no digests", advice);
    }
    if facts.statuses.iter().any(|it| it.get("LatestDigestDeliveryTime").is_some()) {
        return finding(State::Pass, "digests prove the log files", None);
    }
    let started = facts.statuses.first().and_then(|it| it.get("StartLoggingTime")?.as_f64());
    let is_due = started.is_some_and(|it| now.as_second() as f64 - it > FIRST_DIGEST_WITHIN);
    if is_due && facts.is_logging() {
        let advice = Some("see that the bucket is there and lets the trail write");
        return finding(State::Warn, "digests are on, and none was delivered", advice);
    }
    finding(State::Pass, "digests are on, and the first is not due yet", None)
}

/// What keeps the newest log file tells how new ones are kept. Where there is none yet, the settings of
/// the bucket do.
fn lock(facts: &TrailFacts, bucket: &BucketFacts, now: Timestamp) -> Finding {
    let finding = |state, found: &str, advice| facts.finding("write-once", state, found, advice);
    let advice = Some("make the bucket with Object Lock, or turn on versioning with MFA delete");
    let governed = Some("lock them in mode COMPLIANCE");
    if let Newest::File(FileFacts { lock_mode: Known::Is(mode), locked_until, .. }) = &bucket.newest
    {
        let until = match locked_until {
            Known::Is(text) => text.parse::<Timestamp>().ok(),
            Known::Unset | Known::Unknown => None,
        };
        if let Some(until) = until.filter(|it| *it > now) {
            let until = until.strftime("%Y-%m-%d");
            if mode == "COMPLIANCE" {
                let found = format!("nobody can delete the newest log file before {until}");
                return finding(State::Pass, &found, None);
            }
            let found = format!("the newest log file is locked until {until}, in mode {mode}");
            return finding(State::Warn, &found, governed);
        }
    }
    if bucket.versioning.is("Enabled") && bucket.mfa_delete.is("Enabled") {
        return finding(State::Pass, "versions can be deleted with MFA only", None);
    }
    match (&bucket.newest, &bucket.default_lock) {
        (Newest::File(FileFacts { lock_mode: Known::Is(_) | Known::Unset, .. }), _) => {
            finding(State::Fail, "log files can be deleted", advice)
        }
        (Newest::Missing | Newest::Unknown | Newest::File(_), Known::Is(mode)) => {
            let state = if mode == "COMPLIANCE" { State::Pass } else { State::Warn };
            let found = format!("the bucket locks what is written, in mode {mode}");
            finding(state, &found, governed.filter(|_| state == State::Warn))
        }
        (Newest::Missing, Known::Unset | Known::Unknown) => {
            finding(State::Unknown, "there is no log file yet that tells whether it is kept", None)
        }
        (Newest::Unknown | Newest::File(_), Known::Unset | Known::Unknown) => {
            finding(State::Unknown, "the bucket does not tell whether it keeps log files", None)
        }
    }
}

fn encryption(facts: &TrailFacts, bucket: &BucketFacts) -> Finding {
    let finding = |state, found: &str, advice| facts.finding("encryption", state, found, advice);
    let advice = Some("aws cloudtrail update-trail --kms-key-id … --name …");
    let by_key = |it: &Known| matches!(it, Known::Is(word) if word.starts_with("aws:kms"));
    let has_key = facts.trail.get("KmsKeyId").is_some();
    let newest = match &bucket.newest {
        Newest::File(file) => &file.encryption,
        Newest::Missing | Newest::Unknown => &Known::Unknown,
    };
    match newest {
        it if by_key(it) => finding(State::Pass, "log files are encrypted by a key", None),
        Known::Is(_) | Known::Unset if has_key => {
            let found = "the trail names a key, and the newest log file is not encrypted by it";
            finding(State::Warn, found, Some("see whether files that come now are"))
        }
        Known::Is(_) | Known::Unset => {
            finding(State::Warn, "log files are not encrypted by a key of yours", advice)
        }
        Known::Unknown if has_key => {
            let found = "the trail names a key, and no log file tells whether it encrypts";
            finding(State::Unknown, found, None)
        }
        Known::Unknown if by_key(&bucket.default_encryption) => {
            finding(State::Pass, "the bucket encrypts by a key what is written", None)
        }
        Known::Unknown if bucket.default_encryption == Known::Unknown => {
            finding(State::Unknown, "the bucket does not tell of encryption", None)
        }
        Known::Unknown => {
            let found = "neither trail nor bucket names a key that encrypts log files";
            finding(State::Warn, found, advice)
        }
    }
}

fn public(facts: &TrailFacts, bucket: &BucketFacts) -> Finding {
    let finding = |state, found: &str, advice| facts.finding("public-access", state, found, advice);
    match bucket.is_public {
        Some(true) => {
            let advice = "aws s3api put-public-access-block, and mend the bucket's policy";
            finding(State::Fail, "the bucket is open to the public", Some(advice))
        }
        Some(false) => finding(State::Pass, "the bucket is not public", None),
        None => finding(State::Unknown, "the bucket does not tell whether it is public", None),
    }
}

fn dedicated(facts: &TrailFacts, bucket: &BucketFacts) -> Finding {
    let finding =
        |state, found: &str, advice| facts.finding("dedicated-bucket", state, found, advice);
    match bucket.others.as_deref() {
        Some([]) => finding(State::Pass, "nothing but files of trails lies there", None),
        Some([first, ..]) => {
            let found = format!("other things lie beside the log files, such as `{first}`");
            finding(State::Warn, &found, Some("give the trail a bucket of its own"))
        }
        None => finding(State::Unknown, "the bucket cannot be listed", None),
    }
}

/// Whether the selectors leave out no management event.
fn chooses_all_management(selectors: &Value) -> bool {
    let list =
        |name: &str| selectors.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let basic = list("EventSelectors");
    let advanced = list("AdvancedEventSelectors");
    let all_basic = basic.iter().any(|it| {
        let excluded = it.get("ExcludeManagementEventSources").and_then(Value::as_array);
        it.get("IncludeManagementEvents").and_then(Value::as_bool).unwrap_or(true)
            && it.get("ReadWriteType").and_then(Value::as_str).is_none_or(|it| it == "All")
            && excluded.is_none_or(Vec::is_empty)
    });
    // A selector may take reads and another one the rest.
    let of_management = |with: Option<&str>| {
        advanced.iter().any(|it| {
            let fields = it.get("FieldSelectors").and_then(Value::as_array);
            let mut fields: Vec<_> = fields.into_iter().flatten().map(equals).collect();
            fields.sort();
            let management = Some(("eventCategory", "Management"));
            match with {
                None => fields == [management],
                Some(word) => fields == [management, Some(("readOnly", word))],
            }
        })
    };
    let all_advanced =
        of_management(None) || (of_management(Some("true")) && of_management(Some("false")));
    all_basic || all_advanced
}

/// What a field selector asks for, when that is one value of a field.
fn equals(selector: &Value) -> Option<(&str, &str)> {
    let members = selector.as_object()?;
    let [value] = members.get("Equals")?.as_array()?.as_slice() else { return None };
    let is_all = members.iter().all(|(name, it)| {
        matches!(name.as_str(), "Field" | "Equals") || it.as_array().is_some_and(Vec::is_empty)
    });
    Some((members.get("Field")?.as_str()?, value.as_str()?)).filter(|_| is_all)
}

impl TrailFacts {
    fn is(&self, name: &str) -> bool {
        self.trail.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn is_logging(&self) -> bool {
        let home = self.statuses.first();
        home.and_then(|it| it.get("IsLogging")?.as_bool()).unwrap_or(false)
    }

    fn has_delivered(&self) -> bool {
        self.statuses.iter().any(|it| it.get("LatestDeliveryTime").is_some())
    }

    fn covers_all_regions(&self) -> bool {
        self.is("IsMultiRegionTrail")
            && self.is_logging()
            && chooses_all_management(&self.selectors)
    }

    /// What is known of the bucket, if it is the one that the trail writes to.
    fn known_bucket(&self) -> Result<&BucketFacts, String> {
        let bucket = self.bucket.as_ref().map_err(Clone::clone)?;
        if self.has_delivered() && matches!(bucket.newest, Newest::Missing) {
            let words = "no log file of the trail lies in the bucket of that name, though some were \
                         delivered: they were deleted, or it is another bucket";
            return Err(words.to_owned());
        }
        Ok(bucket)
    }

    fn finding(
        &self,
        check: &'static str,
        state: State,
        found: &str,
        advice: Option<&'static str>,
    ) -> Finding {
        let trail = self.trail.get("TrailARN").and_then(Value::as_str).map(str::to_owned);
        Finding { check, trail, state, found: found.to_owned(), advice }
    }
}

/// What is asked of a bucket.
const OF_BUCKET: [&str; 4] = ["write-once", "encryption", "public-access", "dedicated-bucket"];
/// Seconds: digests come by the hour, and may be late by one.
const FIRST_DIGEST_WITHIN: f64 = 7_200.0;

#[cfg(test)]
mod tests;
