//! The audit: what it has seen, what it wants to see next, and its judgement at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    digest::{ChainId, DigestName, LogFileName, Root, Stamp},
    verify::{
        Address, CheckedDigest, CheckedLogFile, Finding, Kind, LogFileJob, Report, WantedDigest,
        Within, chain, coverage, report,
    },
};

/// Where the objects lie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// In this bucket; names in digests are taken literally, and other buckets may be named.
    Bucket(String),
    /// In a folder that was copied from a bucket. Its name is unknown, user metadata may be lost.
    Folder,
}

/// What is to be judged, and how strictly.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Where the objects lie.
    pub place: Place,
    /// Digests that end before are left out; none for all.
    pub start: Option<Stamp>,
    /// Digests that end more than an hour later are left out; none for all. When given, every chain
    /// has to reach it, or its tail counts as cut off.
    pub end: Option<Stamp>,
    /// The current time, which tells log files that no digest can name yet.
    pub now: Stamp,
    /// The part that was asked for; none for all.
    pub within: Option<Within>,
    /// Whether chains may start again without that being a finding.
    pub restarts_allowed: bool,
}

impl Scope {
    /// Whether a digest is among what was asked for, apart from its time.
    fn holds_digest(&self, name: &DigestName) -> bool {
        let holds = |it: &Within| it.concerns(&name.chain) && it.holds_digest(name.end);
        self.within.as_ref().is_none_or(holds)
    }

    /// Whether days are asked for, so that nobody can say how far a chain has to reach.
    pub(crate) fn is_of_days(&self) -> bool {
        self.within.as_ref().is_some_and(|it| it.days().is_some())
    }

    /// Whether what `anchor` says is of a time or a chain that was not asked for.
    pub(crate) fn leaves_out(&self, anchor: &Anchor) -> bool {
        self.start.is_some_and(|start| anchor.end < start)
            || self.end.is_some_and(|end| anchor.end > end.plus_seconds(HOUR))
            || self.within.as_ref().is_some_and(|it| !it.concerns(&anchor.chain))
    }
}

/// An object of a listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Where it lies.
    pub at: Address,
    /// Its size; empty objects are markers.
    pub size: u64,
}

/// What a witness, an earlier report or the server says of a chain: this digest was there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anchor {
    /// Who says so, for people.
    pub source: String,
    /// Account, region and trail.
    pub chain: ChainId,
    /// The digest's end, up to which the chain has to reach.
    pub end: Stamp,
    /// The digest's hash; none when only the time is known.
    pub sha256: Option<String>,
}

/// One audit of one bucket or folder.
#[derive(Debug)]
pub struct Audit {
    pub(crate) scope: Scope,
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) digests: BTreeMap<Address, CheckedDigest>,
    pub(crate) log_files: HashMap<Address, CheckedLogFile>,
    /// Every listed log file in scope.
    pub(crate) listed: BTreeMap<Address, (Root, LogFileName)>,
    /// Every log file that a digest names, and whether a valid one does.
    pub(crate) named: HashMap<Address, bool>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) notes: Vec<String>,
    /// Digests to look at, of the listing or named as previous, that were not yet handed out.
    wanted: BTreeSet<WantedDigest>,
    asked: BTreeSet<Address>,
    /// Hashes of log files that no digest names, to find those that were moved.
    pub(crate) strays: HashMap<String, Address>,
    joined: bool,
}

impl Audit {
    /// Begins.
    pub fn new(scope: Scope, anchors: Vec<Anchor>) -> Self {
        Self {
            scope,
            anchors,
            digests: BTreeMap::new(),
            log_files: HashMap::new(),
            listed: BTreeMap::new(),
            named: HashMap::new(),
            findings: Vec::new(),
            notes: Vec::new(),
            wanted: BTreeSet::new(),
            asked: BTreeSet::new(),
            strays: HashMap::new(),
            joined: false,
        }
    }

    /// Takes one object of the listing, in any order. Foreign objects and markers count for nothing.
    pub fn list(&mut self, object: Listed) {
        if object.size == 0 {
            return;
        }
        if let Some((root, name)) = DigestName::parse(&object.at.key) {
            let early = self.scope.start.is_some_and(|start| name.end < start);
            let late = self.scope.end.is_some_and(|end| name.end > end.plus_seconds(HOUR));
            let within = self.scope.holds_digest(&name);
            if !early && !late && within && self.asked.insert(object.at.clone()) {
                self.wanted.insert(WantedDigest { at: object.at, name, root });
            }
        } else if let Some((root, name)) = LogFileName::parse(&object.at.key) {
            self.listed.insert(object.at, (root, name));
        }
    }

    /// The digests to fetch and check next. Ask again after handing them in: they name others. Empty
    /// when all were seen.
    pub fn wanted_digests(&mut self) -> Vec<WantedDigest> {
        std::mem::take(&mut self.wanted).into_iter().collect()
    }

    /// Takes what was found out about a digest.
    pub fn digest(&mut self, checked: CheckedDigest) {
        if let Some(previous) = self.previous_of(&checked)
            && self.asked.insert(previous.at.clone())
        {
            self.wanted.insert(previous);
        }
        self.digests.insert(checked.wanted.at.clone(), checked);
    }

    /// Joins the digests into chains, and gives the log files to check. Once, after the last digest.
    pub fn log_files(&mut self) -> Vec<LogFileJob> {
        chain::join(self);
        self.joined = true;
        let mut jobs: BTreeMap<Address, LogFileJob> = BTreeMap::new();
        let mut beyond = BTreeSet::new();
        for digest in self.digests.values() {
            for file in digest.file.iter().flat_map(|it| &it.log_files) {
                let at = digest.locate(&self.scope.place, &file.s3_bucket, &file.s3_object);
                let valid = self.named.entry(at.clone()).or_default();
                *valid |= digest.is_valid();
                if !digest.is_valid() {
                    continue;
                }
                let within = self.scope.within.as_ref();
                if within.is_some_and(|it| !it.holds_log_file(&file.s3_object)) {
                    beyond.insert(at);
                    continue;
                }
                let job = LogFileJob {
                    at: at.clone(),
                    sha256: file.hash_value.clone(),
                    algorithm: file.hash_algorithm.clone(),
                    digest: digest.wanted.at.clone(),
                };
                match jobs.get(&at) {
                    Some(other) if other.sha256 != job.sha256 => {
                        let detail = format!("by {} and {}", other.digest, job.digest);
                        self.findings.push(Finding::at(Kind::ContradictingDigests, &at, detail));
                    }
                    Some(_) => {}
                    None => {
                        jobs.insert(at, job);
                    }
                }
            }
        }
        if !beyond.is_empty() {
            self.notes.push(format!(
                "{} log files that digests name lie outside of what was asked for: they were not \
                 looked at",
                beyond.len()
            ));
        }
        jobs.into_values().collect()
    }

    /// Takes what was found out about a log file.
    pub fn log_file(&mut self, checked: CheckedLogFile) {
        self.log_files.insert(checked.job.at.clone(), checked);
    }

    /// When log files are missing: those that no digest names, one of which may be it. Hash them as
    /// log files too and hand the outcome to [`Audit::stray`]. At most 10,000.
    pub fn strays(&self) -> Vec<LogFileJob> {
        if !self.log_files.values().any(|it| it.missing) {
            return Vec::new();
        }
        let extra = self.listed.keys().filter(|at| !self.named.contains_key(*at));
        extra
            .take(STRAYS_MAX)
            .map(|at| LogFileJob {
                at: at.clone(),
                sha256: String::new(),
                algorithm: String::new(),
                digest: at.clone(),
            })
            .collect()
    }

    /// Takes the hash of a log file that no digest names.
    pub fn stray(&mut self, checked: CheckedLogFile) {
        if let Some(sha256) = checked.sha256 {
            self.strays.insert(sha256, checked.job.at);
        }
    }

    /// Adds what was found elsewhere, such as by [`crate::verify::judge`].
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// Adds a remark for the report that is no finding.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The checkpoints that valid digests carry, each with the digest's key and name, in the order of
    /// names: chain by chain, oldest first.
    pub fn checkpoints(&self) -> Vec<(&str, &DigestName, &str)> {
        let mut carried: Vec<_> = self
            .digests
            .values()
            .filter(|it| it.is_valid())
            .filter_map(|it| {
                let file = it.file.as_ref()?;
                let note = file.tlog_checkpoint.as_deref()?;
                Some((it.wanted.at.key.as_str(), &it.wanted.name, note))
            })
            .collect();
        carried.sort_by_key(|(_, name, _)| (&name.chain, name.backfill, name.end));
        carried
    }

    /// Judges everything that was handed in.
    pub fn report(mut self, subject: String) -> Report {
        if !self.joined {
            self.log_files();
        }
        coverage::judge(&mut self);
        report::of(self, subject)
    }

    /// The digest that `checked` names as previous, if it lies in scope.
    fn previous_of(&self, checked: &CheckedDigest) -> Option<WantedDigest> {
        let file = checked.file.as_ref()?;
        if self.scope.start.is_some_and(|start| file.digest_start_time < start) {
            return None;
        }
        let (bucket, key) = (
            file.previous_digest_s3_bucket.as_deref()?,
            file.previous_digest_s3_object.as_deref()?,
        );
        let (root, name) = DigestName::parse(key)?;
        if !self.scope.holds_digest(&name) {
            return None;
        }
        // A chain leads into the past and stays its own; whatever else is no predecessor.
        let earlier = name.end < checked.wanted.name.end && name.chain == checked.wanted.name.chain;
        let at = checked.locate(&self.scope.place, bucket, key);
        earlier.then_some(WantedDigest { at, name, root })
    }
}

/// How many log files that no digest names are hashed to find moved ones.
const STRAYS_MAX: usize = 10_000;
const HOUR: i64 = 3_600;
