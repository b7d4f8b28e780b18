//! What trails deliver, judged by the clients that people have.

use std::{collections::BTreeSet, io::Read as _, path::Path};

use flate2::read::GzDecoder;
use integrity::tree::{Checkpoint, Note, VerifierKey};
use serde_json::Value;

use crate::{
    harness::{Moto, Server, eventually},
    hours::Hours,
};

const ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/audit";
pub(crate) const FAST: (&str, &str) = ("TRAILMARK_DELIVERY__FILE_AGE_SECONDS", "1");

/// A server whose hours the test lets pass.
pub(crate) struct Deployment {
    pub(crate) server: Server,
    pub(crate) hours: Hours,
}

impl Deployment {
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let hours = Hours::new();
        let clock = hours.environment();
        let clock = clock.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let settings: Vec<_> = clock.chain([FAST]).chain(settings.iter().copied()).collect();
        let mut server = Server::start_with(&[], &settings);
        server.environment.extend(hours.environment());
        Self { server, hours }
    }

    /// Makes a trail of everything and starts it.
    pub(crate) fn begin(&self, bucket: &str) {
        let server = &self.server;
        server.aws(&[
            "cloudtrail",
            "create-trail",
            "--name",
            "audit",
            "--s3-bucket-name",
            bucket,
            "--is-multi-region-trail",
            "--enable-log-file-validation",
        ]);
        server.aws(&["cloudtrail", "start-logging", "--name", "audit"]);
    }

    /// Makes a call in each of the hours, waits until it is delivered, and lets the hour pass.
    pub(crate) fn live(&mut self, hours: usize, list: impl Fn(&Server) -> BTreeSet<String>) {
        for hour in 0..hours {
            let before = list(&self.server);
            self.server.aws(&["sts", "get-caller-identity"]);
            eventually("the call is delivered", || {
                let now = list(&self.server);
                now.difference(&before).any(|it| it.contains("/CloudTrail/")).then_some(())
            });
            if hour == 0 {
                // In the middle of an hour, and of everything.
                self.server.kill_and_restart();
            }
            let digests = |of: &BTreeSet<String>| of.iter().filter(|it| is_digest(it)).count();
            let before = digests(&list(&self.server));
            self.hours.pass();
            eventually("the digest of the hour is delivered", || {
                (digests(&list(&self.server)) > before).then_some(())
            });
        }
    }

    /// What `aws cloudtrail validate-logs` says.
    pub(crate) fn validate(&self) -> String {
        let arguments = ["cloudtrail", "validate-logs", "--trail-arn", ARN, "--verbose"];
        let output = self
            .server
            .aws_raw(&[&arguments[..], &["--start-time", "2020-01-01T00:00:00Z"]].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What `trailmark verify` says, and whether it is content.
    pub(crate) fn verify(&self, subject: &str, arguments: &[&str]) -> (bool, Value) {
        let all = [&["verify", subject, "--json"], arguments].concat();
        let output = self.server.trailmark_raw(&all);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout);
        (output.status.success(), report.unwrap_or_else(|_| panic!("no report: {words}")))
    }
}

pub(crate) fn is_digest(key: &str) -> bool {
    key.contains("/CloudTrail-Digest/") && key.ends_with(".json.gz")
}

pub(crate) fn keys(server: &Server, bucket: &str) -> BTreeSet<String> {
    let answer = server.aws_json(&["s3api", "list-objects-v2", "--bucket", bucket]);
    let objects = answer["Contents"].as_array().cloned().unwrap_or_default();
    objects.iter().map(|it| it["Key"].as_str().unwrap().to_owned()).collect()
}

/// Every record below a folder, by event id; none may be there twice.
fn records(folder: &Path) -> Vec<Value> {
    let mut records = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if !path.to_string_lossy().contains("/CloudTrail/") {
                continue;
            }
            let mut text = String::new();
            let file = std::fs::File::open(&path).unwrap();
            GzDecoder::new(file).read_to_string(&mut text).unwrap();
            let document: Value = serde_json::from_str(&text).unwrap();
            records.extend(document["Records"].as_array().unwrap().iter().cloned());
        }
    }
    let ids: BTreeSet<_> = records.iter().map(|it| it["eventID"].to_string()).collect();
    assert_eq!(ids.len(), records.len(), "a record was delivered twice");
    records
}

#[test]
fn hours_of_a_trail_in_the_embedded_s3_are_valid_and_stay_there() {
    let mut deployment = Deployment::start(&[]);
    deployment.server.aws(&["s3", "mb", "s3://audit-logs"]);
    deployment.begin("audit-logs");
    deployment.live(3, |server| keys(server, "audit-logs"));

    let said = deployment.validate();
    assert!(said.contains("4/4 digest files valid"), "{said}");
    assert!(said.contains("log files valid") && !said.contains("INVALID"), "{said}");
    let status = deployment.server.aws_json(&["cloudtrail", "get-trail-status", "--name", "audit"]);
    assert_eq!(status["IsLogging"], true);
    assert!(status.get("LatestDeliveryError").is_none(), "{status}");
    assert!(status["LatestDigestDeliveryTime"].is_number(), "{status}");

    // What a trail wrote is there to stay, for root too.
    let all = keys(&deployment.server, "audit-logs");
    let file = all.iter().find(|it| is_digest(it)).unwrap();
    let object = ["--bucket", "audit-logs", "--key", file];
    let deleted = deployment.server.aws_raw(&[&["s3api", "delete-object"], &object[..]].concat());
    let words = String::from_utf8_lossy(&deleted.stderr).into_owned();
    assert!(words.contains("AccessDenied"), "{words}");
    let head = deployment.server.aws_json(&[&["s3api", "head-object"], &object[..]].concat());
    assert_eq!(head["ObjectLockMode"], "COMPLIANCE", "{head}");

    let output = deployment.server.trailmark_raw(&["check", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = report["findings"].as_array().unwrap();
    let state =
        |check: &str| found.iter().find(|it| it["check"] == check).unwrap()["state"].clone();
    for check in
        ["all-regions", "delivery", "validation", "write-once", "public-access", "dedicated-bucket"]
    {
        assert_eq!(state(check), "pass", "{report}");
    }
    assert_eq!(state("encryption"), "warn", "{report}");
    assert!(output.status.success());

    let digests = |of: &Server| keys(of, "audit-logs").iter().filter(|it| is_digest(it)).count();
    let before = digests(&deployment.server);
    erase_a_day(&mut deployment);
    // Those of many hours at once are on their way: whoever looks now may miss one in between.
    eventually("the digests of the day are delivered", || {
        (digests(&deployment.server) >= before + 24).then_some(())
    });
    let copy = deployment.server.folder().join("copy");
    deployment.server.aws(&[
        "s3",
        "sync",
        "--only-show-errors",
        "s3://audit-logs",
        copy.to_str().unwrap(),
    ]);
    let calls = records(&copy);
    let identity = calls.iter().filter(|it| it["eventName"] == "GetCallerIdentity").count();
    assert_eq!(identity, 3);
    // What the trail writes is no call of anybody.
    assert!(calls.iter().all(|it| it["eventName"] != "PutObject"), "{calls:?}");

    let endpoint = deployment.server.endpoint().to_owned();
    let (valid, report) = deployment.verify("s3://audit-logs", &["--endpoint", &endpoint]);
    assert!(valid, "{report}");
}

#[test]
fn a_bucket_of_moto_gets_the_same_and_both_verifiers_name_what_was_changed() {
    judge_bucket_of(&Moto::start());
}

#[test]
fn a_bucket_of_ministack_gets_the_same_and_both_verifiers_name_what_was_changed() {
    judge_bucket_of(&Moto::start_ministack());
}

#[test]
fn a_key_that_never_leaves_its_kms_signs_digests_that_the_aws_cli_finds_valid() {
    let moto = Moto::start();
    let key = Server::start(&["--upstream", &format!("kms={}", moto.endpoint)]).aws_json(&[
        "kms",
        "create-key",
        "--key-usage",
        "SIGN_VERIFY",
        "--key-spec",
        "RSA_2048",
    ]);
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let mut deployment = Deployment::start(&[
        ("TRAILMARK_DOOR__UPSTREAMS__KMS__URL", &moto.endpoint),
        ("TRAILMARK_SIGNING__US-EAST-1__ENDPOINT", &moto.endpoint),
        ("TRAILMARK_SIGNING__US-EAST-1__KEY_ID", &key),
        ("TRAILMARK_SIGNING__US-EAST-1__ACCESS_KEY_ID", "test"),
        ("TRAILMARK_SIGNING__US-EAST-1__SECRET_ACCESS_KEY", "test"),
    ]);
    deployment.server.aws(&["s3", "mb", "s3://audit-logs"]);
    deployment.begin("audit-logs");
    deployment.live(2, |server| keys(server, "audit-logs"));

    let said = deployment.validate();
    assert!(said.contains("3/3 digest files valid") && !said.contains("INVALID"), "{said}");
    let same = deployment.server.python(&format!(
        r#"
import boto3
shown = boto3.client("cloudtrail").list_public_keys()["PublicKeyList"]
held = boto3.client("kms").get_public_key(KeyId="{key}")["PublicKey"]
print(len(shown), held.endswith(shown[0]["Value"]))
"#
    ));
    assert_eq!(same.trim(), "1 True", "only the service's key is shown, as it is held there");
}

fn judge_bucket_of(moto: &Moto) {
    let mut deployment = Deployment::start(&[
        ("TRAILMARK_DOOR__UPSTREAMS__S3__URL", &moto.endpoint),
        ("TRAILMARK_BUCKETS__AUDIT-LOGS__ENDPOINT", &moto.endpoint),
        ("TRAILMARK_BUCKETS__AUDIT-LOGS__ACCESS_KEY_ID", "test"),
        ("TRAILMARK_BUCKETS__AUDIT-LOGS__SECRET_ACCESS_KEY", "test"),
    ]);
    deployment.server.aws(&["s3", "mb", "s3://audit-logs"]);
    deployment.begin("audit-logs");
    deployment.live(3, |server| keys(server, "audit-logs"));
    let said = deployment.validate();
    assert!(said.contains("4/4 digest files valid") && !said.contains("INVALID"), "{said}");
    let endpoint = deployment.server.endpoint().to_owned();
    let (valid, earlier) = deployment.verify("s3://audit-logs", &["--endpoint", &endpoint]);
    assert!(valid, "{earlier}");
    check_checkpoints(&deployment);

    // The newest digest and what it names: nothing in the bucket tells that they were there.
    let all = keys(&deployment.server, "audit-logs");
    let newest = all.iter().filter(|it| is_digest(it)).max().unwrap();
    for file in digest(&deployment.server, newest)["logFiles"].as_array().unwrap() {
        remove(&deployment.server, file["s3Object"].as_str().unwrap());
    }
    remove(&deployment.server, newest);
    let said = deployment.validate();
    assert!(said.contains("3/3 digest files valid") && !said.contains("INVALID"), "{said}");
    let report = deployment.server.folder().join("earlier.json");
    std::fs::write(&report, earlier.to_string()).unwrap();
    for known in [["--endpoint", &endpoint], ["--earlier-report", report.to_str().unwrap()]] {
        let (valid, report) = deployment.verify("s3://audit-logs", &known);
        assert!(!valid && report.to_string().contains("cut-tail"), "{report}");
    }

    let all = keys(&deployment.server, "audit-logs");
    let file = all.iter().find(|it| it.contains("/CloudTrail/") && it.ends_with(".gz")).unwrap();
    let object = format!("s3://audit-logs/{file}");
    let forged = deployment.server.folder().join("forged");
    std::fs::write(&forged, b"forged").unwrap();
    deployment.server.aws(&["s3", "cp", "--quiet", forged.to_str().unwrap(), &object]);
    let said = deployment.validate();
    assert!(said.contains("INVALID"), "{said}");
    let (valid, report) = deployment.verify("s3://audit-logs", &["--endpoint", &endpoint]);
    assert!(!valid && report.to_string().contains(file), "{report}");
}

/// A record cannot be proven any more once its day is erased, which needs a day that is over.
fn erase_a_day(deployment: &mut Deployment) {
    let record = deployment.server.lookup("EventName", "CreateTrail").remove(0);
    let [id, time] = ["eventID", "eventTime"].map(|it| record[it].as_str().unwrap().to_owned());
    let server = &deployment.server;
    let prove = || server.trailmark_raw(&["prove", &id, "--output", "erased.tlog-proof"]);
    eventually("the record is provable", || prove().status.success().then_some(()));
    let erase = |arguments: &[&str]| {
        let all = [&["erase", &time[..10]], arguments].concat();
        let output = server.trailmark_raw(&all);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (_, words) = erase(&["--yes"]);
    assert!(words.contains("is not over"), "{words}");
    for _ in 0..24 {
        deployment.hours.pass();
    }
    let (done, words) = erase(&[]);
    assert!(!done && words.contains("--yes"), "{words}");
    assert!(erase(&["--yes"]).0);
    let words = eventually("the day is erased", || {
        let output = prove();
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    });
    assert!(words.contains("is gone"), "{words}");
}

/// The document of a digest.
fn digest(server: &Server, key: &str) -> Value {
    let file = server.folder().join("digest");
    let object = format!("s3://audit-logs/{key}");
    server.aws(&["s3", "cp", "--quiet", &object, file.to_str().unwrap()]);
    serde_json::from_reader(GzDecoder::new(std::fs::File::open(file).unwrap())).unwrap()
}

fn remove(server: &Server, key: &str) {
    server.aws(&["s3api", "delete-object", "--bucket", "audit-logs", "--key", key]);
}

/// Every digest carries a checkpoint that the log has signed, of a tree that grows.
fn check_checkpoints(deployment: &Deployment) {
    let server = &deployment.server;
    let id = server.lookup("EventName", "CreateTrail").remove(0)["eventID"].clone();
    let arguments = ["prove", id.as_str().unwrap(), "--output", "it.tlog-proof"];
    let key = eventually("the log's key is told", || {
        let made = server.trailmark_raw(&arguments);
        made.status.success().then(|| String::from_utf8(made.stdout).unwrap())
    });
    let key: VerifierKey = key.trim().parse().unwrap();
    let mut size = 0;
    for file in keys(server, "audit-logs").iter().filter(|it| is_digest(it)) {
        let document = digest(server, file);
        let note = document["tlogCheckpoint"].as_str().unwrap();
        let checkpoint = Checkpoint::open(&Note::parse(note.as_bytes()).unwrap(), &key).unwrap();
        assert!(checkpoint.head.size > size, "{file}");
        size = checkpoint.head.size;
    }
}

#[test]
fn a_bucket_elsewhere_locks_and_encrypts_what_it_takes() {
    let moto = Moto::start();
    let server = Server::start_with(
        &[],
        &[
            FAST,
            ("TRAILMARK_DOOR__UPSTREAMS__S3__URL", &moto.endpoint),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__ENDPOINT", &moto.endpoint),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__ACCESS_KEY_ID", "test"),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__SECRET_ACCESS_KEY", "test"),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__OBJECT_LOCK_DAYS", "7"),
        ],
    );
    let bucket = ["--bucket", "audit-logs"];
    server.aws(
        &[&["s3api", "create-bucket", "--object-lock-enabled-for-bucket"], &bucket[..]].concat(),
    );
    let key = "arn:aws:kms:us-east-1:123456789012:key/1b2c3d4e-0000-4000-8000-123456789012";
    let name = ["--name", "audit"];
    let chosen = ["--s3-bucket-name", "audit-logs", "--kms-key-id", key];
    server.aws(&[&["cloudtrail", "create-trail"], &name[..], &chosen].concat());
    server.aws(&[&["cloudtrail", "start-logging"], &name[..]].concat());
    server.aws(&["sts", "get-caller-identity"]);
    let file = eventually("a log file is delivered", || {
        let all = keys(&server, "audit-logs");
        all.into_iter().find(|it| it.ends_with(".json.gz") && !is_digest(it))
    });
    let head = server.aws_json(&[&["s3api", "head-object", "--key", &file], &bucket[..]].concat());
    assert_eq!(head["ServerSideEncryption"], "aws:kms", "{head}");
    assert_eq!(head["SSEKMSKeyId"], key, "{head}");
    assert_eq!(head["ObjectLockMode"], "COMPLIANCE", "{head}");
    let made = server.lookup("EventName", "CreateTrail").remove(0);
    // moto gives back what it was told.
    let [made, until] = [&made["eventTime"], &head["ObjectLockRetainUntilDate"]]
        .map(|it| it.as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
    let days = (until - made).total(jiff::Unit::Hour).unwrap() / 24.0;
    assert!((6.9..7.1).contains(&days), "{days}");
}

#[test]
fn a_trail_may_write_to_a_folder_that_the_operator_names() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence");
    std::fs::create_dir(&evidence).unwrap();
    let place = evidence.to_str().unwrap();
    let server = Server::start_with(&[], &[FAST, ("TRAILMARK_BUCKETS__EVIDENCE__FOLDER", place)]);
    server.aws(&["cloudtrail", "create-trail", "--name", "audit", "--s3-bucket-name", "evidence"]);
    server.aws(&["cloudtrail", "start-logging", "--name", "audit"]);
    server.aws(&["sts", "get-caller-identity"]);
    eventually("the call lies in the folder", || {
        let calls = records(&evidence);
        calls.iter().any(|it| it["eventName"] == "GetCallerIdentity").then_some(())
    });
    // Any reader of CloudTrail's buckets reads them, as the README says.
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let line = readme.lines().find_map(|it| it.strip_prefix("duckdb -c ")).unwrap();
    let counted = server.python(&format!(
        "import duckdb, os\nos.chdir({:?})\nprint(dict(duckdb.sql({line}).fetchall()))",
        folder.path()
    ));
    assert!(counted.contains("'GetCallerIdentity': 1"), "{counted}");
}

#[test]
fn a_topic_of_another_sns_hears_of_each_file() {
    let moto = Moto::start();
    let server = Server::start_with(
        &[
            "--upstream",
            &format!("sns={}", moto.endpoint),
            "--upstream",
            &format!("sqs={}", moto.endpoint),
        ],
        &[
            FAST,
            ("TRAILMARK_NOTIFICATIONS__SNS_ENDPOINT", &moto.endpoint),
            ("TRAILMARK_NOTIFICATIONS__ACCESS_KEY_ID", "test"),
            ("TRAILMARK_NOTIFICATIONS__SECRET_ACCESS_KEY", "test"),
        ],
    );
    let said = server.python(
        r#"
import boto3, json
s3, sns, sqs, trails = (boto3.client(it) for it in ("s3", "sns", "sqs", "cloudtrail"))
s3.create_bucket(Bucket="audit-logs")
try:
    trails.create_trail(Name="audit", S3BucketName="audit-logs", SnsTopicName="files")
    raise SystemExit("a topic that is not there was taken")
except trails.exceptions.InsufficientSnsTopicPolicyException:
    pass
topic = sns.create_topic(Name="files")["TopicArn"]
queue = sqs.create_queue(QueueName="files")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
trails.create_trail(Name="audit", S3BucketName="audit-logs", SnsTopicName=topic)
trails.start_logging(Name="audit")
heard = []
for _ in range(60):
    for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
        heard.append(json.loads(message["Body"])["Message"])
    if len(heard) > 1:
        break
assert heard[0] == "CloudTrail validation message.", heard
told = json.loads(heard[1])
assert told["s3Bucket"] == "audit-logs", told
s3.head_object(Bucket="audit-logs", Key=told["s3ObjectKey"][0])
for _ in range(60):
    # What the topic took is in the status once its answer is there.
    if "LatestNotificationTime" in trails.get_trail_status(Name="audit"):
        break
    s3.head_bucket(Bucket="audit-logs")
else:
    raise SystemExit("the status knows of no notification")
print("heard")
"#,
    );
    assert_eq!(said.trim(), "heard");
}
