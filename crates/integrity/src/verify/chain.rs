//! Joining digests into chains: links, windows, restarts, parallel histories, tails.

use std::collections::BTreeMap;

use crate::{
    digest::{ChainId, DigestFile, METADATA_SUFFIX, Stamp},
    verify::{Address, Audit, CheckedDigest, Finding, Kind, Place, coverage},
};

/// Joins all digests of the audit, and adds what is wrong with their chains.
pub(crate) fn join(audit: &mut Audit) {
    coverage::leave_out_older_digests(audit);
    let mut chains: BTreeMap<(ChainId, bool), Vec<Address>> = BTreeMap::new();
    for (at, digest) in &audit.digests {
        let name = &digest.wanted.name;
        chains.entry((name.chain.clone(), name.backfill)).or_default().push(at.clone());
    }
    for ((chain, backfill), mut members) in chains {
        members.sort_by_key(|at| audit.digests.get(at).map(|it| it.wanted.name.end));
        sign_off(audit, &members);
        links(audit, &members);
        // Backfill digests cover windows that regular ones covered before them.
        if !backfill {
            windows(audit, &chain, &members);
            tail(audit, &chain, &members);
        }
    }
    sisters(audit);
    let lost: Vec<_> = audit
        .anchors
        .iter()
        .filter(|anchor| !audit.scope.leaves_out(anchor))
        .filter(|anchor| !audit.digests.values().any(|it| it.wanted.name.chain == anchor.chain))
        .map(|anchor| {
            let detail =
                format!("no digest is left; {} knows one of {}", anchor.source, anchor.end);
            Finding::of_chain(Kind::CutTail, &anchor.chain, detail)
        })
        .collect();
    audit.findings.extend(lost);
}

/// Chains of one trail and account go on together, hour by hour, one for each region: one that ends
/// long before the others was cut off.
fn sisters(audit: &mut Audit) {
    let mut ends: BTreeMap<&ChainId, Stamp> = BTreeMap::new();
    for digest in audit.digests.values().filter(|it| it.in_place().is_some()) {
        let name = &digest.wanted.name;
        if !name.backfill {
            let end = ends.entry(&name.chain).or_insert(name.end);
            *end = name.end.max(*end);
        }
    }
    let family = |it: &ChainId| (it.account.clone(), it.trail.clone(), it.home_region.clone());
    let mut newest: BTreeMap<_, (Stamp, &str)> = BTreeMap::new();
    for (chain, end) in &ends {
        let of_family = newest.entry(family(chain)).or_insert((*end, &chain.region));
        *of_family = (*end, chain.region.as_str()).max(*of_family);
    }
    let (mut findings, mut notes) = (Vec::new(), Vec::new());
    for (chain, end) in &ends {
        let Some((until, region)) = newest.get(&family(chain)) else { continue };
        // Somebody else may know the chain better, and has said so.
        let said = format!("{chain}: ");
        let is_known = audit
            .findings
            .iter()
            .any(|it| it.kind == Kind::CutTail && it.detail.starts_with(&said));
        if *end >= until.plus_seconds(-PATIENCE) || is_known {
            continue;
        }
        let detail = format!(
            "its newest digest is of {end}, that of the same trail in {region} of {until}; no harm if \
             the trail left the region then"
        );
        if audit.scope.restarts_allowed {
            notes.push(format!("{chain}: {detail}"));
        } else {
            findings.push(Finding::of_chain(Kind::CutTail, chain, detail));
        }
    }
    audit.findings.extend(findings);
    audit.notes.extend(notes);
}

/// Digests that lost their metadata in a copy: those after them hold their signature.
///
/// A signature proves itself, whoever hands it over; so it does not matter whether the later digest
/// is good.
fn sign_off(audit: &mut Audit, members: &[Address]) {
    let mut handed_down: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for digest in members.iter().filter_map(|at| audit.digests.get(at)) {
        if let Some((before, file)) = previous(audit, digest)
            && let Some(signature) = &file.previous_digest_signature
        {
            handed_down.entry(before).or_default().push(signature.clone());
        }
    }
    for at in members {
        let Some(digest) = audit.digests.get_mut(at) else { continue };
        if !digest.found || digest.signature.is_some() || !digest.findings.is_empty() {
            continue;
        }
        let candidates = handed_down.get(at).map_or(&[][..], Vec::as_slice);
        match audit.scope.place {
            // In a bucket the metadata is part of what was delivered: its loss is a finding.
            Place::Bucket(_) => {
                let detail = "the object has no signature in its metadata";
                digest.findings.push(Finding::at(Kind::UnsignedDigest, at, detail));
            }
            Place::Folder if candidates.iter().any(|it| digest.sign_off(it)) => {}
            Place::Folder if candidates.is_empty() => audit.notes.push(format!(
                "{at} is not proven: the signature in its metadata was lost in the copy; keep what \
                 `aws s3api head-object` says of it as {at}{METADATA_SUFFIX}"
            )),
            Place::Folder => {
                let detail = "what the next digest gives as its signature is not its signature";
                digest.findings.push(Finding::at(Kind::FalseSignature, at, detail));
            }
        }
    }
}

/// What each digest says of the one before it.
fn links(audit: &mut Audit, members: &[Address]) {
    let mut findings = Vec::new();
    let mut successors: BTreeMap<Address, Vec<&Address>> = BTreeMap::new();
    for at in members {
        let Some(digest) = audit.digests.get(at) else { continue };
        let Some((before, file)) = previous(audit, digest) else { continue };
        successors.entry(before.clone()).or_default().push(at);
        let Some(previous) = audit.digests.get(&before) else { continue };
        if !previous.found {
            let bucket = file.previous_digest_s3_bucket.as_deref().unwrap_or_default();
            let is_elsewhere = bucket != file.digest_s3_bucket;
            // A folder holds one bucket; that the trail had another before is signed.
            if audit.scope.place == Place::Folder && digest.signed && is_elsewhere {
                audit.notes.push(format!(
                    "{at}: the chain goes back into the bucket {bucket}, which is not here"
                ));
                continue;
            }
            let detail = format!("{at} names it");
            findings.push(Finding::at(Kind::MissingDigest, &before, detail));
            continue;
        }
        // What a forged digest says of others is no evidence against them.
        if !digest.signed || previous.file.is_none() {
            continue;
        }
        if file.previous_digest_hash_value.as_deref() != Some(previous.sha256.as_str()) {
            let detail = format!(
                "it hashes to {}; {at} names {}",
                previous.sha256,
                file.previous_digest_hash_value.as_deref().unwrap_or("no hash")
            );
            // Two digests of one time, both signed: whoever signs went on from a state that was older.
            let is_genuine = previous.signed && previous.in_place().is_some();
            let kind = if is_genuine { Kind::ParallelHistory } else { Kind::PreviousDigestChanged };
            findings.push(Finding::at(kind, &before, detail));
        } else if previous.signature.is_some()
            && file.previous_digest_signature != previous.signature
        {
            let detail = format!("its signature is not the one that {at} names");
            findings.push(Finding::at(Kind::PreviousDigestChanged, &before, detail));
        }
    }
    for (before, after) in successors {
        if let [first, others @ ..] = after.as_slice() {
            for other in others {
                let detail = format!("it follows {before}, and so does {first}");
                findings.push(Finding::at(Kind::ParallelHistory, other, detail));
            }
        }
    }
    audit.findings.extend(findings);
}

/// The windows of the chain: none may be left out, none told twice.
fn windows(audit: &mut Audit, chain: &ChainId, members: &[Address]) {
    let (mut findings, mut notes) = (Vec::new(), Vec::new());
    let digests = members.iter().filter_map(|at| audit.digests.get(at));
    let mut before: Option<&CheckedDigest> = None;
    for digest in digests {
        let Some(file) = digest.in_place() else { continue };
        let at = &digest.wanted.at;
        let Some(older) = before.replace(digest) else {
            if file.starts_chain() {
                notes.push(format!("{chain}: the chain begins at {}", file.digest_start_time));
            }
            continue;
        };
        let Some(older_file) = older.in_place() else { continue };
        let (from, until) = (older_file.digest_end_time, file.digest_start_time);
        if file.starts_chain() {
            let detail = format!("the digest before it ends at {from}, this one begins at {until}");
            if audit.scope.restarts_allowed {
                notes.push(format!("{chain}: the chain starts again at {until}; {detail}"));
            } else {
                findings.push(Finding::at(Kind::RestartedChain, at, detail));
            }
            continue;
        }
        let linked = previous(audit, digest).is_some_and(|(it, _)| it == older.wanted.at);
        // A digest that is gone or unreadable was named already; it covered what is missing here.
        let excused = previous(audit, digest)
            .and_then(|(it, _)| audit.digests.get(&it))
            .is_some_and(|it| it.in_place().is_none());
        let seconds = until.seconds_since(from);
        let detail = format!("{} ends at {from}, this one begins at {until}", older.wanted.at);
        match seconds {
            0.. if excused => {}
            0 if linked => {}
            1.. => findings.push(Finding::at(Kind::WindowGap, at, detail)),
            _ if linked => findings.push(Finding::at(Kind::WindowOverlap, at, detail)),
            _ => findings.push(Finding::at(Kind::ParallelHistory, at, detail)),
        }
    }
    audit.findings.extend(findings);
    audit.notes.extend(notes);
}

/// Whether the chain reaches as far as somebody knows that it did.
fn tail(audit: &mut Audit, chain: &ChainId, members: &[Address]) {
    let present = || {
        members.iter().filter_map(|at| audit.digests.get(at)).filter(|it| it.in_place().is_some())
    };
    let newest = present().map(|it| it.wanted.name.end).max();
    let mut findings = Vec::new();
    for anchor in audit.anchors.iter().filter(|it| it.chain == *chain) {
        if audit.scope.leaves_out(anchor) {
            continue;
        }
        let there = present().find(|it| it.wanted.name.end == anchor.end);
        match (there, &anchor.sha256) {
            (Some(digest), Some(sha256)) if digest.sha256 != *sha256 => {
                let detail = format!(
                    "{} knows it with the hash {sha256}, here it has {}",
                    anchor.source, digest.sha256
                );
                findings.push(Finding::at(Kind::ParallelHistory, &digest.wanted.at, detail));
            }
            (None, _) if newest.is_none_or(|newest| newest < anchor.end) => {
                let detail = format!(
                    "{} knows a digest of {}, the newest here is of {}",
                    anchor.source,
                    anchor.end,
                    said(newest)
                );
                findings.push(Finding::of_chain(Kind::CutTail, chain, detail));
            }
            (None, Some(_)) => {
                let detail =
                    format!("{} knows a digest of {} that is not here", anchor.source, anchor.end);
                findings.push(Finding::of_chain(Kind::ParallelHistory, chain, detail));
            }
            (Some(_) | None, _) => {}
        }
    }
    if audit.scope.is_of_days() {
        audit.findings.extend(findings);
        return;
    }
    let asked = audit.scope.end.filter(|end| *end <= audit.scope.now);
    let limit = asked.unwrap_or(audit.scope.now).plus_seconds(-PATIENCE);
    if newest.is_none_or(|newest| newest < limit) {
        let newest = said(newest);
        if let Some(asked) = asked {
            let detail =
                format!("the newest digest is of {newest}, asked for was all until {asked}");
            findings.push(Finding::of_chain(Kind::CutTail, chain, detail));
        } else {
            audit.notes.push(format!(
                "{chain}: the newest digest is of {newest}; if the trail logged after that, its tail \
                 was cut off, which only a witness can tell"
            ));
        }
    }
    audit.findings.extend(findings);
}

fn said(stamp: Option<Stamp>) -> String {
    stamp.map_or_else(|| "no time".to_owned(), |it| it.to_string())
}

/// Where the digest before lies, with the file that says so.
fn previous<'a>(audit: &Audit, digest: &'a CheckedDigest) -> Option<(Address, &'a DigestFile)> {
    let file = digest.file.as_ref()?;
    let bucket = file.previous_digest_s3_bucket.as_deref()?;
    let key = file.previous_digest_s3_object.as_deref()?;
    Some((digest.locate(&audit.scope.place, bucket, key), file))
}

const HOUR: i64 = 3_600;
/// A digest comes within an hour of its window's end, which is within an hour of now.
const PATIENCE: i64 = 2 * HOUR;
