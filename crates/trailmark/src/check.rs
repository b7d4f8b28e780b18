//! `trailmark check`: every trail and its bucket as an auditor would look at them.
//!
//! Lives here: the questions to the server, and how findings are told.
//! Lives elsewhere: what follows from the answers (`rules`).
//!
//! Spec: CIS AWS Foundations Benchmark, section 3; CloudTrail User Guide, "Security best practices in
//! AWS CloudTrail".

mod rules;

use anyhow::{Context as _, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};
use wire::xml;

use self::rules::{Answers, BucketFacts, TrailFacts};
use crate::{
    caller::Failure,
    cli::Check,
    cloudtrail::CloudTrail,
    credentials::region,
    words::{CYAN, DIM, GREEN, RED, data, say},
};

/// What was looked at, and how it stands.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// Name of the check, for scripts.
    pub(crate) check: &'static str,
    /// ARN of the trail; none for what concerns all.
    pub(crate) trail: Option<String>,
    /// How it stands.
    pub(crate) state: State,
    /// What was found.
    pub(crate) found: String,
    /// What to do, when it does not stand well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<&'static str>,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Pass,
    /// Could be better.
    Warn,
    /// An auditor would object.
    Fail,
    /// It could not be found out.
    Unknown,
}

/// Runs `trailmark check`.
pub(crate) async fn run(options: Check) -> anyhow::Result<()> {
    let region = options.region.or_else(region).unwrap_or_else(|| "us-east-1".to_owned());
    let server = CloudTrail::new(&options.endpoint_url)?;
    let s3 = CloudTrail::new(options.s3_endpoint_url.as_deref().unwrap_or(&options.endpoint_url))?;
    let answers = ask(&server, &s3, &region).await?;
    let findings = rules::judge(&answers);
    if options.json {
        data(serde_json::to_string_pretty(&json!({"findings": findings}))?)?;
    } else {
        findings.iter().try_for_each(show)?;
    }
    let failed = findings.iter().filter(|it| it.state == State::Fail).count();
    if failed > 0 {
        bail!("{failed} of {} checks fail", findings.len());
    }
    Ok(())
}

async fn ask(server: &CloudTrail, s3: &CloudTrail, region: &str) -> anyhow::Result<Answers> {
    let described = server.call(region, "DescribeTrails", &json!({})).await?;
    let trails = described.get("trailList").and_then(Value::as_array);
    let mut answers = Answers { trails: Vec::new(), in_organization: None };
    for trail in trails.context("DescribeTrails told of no list")? {
        let text = |name: &str| trail.get(name).and_then(Value::as_str).unwrap_or_default();
        let (home, name) = (text("HomeRegion"), json!({"Name": text("TrailARN")}));
        let mut status = server.call(home, "GetTrailStatus", &name).await?;
        for region in regions(s3, trail).await?.iter().filter(|it| *it != home) {
            let there = server.call(region, "GetTrailStatus", &name).await?;
            join(&mut status, &there);
        }
        let of = json!({"TrailName": text("TrailARN")});
        let selectors = server.call(home, "GetEventSelectors", &of).await?;
        let bucket = look_at(s3, home, text("S3BucketName"), text("S3KeyPrefix")).await?;
        answers.trails.push(TrailFacts { trail: trail.clone(), status, selectors, bucket });
    }
    answers.in_organization = match server.organization().await? {
        Ok(_) => Some(true),
        Err(failure) if failure.words.contains("NotInUse") => Some(false),
        Err(_) => None,
    };
    Ok(answers)
}

/// The regions that the bucket holds log files of, for an account's multi-region trail: each tells only
/// of its own deliveries.
async fn regions(s3: &CloudTrail, trail: &Value) -> anyhow::Result<Vec<String>> {
    let text = |name: &str| trail.get(name).and_then(Value::as_str).unwrap_or_default();
    let is = |name: &str| trail.get(name).and_then(Value::as_bool).unwrap_or_default();
    let Some(account) = text("TrailARN").split(':').nth(4) else { return Ok(Vec::new()) };
    if !is("IsMultiRegionTrail") || is("IsOrganizationTrail") {
        return Ok(Vec::new());
    }
    let prefix = match text("S3KeyPrefix") {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let folder = format!("{prefix}AWSLogs/{account}/CloudTrail/");
    let escaped = utf8_percent_encode(&folder, NON_ALPHANUMERIC);
    let query = format!("list-type=2&delimiter=%2F&prefix={escaped}");
    let list = s3.bucket(text("HomeRegion"), text("S3BucketName"), &query).await?;
    let root = list.ok().and_then(|it| xml::parse(it.as_bytes()).ok());
    let folders = root.iter().flat_map(|it| &it.children).filter(|it| it.name == "CommonPrefixes");
    let names = folders.filter_map(|it| it.child_text("Prefix")?.strip_prefix(&folder));
    Ok(names.map(|it| it.trim_end_matches('/').to_owned()).collect())
}

/// Adds what another region tells: its errors, and that something was delivered.
fn join(status: &mut Value, there: &Value) {
    for name in ["LatestDeliveryError", "LatestDigestDeliveryError", "LatestDeliveryTime"] {
        if let (None, Some(told)) = (status.get(name), there.get(name))
            && let Some(status) = status.as_object_mut()
        {
            status.insert(name.to_owned(), told.clone());
        }
    }
}

/// Reads what a bucket says of itself; none for what it does not tell us.
async fn look_at(
    s3: &CloudTrail,
    region: &str,
    bucket: &str,
    prefix: &str,
) -> anyhow::Result<BucketFacts> {
    let ask = |query: &'static str| s3.bucket(region, bucket, query);
    let versioning = ask("versioning").await?;
    let list = ask("list-type=2&delimiter=%2F&max-keys=100").await?;
    Ok(BucketFacts {
        is_there: versioning.is_ok(),
        versioning: word(&versioning, "Status"),
        mfa_delete: word(&versioning, "MfaDelete"),
        lock: word(&ask("object-lock").await?, "ObjectLockEnabled"),
        encryption: word(&ask("encryption").await?, "SSEAlgorithm"),
        is_public: word(&ask("policyStatus").await?, "IsPublic"),
        others: list.ok().and_then(|text| others(&text, prefix)),
    })
}

/// What an element of the answer says. None when it could not be asked, `Some(None)` when nothing of the
/// kind is set, which S3 tells by 404.
fn word(answer: &Result<String, Failure>, name: &str) -> Option<Option<String>> {
    match answer {
        Ok(text) => {
            let root = xml::parse(text.as_bytes()).ok()?;
            Some(root.find(name).map(|it| it.text.trim().to_owned()))
        }
        Err(failure) => (failure.status == Some(404)).then_some(None),
    }
}

/// Names at the top of a bucket that are not of trails.
fn others(list: &str, prefix: &str) -> Option<Vec<String>> {
    let root = xml::parse(list.as_bytes()).ok()?;
    let own = if prefix.is_empty() { "AWSLogs" } else { prefix };
    let own = own.split('/').next().unwrap_or(own);
    let names = root.children.iter().filter_map(|it| match it.name.as_str() {
        "CommonPrefixes" => it.child_text("Prefix"),
        "Contents" => it.child_text("Key"),
        _ => None,
    });
    let names = names.filter(|it| it.trim_end_matches('/') != own);
    Some(names.map(str::to_owned).collect())
}

fn show(finding: &Finding) -> anyhow::Result<()> {
    let (colour, word) = match finding.state {
        State::Pass => (GREEN, "pass"),
        State::Warn => (CYAN, "warn"),
        State::Fail => (RED, "fail"),
        State::Unknown => (DIM, "unknown"),
    };
    let Finding { check, found, trail, .. } = finding;
    let of = trail.as_deref().map(|it| format!(" {DIM}{it}{DIM:#}")).unwrap_or_default();
    data(format_args!("{colour}{word:7}{colour:#} {check}: {found}{of}"))?;
    if let Some(advice) = finding.advice {
        say(format_args!("        {advice}"));
    }
    Ok(())
}
