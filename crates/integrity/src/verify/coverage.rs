//! Coverage: log files that are gone or were moved, and those that no digest names.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    digest::{ChainId, LogFileName, Root, Stamp},
    verify::{Audit, CheckedDigest, CheckedLogFile, Finding, Kind, Place},
};

/// Adds what is wrong between the listing and what digests name.
pub(crate) fn judge(audit: &mut Audit) {
    leave_out_older_log_files(audit);
    let missing: Vec<_> = audit
        .log_files
        .values()
        .filter(|it| it.missing)
        .map(|it| match audit.strays.get(&it.job.sha256) {
            Some(now) => {
                Finding::at(Kind::MovedLogFile, &it.job.at, format!("it lies at {now} now"))
            }
            None => {
                Finding::at(Kind::MissingLogFile, &it.job.at, format!("{} names it", it.job.digest))
            }
        })
        .collect();
    audit.findings.extend(missing);
    unnamed(audit);
}

/// A folder may be a copy of some days only. Digests of days before those that it holds are not
/// missed, though its first digest names one: they are taken out.
pub(crate) fn leave_out_older_digests(audit: &mut Audit) {
    if audit.scope.place != Place::Folder {
        return;
    }
    let begins = first_days(audit);
    let is_older = |digest: &&CheckedDigest| {
        let name = &digest.wanted.name;
        !digest.found && begins.get(&name.chain).is_some_and(|day| name.end.day() < *day)
    };
    let older = audit.digests.values().filter(is_older).map(|it| it.wanted.clone());
    for digest in older.collect::<Vec<_>>() {
        audit.digests.remove(&digest.at);
        let (chain, day) = (&digest.name.chain, begins.get(&digest.name.chain));
        audit.notes.push(format!(
            "{chain}: what was delivered before is not in this copy and was not looked at: it begins \
             on {}",
            day.map_or("", String::as_str)
        ));
    }
}

/// The same of log files that the first digest of a copy names: when neither another file nor a
/// digest of their day is there.
fn leave_out_older_log_files(audit: &mut Audit) {
    if audit.scope.place != Place::Folder {
        return;
    }
    let begins = first_days(audit);
    let region = |it: &LogFileName| (it.account.clone(), it.family.clone(), it.region.clone());
    let mut files: BTreeMap<_, String> = BTreeMap::new();
    for (_, name) in audit.listed.values() {
        let day = files.entry(region(name)).or_insert_with(|| name.delivered.day());
        *day = name.delivered.day().min(std::mem::take(day));
    }
    let digests = |name: &LogFileName| {
        let of_region = begins
            .iter()
            .filter(|(chain, _)| chain.account == name.account && chain.region == name.region);
        of_region.map(|(_, day)| day).min().cloned()
    };
    let is_older = |it: &CheckedLogFile| {
        let Some((_, name)) = LogFileName::parse(&it.job.at.key).filter(|_| it.missing) else {
            return false;
        };
        let day = name.delivered.day();
        files.get(&region(&name)).is_some_and(|first| day < *first)
            && digests(&name).is_some_and(|first| day < first)
    };
    let before = audit.log_files.len();
    audit.log_files.retain(|_, it| !is_older(it));
    let older = before - audit.log_files.len();
    if older > 0 {
        audit.notes.push(format!(
            "{older} log files of days before are named by the first digests, are not in this copy and \
             were not looked at"
        ));
    }
}

/// The first day of each chain that a copy holds digests of.
fn first_days(audit: &Audit) -> BTreeMap<ChainId, String> {
    let mut begins: BTreeMap<_, String> = BTreeMap::new();
    for digest in audit.digests.values().filter(|it| it.found) {
        let name = &digest.wanted.name;
        let day = begins.entry(name.chain.clone()).or_insert_with(|| name.end.day());
        *day = name.end.day().min(std::mem::take(day));
    }
    begins
}

/// Log files that no digest names: added, not yet named, or from before validation was turned on.
fn unnamed(audit: &mut Audit) {
    let covered = covered(audit);
    let families_named: BTreeSet<_> = audit
        .listed
        .iter()
        .filter(|(at, _)| audit.named.contains_key(*at))
        .map(|(_, (_, name))| name.family.clone())
        .collect();
    let newest = audit.listed.values().map(|(_, name)| name.delivered).max();
    // A folder is as old as its newest file; a bucket is as it is now.
    let now = match audit.scope.place {
        Place::Bucket(_) => Some(audit.scope.now),
        Place::Folder => newest,
    };
    let moved: BTreeSet<_> = audit
        .log_files
        .values()
        .filter(|it| it.missing)
        .filter_map(|it| audit.strays.get(&it.job.sha256))
        .collect();
    let (mut before, mut pending, mut other) = (0_u64, 0_u64, 0_u64);
    let mut findings = Vec::new();
    for (at, (root, name)) in &audit.listed {
        if audit.named.contains_key(at) || moved.contains(at) || !in_scope(audit, name) {
            continue;
        }
        if name.family != MAIN && !families_named.contains(&name.family) {
            other += 1;
            continue;
        }
        let chain = covered.get(&(root.clone(), name.account.clone(), name.region.clone()));
        match chain {
            // The name tells the minute only, and a slice begins before its delivery.
            Some((from, _)) if name.delivered.plus_seconds(SLICE) < *from => before += 1,
            Some((_, until)) if name.delivered.plus_seconds(SLICE) >= *until => {
                let still_waits =
                    now.is_some_and(|now| name.delivered > now.plus_seconds(-PATIENCE));
                if still_waits {
                    pending += 1;
                } else {
                    findings.push(Finding::at(
                        Kind::ExtraLogFile,
                        at,
                        format!("the newest digest of its region is of {until}"),
                    ));
                }
            }
            Some(_) => {
                findings.push(Finding::at(Kind::ExtraLogFile, at, "digests of its time are there"));
            }
            None => {
                findings.push(Finding::at(Kind::ExtraLogFile, at, "its region has no digest"));
            }
        }
    }
    audit.findings.extend(findings);
    for (count, words) in [
        (before, "were delivered before the first digest: nothing vouches for them"),
        (pending, "are too new to be named by a digest"),
        (other, "are of a kind that no digest names here"),
    ] {
        if count > 0 {
            audit.notes.push(format!("{count} log files {words}"));
        }
    }
}

/// From when to when digests cover an account and region, all trails taken together.
fn covered(audit: &Audit) -> BTreeMap<(Root, String, String), (Stamp, Stamp)> {
    let mut covered: BTreeMap<_, (Stamp, Stamp)> = BTreeMap::new();
    for digest in audit.digests.values() {
        let (Some(file), name) = (digest.in_place(), &digest.wanted.name) else { continue };
        let (start, end) = (file.digest_start_time, file.digest_end_time);
        let key =
            (digest.wanted.root.clone(), name.chain.account.clone(), name.chain.region.clone());
        let span = covered.entry(key).or_insert((start, end));
        *span = (span.0.min(start), span.1.max(end));
    }
    covered
}

fn in_scope(audit: &Audit, name: &LogFileName) -> bool {
    let asked = audit.scope.end.is_none_or(|end| match audit.scope.is_of_days() {
        true => name.delivered < end,
        false => name.delivered <= end,
    });
    asked && audit.scope.start.is_none_or(|start| name.delivered >= start)
}

/// The family that every trail delivers and every digest names.
const MAIN: &str = "CloudTrail";
/// Seconds from the minute in a log file's name to its delivery, at most: a slice and some.
const SLICE: i64 = 600;
/// A log file is named by a digest within two hours.
const PATIENCE: i64 = 2 * 3_600;
