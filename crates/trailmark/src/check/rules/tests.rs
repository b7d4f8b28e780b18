//! What `check` concludes from what it was told, fact by fact.

use serde_json::json;

use super::*;

fn is(word: &str) -> Known {
    Known::Is(word.to_owned())
}

fn bucket() -> BucketFacts {
    BucketFacts {
        regions: Vec::new(),
        versioning: Known::Unset,
        mfa_delete: Known::Unset,
        default_lock: Known::Unset,
        default_encryption: Known::Unset,
        is_public: Some(false),
        others: Some(Vec::new()),
        newest: file(is("COMPLIANCE"), is("2026-03-01T00:00:00Z"), is("aws:kms")),
    }
}

fn file(lock_mode: Known, locked_until: Known, encryption: Known) -> Newest {
    Newest::File(FileFacts { lock_mode, locked_until, encryption })
}

fn good() -> Answers {
    Answers {
        trails: vec![TrailFacts {
            trail: json!({"TrailARN": "arn", "IsMultiRegionTrail": true, "KmsKeyId": "key",
                "IsOrganizationTrail": true, "LogFileValidationEnabled": true}),
            statuses: vec![json!({"IsLogging": true, "LatestDeliveryTime": 1,
                "LatestDigestDeliveryTime": 1, "StartLoggingTime": 1,
                "LatestDeliveryAttemptTime": "2026-02-03T00:00:00Z",
                "LatestDeliveryAttemptSucceeded": "2026-02-03T00:00:00Z"})],
            selectors: json!({"EventSelectors": [{"ReadWriteType": "All",
                "IncludeManagementEvents": true}]}),
            bucket: Ok(bucket()),
        }],
        in_organization: Some(true),
        now: "2026-02-03T04:00:00Z".parse().unwrap(),
    }
}

/// Which checks do not pass after a change of what was good, and how they stand.
#[track_caller]
fn check(change: impl FnOnce(&mut Answers), expected: &[(&str, State)]) {
    let mut answers = good();
    change(&mut answers);
    let found = judge(&answers);
    let bad = found.iter().filter(|it| it.state != State::Pass).map(|it| (it.check, it.state));
    assert_eq!(bad.collect::<Vec<_>>(), expected);
}

/// The same after a change of the bucket.
#[track_caller]
fn check_bucket(change: impl FnOnce(&mut BucketFacts), expected: &[(&str, State)]) {
    check(|it| change(it.trails[0].bucket.as_mut().unwrap()), expected);
}

use State::{Fail, Unknown, Warn};

#[test]
fn each_thing_that_is_wrong_is_found_and_nothing_else() {
    check(|_| {}, &[]);
    check(|it| it.trails.clear(), &[("all-regions", Fail), ("organization", Fail)]);
    let single = |it: &mut Answers| it.trails[0].trail["IsMultiRegionTrail"] = json!(false);
    check(single, &[("all-regions", Fail), ("organization", Fail)]);
    let own = |it: &mut Answers| it.trails[0].trail["IsOrganizationTrail"] = json!(false);
    check(own, &[("organization", Fail)]);
    check(|it| it.in_organization = None, &[("organization", Unknown)]);
    let blind = |it: &mut Answers| it.trails[0].trail["LogFileValidationEnabled"] = json!(false);
    check(blind, &[("validation", Fail)]);
    check(
        |it| it.trails[0].statuses[0]["IsLogging"] = json!(false),
        &[("all-regions", Fail), ("organization", Fail), ("delivery", Fail)],
    );
    check_bucket(|it| it.is_public = Some(true), &[("public-access", Fail)]);
    check_bucket(|it| it.is_public = None, &[("public-access", Unknown)]);
    check_bucket(|it| it.others = Some(vec!["a/".to_owned()]), &[("dedicated-bucket", Warn)]);
    check_bucket(|it| it.others = None, &[("dedicated-bucket", Unknown)]);
}

#[test]
fn deliveries_are_judged_by_what_the_server_says_in_each_region() {
    let denied = |name: &'static str| {
        move |it: &mut Answers| {
            it.trails[0].statuses.push(json!({name: "AccessDenied"}));
        }
    };
    check(denied("LatestDeliveryError"), &[("delivery", Fail)]);
    check(denied("LatestDigestDeliveryError"), &[("delivery", Fail)]);
    // A time-out is no error in CloudTrail's words.
    let later = json!("2026-02-03T00:01:00Z");
    check(
        |it| it.trails[0].statuses[0]["LatestDeliveryAttemptTime"] = later,
        &[("delivery", Fail)],
    );
    let fresh = |it: &mut Answers| {
        it.trails[0].statuses = vec![json!({"IsLogging": true, "LatestDeliveryAttemptTime": "",
            "LatestDeliveryAttemptSucceeded": "", "StartLoggingTime": it.now.as_second() - 60})];
        it.trails[0].bucket.as_mut().unwrap().newest = Newest::Missing;
    };
    let unseen = [("delivery", Warn), ("write-once", Unknown), ("encryption", Unknown)];
    check(fresh, &unseen);
    // Digests are empty when nothing happens, but they come.
    let silent = |it: &mut Answers| {
        fresh(it);
        it.trails[0].statuses[0]["StartLoggingTime"] = json!(1);
    };
    check(silent, &[&[unseen[0], ("validation", Warn)], &unseen[1..]].concat());
}

#[test]
fn what_cannot_be_asked_is_told_neither_as_good_nor_as_bad() {
    let all = OF_BUCKET.map(|it| (it, Unknown));
    check(|it| it.trails[0].bucket = Err("there is no bucket".to_owned()), &all);
    // Files were delivered, and are not in the bucket that was asked.
    check_bucket(|it| it.newest = Newest::Missing, &all);
    let nothing = |it: &mut BucketFacts| {
        *it = BucketFacts {
            regions: Vec::new(),
            versioning: Known::Unknown,
            mfa_delete: Known::Unknown,
            default_lock: Known::Unknown,
            default_encryption: Known::Unknown,
            is_public: None,
            others: None,
            newest: Newest::Unknown,
        };
    };
    check_bucket(nothing, &all);
    check_bucket(
        |it| it.newest = file(Known::Unknown, Known::Unknown, Known::Unknown),
        &[("write-once", Unknown), ("encryption", Unknown)],
    );
}

#[test]
fn log_files_are_kept_when_the_newest_is_or_the_bucket_keeps_all() {
    let newest = |mode: Known, until: &'static str| {
        move |it: &mut BucketFacts| it.newest = file(mode, is(until), is("aws:kms"))
    };
    let unkept = [("write-once", Fail)];
    check_bucket(newest(is("COMPLIANCE"), "2026-02-01T00:00:00Z"), &unkept);
    check_bucket(newest(Known::Unset, ""), &unkept);
    check_bucket(newest(is("GOVERNANCE"), "2026-03-01T00:00:00Z"), &[("write-once", Warn)]);
    let by_mfa = |it: &mut BucketFacts| {
        newest(Known::Unset, "")(it);
        (it.versioning, it.mfa_delete) = (is("Enabled"), is("Enabled"));
    };
    check_bucket(by_mfa, &[]);
    let by_default = |mode| {
        move |it: &mut BucketFacts| {
            newest(Known::Unknown, "")(it);
            it.default_lock = is(mode);
        }
    };
    check_bucket(by_default("COMPLIANCE"), &[]);
    check_bucket(by_default("GOVERNANCE"), &[("write-once", Warn)]);
    // What was locked later does not keep what was there.
    check_bucket(
        |it| {
            newest(Known::Unset, "")(it);
            it.default_lock = is("COMPLIANCE");
        },
        &unkept,
    );
}

#[test]
fn log_files_are_encrypted_by_a_key_when_the_newest_is() {
    let newest = |encryption| {
        move |it: &mut BucketFacts| {
            it.newest = file(is("COMPLIANCE"), is("2026-03-01T00:00:00Z"), encryption);
        }
    };
    check_bucket(newest(is("aws:kms:dsse")), &[]);
    check_bucket(newest(is("AES256")), &[("encryption", Warn)]);
    check_bucket(newest(Known::Unset), &[("encryption", Warn)]);
    check_bucket(newest(Known::Unknown), &[("encryption", Unknown)]);
    let without = |default: Known| {
        move |it: &mut Answers| {
            it.trails[0].trail.as_object_mut().unwrap().remove("KmsKeyId");
            let bucket = it.trails[0].bucket.as_mut().unwrap();
            newest(Known::Unknown)(bucket);
            bucket.default_encryption = default;
        }
    };
    check(without(is("aws:kms")), &[]);
    check(without(is("AES256")), &[("encryption", Warn)]);
    check(without(Known::Unset), &[("encryption", Warn)]);
    check(without(Known::Unknown), &[("encryption", Unknown)]);
}

#[test]
fn management_events_are_all_chosen_by_one_selector_or_by_two_halves() {
    let advanced = |selectors: Value| {
        move |it: &mut Answers| {
            it.trails[0].selectors = json!({"AdvancedEventSelectors": selectors});
        }
    };
    let selector = |more: Value| {
        let mut fields = vec![json!({"Field": "eventCategory", "Equals": ["Management"]})];
        fields.extend(more.as_array().unwrap().iter().cloned());
        json!({ "FieldSelectors": fields })
    };
    let half = |word: &str| selector(json!([{"Field": "readOnly", "Equals": [word]}]));
    let without_kms =
        selector(json!([{"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}]));
    let bad = [("all-regions", Fail), ("organization", Fail)];
    check(advanced(json!([selector(json!([]))])), &[]);
    check(advanced(json!([half("true"), half("false")])), &[]);
    check(advanced(json!([half("false")])), &bad);
    check(advanced(json!([without_kms])), &bad);
    let writes = json!({"EventSelectors": [{"ReadWriteType": "WriteOnly"}]});
    check(|it| it.trails[0].selectors = writes, &bad);
}
