//! Copies in a folder, offline.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use integrity::{
    digest::{Signer as _, gzip},
    tree::{Algorithm, Checkpoint, Hash, SigningKey, TreeHead},
    verify::Verdict,
};

use crate::{
    bucket::{Bucket, SIGNER, event, log_file, stamp},
    cloudtrail, trailmark, write,
};

/// A folder with the bucket's objects, and a PEM file of the key that signed them.
fn folder(bucket: &Bucket, with_metadata: bool) -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    write(bucket, &folder.path().join("copy"), with_metadata);
    let key = folder.path().join("key.pem");
    let base64 = BASE64_STANDARD.encode(SIGNER.public_key().as_pkcs1());
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{base64}\n-----END RSA PUBLIC KEY-----\n");
    std::fs::write(&key, pem).unwrap();
    let copy = folder.path().join("copy").display().to_string();
    (folder, copy, key.display().to_string())
}

#[test]
fn a_good_folder_is_valid_offline() {
    let (_folder, copy, key) = folder(&Bucket::day(), true);
    let words = ["6/6 digest files valid", "8/8 log files valid", "VALID"];
    trailmark(&[&copy, "--public-key", &key]).check(true, &words);
    let inside = format!("{copy}/trails/AWSLogs/123456789012");
    trailmark(&[&inside, "--public-key", &key]).check(true, &words);
}

#[test]
fn a_copy_without_metadata_is_proven_by_its_chain() {
    let (_folder, copy, key) = folder(&Bucket::day(), false);
    let words = ["5/5 digest files valid", "is not proven", "head-object"];
    trailmark(&[&copy, "--public-key", &key]).check(true, &words);
}

#[test]
fn keys_come_from_the_server_that_is_named() {
    let bucket = Bucket::day();
    let (_folder, copy, _key) = folder(&bucket, true);
    trailmark(&[&copy, "--endpoint", &cloudtrail(&bucket)]).check(true, &["VALID"]);
    trailmark(&[&copy]).check(false, &["--public-key FILE"]);
}

#[test]
fn what_was_done_to_a_log_file_is_told_from_another_copy() {
    let good = Bucket::day();
    let (_good, genuine, key) = folder(&good, true);
    let mut bucket = good;
    let changed = bucket.log_files[0].clone();
    bucket.put(&changed, gzip(&log_file(&[event(1, "GetObject"), event(3, "GetObject")])));
    let (_folder, copy, _) = folder(&bucket, true);
    trailmark(&[&copy, "--public-key", &key]).check(false, &["changed-event", "INVALID"]);
    let heard = trailmark(&[&copy, "--public-key", &key, "--copy", &genuine, "--json"]);
    heard.check(false, &["1 findings"]);
    let report = heard.report();
    assert_eq!(report.verdict, Verdict::Invalid);
    assert_eq!(report.findings[0].kind.code(), "removed-event");
    assert_eq!(report.findings[0].object.as_ref().unwrap().key, changed);
}

#[test]
fn an_empty_folder_proves_nothing() {
    let (_folder, copy, key) = folder(&Bucket::new(), true);
    std::fs::create_dir_all(&copy).unwrap();
    trailmark(&[&copy, "--public-key", &key]).check(false, &["NOTHING FOUND"]);
}

#[test]
fn a_checkpoint_of_a_witness_shows_a_cut_tail() {
    let keys =
        [("audit.example/t1", Algorithm::Ed25519), ("witness.example/w", Algorithm::Cosignature)];
    let [log, witness] = keys.map(|(name, algorithm)| {
        SigningKey::from_seed(
            name.parse().unwrap(),
            algorithm,
            &[u8::try_from(name.len()).unwrap(); 32],
        )
    });
    let note = |size: u8, time: &str| {
        let time = stamp(time).timestamp();
        let head = TreeHead { size: size.into(), root: Hash::of(&[size]) };
        let note = Checkpoint::sign(head, &log, time);
        let cosignature = witness.sign(note.text(), time);
        note.with(cosignature).to_string()
    };
    let mut bucket = Bucket::day();
    let window = bucket.chain.next();
    let fingerprint = SIGNER.public_key().fingerprint().clone();
    let carried = Some(note(8, "2026-03-01T06:01:31Z"));
    let digest = bucket.chain.draft(window, Vec::new(), fingerprint, carried);
    bucket.seal(&digest, &SIGNER);
    let (place, copy, key) = folder(&bucket, true);
    let file = |name: &str, text: String| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let policy = format!("log {}\nwitness w {}\nquorum w\n", log.verifier(), witness.verifier());
    let policy = file("policy", policy);
    let soon = file("soon", note(9, "2026-03-01T07:00:00Z"));
    let late = file("late", note(9, "2026-03-01T09:00:00Z"));
    let verify = |checkpoint: &str| {
        trailmark(&[&copy, "--public-key", &key, "--policy", &policy, "--checkpoint", checkpoint])
    };
    verify(&soon).check(true, &["7/7 digest files valid"]);
    verify(&late).check(false, &["cut-tail", "9 leaves"]);
}
