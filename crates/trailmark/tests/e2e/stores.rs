//! Event data stores as people use them: the AWS CLI and boto3 make, fill and query them, and other
//! engines read their tables.

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::harness::{Server, eventually};

/// Small tails go to files at once.
const FAST: [(&str, &str); 2] =
    [("TRAILMARK_STORES__FLUSH_AGE_SECONDS", "1"), ("TRAILMARK_STORES__UPKEEP_SECONDS", "1")];

/// A server with one event data store, `audit`.
pub(crate) struct Deployment {
    pub(crate) server: Server,
    pub(crate) arn: String,
    pub(crate) id: String,
}

impl Deployment {
    /// A server with one store of management events.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Deployment::start`], with more settings.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        let server = Server::start_with(&[], &[&FAST, settings].concat());
        let made = server.aws_json(&[
            "cloudtrail",
            "create-event-data-store",
            "--name",
            "audit",
            "--no-termination-protection-enabled",
        ]);
        let arn = made["EventDataStoreArn"].as_str().unwrap().to_owned();
        let id = arn.rsplit('/').next().unwrap().to_owned();
        Self { server, arn, id }
    }

    /// Runs a query to its end; what it is said to have done, and its rows.
    #[track_caller]
    pub(crate) fn ask(&self, statement: &str, more: &[&str]) -> (Value, Vec<Vec<String>>) {
        let statement = statement.replace("$EDS", &self.id);
        let start = ["cloudtrail", "start-query", "--query-statement", &statement];
        let started = self.server.aws_json(&[&start, more].concat());
        let query = started["QueryId"].as_str().unwrap().to_owned();
        let named = ["cloudtrail", "describe-query", "--query-id", &query];
        let done = eventually("the query ends", || {
            let now = self.server.aws_json(&named);
            let is_running = matches!(now["QueryStatus"].as_str(), Some("QUEUED" | "RUNNING"));
            (!is_running).then_some(now)
        });
        assert_eq!(done["QueryStatus"], "FINISHED", "{statement}\n{done}");
        let pages = ["cloudtrail", "get-query-results", "--query-id", &query];
        let result = self.server.aws_json(&pages);
        let rows = result["QueryResultRows"].as_array().unwrap().iter().map(|row| {
            let cells = row.as_array().unwrap().iter();
            let value = |it: &Value| it.as_object().unwrap().values().next().unwrap().clone();
            cells.map(|it| value(it).as_str().unwrap().to_owned()).collect()
        });
        (done, rows.collect())
    }

    /// Imports what lies in a bucket; how it ended.
    pub(crate) fn import(&self, more: &[&str]) -> Value {
        let started = self.server.aws_json(&[&["cloudtrail", "start-import"], more].concat());
        let id = started["ImportId"].as_str().unwrap().to_owned();
        eventually("the import ends", || {
            let now = self.server.aws_json(&["cloudtrail", "get-import", "--import-id", &id]);
            let is_over = matches!(now["ImportStatus"].as_str(), Some("COMPLETED" | "FAILED"));
            is_over.then_some(now)
        })
    }

    pub(crate) fn source(bucket: &str) -> String {
        let source = json!({"S3": {
            "S3LocationUri": format!("s3://{bucket}/AWSLogs/"),
            "S3BucketRegion": "us-east-1",
            "S3BucketAccessRoleArn": "arn:aws:iam::123456789012:role/import",
        }});
        source.to_string()
    }
}

/// The calls of a day, in log files of ten.
pub(crate) fn write_day(folder: &Path, day: u32, calls: usize) {
    let region = "AWSLogs/123456789012/CloudTrail/us-east-1";
    let folder = folder.join(format!("{region}/2026/03/{day:02}"));
    fs::create_dir_all(&folder).unwrap();
    for file in 0..calls / 10 {
        let records: Vec<Value> = (0..10)
            .map(|it| {
                json!({
                    "eventVersion": "1.11", "eventID": format!("{day}-{file}-{it}"),
                    "eventName": if it % 2 == 0 { "GetObject" } else { "PutObject" },
                    "eventSource": "s3.amazonaws.com", "awsRegion": "us-east-1",
                    "eventTime": format!("2026-03-{day:02}T{:02}:{it:02}:00Z", file % 24),
                    "userIdentity": {"type": "IAMUser", "accessKeyId": format!("AKIA{it}")},
                    "requestParameters": {"bucketName": "b"},
                })
            })
            .collect();
        let name = format!("123456789012_CloudTrail_us-east-1_202603{day:02}T{:02}00Z", file % 24);
        let file = folder.join(format!("{name}_{file:016}.json.gz"));
        let mut gzip = GzEncoder::new(fs::File::create(file).unwrap(), Compression::fast());
        write!(gzip, "{}", json!({"Records": records})).unwrap();
        gzip.finish().unwrap();
    }
}

pub(crate) const COUNT: &str = "SELECT eventName, count(*) AS n FROM $EDS WHERE eventSource = \
                     's3.amazonaws.com' AND eventTime < '2026-04-01 00:00:00' GROUP BY 1 ORDER BY 1";

#[test]
fn calls_are_found_by_sql_within_a_second_and_after_a_crash() {
    let mut house = Deployment::start();
    house.server.aws(&["s3", "mb", "s3://ledger"]);
    let made = "SELECT eventName, requestParameters['bucketName'] FROM $EDS WHERE eventSource = \
                's3.amazonaws.com' AND eventName = 'CreateBucket'";
    let expected = [["CreateBucket", "ledger"]];
    let (done, rows) = house.ask(made, &[]);
    assert_eq!(rows, expected);
    assert_eq!(done["QueryStatistics"]["EventsMatched"], 1, "{done}");
    house.server.kill_and_restart();
    assert_eq!(house.ask(made, &[]).1, expected);
    // A wrong statement is refused at once, with what is near.
    let statement = format!("SELECT evntName FROM {}", house.id);
    let refused =
        house.server.aws_raw(&["cloudtrail", "start-query", "--query-statement", &statement]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("InvalidQueryStatementException") && said.contains("`eventname`"),
        "{said}"
    );
}

#[test]
fn a_data_folder_can_be_moved() {
    let mut house = Deployment::start();
    house.server.aws(&["s3", "mb", "s3://first"]);
    let made = "SELECT requestParameters['bucketName'] FROM $EDS WHERE eventName = 'CreateBucket' \
                ORDER BY eventTime";
    let tables = house.server.data_dir().join("stores/tables/stores").join(&house.id);
    eventually("rows are in files", || {
        let days = fs::read_dir(tables.join("data")).ok()?;
        (days.count() > 0).then_some(())
    });
    for (bucket, expected) in [
        ("second", [["first"], ["second"]].as_slice()),
        ("third", &[["first"], ["second"], ["third"]]),
    ] {
        house.server.kill();
        house.server.move_folder();
        house.server.restart();
        house.server.aws(&["s3", "mb", &format!("s3://{bucket}")]);
        assert_eq!(house.ask(made, &[]).1, expected);
        let found = house.server.aws_json(&[
            "cloudtrail",
            "lookup-events",
            "--lookup-attributes",
            "AttributeKey=EventName,AttributeValue=CreateBucket",
        ]);
        assert_eq!(found["Events"].as_array().unwrap().len(), expected.len());
    }
}

#[test]
fn a_store_adds_to_records_the_context_that_was_asked_for() {
    let house = Deployment::start();
    let keys =
        [json!({"Type": "RequestContext", "Equals": ["aws:PrincipalArn", "aws:PrincipalType"]})];
    house.server.aws_json(&[
        "cloudtrail",
        "put-event-configuration",
        "--event-data-store",
        &house.id,
        "--max-event-size",
        "Large",
        "--context-key-selectors",
        &Value::from(keys.to_vec()).to_string(),
    ]);
    house.server.aws(&["s3", "mb", "s3://ledger"]);
    let asked = "SELECT eventContext.requestContext['aws:PrincipalType'], \
                 json_extract_scalar(eventJson, '$.eventContext.requestContext[\"aws:PrincipalArn\"]') \
                 FROM $EDS WHERE eventName = 'CreateBucket'";
    let (_, rows) = house.ask(asked, &[]);
    assert_eq!(rows, [["Account", "arn:aws:iam::123456789012:root"]]);
    // History has records as they were made.
    let found = house.server.aws_json(&[
        "cloudtrail",
        "lookup-events",
        "--lookup-attributes",
        "AttributeKey=EventName,AttributeValue=CreateBucket",
    ]);
    let record = found["Events"][0]["CloudTrailEvent"].as_str().unwrap();
    assert!(!record.contains("eventContext"), "{record}");
}

#[test]
fn old_log_files_are_imported_once_whatever_happens() {
    let mut house = Deployment::start();
    let logs = tempfile::tempdir().unwrap();
    for day in 1..=3 {
        write_day(logs.path(), day, 100);
    }
    let broken = logs.path().join("AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/02/123456789012_CloudTrail_us-east-1_20260302T2300Z_zzzzzzzzzzzzzzzz.json.gz");
    fs::write(&broken, b"\x1f\x8bnot gzip").unwrap();
    house.server.aws(&["s3", "mb", "s3://old"]);
    house.server.aws(&["s3api", "put-object", "--bucket", "old", "--key", "AWSLogs//odd.txt"]);
    let from = logs.path().to_str().unwrap();
    house.server.aws(&["s3", "cp", "--quiet", "--recursive", from, "s3://old/"]);
    let (arn, source) = (house.arn.clone(), Deployment::source("old"));
    let done = house.import(&["--destinations", &arn, "--import-source", &source]);
    let counted = &done["ImportStatistics"];
    assert_eq!(done["ImportStatus"], "FAILED", "{done}");
    assert_eq!(
        (&counted["FilesCompleted"], &counted["EventsCompleted"]),
        (&json!(31), &json!(300))
    );
    assert_eq!((&counted["PrefixesFound"], &counted["FailedEntries"]), (&json!(3), &json!(1)));
    let id = done["ImportId"].as_str().unwrap().to_owned();
    let failures = ["cloudtrail", "list-import-failures", "--import-id", &id];
    let failures = house.server.aws_json(&failures)["Failures"].clone();
    assert!(failures[0]["Location"].as_str().unwrap().ends_with("zzzz.json.gz"), "{failures}");
    assert_eq!(failures[0]["Status"], "FAILED");
    let each = [["GetObject", "150"], ["PutObject", "150"]];
    assert_eq!(house.ask(COUNT, &[]).1, each);

    // Mended, and taken up again: only what is missing comes.
    house.server.kill_and_restart();
    fs::remove_file(&broken).unwrap();
    write_day(logs.path(), 4, 10);
    let good = logs.path().join("AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/04");
    let good = fs::read_dir(good).unwrap().next().unwrap().unwrap().path();
    let key = broken.strip_prefix(logs.path()).unwrap().to_str().unwrap();
    house.server.aws(&["s3", "cp", good.to_str().unwrap(), &format!("s3://old/{key}")]);
    let done = house.import(&["--import-id", &id]);
    assert_eq!(done["ImportStatus"], "COMPLETED", "{done}");
    assert_eq!(house.ask(COUNT, &[]).1, [["GetObject", "155"], ["PutObject", "155"]]);
    house.server.kill_and_restart();
    assert_eq!(house.ask(COUNT, &[]).1, [["GetObject", "155"], ["PutObject", "155"]]);

    // Other engines count the same in the files, before and after they are sorted.
    let (tables, catalog) = (
        house.server.data_dir().join("stores/tables"),
        house.server.data_dir().join("stores.sqlite"),
    );
    let script = READ_BY_OTHERS
        .replace("TABLES", tables.to_str().unwrap())
        .replace("CATALOG", catalog.to_str().unwrap())
        .replace("STORE", &house.id);
    eventually("the files of each day are one", || {
        let read: Value = serde_json::from_str(&house.server.python(&script)).unwrap();
        assert_eq!(read["iceberg"], json!({"GetObject": 155, "PutObject": 155}), "{read}");
        assert_eq!(read["duckdb"], read["iceberg"], "{read}");
        let files: BTreeMap<String, u64> = serde_json::from_value(read["files"].clone()).unwrap();
        files.values().all(|it| *it == 1).then_some(())
    });
    assert_eq!(house.ask(COUNT, &[]).1, [["GetObject", "155"], ["PutObject", "155"]]);
}

/// The table of a store as PyIceberg finds it by the catalog, and its files as DuckDB reads them.
const READ_BY_OTHERS: &str = r#"
import collections, json, duckdb
from pyiceberg.catalog.sql import SqlCatalog
catalog = SqlCatalog("trailmark", uri="sqlite:///CATALOG", warehouse="file://TABLES")
table = catalog.load_table(("stores", "STORE"))
march = table.scan(row_filter="eventtime < '2026-04-01T00:00:00'")
counted = collections.Counter(march.to_arrow().column("eventname").to_pylist())
files = [it.file.file_path.removeprefix("file://") for it in march.plan_files()]
rows = duckdb.execute("SELECT eventname, count(*) FROM read_parquet(?) GROUP BY 1", [files]).fetchall()
days = collections.Counter(it.rsplit("/", 2)[1] for it in files)
print(json.dumps({"iceberg": counted, "duckdb": dict(rows), "files": days}))
"#;

#[test]
fn delivered_results_are_what_verify_query_results_checks() {
    let house = Deployment::start();
    house.server.aws(&["s3", "mb", "s3://results"]);
    let statement = "SELECT eventName, count(*) AS calls FROM $EDS GROUP BY 1 ORDER BY 1";
    let (done, rows) = house.ask(statement, &["--delivery-s3-uri", "s3://results/lake"]);
    assert_eq!(done["DeliveryStatus"], "SUCCESS", "{done}");
    let said: Value = serde_json::from_str(&house.server.python(VERIFY_RESULTS)).unwrap();
    assert_eq!(said["files"], 1);
    let lines: Vec<String> = rows.iter().map(|it| it.join(",")).collect();
    assert_eq!(said["csv"], format!("eventName,calls\n{}\n", lines.join("\n")));
    let nowhere = house.server.aws_raw(&[
        "cloudtrail",
        "start-query",
        "--query-statement",
        &format!("SELECT 1 FROM {}", house.id),
        "--delivery-s3-uri",
        "s3://nowhere-at-all",
    ]);
    let said = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(said.contains("S3BucketDoesNotExistException"), "{said}");
}

/// The steps of `aws cloudtrail verify-query-results`.
const VERIFY_RESULTS: &str = r#"
import base64, boto3, datetime, gzip, hashlib, json
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
s3, cloudtrail = boto3.client("s3"), boto3.client("cloudtrail")
keys = [it["Key"] for it in s3.list_objects_v2(Bucket="results")["Contents"]]
[sign_key] = [it for it in keys if it.endswith("/result_sign.json")]
folder = sign_key.rsplit("/", 1)[0]
assert "/AWSLogs/123456789012/CloudTrail-Lake/Query/" in "/" + folder, folder
sign = json.loads(s3.get_object(Bucket="results", Key=sign_key)["Body"].read())
assert (sign["version"], sign["hashAlgorithm"], sign["signatureAlgorithm"]) == ("1.0", "SHA-256", "SHA256withRSA")
csv = ""
for file in sign["files"]:
    body = s3.get_object(Bucket="results", Key=f"{folder}/{file['fileName']}")["Body"].read()
    assert hashlib.sha256(body).hexdigest() == file["fileHashValue"]
    csv += gzip.decompress(body).decode()
time = datetime.datetime.strptime(sign["queryCompleteTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
public = cloudtrail.list_public_keys(StartTime=time, EndTime=time + datetime.timedelta(days=20))["PublicKeyList"]
[der] = [it["Value"] for it in public if it["Fingerprint"] == sign["publicKeyFingerprint"]]
# The key is PKCS #1; wrapped as others read it.
pem = b"-----BEGIN RSA PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END RSA PUBLIC KEY-----\n"
key = serialization.load_pem_public_key(pem)
text = " ".join(it["fileHashValue"] for it in sign["files"])
key.verify(bytes.fromhex(sign["hashSignature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256())
print(json.dumps({"files": len(sign["files"]), "csv": csv}))
"#;

#[test]
fn events_of_an_own_application_come_by_a_channel() {
    let house = Deployment::start();
    let said: Value = serde_json::from_str(&house.server.python(PUT_AUDIT_EVENTS)).unwrap();
    assert_eq!(said["successful"], 1, "{said}");
    let store = said["store"].as_str().unwrap();
    let query = format!(
        "SELECT eventData.eventName, eventData.requestParameters['shoe'] FROM {store} \
         WHERE eventCategory = 'ActivityAuditLog'"
    );
    assert_eq!(house.ask(&query, &[]).1, [["SellShoes", "boot"]]);
    // It is of the channel's store alone.
    let other = "SELECT count(*) FROM $EDS WHERE eventCategory = 'ActivityAuditLog'";
    assert_eq!(house.ask(other, &[]).1, [["0"]]);
}

const PUT_AUDIT_EVENTS: &str = r#"
import boto3, json
cloudtrail, data = boto3.client("cloudtrail"), boto3.client("cloudtrail-data")
selectors = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["ActivityAuditLog"]}]}]
store = cloudtrail.create_event_data_store(Name="shop", AdvancedEventSelectors=selectors, MultiRegionEnabled=False)["EventDataStoreArn"]
channel = cloudtrail.create_channel(Name="shop", Source="Custom",
    Destinations=[{"Type": "EVENT_DATA_STORE", "Location": store}])["ChannelArn"]
event = {"version": "1.0", "userIdentity": {"type": "user", "principalId": "anna"},
    "eventSource": "shop.example.com", "eventName": "SellShoes", "eventTime": "2026-11-20T10:00:00Z",
    "UID": "5f1cb1b0-0c1e-4a5c-9d0e-3f2a6a4e7c11", "requestParameters": {"shoe": "boot"},
    "recipientAccountId": "123456789012"}
put = data.put_audit_events(channelArn=channel, auditEvents=[{"id": "1", "eventData": json.dumps(event)}])
print(json.dumps({"successful": len(put["successful"]), "failed": put["failed"], "store": store.rsplit("/")[-1]}))
"#;

#[test]
fn a_store_of_another_account_is_not_there() {
    let house = Deployment::start();
    house.server.trailmark(&["account", "add", "222222222222"]);
    let account = ["--account", "222222222222"];
    house
        .server
        .trailmark(&[&["user", "add", "mira", "--policy", "full-access"], &account[..]].concat());
    let create = ["key", "create", "mira", "--json"];
    let keys = house.server.trailmark(&[&create, &account[..]].concat());
    let key: Value = serde_json::from_str(&keys).unwrap();
    let program = OTHER_ACCOUNT
        .replace("KEY", key["AccessKeyId"].as_str().unwrap())
        .replace("SECRET", key["SecretAccessKey"].as_str().unwrap())
        .replace("ARN", &house.arn)
        .replace("STORE", &house.id);
    let said = house.server.python(&program);
    assert_eq!(said.lines().collect::<Vec<_>>(), ["EventDataStoreNotFoundException"; 2], "{said}");
}

const OTHER_ACCOUNT: &str = r#"
import boto3
cloudtrail = boto3.client("cloudtrail", aws_access_key_id="KEY", aws_secret_access_key="SECRET")
for ask in [lambda: cloudtrail.start_query(QueryStatement="SELECT 1 FROM STORE"),
            lambda: cloudtrail.get_event_data_store(EventDataStore="ARN")]:
    try: print(ask())
    except Exception as error: print(error.response["Error"]["Code"])
"#;
