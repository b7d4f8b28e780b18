//! Keys of S3 are any text, and one `//` in a bucket must stop nobody who reads it.

use crate::deliveries::{Deployment, keys};

const ODD: [&str; 6] =
    ["a//b.json", "/first/x", "x~y [z]%2F+\u{e9}.txt", "odd//AWSLogs//notes", "dots/../x", "tail/"];

#[test]
fn a_bucket_with_odd_keys_is_asked_and_verified() {
    let mut deployment = Deployment::start(&[]);
    let aws = |arguments: &[&str]| deployment.server.aws(arguments);
    aws(&["s3", "mb", "s3://audit-logs"]);
    for key in ODD {
        aws(&["s3api", "put-object", "--bucket", "audit-logs", "--key", key]);
    }
    let place = ["--s3-bucket-name", "audit-logs", "--s3-key-prefix", "odd/"];
    let made = ["cloudtrail", "create-trail", "--name", "audit", "--enable-log-file-validation"];
    aws(&[&made[..], &place].concat());
    aws(&["cloudtrail", "start-logging", "--name", "audit"]);
    deployment.live(2, |server| keys(server, "audit-logs"));
    let server = &deployment.server;
    // As in AWS the prefix is kept as it was given.
    assert!(keys(server, "audit-logs").iter().any(|it| it.starts_with("odd//AWSLogs/1")));
    let said = deployment.validate();
    assert!(
        said.contains("2/2 digest files valid") || said.contains("3/3 digest files valid"),
        "{said}"
    );
    let begin = ["--start-time", "2020-01-01T00:00:00Z"];
    for subject in ["s3://audit-logs", "s3://audit-logs/odd//", "s3://audit-logs/odd//AWSLogs/"] {
        let (is_content, report) = deployment.verify(subject, &begin);
        assert!(is_content, "{subject}: {report}");
        assert!(report["digests"]["valid"].as_u64() >= Some(2), "{subject}: {report}");
    }
    let ask = |from: &str| {
        let sql = "SELECT DISTINCT \"$path\" FROM events WHERE eventName = 'GetCallerIdentity'";
        let output = server.trailmark_raw(&["query", sql, "--from", from, "--format", "csv"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for from in ["s3://audit-logs", "s3://audit-logs/odd//AWSLogs"] {
        let paths = ask(from);
        assert_eq!(paths.matches("s3://audit-logs/odd//AWSLogs/").count(), 2, "{from}: {paths}");
    }
}
