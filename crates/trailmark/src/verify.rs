//! `trailmark verify`: checks what trails delivered, in a folder or in S3.
//!
//! Lives here: the order of the work, spread over all cores. What is good and what is not is decided
//! in `integrity::verify`; where bytes come from is [`source`]'s, where keys come from [`keys`]'s.

mod keys;
mod progress;
mod source;
mod tree;

use std::{path::Path, sync::Arc};

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _, stream};
use integrity::{
    digest::Stamp,
    tree::Policy,
    verify::{
        Audit, Carried, CheckedDigest, CheckedLogFile, LogFileJob, Report, Scope, Statement,
        TreeReport, Within, check_digest, check_log_files, differences, judge_checkpoints,
        statement,
    },
};
use tokio::task::JoinError;

pub(crate) use crate::verify::progress::Progress;
use crate::{
    cli::Verify,
    verify::source::{Fetched, Source},
    words::data,
};

/// Runs `trailmark verify`.
pub(crate) async fn run(options: Verify) -> anyhow::Result<()> {
    let progress = Progress::new();
    let policy = policy(&options)?;
    let kept = kept_checkpoint(&options, policy.as_ref())?;
    let Some(subject) = &options.subject else {
        let (Some(place), Some(policy)) = (&options.tree, &policy) else {
            return Err(anyhow!("name a folder or a bucket, or a tree with --tree"));
        };
        let tree = tree::check(place, policy, kept.into_iter().collect(), &progress).await?;
        progress.clear();
        if options.json {
            data(serde_json::to_string_pretty(&tree)?)?
        } else {
            data(&tree)?
        }
        return tree_outcome(&tree);
    };
    let mut audit = audit(subject, &options, &progress).await?;
    let mut carried = Vec::new();
    if let Some(policy) = &policy {
        carried = check_checkpoints(&mut audit, kept.as_ref(), policy);
    }
    let mut report = audit.report(subject.clone());
    if let (Some(place), Some(policy)) = (&options.tree, &policy) {
        carried.extend(kept);
        report.with_tree(tree::check(place, policy, carried, &progress).await?);
    }
    progress.clear();
    if options.json {
        data(serde_json::to_string_pretty(&report)?)?;
    } else {
        data(&report)?;
    }
    if report.is_valid() {
        return Ok(());
    }
    report.tree.as_ref().map_or(Ok(()), tree_outcome)?;
    match report.findings.len() {
        0 => Err(anyhow!(
            "no digest was found in {subject}: is it the trail's bucket and prefix, and does the \
             trail validate its log files (`aws cloudtrail update-trail \
             --enable-log-file-validation`)? the first digest comes within an hour or two"
        )),
        count => Err(anyhow!("{subject} is not as it was delivered: {count} findings")),
    }
}

fn tree_outcome(tree: &TreeReport) -> anyhow::Result<()> {
    match tree.findings.len() {
        0 => Ok(()),
        count => {
            Err(anyhow!("the tree in {} is not as it was signed: {count} findings", tree.tree))
        }
    }
}

/// Audits what trails delivered, all but the checkpoints.
async fn audit(subject: &str, options: &Verify, progress: &Progress) -> anyhow::Result<Audit> {
    let now = Stamp::of(Ambient::system().clock.now());
    let source = Arc::new(Source::open(subject, options).await?);
    let copy = match &options.copy {
        Some(copy) => Some(Arc::new(Source::open(copy, options).await?)),
        None => None,
    };
    let within = source.within();
    let days = within.as_ref().and_then(Within::days);
    let scope = Scope {
        place: source.place(),
        start: options.start_time.map(Stamp::of).or(days.map(|it| it.0)),
        end: options.end_time.map(Stamp::of).or(days.map(|it| it.1)),
        now,
        within,
        restarts_allowed: options.allow_restarts,
    };
    let mut anchors = Vec::new();
    for file in &options.earlier_reports {
        anchors.extend(earlier_report(file)?.anchors());
    }
    let mut listing = source.list(&scope)?;
    let (mut objects, mut listed) = (Vec::new(), 0_u64);
    while let Some(object) = listing.try_next().await? {
        objects.push(object);
        listed += 1;
        progress.show(|| format!("listing: {listed} objects"));
    }
    drop(listing);
    let trust = keys::trust(options, &source, &objects).await?;
    anchors.extend(trust.anchors);
    let of_digests = scope.within.as_ref().is_some_and(Within::is_of_digests);
    let mut audit = Audit::new(scope, anchors);
    if of_digests {
        audit.note("digests alone were asked for: log files that none names were not looked for");
    }
    for note in trust.notes {
        audit.note(note);
    }
    for object in objects {
        audit.list(object);
    }
    check_digests(&mut audit, &source, &Arc::new(trust.keys), progress).await?;
    check_all_log_files(&mut audit, &source, copy.as_ref(), progress).await?;
    Ok(audit)
}

fn earlier_report(file: &Path) -> anyhow::Result<Report> {
    let text = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("`{}` is no report of `trailmark verify --json`", file.display()))
}

/// Whom the caller trusts for the tree: a log's key alone, or a policy.
fn policy(options: &Verify) -> anyhow::Result<Option<Policy>> {
    if let Some(key) = &options.key {
        return Ok(Some(Policy::of_log(key.clone())));
    }
    let Some(file) = &options.policy else { return Ok(None) };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let policy = text.parse().with_context(|| format!("`{}` is no policy", file.display()))?;
    Ok(Some(policy))
}

/// What the checkpoint says that the caller kept.
fn kept_checkpoint(options: &Verify, policy: Option<&Policy>) -> anyhow::Result<Option<Statement>> {
    let (Some(file), Some(policy)) = (&options.checkpoint, policy) else { return Ok(None) };
    let seen = file.display().to_string();
    let note = std::fs::read(file).with_context(|| format!("cannot read `{seen}`"))?;
    let kept = statement(&seen, &note, policy);
    kept.map(Some).map_err(|it| anyhow!("cannot use a checkpoint: {}", it.detail))
}

/// Judges the checkpoints that digests carry, and gives them.
fn check_checkpoints(
    audit: &mut Audit,
    kept: Option<&Statement>,
    policy: &Policy,
) -> Vec<Statement> {
    let (mut carried, mut findings) = (Vec::new(), Vec::new());
    for (key, digest, note) in audit.checkpoints() {
        match statement(key, note.as_bytes(), policy) {
            Ok(statement) => carried.push(Carried { digest: digest.clone(), statement }),
            Err(finding) => findings.push(finding),
        }
    }
    findings.extend(judge_checkpoints(&carried, kept, policy));
    if carried.is_empty() {
        audit.note("no digest carries a checkpoint of a Merkle tree");
    }
    audit.add(findings);
    carried.into_iter().map(|it| it.statement).collect()
}

async fn check_digests(
    audit: &mut Audit,
    source: &Arc<Source>,
    keys: &Arc<integrity::verify::KeyRing>,
    progress: &Progress,
) -> anyhow::Result<()> {
    let mut done = 0_u64;
    loop {
        let wanted = audit.wanted_digests();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut checks = stream::iter(wanted)
            .map(|wanted| {
                let (source, keys) = (Arc::clone(source), Arc::clone(keys));
                tokio::spawn(async move {
                    match source.digest(&wanted.at).await {
                        Ok(Some(object)) => check_digest(&source.place(), &keys, wanted, &object),
                        Ok(None) => CheckedDigest::missing(wanted),
                        Err(error) => CheckedDigest::unreadable(wanted, &format!("{error:#}")),
                    }
                })
            })
            .buffer_unordered(source.parallelism());
        while let Some(checked) = checks.try_next().await? {
            audit.digest(checked);
            done += 1;
            progress.show(|| format!("checked {done} digests"));
        }
    }
}

async fn check_all_log_files(
    audit: &mut Audit,
    source: &Arc<Source>,
    copy: Option<&Arc<Source>>,
    progress: &Progress,
) -> anyhow::Result<()> {
    let jobs = audit.log_files();
    let total = jobs.len();
    let mut checks = checks(source, copy, jobs);
    let mut done = 0_u64;
    while let Some(checked) = checks.try_next().await? {
        for checked in checked {
            audit.log_file(checked);
            done += 1;
        }
        progress.show(|| format!("checked {done} of {total} log files"));
    }
    let mut strays = self::checks(source, None, audit.strays());
    while let Some(checked) = strays.try_next().await? {
        progress.show(|| "looking for moved log files".to_owned());
        for checked in checked {
            audit.stray(checked);
        }
    }
    Ok(())
}

/// Fetches log files and checks them, [`TOGETHER`] at a time.
fn checks<'a>(
    source: &'a Arc<Source>,
    copy: Option<&'a Arc<Source>>,
    jobs: Vec<LogFileJob>,
) -> impl Stream<Item = Result<Vec<CheckedLogFile>, JoinError>> + Unpin + 'a {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    stream::iter(jobs)
        .map(|job| {
            let source = Arc::clone(source);
            tokio::spawn(async move { source.log_file(job).await })
        })
        .buffer_unordered(source.parallelism())
        .chunks(TOGETHER)
        .map(move |fetched| {
            let (source, copy) = (Arc::clone(source), copy.cloned());
            tokio::spawn(async move {
                let fetched = fetched.into_iter().collect::<Result<Vec<_>, _>>()?;
                Ok(check_together(&source, copy.as_deref(), fetched).await)
            })
            .map(Result::flatten)
        })
        .buffer_unordered(cores)
        .boxed()
}

async fn check_together(
    source: &Source,
    copy: Option<&Source>,
    fetched: Vec<Fetched>,
) -> Vec<CheckedLogFile> {
    let (mut whole, mut checked) = (Vec::new(), Vec::new());
    for fetched in fetched {
        match fetched {
            Fetched::Whole(job, object) => whole.push((job, object)),
            Fetched::Checked(file) => checked.push(file),
        }
    }
    checked.extend(check_log_files(whole));
    for file in &mut checked {
        let job = file.job().clone();
        if file.is_changed()
            && let Some(copy) = copy
            && let (Ok(found), Ok(genuine)) =
                (source.inflated(&job.at).await, copy.copied(&job.at).await)
            && integrity::digest::sha256_hex(&genuine) == job.sha256
        {
            file.explain(differences(&genuine, &found));
        }
    }
    checked
}

/// How many log files a core works on at once: hashing more of them together gains no more.
const TOGETHER: usize = 4;
