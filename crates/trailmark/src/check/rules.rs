//! What an auditor concludes from what trails and buckets say of themselves. Asks nobody.

use serde_json::Value;

use super::{Finding, State};

/// Everything that was asked.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) trails: Vec<TrailFacts>,
    /// Whether the account is in an organization, if that could be found out.
    pub(super) in_organization: Option<bool>,
}

/// What is known of one trail.
#[derive(Debug)]
pub(super) struct TrailFacts {
    /// As `DescribeTrails` tells.
    pub(super) trail: Value,
    /// As `GetTrailStatus` tells.
    pub(super) status: Value,
    /// As `GetEventSelectors` tells.
    pub(super) selectors: Value,
    pub(super) bucket: BucketFacts,
}

/// What is known of a bucket: none for what could not be asked, `Some(None)` for what is not set.
#[derive(Debug, Default)]
pub(super) struct BucketFacts {
    pub(super) is_there: bool,
    pub(super) versioning: Option<Option<String>>,
    pub(super) mfa_delete: Option<Option<String>>,
    pub(super) lock: Option<Option<String>>,
    pub(super) encryption: Option<Option<String>>,
    pub(super) is_public: Option<Option<String>>,
    /// What lies in it beside the trails' files.
    pub(super) others: Option<Vec<String>>,
}

/// All findings: what concerns the account first, then trail by trail.
pub(super) fn judge(answers: &Answers) -> Vec<Finding> {
    let mut findings = vec![coverage(answers), organization(answers)];
    for facts in &answers.trails {
        findings.extend([
            health(facts),
            validation(facts),
            lock(facts),
            encryption(facts),
            public(facts),
            dedicated(facts),
        ]);
    }
    findings
}

fn coverage(answers: &Answers) -> Finding {
    let covers = |it: &&TrailFacts| {
        it.is("IsMultiRegionTrail") && it.is_logging() && chooses_all_management(&it.selectors)
    };
    match answers.trails.iter().find(covers) {
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
    let has_trail = answers.trails.iter().any(|it| it.is("IsOrganizationTrail") && it.is_logging());
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

fn health(facts: &TrailFacts) -> Finding {
    let error = |name: &str| facts.status.get(name).and_then(Value::as_str);
    let failed = error("LatestDeliveryError").or_else(|| error("LatestDigestDeliveryError"));
    if !facts.is_logging() {
        let advice = Some("aws cloudtrail start-logging --name …");
        return facts.finding("delivery", State::Fail, "the trail is stopped", advice);
    }
    if let Some(code) = failed {
        let found = format!("the last delivery failed: {code}");
        let advice = Some("see that the bucket is there and lets the trail write");
        return facts.finding("delivery", State::Fail, &found, advice);
    }
    if !facts.bucket.is_there {
        let advice = Some("run the check where the bucket can be read, see --s3-endpoint-url");
        return facts.finding("delivery", State::Unknown, "the bucket could not be asked", advice);
    }
    match facts.status.get("LatestDeliveryTime") {
        Some(_) => facts.finding("delivery", State::Pass, "files are delivered", None),
        None => {
            let advice = Some("wait for the first call that the trail chooses");
            facts.finding("delivery", State::Warn, "nothing was delivered yet", advice)
        }
    }
}

fn validation(facts: &TrailFacts) -> Finding {
    if facts.is("LogFileValidationEnabled") {
        return facts.finding("validation", State::Pass, "digests prove the log files", None);
    }
    let advice = Some("aws cloudtrail update-trail --enable-log-file-validation --name …");
    facts.finding("validation", State::Fail, "there are no digests", advice)
}

fn lock(facts: &TrailFacts) -> Finding {
    let bucket = &facts.bucket;
    let is = |it: &Option<Option<String>>| matches!(it, Some(Some(word)) if word == "Enabled");
    if is(&bucket.lock) {
        return facts.finding("write-once", State::Pass, "the bucket has Object Lock", None);
    }
    if is(&bucket.versioning) && is(&bucket.mfa_delete) {
        let found = "versions can be deleted with MFA only";
        return facts.finding("write-once", State::Pass, found, None);
    }
    if bucket.lock.is_none() && bucket.versioning.is_none() {
        let found = "the bucket does not tell of locks and versions";
        return facts.finding("write-once", State::Unknown, found, None);
    }
    let advice = Some("make the bucket with Object Lock, or turn on versioning with MFA delete");
    facts.finding("write-once", State::Fail, "log files can be deleted", advice)
}

fn encryption(facts: &TrailFacts) -> Finding {
    let by_key = facts.trail.get("KmsKeyId").is_some()
        || matches!(&facts.bucket.encryption, Some(Some(it)) if it.starts_with("aws:kms"));
    if by_key {
        return facts.finding("encryption", State::Pass, "files are encrypted by a key", None);
    }
    let advice = Some("aws cloudtrail update-trail --kms-key-id … --name …");
    facts.finding("encryption", State::Warn, "files are not encrypted by a key of yours", advice)
}

fn public(facts: &TrailFacts) -> Finding {
    match &facts.bucket.is_public {
        Some(Some(word)) if word.eq_ignore_ascii_case("true") => {
            let advice = Some("aws s3api put-public-access-block, and mend the bucket's policy");
            facts.finding("public-access", State::Fail, "anybody may read the bucket", advice)
        }
        Some(_) => facts.finding("public-access", State::Pass, "the bucket is not public", None),
        None => {
            let found = "the bucket does not tell whether it is public";
            facts.finding("public-access", State::Unknown, found, None)
        }
    }
}

fn dedicated(facts: &TrailFacts) -> Finding {
    match &facts.bucket.others {
        Some(others) if others.is_empty() => {
            facts.finding("dedicated-bucket", State::Pass, "only trails write there", None)
        }
        Some(others) => {
            let found =
                format!("other things lie beside the log files, such as `{}`", others.join("`, `"));
            let advice = Some("give the trail a bucket of its own");
            facts.finding("dedicated-bucket", State::Warn, &found, advice)
        }
        None => {
            let found = "the bucket cannot be listed";
            facts.finding("dedicated-bucket", State::Unknown, found, None)
        }
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
    let all_advanced = advanced.iter().any(|it| {
        let fields = it.get("FieldSelectors").and_then(Value::as_array);
        matches!(fields.map(Vec::as_slice), Some([one])
            if one.get("Field").and_then(Value::as_str) == Some("eventCategory")
                && one.get("Equals").is_some_and(|it| *it == serde_json::json!(["Management"])))
    });
    all_basic || all_advanced
}

impl TrailFacts {
    fn is(&self, name: &str) -> bool {
        self.trail.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn is_logging(&self) -> bool {
        self.status.get("IsLogging").and_then(Value::as_bool).unwrap_or(false)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Answers {
        let set = |word: &str| Some(Some(word.to_owned()));
        Answers {
            trails: vec![TrailFacts {
                trail: json!({"TrailARN": "arn", "IsMultiRegionTrail": true, "KmsKeyId": "key",
                    "IsOrganizationTrail": true, "LogFileValidationEnabled": true}),
                status: json!({"IsLogging": true, "LatestDeliveryTime": 1}),
                selectors: json!({"EventSelectors": [{"ReadWriteType": "All",
                    "IncludeManagementEvents": true}]}),
                bucket: BucketFacts {
                    is_there: true,
                    versioning: set("Enabled"),
                    mfa_delete: Some(None),
                    lock: set("Enabled"),
                    encryption: Some(None),
                    is_public: set("false"),
                    others: Some(Vec::new()),
                },
            }],
            in_organization: Some(true),
        }
    }

    /// Which checks do not pass after a change of what was good.
    fn check(change: impl FnOnce(&mut Answers), expected: &[&str]) {
        let mut answers = good();
        change(&mut answers);
        let found = judge(&answers);
        let bad = found.iter().filter(|it| it.state != State::Pass).map(|it| it.check);
        assert_eq!(bad.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_thing_that_is_wrong_is_found_and_nothing_else() {
        check(|_| {}, &[]);
        check(|it| it.trails.clear(), &["all-regions", "organization"]);
        check(|it| it.trails[0].trail["IsMultiRegionTrail"] = json!(false), &["all-regions"]);
        check(|it| it.trails[0].trail["IsOrganizationTrail"] = json!(false), &["organization"]);
        check(|it| it.trails[0].trail["LogFileValidationEnabled"] = json!(false), &["validation"]);
        check(
            |it| it.trails[0].status["IsLogging"] = json!(false),
            &["all-regions", "organization", "delivery"],
        );
        let denied = json!("AccessDenied");
        check(|it| it.trails[0].status["LatestDeliveryError"] = denied, &["delivery"]);
        check(|it| it.trails[0].bucket.lock = Some(None), &["write-once"]);
        check(
            |it| {
                it.trails[0].bucket.lock = Some(None);
                it.trails[0].bucket.mfa_delete = Some(Some("Enabled".to_owned()));
            },
            &[],
        );
        let open = Some(Some("TRUE".to_owned()));
        check(|it| it.trails[0].bucket.is_public = open, &["public-access"]);
        check(|it| it.trails[0].bucket.others = Some(vec!["a/".to_owned()]), &["dedicated-bucket"]);
        let writes = json!({"EventSelectors": [{"ReadWriteType": "WriteOnly"}]});
        check(|it| it.trails[0].selectors = writes, &["all-regions"]);
        let advanced = json!({"AdvancedEventSelectors": [{"FieldSelectors":
            [{"Field": "eventCategory", "Equals": ["Management"]}]}]});
        check(|it| it.trails[0].selectors = advanced, &[]);
    }
}
