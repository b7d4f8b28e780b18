//! The report: JSON for machines, a summary that a person can file.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    digest::{ChainId, Stamp},
    verify::{Anchor, Audit, Finding, TreeReport},
};

/// What came of an audit. Keep it: the next audit takes its chains as anchors.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Report {
    /// What came of it, in one word.
    pub verdict: Verdict,
    /// What was judged.
    pub subject: String,
    /// When.
    pub made_at: Stamp,
    /// Begin of what was asked for.
    pub start: Option<Stamp>,
    /// End of what was asked for.
    pub end: Option<Stamp>,
    /// Hourly digests.
    pub digests: Count,
    /// Backfill digests.
    pub backfill_digests: Count,
    /// Log files that valid digests name.
    pub log_files: Count,
    /// Inflated bytes of the log files that were read.
    pub log_bytes: u64,
    /// Every chain.
    pub chains: Vec<ChainReport>,
    /// What is wrong, the kinds together.
    pub findings: Vec<Finding>,
    /// What is not wrong but should be known.
    pub notes: Vec<String>,
    /// What came of the Merkle tree, where that was checked too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<TreeReport>,
}

/// What came of an audit, in one word.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that digests name is there and unaltered, and nothing else.
    Valid,
    /// Something is wrong.
    Invalid,
    /// No digest was found: nothing is proven.
    NothingFound,
}

/// How many were looked at, how many are good.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Count {
    /// Good.
    pub valid: u64,
    /// All, missing ones too.
    pub total: u64,
}

impl Count {
    pub(crate) fn add(&mut self, valid: bool) {
        self.total += 1;
        self.valid += u64::from(valid);
    }
}

/// One chain of digests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChainReport {
    /// The account whose activity is recorded.
    pub account: String,
    /// The region where it was recorded.
    pub region: String,
    /// The trail.
    pub trail: String,
    /// The trail's home region.
    pub home_region: String,
    /// Whether it is the chain of backfill digests.
    pub backfill: bool,
    /// Begin of the first window.
    pub start: Stamp,
    /// End of the last window.
    pub end: Stamp,
    /// Its digests.
    pub digests: Count,
    /// Key of the newest digest.
    pub newest: String,
    /// SHA-256 of the newest digest, inflated, as hex.
    pub newest_sha256: String,
}

impl Report {
    /// Whether nothing is wrong and something was proven.
    pub fn is_valid(&self) -> bool {
        self.verdict == Verdict::Valid
    }

    /// Adds what came of the Merkle tree, which has to be good as well.
    pub fn with_tree(&mut self, tree: TreeReport) {
        if !tree.is_valid() {
            self.verdict = Verdict::Invalid;
        }
        self.tree = Some(tree);
    }

    /// What this report witnesses, for a later audit: these digests were there.
    pub fn anchors(&self) -> Vec<Anchor> {
        self.chains
            .iter()
            .filter(|it| !it.backfill)
            .map(|it| Anchor {
                source: format!("the report of {}", self.made_at),
                chain: ChainId {
                    account: it.account.clone(),
                    region: it.region.clone(),
                    trail: it.trail.clone(),
                    home_region: it.home_region.clone(),
                },
                end: it.end,
                sha256: Some(it.newest_sha256.clone()),
            })
            .collect()
    }
}

pub(crate) fn of(audit: Audit, subject: String) -> Report {
    let (mut digests, mut backfill_digests) = (Count::default(), Count::default());
    let mut chains: BTreeMap<_, ChainReport> = BTreeMap::new();
    let mut findings = audit.findings;
    for digest in audit.digests.into_values() {
        if digest.is_unproven() {
            continue;
        }
        let name = &digest.wanted.name;
        let valid = digest.is_valid();
        if name.backfill { &mut backfill_digests } else { &mut digests }.add(valid);
        if let Some(file) = digest.in_place() {
            let id = name.chain.clone();
            let (start, end) = (file.digest_start_time, file.digest_end_time);
            let chain = chains.entry((id.clone(), name.backfill)).or_insert(ChainReport {
                account: id.account,
                region: id.region,
                trail: id.trail,
                home_region: id.home_region,
                backfill: name.backfill,
                start,
                end,
                digests: Count::default(),
                newest: String::new(),
                newest_sha256: String::new(),
            });
            chain.digests.add(valid);
            chain.start = chain.start.min(start);
            // An anchor for later has to be beyond doubt.
            if valid && (end >= chain.end || chain.newest.is_empty()) {
                chain.end = end;
                chain.newest.clone_from(&digest.wanted.at.key);
                chain.newest_sha256.clone_from(&digest.sha256);
            }
        }
        findings.extend(digest.findings);
    }
    let mut log_files = Count::default();
    let mut log_bytes = 0_u64;
    for file in audit.log_files.into_values() {
        log_files.add(file.is_valid());
        log_bytes += file.bytes;
        findings.extend(file.findings);
    }
    findings.sort();
    findings.dedup();
    let verdict = if !findings.is_empty() {
        Verdict::Invalid
    } else if digests.total + backfill_digests.total == 0 {
        Verdict::NothingFound
    } else {
        Verdict::Valid
    };
    Report {
        verdict,
        subject,
        made_at: audit.scope.now,
        start: audit.scope.start,
        end: audit.scope.end,
        digests,
        backfill_digests,
        log_files,
        log_bytes,
        chains: chains.into_values().collect(),
        findings,
        notes: audit.notes,
        tree: None,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = |stamp: Option<Stamp>, open: &str| {
            stamp.map_or_else(|| open.to_owned(), |it| it.to_string())
        };
        writeln!(f, "Verification of {}", self.subject)?;
        writeln!(f, "made at    {}", self.made_at)?;
        let (start, end) = (open(self.start, "the beginning"), open(self.end, "the end"));
        writeln!(f, "asked for  {start} to {end}")?;
        for chain in &self.chains {
            let ChainReport { account, region, trail, start, end, newest_sha256, .. } = chain;
            let Count { valid, total } = chain.digests;
            let backfill = if chain.backfill { " (backfill)" } else { "" };
            writeln!(f, "\n{trail}{backfill}, account {account}, {region}")?;
            writeln!(f, "  {start} to {end}, {valid}/{total} digests valid")?;
            writeln!(f, "  newest digest SHA-256 {newest_sha256}")?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        write_findings(f, &self.findings)?;
        if let Some(tree) = &self.tree {
            writeln!(f, "\n{tree}")?;
        }
        writeln!(f)?;
        for (count, what) in [
            (self.digests, "digest files"),
            (self.backfill_digests, "backfill digest files"),
            (self.log_files, "log files"),
        ] {
            if count.total > 0 {
                writeln!(f, "{}/{} {what} valid", count.valid, count.total)?;
            }
        }
        match self.verdict {
            Verdict::Valid => f.write_str("VALID"),
            Verdict::Invalid => write!(f, "INVALID: {} findings", self.findings.len()),
            Verdict::NothingFound => f.write_str("NOTHING FOUND: no digest, so nothing is proven"),
        }
    }
}

/// The findings, kind by kind; of many of one kind the first.
pub(crate) fn write_findings(f: &mut fmt::Formatter<'_>, findings: &[Finding]) -> fmt::Result {
    let mut kind = None;
    let mut shown = 0;
    for finding in findings {
        if kind.replace(finding.kind) != Some(finding.kind) {
            let count = findings.iter().filter(|it| it.kind == finding.kind).count();
            writeln!(f, "\n{} ({count} × {})", finding.kind.sentence(), finding.kind.code())?;
            shown = 0;
        }
        shown += 1;
        match shown.cmp(&SHOWN_MAX) {
            std::cmp::Ordering::Less => match &finding.object {
                Some(object) => writeln!(f, "  {object}\n    {}", finding.detail)?,
                None => writeln!(f, "  {}", finding.detail)?,
            },
            std::cmp::Ordering::Equal => writeln!(f, "  … all of them with --json")?,
            std::cmp::Ordering::Greater => {}
        }
    }
    Ok(())
}

/// How many findings of a kind the summary shows.
const SHOWN_MAX: usize = 50;
