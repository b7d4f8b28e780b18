//! Imports of old log files.

use std::sync::atomic::Ordering;

use catalog::{
    FailureStatus, ImportFailure, ImportReport, ImportStatistics, ImportStatus, lake_id,
};
use serde_json::{Value, json};
use trailmark_api::trails::DestinationProblem;

use crate::{
    house::{ACCOUNT, House, OTHER, now},
    stores::id,
};

const UNKNOWN: &str = "0f0e0d0c-1111-4222-8333-444455556666";

impl House {
    /// What starts an import into a store.
    pub(crate) fn import_request(store: &str) -> Value {
        json!({
            "Destinations": [store],
            "ImportSource": {"S3": {
                "S3LocationUri": "s3://old-logs/AWSLogs/123456789012/CloudTrail/",
                "S3BucketRegion": "eu-west-1",
                "S3BucketAccessRoleArn": "arn:aws:iam::123456789012:role/Import",
            }},
        })
    }

    /// Starts an import into a store; its id.
    pub(crate) async fn import(&self, store: &str) -> String {
        let started = self.ok("StartImport", Self::import_request(store)).await;
        started["ImportId"].as_str().unwrap().to_owned()
    }

    /// Tells of an import as whoever imports does.
    async fn tell(
        &self,
        import: &str,
        status: ImportStatus,
        files: u64,
        failures: &[&str],
    ) -> bool {
        let failure = |it: &&str| ImportFailure {
            sequence: 0,
            location: format!("s3://old-logs/{it}"),
            status: FailureStatus::Failed,
            error_type: "AccessDenied".to_owned(),
            error_message: "The object cannot be read.".to_owned(),
            updated: now(),
        };
        let report = ImportReport {
            status,
            statistics: ImportStatistics {
                prefixes_found: 2,
                prefixes_completed: 1,
                files_completed: files,
                events_completed: files * 10,
                failed_entries: failures.len() as u64,
            },
            place: Some(format!("file {files}")),
            failures: failures.iter().map(failure).collect(),
        };
        self.catalog.report_import(lake_id(import).unwrap(), &report).await.unwrap()
    }
}

#[tokio::test]
async fn an_import_runs_stops_goes_on_and_ends() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let mut request = House::import_request(&store);
    request["StartEventTime"] = json!(1_700_000_000);
    request["EndEventTime"] = json!(1_710_000_000);
    let started = house.ok("StartImport", request.clone()).await;
    let import = started["ImportId"].as_str().unwrap();
    for member in ["Destinations", "ImportSource", "StartEventTime", "EndEventTime"] {
        assert_eq!(started[member], request[member], "{member}");
    }
    assert_eq!(started["ImportStatus"], "INITIALIZING");
    assert!(house.tell(import, ImportStatus::InProgress, 4, &[]).await);
    let name = json!({"ImportId": import});
    let shown = house.ok("GetImport", name.clone()).await;
    assert_eq!(shown["ImportStatus"], "IN_PROGRESS");
    let statistics = json!({
        "PrefixesFound": 2, "PrefixesCompleted": 1, "FilesCompleted": 4, "EventsCompleted": 40,
        "FailedEntries": 0,
    });
    assert_eq!(shown["ImportStatistics"], statistics);
    let stopped = house.ok("StopImport", name.clone()).await;
    assert_eq!(
        (&stopped["ImportStatus"], &stopped["ImportStatistics"]),
        (&json!("STOPPED"), &statistics)
    );
    assert!(!house.tell(import, ImportStatus::InProgress, 5, &[]).await);
    assert_eq!(house.ok("GetImport", name.clone()).await["ImportStatus"], "STOPPED");
    let resumed = house.ok("StartImport", name.clone()).await;
    assert_eq!(
        (&resumed["ImportId"], &resumed["ImportStatus"]),
        (&json!(import), &json!("INITIALIZING"))
    );
    let heard = house.plane.heard.lock().unwrap().clone();
    let expected = [
        format!("import {import} from None"),
        format!("stop {import}"),
        format!("import {import} from Some(\"file 5\")"),
    ];
    assert_eq!(heard, expected);
    assert!(!house.tell(import, ImportStatus::Completed, 9, &[]).await);
    assert_eq!(house.ok("GetImport", name.clone()).await["ImportStatus"], "COMPLETED");
    // It is done for good.
    assert_eq!(house.code(ACCOUNT, "StartImport", &name).await, "InvalidParameterException");
    assert_eq!(house.ok("StopImport", name).await["ImportStatus"], "COMPLETED");
}

#[tokio::test]
async fn failures_are_listed_over_pages_and_tried_again() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let import = house.import(&store).await;
    house.tell(&import, ImportStatus::InProgress, 1, &["a", "b"]).await;
    house.tell(&import, ImportStatus::Failed, 2, &["b", "c", "d"]).await;
    let (mut seen, mut request) = (Vec::new(), json!({"ImportId": import, "MaxResults": 3}));
    loop {
        let page = house.ok("ListImportFailures", request.clone()).await;
        for failure in page["Failures"].as_array().unwrap() {
            assert_eq!(failure["ErrorType"], "AccessDenied");
            seen.push(failure["Location"].as_str().unwrap().to_owned());
        }
        match page.get("NextToken") {
            Some(token) => request["NextToken"] = token.clone(),
            None => break,
        }
    }
    let expected: Vec<_> = ["a", "b", "c", "d"].map(|it| format!("s3://old-logs/{it}")).into();
    assert_eq!(seen, expected);
    house.ok("StartImport", json!({"ImportId": import})).await;
    let page = house.ok("ListImportFailures", json!({"ImportId": import})).await;
    assert_eq!(page["Failures"][0]["Status"], "RETRY");
    let request = json!({"ImportId": import, "NextToken": "nonsense"});
    let code = house.code(ACCOUNT, "ListImportFailures", &request).await;
    assert_eq!(code, "InvalidNextTokenException");
}

#[tokio::test]
async fn an_import_that_cannot_be_started_has_failed_and_can_be_tried_again() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    house.plane.fails.store(true, Ordering::SeqCst);
    let request = House::import_request(&store);
    assert_eq!(house.code(ACCOUNT, "StartImport", &request).await, "InternalFailure");
    let listed = house.ok("ListImports", json!({})).await;
    let import = &listed["Imports"][0];
    assert_eq!(import["ImportStatus"], "FAILED");
    house.plane.fails.store(false, Ordering::SeqCst);
    let again = house.ok("StartImport", json!({"ImportId": import["ImportId"]})).await;
    assert_eq!(again["ImportStatus"], "INITIALIZING");
}

#[tokio::test]
async fn imports_are_listed_newest_first_by_store_and_status() {
    let house = House::new().await;
    let (first, second) =
        (house.store("first", json!({})).await, house.store("second", json!({})).await);
    let mut made = Vec::new();
    for store in [&first, &second, &first] {
        let import = house.import(store).await;
        house.tell(&import, ImportStatus::Completed, 1, &[]).await;
        made.insert(0, import);
        house.clock.advance(std::time::Duration::from_secs(1));
    }
    let running = house.import(&second).await;
    let listed = async |request: Value| -> Vec<String> {
        let answer = house.ok("ListImports", request).await;
        let list = answer["Imports"].as_array().unwrap();
        list.iter().map(|it| it["ImportId"].as_str().unwrap().to_owned()).collect()
    };
    let all = [vec![running.clone()], made.clone()].concat();
    assert_eq!(listed(json!({})).await, all);
    assert_eq!(listed(json!({"ImportStatus": "COMPLETED"})).await, made);
    assert_eq!(listed(json!({"Destination": id(&second)})).await, [running, made[1].clone()]);
    assert_eq!(listed(json!({"MaxResults": 1})).await, all[..1]);
    let elsewhere = house.ask(OTHER, "eu-west-1", "ListImports", &json!({})).await.unwrap();
    assert_eq!(elsewhere, json!({"Imports": []}));
    let code = house.code(ACCOUNT, "ListImports", &json!({"Destination": "no-id"})).await;
    assert_eq!(code, "EventDataStoreARNInvalidException");
}

#[tokio::test]
async fn imports_that_cannot_be_are_refused() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let insights = house.store_of("insights", "Insight").await;
    let deleted = house.store("deleted", json!({})).await;
    house.ok("DeleteEventDataStore", json!({"EventDataStore": deleted})).await;
    let set = |pointer: &str, value: Value| {
        let mut request = House::import_request(&store);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        request.pointer_mut(parent).unwrap()[name] = value;
        request
    };
    let source = "/ImportSource/S3";
    for (request, code) in [
        (json!({}), "InvalidParameterException"),
        (json!({"ImportId": UNKNOWN}), "ImportNotFoundException"),
        (set("/ImportId", json!(UNKNOWN)), "InvalidParameterException"),
        (json!({"Destinations": [store]}), "InvalidParameterException"),
        (set("/Destinations", json!([])), "ValidationException"),
        (set("/Destinations", json!([store, store])), "ValidationException"),
        (set("/Destinations", json!([insights])), "InvalidEventDataStoreCategoryException"),
        (set("/Destinations", json!([deleted])), "InactiveEventDataStoreException"),
        (set("/Destinations", json!(["no-id"])), "EventDataStoreARNInvalidException"),
        (set("/Destinations", json!([UNKNOWN])), "EventDataStoreNotFoundException"),
        (
            set(&format!("{source}/S3LocationUri"), json!("ftp://old")),
            "InvalidImportSourceException",
        ),
        (
            set(&format!("{source}/S3LocationUri"), json!("s3://A B")),
            "InvalidImportSourceException",
        ),
        (
            set(&format!("{source}/S3BucketRegion"), json!("the moon")),
            "InvalidImportSourceException",
        ),
        (
            set(&format!("{source}/S3BucketAccessRoleArn"), json!("x")),
            "InvalidImportSourceException",
        ),
        (set(&format!("{source}/S3LocationUri"), Value::Null), "ValidationException"),
    ] {
        assert_eq!(house.code(ACCOUNT, "StartImport", &request).await, code, "{request}");
    }
    let mut backwards = House::import_request(&store);
    backwards["StartEventTime"] = json!(2);
    backwards["EndEventTime"] = json!(1);
    let code = house.code(ACCOUNT, "StartImport", &backwards).await;
    assert_eq!(code, "InvalidParameterException");
    for (problem, code) in [
        (DestinationProblem::BucketMissing, "InvalidImportSourceException"),
        (DestinationProblem::BucketDenies, "InvalidImportSourceException"),
        (DestinationProblem::KeyDenies, "InsufficientEncryptionPolicyException"),
    ] {
        *house.plane.problem.lock().unwrap() = Some(problem);
        let request = House::import_request(&store);
        assert_eq!(house.code(ACCOUNT, "StartImport", &request).await, code);
    }
    assert!(house.plane.heard.lock().unwrap().is_empty());
    let import = house.import(&store).await;
    let again = House::import_request(&store);
    let code = house.code(ACCOUNT, "StartImport", &again).await;
    assert_eq!(code, "AccountHasOngoingImportException");
    for operation in ["GetImport", "StopImport", "ListImportFailures", "StartImport"] {
        let name = json!({"ImportId": import});
        assert_eq!(house.code(OTHER, operation, &name).await, "ImportNotFoundException");
        let name = json!({"ImportId": "short"});
        assert_eq!(house.code(ACCOUNT, operation, &name).await, "ValidationException");
    }
}
