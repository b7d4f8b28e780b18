//! `trailmark check`: every trail and its bucket as an auditor would look at them.
//!
//! Lives here: the questions to the server, and how findings are told.
//! Lives elsewhere: the questions to buckets (`bucket`), what follows from the answers (`rules`).
//!
//! Spec: CIS AWS Foundations Benchmark, section 3; CloudTrail User Guide, "Security best practices in
//! AWS CloudTrail".

mod bucket;
mod rules;

use std::time::Duration;

use ambient::Ambient;
use anyhow::{Context as _, anyhow, bail};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use self::{
    bucket::Bucket,
    rules::{Answers, TrailFacts},
};
use crate::{
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
    let described = call(server, region, "DescribeTrails", &json!({})).await?;
    let trails = described.get("trailList").and_then(Value::as_array);
    let all = trails.context("DescribeTrails told of no list")?;
    let asked = stream::iter(all).map(|trail| ask_of(server, s3, trail, all));
    let trails = asked.buffered(AT_ONCE).try_collect().await?;
    let organization = timeout(ANSWER_WITHIN, server.organization()).await;
    let in_organization = match organization.map_err(|_| silent("DescribeOrganization"))?? {
        Ok(_) => Some(true),
        Err(failure) if failure.words.contains("NotInUse") => Some(false),
        Err(_) => None,
    };
    Ok(Answers { trails, in_organization, now: Ambient::system().clock.now() })
}

/// Asks for everything about one of the trails.
async fn ask_of(
    server: &CloudTrail,
    s3: &CloudTrail,
    trail: &Value,
    all: &[Value],
) -> anyhow::Result<TrailFacts> {
    let (home, name) = (text(trail, "HomeRegion"), json!({"Name": text(trail, "TrailARN")}));
    let of = json!({"TrailName": text(trail, "TrailARN")});
    let selectors = call(server, home, "GetEventSelectors", &of).await?;
    let bucket = Bucket { s3, region: home, name: text(trail, "S3BucketName") };
    let bucket = bucket::look_at(bucket, trail, all).await;
    let mut statuses = vec![call(server, home, "GetTrailStatus", &name).await?];
    // Each region tells of its own deliveries only.
    let regions = bucket.as_ref().map(|it| it.regions.clone()).unwrap_or_default();
    for region in regions.iter().filter(|it| *it != home) {
        statuses.push(call(server, region, "GetTrailStatus", &name).await?);
    }
    Ok(TrailFacts { trail: trail.clone(), statuses, selectors, bucket })
}

async fn call(
    server: &CloudTrail,
    region: &str,
    operation: &str,
    request: &Value,
) -> anyhow::Result<Value> {
    let answer = timeout(ANSWER_WITHIN, server.call(region, operation, request)).await;
    answer.map_err(|_| silent(operation))?
}

fn silent(operation: &str) -> anyhow::Error {
    anyhow!("{operation} was not answered within {} seconds", ANSWER_WITHIN.as_secs())
}

/// A member of a trail that is a text; empty when there is none.
fn text<'a>(trail: &'a Value, name: &str) -> &'a str {
    trail.get(name).and_then(Value::as_str).unwrap_or_default()
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

/// Trails that are asked about at once.
const AT_ONCE: usize = 8;
/// How long the server may take for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
