//! One log file: does it inflate to what its digest says? In constant memory as bytes arrive, or some
//! whole ones together.

use aws_lc_rs::digest::{Context, SHA256};

use crate::{
    digest::{Gunzip, SHA_256, gunzip_together, sha256_together},
    verify::{Address, Finding, Kind},
};

/// A log file that a valid digest names.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LogFileJob {
    /// Where it should lie.
    pub at: Address,
    /// What it should hash to, as lowercase hex.
    pub sha256: String,
    /// How; anything but `SHA-256` is refused.
    pub algorithm: String,
    /// Which digest says so.
    pub digest: Address,
}

/// What was found out about one log file.
#[derive(Clone, Debug)]
pub struct CheckedLogFile {
    pub(crate) job: LogFileJob,
    pub(crate) findings: Vec<Finding>,
    /// Inflated bytes read.
    pub(crate) bytes: u64,
    /// What it hashes to; none when it cannot be inflated.
    pub(crate) sha256: Option<String>,
    pub(crate) missing: bool,
}

impl CheckedLogFile {
    /// A log file that is not there.
    pub fn missing(job: LogFileJob) -> Self {
        Self { job, findings: Vec::new(), bytes: 0, sha256: None, missing: true }
    }

    /// A log file that could not be fetched, and why.
    pub fn unreadable(job: LogFileJob, reason: &str) -> Self {
        let findings = vec![Finding::at(Kind::Unreadable, &job.at, reason)];
        Self { findings, missing: false, ..Self::missing(job) }
    }

    /// Whether the content is not what was signed, so that [`crate::verify::differences`] to a
    /// genuine copy, if there is one, can say what was done to it.
    pub fn is_changed(&self) -> bool {
        self.findings.iter().any(|it| it.kind == Kind::ChangedEvent)
    }

    /// What the digest says about it.
    pub fn job(&self) -> &LogFileJob {
        &self.job
    }

    /// Puts in place of "changed" what was done to it.
    pub fn explain(&mut self, kinds: impl IntoIterator<Item = (Kind, String)>) {
        let named: Vec<_> = kinds
            .into_iter()
            .map(|(kind, detail)| Finding::at(kind, &self.job.at, detail))
            .collect();
        if !named.is_empty() {
            self.findings.retain(|it| it.kind != Kind::ChangedEvent);
            self.findings.extend(named);
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        !self.missing && self.findings.is_empty()
    }
}

/// Checks one log file as its bytes arrive.
#[derive(Debug)]
pub struct LogFileCheck {
    job: LogFileJob,
    gunzip: Gunzip,
    context: HashContext,
    bytes: u64,
    failed: Option<Finding>,
}

impl LogFileCheck {
    /// Begins.
    pub fn new(job: LogFileJob) -> Self {
        let context = HashContext(Context::new(&SHA256));
        Self { job, gunzip: Gunzip::new(SIZE_MAX), context, bytes: 0, failed: None }
    }

    /// Takes the next bytes of the object. False when more of them change nothing.
    pub fn push(&mut self, compressed: &[u8]) -> bool {
        if self.failed.is_none() {
            let (context, bytes) = (&mut self.context.0, &mut self.bytes);
            let pushed = self.gunzip.push(compressed, |inflated| {
                context.update(inflated);
                *bytes += u64::try_from(inflated.len()).unwrap_or(u64::MAX);
            });
            self.failed =
                pushed.err().map(|it| Finding::at(Kind::from(it), &self.job.at, it.to_string()));
        }
        self.failed.is_none()
    }

    /// Ends, and judges.
    pub fn finish(self) -> CheckedLogFile {
        let Self { job, gunzip, context, bytes, failed } = self;
        let failed = failed.or_else(|| {
            gunzip.finish().err().map(|it| Finding::at(Kind::from(it), &job.at, it.to_string()))
        });
        if let Some(failed) = failed {
            return CheckedLogFile {
                job,
                findings: vec![failed],
                bytes,
                sha256: None,
                missing: false,
            };
        }
        judge(job, bytes, context.0.finish().as_ref())
    }
}

/// Checks whole objects, together, which takes less time than one after the other.
pub fn check_log_files(files: Vec<(LogFileJob, impl AsRef<[u8]>)>) -> Vec<CheckedLogFile> {
    let (jobs, objects): (Vec<_>, Vec<_>) = files.into_iter().unzip();
    let hashes = gunzip_together(&objects, |texts| {
        let lengths = texts.iter().map(|it| u64::try_from(it.len()).unwrap_or(u64::MAX));
        sha256_together(texts).into_iter().zip(lengths).collect()
    });
    let one = |((job, object), hash): ((LogFileJob, _), Option<([u8; 32], u64)>)| {
        if let Some((hash, bytes)) = hash
            && hex::encode(hash) == job.sha256
        {
            return judge(job, bytes, &hash);
        }
        // What is not as it should be has the second opinion of another library.
        let mut check = LogFileCheck::new(job);
        check.push(AsRef::<[u8]>::as_ref(&object));
        check.finish()
    };
    jobs.into_iter().zip(objects).zip(hashes).map(one).collect()
}

fn judge(job: LogFileJob, bytes: u64, hash: &[u8]) -> CheckedLogFile {
    let sha256 = hex::encode(hash);
    let mut findings = Vec::new();
    if job.algorithm != SHA_256 {
        let detail = format!("its digest names the unknown hash algorithm `{}`", job.algorithm);
        findings.push(Finding::at(Kind::MalformedDigest, &job.at, detail));
    } else if sha256 != job.sha256 {
        let detail = format!("it hashes to {sha256}; signed was {}", job.sha256);
        findings.push(Finding::at(Kind::ChangedEvent, &job.at, detail));
    }
    CheckedLogFile { job, findings, bytes, sha256: Some(sha256), missing: false }
}

/// The library's context prints nothing of use.
struct HashContext(Context);

impl std::fmt::Debug for HashContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

/// Bounds what a hostile object may inflate to. CloudTrail's files hold at most 50 MB.
const SIZE_MAX: u64 = 4 << 30;
