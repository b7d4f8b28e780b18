//! Digests against AWS's own samples and tools.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::*;

const SAMPLE_KEY: &str = "MIIBCgKCAQEAn11L2YZ9h7onug2ILi1MWyHiMRsTQjfWE+pHVRLk1QjfWhirG+lpOa8NrwQ/r7Ah5bNL6HepznOU9XTDSfmmnP97mqyc7z/upfZdS/AHhYcGaz7n6Wc/RRBU6VmiPCrAUojuSk6/GjvA8iOPFsYDuBtviXarvuLPlrT9kAd4Lb+rFfR5peEgBEkhlzc5HuWO7S0y+KunqxX6jQBnXGMtxmPBPP0FylgWGNdFtks/4YSKcgqwH0YDcawP9GGGDAeCIqPWIXDLG1jOjRRzWfCmD0iJUkz8vTsn4hq/5ZxRFE7UBAUiVcGbdnDdvVfhF9C3dQiDq3k7adQIziLT0cShgQIDAQAB";

#[test]
fn the_fingerprint_of_awss_sample_key_is_awss() {
    let key = PublicKey::from_der(&BASE64_STANDARD.decode(SAMPLE_KEY).unwrap()).unwrap();
    assert_eq!(key.fingerprint().as_str(), "8eba5db5bea9b640d1c96a77256fe7f2");
    assert_eq!(BASE64_STANDARD.encode(key.as_pkcs1()), SAMPLE_KEY);
}

/// Reads a file of keys; all of them have to be AWS's sample.
#[track_caller]
fn check_key_file(file: &[u8], expected: &[Option<&str>]) {
    let keys = ValidKey::read_all(file).unwrap();
    let from: Vec<_> =
        keys.iter().map(|it| it.validity.map(|(from, _)| from.to_string())).collect();
    let expected: Vec<_> = expected.iter().map(|it| it.map(str::to_owned)).collect();
    assert_eq!(from, expected);
    for key in keys {
        assert_eq!(BASE64_STANDARD.encode(key.key.as_pkcs1()), SAMPLE_KEY);
    }
}

#[test]
fn key_files_are_read_in_every_form() {
    let der = BASE64_STANDARD.decode(SAMPLE_KEY).unwrap();
    check_key_file(&der, &[None]);
    check_key_file(SAMPLE_KEY.as_bytes(), &[None]);
    let pem =
        format!("-----BEGIN RSA PUBLIC KEY-----\n{SAMPLE_KEY}\n-----END RSA PUBLIC KEY-----\n");
    check_key_file(pem.as_bytes(), &[None]);
    check_key_file(pem.repeat(2).as_bytes(), &[None, None]);
    let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).unwrap();
    let spki: PublicKeyX509Der<'_> = parsed.as_der().unwrap();
    check_key_file(spki.as_ref(), &[None]);
    let list = |time: &str| {
        format!(
            r#"{{"PublicKeyList":[{{"Value":"{SAMPLE_KEY}","Fingerprint":"x","ValidityStartTime":{time},"ValidityEndTime":{time}}}]}}"#
        )
    };
    let expected = [Some("2026-03-01T00:00:00Z")];
    check_key_file(list("1772323200.5").as_bytes(), &expected);
    check_key_file(list("\"2026-03-01T01:00:00+01:00\"").as_bytes(), &expected);
}

#[test]
fn files_without_keys_are_refused() {
    for file in ["", "{}", "-----BEGIN RSA PUBLIC KEY-----", "AAAA", "\u{0}"] {
        assert!(ValidKey::read_all(file.as_bytes()).is_err(), "{file}");
    }
}

#[test]
fn a_key_comes_back_from_pkcs8_and_signs_alike() {
    let signer = RsaSigner::generate().unwrap();
    let again = RsaSigner::from_pkcs8(signer.to_pkcs8().unwrap().as_ref()).unwrap();
    let [one, two] =
        [&signer, &again].map(|it| futures::executor::block_on(it.sign(b"x")).unwrap());
    assert_eq!(one, two);
    assert_eq!(signer.public_key().fingerprint(), again.public_key().fingerprint());
    assert!(again.public_key().verifies(b"x", &one));
    assert!(!again.public_key().verifies(b"y", &one));
    assert!(RsaSigner::from_pkcs8(b"no key").is_err());
}

/// What the reader of whole objects says of one.
fn at_once(object: &[u8]) -> Option<Vec<u8>> {
    gunzip_together(&[object], |texts| texts.iter().map(|it| it.to_vec()).collect()).remove(0)
}

/// What only the reader in pieces says of an object.
fn in_pieces(object: &[u8]) -> Option<Vec<u8>> {
    gunzip(object, 1 << 20).ok()
}

#[test]
fn an_object_that_is_inflated_at_once_is_exactly_one_member() {
    let text = b"0123456789".repeat(3_000);
    let member = gzip(&text);
    assert_eq!(at_once(&member).as_ref(), Some(&text));
    assert_eq!(at_once(&gzip_fast(&text)).as_ref(), Some(&text));
    // Bytes after the member, those that look like its end, and a whole second member among them.
    let trailer = member.last_chunk::<8>().unwrap();
    for tail in [&b"x"[..], trailer, &[&[0; 9], &trailer[..]].concat(), &member] {
        let object = [&member, tail].concat();
        assert_eq!((at_once(&object), in_pieces(&object)), (None, None), "{tail:x?}");
    }
    for end in 0..member.len() {
        assert_eq!(at_once(&member[..end]), None, "cut at {end}");
    }
    for at in 0..member.len() {
        let mut changed = member.clone();
        changed[at] ^= 0x55;
        // The time and the system in the header are nobody's concern.
        let same = in_pieces(&changed).filter(|_| at_once(&changed).is_some());
        assert_eq!(at_once(&changed), same, "changed at {at}");
    }
}

#[test]
fn an_object_whose_length_stands_elsewhere_too_is_left_to_the_reader_in_pieces() {
    // Stored, so that the text's own bytes are the object's: among them the length.
    let text = 16_u32.to_le_bytes().repeat(4);
    let member = gzip(&text);
    assert_eq!(at_once(&member), None);
    assert_eq!(in_pieces(&member), Some(text));
}

#[test]
fn objects_that_are_inflated_together_are_given_in_their_order() {
    let texts: Vec<_> = (0..9_usize).map(|n| vec![b'a' + n as u8; 20_000_000 / (n + 1)]).collect();
    let mut objects: Vec<_> = texts.iter().map(|it| gzip(it)).collect();
    objects[4].truncate(30);
    let mut passes = 0;
    let lengths = gunzip_together(&objects, |texts| {
        passes += 1;
        texts.iter().map(|it| (it[0], it.len())).collect()
    });
    let expected = texts.iter().enumerate().map(|(n, it)| (n != 4).then(|| (it[0], it.len())));
    assert_eq!(lengths, expected.collect::<Vec<_>>());
    assert!(passes > 0);
}
