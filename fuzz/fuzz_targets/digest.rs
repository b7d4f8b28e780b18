//! Digests: what we accept, we write back as something that says the same; nothing makes us panic,
//! not even as an object, as a key, or as part of an audit.
#![no_main]

use integrity::{
    digest::{DigestFile, DigestName, LogFileName, Stamp, ValidKey, gunzip, gzip},
    verify::{
        Address, Audit, CheckedLogFile, DigestObject, KeyRing, Listed, Place, Scope, check_digest,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = gunzip(bytes, 1 << 20);
    let _ = ValidKey::read_all(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Some((root, name)) = DigestName::parse(text) {
            assert_eq!(name.key(&root), text);
        }
        let _ = LogFileName::parse(text);
        if let Ok(stamp) = text.parse::<Stamp>() {
            assert_eq!(stamp.to_string(), text);
        }
    }
    let Ok(digest) = DigestFile::parse(bytes) else { return };
    assert_eq!(DigestFile::parse(&digest.to_bytes()).unwrap(), digest);
    for place in [Place::Folder, Place::Bucket(digest.digest_s3_bucket.clone())] {
        audit(place, bytes, &digest);
    }
});

/// An audit of a bucket that holds nothing but this digest.
fn audit(place: Place, bytes: &[u8], digest: &DigestFile) {
    let bucket = match &place {
        Place::Bucket(name) => name.clone(),
        Place::Folder => String::new(),
    };
    let scope = Scope {
        place: place.clone(),
        start: None,
        end: None,
        now: digest.digest_end_time,
        within: None,
        restarts_allowed: false,
    };
    let mut audit = Audit::new(scope, Vec::new());
    let at = Address { bucket, key: digest.digest_s3_object.clone() };
    audit.list(Listed { at, size: 1 });
    let object = DigestObject { body: gzip(bytes), ..DigestObject::default() };
    for _round in 0..3 {
        for wanted in audit.wanted_digests() {
            audit.digest(check_digest(&place, &KeyRing::default(), wanted, &object));
        }
    }
    for job in audit.log_files() {
        audit.log_file(CheckedLogFile::missing(job));
    }
    let report = audit.report(String::new());
    assert!(!report.is_valid());
    let _ = report.to_string();
}
