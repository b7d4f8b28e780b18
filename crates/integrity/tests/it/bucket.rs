//! A bucket in memory that a trail delivered to, with digests, and what the audit says of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use futures::executor::block_on;
use integrity::{
    digest::{
        Chain, ChainId, DigestFile, DigestName, LogFile, Root, RsaSigner, SHA_256, Signer as _,
        Stamp, ValidKey, Window, gunzip, gzip, sha256_hex,
    },
    verify::{
        Address, Anchor, Audit, CheckedDigest, CheckedLogFile, DigestObject, KeyRing, Listed,
        LogFileCheck, Place, Report, Scope, check_digest, check_log_files, differences,
    },
};

pub(crate) const NAME: &str = "audit-logs";
pub(crate) const ACCOUNT: &str = "123456789012";

/// Keys take long to make; all tests share two.
pub(crate) static SIGNER: LazyLock<RsaSigner> = LazyLock::new(|| RsaSigner::generate().unwrap());
pub(crate) static OTHER_SIGNER: LazyLock<RsaSigner> =
    LazyLock::new(|| RsaSigner::generate().unwrap());

#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) metadata: HashMap<String, String>,
}

/// Objects of one bucket, and the chain that their digests form.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Object>,
    pub(crate) chain: Chain,
    pub(crate) place: Place,
    /// Keys of the digests, oldest first.
    pub(crate) digests: Vec<String>,
    /// Keys of the log files, oldest first.
    pub(crate) log_files: Vec<String>,
    serial: u64,
}

pub(crate) fn stamp(text: &str) -> Stamp {
    text.parse().unwrap()
}

pub(crate) fn chain_id() -> ChainId {
    ChainId {
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        trail: "all_of-it".to_owned(),
        home_region: "us-east-1".to_owned(),
    }
}

impl Bucket {
    /// A bucket with an empty chain that starts at `2026-03-01T00:01:31Z`.
    pub(crate) fn new() -> Self {
        let root = Root { prefix: Some("trails".to_owned()), organization: None };
        let started = stamp("2026-03-01T00:01:31Z");
        Self {
            objects: BTreeMap::new(),
            chain: Chain::start(chain_id(), NAME.to_owned(), root, started),
            place: Place::Bucket(NAME.to_owned()),
            digests: Vec::new(),
            log_files: Vec::new(),
            serial: 0,
        }
    }

    /// A day in small: a starting digest, then five hours with two log files of three events each,
    /// of which one hour is empty.
    pub(crate) fn day() -> Self {
        let mut bucket = Self::new();
        for hour in 0..6 {
            let files = if hour == 0 || hour == 3 { 0 } else { 2 };
            bucket.hour(files, &SIGNER);
        }
        bucket
    }

    /// Delivers the log files of the chain's next window, and its digest.
    pub(crate) fn hour(&mut self, files: usize, signer: &RsaSigner) {
        let window = self.chain.next();
        let files = (0..files).map(|_| self.log_file(window)).collect();
        self.digest(window, files, signer);
    }

    /// Delivers a log file of three events, and gives what a digest says of it.
    pub(crate) fn log_file(&mut self, window: Window) -> LogFile {
        let events: Vec<String> = (0..3)
            .map(|_| {
                self.serial += 1;
                event(self.serial, "GetObject")
            })
            .collect();
        let bytes = log_file(&events);
        let delivered = window.start.plus_seconds(300 + i64::try_from(self.serial).unwrap());
        let key = log_file_key(&self.chain.root, delivered, self.serial);
        self.put(&key, gzip(&bytes));
        self.log_files.push(key.clone());
        LogFile {
            s3_bucket: NAME.to_owned(),
            s3_object: key,
            hash_value: sha256_hex(&bytes),
            hash_algorithm: SHA_256.to_owned(),
            newest_event_time: Some(delivered),
            oldest_event_time: Some(window.start),
        }
    }

    pub(crate) fn digest(&mut self, window: Window, files: Vec<LogFile>, signer: &RsaSigner) {
        let fingerprint = signer.public_key().fingerprint().clone();
        let digest = self.chain.draft(window, files, fingerprint, None);
        self.seal(&digest, signer);
    }

    pub(crate) fn seal(&mut self, digest: &DigestFile, signer: &RsaSigner) {
        let generated = self.chain.backfill.then_some(digest.digest_end_time);
        let sealed = block_on(digest.seal(signer, generated)).unwrap();
        let metadata =
            sealed.metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.objects.insert(sealed.key.clone(), Object { body: sealed.body, metadata });
        self.digests.push(sealed.key);
        self.chain.previous = Some(sealed.link);
    }

    pub(crate) fn put(&mut self, key: &str, body: Vec<u8>) {
        self.objects.insert(key.to_owned(), Object { body, metadata: HashMap::new() });
    }

    pub(crate) fn inflated(&self, key: &str) -> Vec<u8> {
        gunzip(&self.objects[key].body, 1 << 20).unwrap()
    }

    /// As a copy in a folder: other names, no metadata.
    pub(crate) fn copied_to_a_folder(&self) -> Self {
        let mut folder = self.clone();
        folder.place = Place::Folder;
        let short = |key: &String| key.strip_prefix("trails/").unwrap().to_owned();
        folder.objects = self
            .objects
            .iter()
            .map(|(key, object)| {
                (short(key), Object { body: object.body.clone(), metadata: HashMap::new() })
            })
            .collect();
        folder.digests = self.digests.iter().map(short).collect();
        folder.log_files = self.log_files.iter().map(short).collect();
        folder
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope {
            place: self.place.clone(),
            start: None,
            end: None,
            now: stamp("2026-03-01T05:30:00Z"),
            within: None,
            restarts_allowed: false,
        }
    }

    pub(crate) fn audit(&self) -> Report {
        self.audit_with(self.scope(), Vec::new(), None)
    }

    /// Audits as a shell does: lists, fetches what is wanted, checks, reports.
    pub(crate) fn audit_with(
        &self,
        scope: Scope,
        anchors: Vec<Anchor>,
        genuine: Option<&Self>,
    ) -> Report {
        let mut keys = KeyRing::default();
        let from = stamp("2026-02-20T00:00:00Z");
        let validity = Some((from, from.plus_seconds(30 * 86_400)));
        keys.trust(ValidKey { key: SIGNER.public_key().clone(), validity });
        let mut audit = Audit::new(scope, anchors);
        for (key, object) in &self.objects {
            let size = u64::try_from(object.body.len()).unwrap();
            audit.list(Listed { at: self.address(key), size });
        }
        loop {
            let wanted = audit.wanted_digests();
            if wanted.is_empty() {
                break;
            }
            for wanted in wanted {
                audit.digest(match self.fetch(&wanted.at) {
                    None => CheckedDigest::missing(wanted),
                    Some(Object { body, metadata }) => {
                        check_digest(&self.place, &keys, wanted, &DigestObject { body, metadata })
                    }
                });
            }
        }
        let check = |job: integrity::verify::LogFileJob| match self.fetch(&job.at) {
            None => CheckedLogFile::missing(job),
            Some(object) => {
                let mut check = LogFileCheck::new(job);
                // In pieces, as a network gives them.
                let _all = object.body.chunks(7).all(|piece| check.push(piece));
                check.finish()
            }
        };
        let jobs = audit.log_files();
        let whole = jobs.iter().filter_map(|it| Some((it.clone(), self.fetch(&it.at)?.body)));
        let together = check_log_files(whole.collect());
        let apart = jobs.iter().filter(|it| self.fetch(&it.at).is_some()).cloned().map(check);
        assert_eq!(format!("{together:?}"), format!("{:?}", apart.collect::<Vec<_>>()));
        for job in jobs {
            let mut checked = check(job);
            if checked.is_changed()
                && let Some(genuine) = genuine
            {
                let key = checked.job().at.key.clone();
                checked.explain(differences(&genuine.inflated(&key), &self.inflated(&key)));
            }
            audit.log_file(checked);
        }
        for stray in audit.strays() {
            audit.stray(check(stray));
        }
        audit.report("the bucket of a test".to_owned())
    }

    fn address(&self, key: &str) -> Address {
        let bucket = match &self.place {
            Place::Bucket(name) => name.clone(),
            Place::Folder => String::new(),
        };
        Address { bucket, key: key.to_owned() }
    }

    fn fetch(&self, at: &Address) -> Option<Object> {
        (*at == self.address(&at.key)).then(|| self.objects.get(&at.key).cloned()).flatten()
    }
}

pub(crate) fn event(serial: u64, name: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","eventTime":"2026-03-01T00:30:00Z","eventSource":"s3.amazonaws.com","eventName":"{name}","awsRegion":"us-east-1","eventID":"5d1f5c7e-0000-4000-8000-{serial:012}"}}"#
    )
}

pub(crate) fn log_file(events: &[String]) -> Vec<u8> {
    format!(r#"{{"Records":[{}]}}"#, events.join(",")).into_bytes()
}

pub(crate) fn log_file_key(root: &Root, delivered: Stamp, serial: u64) -> String {
    let (day, compact) = (delivered.day(), delivered.compact());
    let minute = &compact[..13];
    format!(
        "{}{ACCOUNT}/CloudTrail/us-east-1/{day}/{ACCOUNT}_CloudTrail_us-east-1_{minute}Z_{serial:016}.json.gz",
        root.folder()
    )
}

pub(crate) fn digest_name(key: &str) -> DigestName {
    DigestName::parse(key).unwrap().1
}
