//! `trailmark import`: old log files into an event data store of a running server.
//!
//! Lives here: the order of things, following an import, what is told at the end.
//! Lives elsewhere: the calls (`server`), copies of local files (`copies`); reading files and writing
//! the table is the server's work (`stores`).

mod copies;
mod server;

use std::time::Duration;

use ambient::Ambient;
use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};

use self::{copies::Copies, server::Server};
use crate::{
    cli::Import,
    config::Config,
    credentials::Credentials,
    verify::Progress,
    words::{CYAN, DIM, RED, data, say},
};

/// Runs `trailmark import`.
pub(crate) async fn run(options: Import) -> anyhow::Result<()> {
    let stopped = || {
        anyhow!(
            "stopped; an import that has begun goes on in the server: the same command again goes \
             on from here, `aws cloudtrail stop-import --import-id ID` stops the server too"
        )
    };
    tokio::select! {
        done = import(&options) => done,
        _stopped = tokio::signal::ctrl_c() => Err(stopped()),
    }
}

async fn import(options: &Import) -> anyhow::Result<()> {
    let config = Config::load(&options.place)?;
    let endpoint =
        options.endpoint_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    let key = || match Credentials::of_environment()? {
        Some(key) => anyhow::Ok(key),
        None => Credentials::of_file(&config.credentials_file(), "default")
            .context("set AWS_ACCESS_KEY_ID or name --data-dir"),
    };
    let region = options.region.clone().or_else(crate::credentials::region);
    let region = region.unwrap_or_else(|| config.door.region.clone());
    let server = Server::find(&endpoint, key()?, &region, &options.into).await?;
    let copies = if options.source.starts_with("s3://") {
        None
    } else {
        if options.bucket.is_none() && !has_embedded_s3(&config) {
            bail!(
                "S3 is forwarded to an upstream, so that there is no embedded one for copies of local \
                 files: set up a bucket of the upstream as [buckets.NAME] of the server, and name it \
                 by --bucket NAME"
            );
        }
        let bucket = options.bucket.clone();
        let bucket = bucket.unwrap_or_else(|| format!("trailmark-import-{}", server.account()));
        Some(Copies::of(&options.source, server.store(), bucket).await?)
    };
    let uri = copies.as_ref().map_or_else(|| options.source.clone(), Copies::uri);
    let before = if options.again { None } else { server.newest(&uri).await? };
    let status = before.as_ref().map(|it| text(it, "ImportStatus"));
    let line = Progress::new();
    if let Some(copies) = &copies
        && !matches!(status, Some("COMPLETED" | "IN_PROGRESS" | "INITIALIZING"))
    {
        if options.bucket.is_none() {
            server.make_bucket(copies.bucket()).await?;
        }
        copies.upload(&endpoint, &key()?, &region, before.is_some(), &line).await?;
    }
    let id = match (&before, status) {
        (Some(before), Some("FAILED" | "STOPPED")) => {
            server.resume(text(before, "ImportId")).await?
        }
        (Some(before), _) => text(before, "ImportId").to_owned(),
        (None, _) => server.start(&uri).await?,
    };
    if status == Some("COMPLETED") {
        say(format_args!(
            "import {CYAN}{id}{CYAN:#} was complete; --again would import it once more"
        ));
    } else {
        let goes_on = if before.is_some() { "goes on" } else { "has begun" };
        say(format_args!("import {CYAN}{id}{CYAN:#} {goes_on}; Ctrl-C stops following it"));
    }
    let done = follow(&server, &id, copies.as_ref(), &line).await?;
    let failures = server.failures(&id).await?;
    let is_good = text(&done, "ImportStatus") == "COMPLETED" && failures.is_empty();
    if let Some(copies) = &copies {
        copies.tell_of_others(&done);
        if is_good && !options.keep {
            copies.delete(&endpoint, &key()?, &region, &line).await?;
        } else if !options.keep {
            say(format_args!("the copies stay at {uri} for the next try"));
        }
    }
    if options.json {
        data(serde_json::to_string_pretty(&json!({"Import": done, "Failures": failures}))?)?;
    }
    report(&done, &failures, copies.as_ref())
}

/// Whether local settings leave S3 to us. Those of a server elsewhere are not known.
fn has_embedded_s3(config: &Config) -> bool {
    !["s3", "default"].iter().any(|it| config.door.upstreams.contains_key(*it))
}

/// Waits until the import has ended.
async fn follow(
    server: &Server,
    id: &str,
    copies: Option<&Copies>,
    line: &Progress,
) -> anyhow::Result<Value> {
    let clock = Ambient::system().clock;
    let mut refused = 0;
    loop {
        match server.import(id).await {
            Ok(now) => {
                refused = 0;
                if !matches!(text(&now, "ImportStatus"), "INITIALIZING" | "IN_PROGRESS") {
                    line.clear();
                    return Ok(now);
                }
                line.now(&bar(&now, copies.map(Copies::count)));
            }
            // The server may be starting again.
            Err(_) if refused < REFUSED_MAX => refused += 1,
            Err(error) => {
                line.clear();
                return Err(
                    error.context("the import cannot be followed; run the same command again")
                );
            }
        }
        clock.sleep(ASK_AGAIN).await;
    }
}

/// How far an import has come, in one line.
fn bar(import: &Value, files: Option<u64>) -> String {
    let (done, found) = (number(import, "PrefixesCompleted"), number(import, "PrefixesFound"));
    let (part, whole) = files.map_or((done, found), |it| (number(import, "FilesCompleted"), it));
    let filled = (part.min(whole) * BAR_WIDTH).checked_div(whole).unwrap_or_default();
    let filled = usize::try_from(filled).unwrap_or_default();
    let width = usize::try_from(BAR_WIDTH).unwrap_or_default();
    format!(
        "[{:<width$}] {} files, {} events, {done} of {found} folders",
        "#".repeat(filled),
        number(import, "FilesCompleted"),
        number(import, "EventsCompleted"),
    )
}

/// Tells what came of it; fails when something is missing.
fn report(done: &Value, failures: &[Value], copies: Option<&Copies>) -> anyhow::Result<()> {
    for failure in failures.iter().take(FAILURES_SHOWN) {
        let location = text(failure, "Location");
        let location = copies.map_or(location.to_owned(), |it| it.original(location));
        let (code, reason) = (text(failure, "ErrorType"), text(failure, "ErrorMessage"));
        say(format_args!("{RED}not imported{RED:#}: {location}: {code}: {reason}"));
    }
    if failures.len() > FAILURES_SHOWN {
        say(format_args!("and {} more", failures.len() - FAILURES_SHOWN));
    }
    say(format_args!(
        "{DIM}{} events of {} files imported, {} failed{DIM:#}",
        number(done, "EventsCompleted"),
        number(done, "FilesCompleted").saturating_sub(failures.len() as u64),
        failures.len()
    ));
    match (text(done, "ImportStatus"), failures.len()) {
        ("COMPLETED", 0) => Ok(()),
        (_, count @ 1..) => Err(anyhow!(
            "{count} files could not be imported; the same command again tries them once more"
        )),
        ("STOPPED", 0) => Err(anyhow!("the import was stopped; the same command again goes on")),
        (status, 0) => Err(anyhow!(
            "the import ended as {status}: the server's log says why; the same command again goes on"
        )),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(import: &Value, name: &str) -> u64 {
    let statistics = import.get("ImportStatistics");
    statistics.and_then(|it| it.get(name)).and_then(Value::as_u64).unwrap_or_default()
}

/// Between two looks at an import.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// Looks in a row that may fail.
const REFUSED_MAX: u32 = 20;
const FAILURES_SHOWN: usize = 20;
const BAR_WIDTH: u64 = 30;
