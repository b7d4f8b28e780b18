//! Tampering with the tree, and with what is said about it, named.

use integrity::{
    digest::{ChainId, DigestName},
    tree::{
        Algorithm, Builder, Checkpoint, Entry, Kind as EntryKind, Level, Policy, RecordProof, Salt,
        SaltKey, SigningKey, Tiles, TreeHead, VerifierKey, proof,
    },
    verify::{
        Carried, Finding, Kind, Statement, judge_checkpoints, judge_entries, judge_tiles, statement,
    },
};

use crate::bucket::stamp;

const LEAVES: u64 = 70;

fn key(name: &str, algorithm: Algorithm) -> SigningKey {
    let seed = [u8::try_from(name.len()).unwrap(); 32];
    SigningKey::from_seed(name.parse().unwrap(), algorithm, &seed)
}

pub(crate) fn log() -> SigningKey {
    key("audit.example/t1", Algorithm::Ed25519)
}

fn witness() -> SigningKey {
    key("witness.example/one", Algorithm::Cosignature)
}

fn policy() -> Policy {
    let (log, witness) = (log(), witness());
    let text = format!("log {}\nwitness w {}\nquorum w\n", log.verifier(), witness.verifier());
    text.parse().unwrap()
}

fn salt(index: u64) -> Salt {
    SaltKey::from_secret([7; 32]).salt(index)
}

fn record(index: u64) -> Vec<u8> {
    format!("{{\"eventID\":\"{index}\"}}").into_bytes()
}

pub(crate) fn entry(index: u64) -> Entry {
    let time = stamp("2026-03-01T00:00:00Z").timestamp();
    Entry::new(EntryKind::Event, time, index + 1, &record(index), &salt(index))
}

/// The tree of so many leaves: its head, its hash tiles, its bundle of entries.
fn tree(leaves: u64) -> (TreeHead, Tiles, Vec<u8>) {
    let mut builder = Builder::new();
    for index in 0..leaves {
        builder.append(&entry(index));
    }
    let (mut tiles, mut bundle) = (Tiles::new(leaves), Vec::new());
    for piece in builder.take() {
        match piece.tile.level {
            Level::Entries => bundle = piece.bytes,
            Level::Hashes(_) => tiles.insert(piece.tile, &piece.bytes).unwrap(),
        }
    }
    (builder.head(), tiles, bundle)
}

fn proof_of(index: u64) -> RecordProof {
    let (head, tiles, _) = tree(LEAVES);
    let now = stamp("2026-03-01T01:00:00Z").timestamp();
    let note = Checkpoint::sign(head, &log(), now);
    let cosignature = witness().sign(note.text(), now);
    RecordProof {
        entry: entry(index),
        salt: salt(index),
        index,
        hashes: proof::prove_inclusion(&tiles, index).unwrap(),
        checkpoint: note.with(cosignature),
    }
}

#[track_caller]
fn check_proof(change: impl FnOnce(&mut RecordProof), expected: Option<Kind>) {
    let mut proof = proof_of(5);
    change(&mut proof);
    let said = proof.check(&record(5), &policy()).err().map(|error| Kind::from(&error));
    assert_eq!(said, expected);
}

#[test]
fn a_good_proof_is_good() {
    check_proof(|_| {}, None);
}

#[test]
fn a_proof_of_another_leaf_is_named() {
    check_proof(|it| it.hashes = proof_of(6).hashes, Some(Kind::ProofOfAnotherLeaf));
    check_proof(|it| it.index = 7, Some(Kind::ProofOfAnotherLeaf));
    check_proof(|it| it.index = LEAVES, Some(Kind::ProofOfAnotherLeaf));
}

#[test]
fn a_wrong_salt_is_named() {
    check_proof(|it| it.salt = salt(6), Some(Kind::WrongSalt));
}

#[test]
fn a_proof_without_cosignature_is_named() {
    let bare = |it: &mut RecordProof| it.checkpoint = it.checkpoint.clone().without_last().unwrap();
    check_proof(bare, Some(Kind::MissingCosignature));
}

#[test]
fn a_changed_tile_is_named() {
    let (head, tiles, _) = tree(LEAVES);
    assert_eq!(judge_tiles(&head, &tiles), None);
    let mut builder = Builder::new();
    for index in 0..LEAVES {
        builder.append(&entry(if index == 40 { 41 } else { index }));
    }
    let mut changed = Tiles::new(LEAVES);
    for piece in builder.take() {
        changed.insert(piece.tile, &piece.bytes).unwrap();
    }
    assert_eq!(judge_tiles(&head, &changed).unwrap().kind, Kind::ChangedTile);
    assert_eq!(judge_tiles(&head, &Tiles::new(LEAVES)).unwrap().kind, Kind::ChangedTile);
}

#[test]
fn a_changed_entry_bundle_is_named_with_its_entry() {
    let (_, tiles, mut bundle) = tree(LEAVES);
    assert_eq!(judge_entries(&bundle, 0, &tiles), []);
    let length = bundle.len() / usize::try_from(LEAVES).unwrap();
    bundle[3 * length + length - 1] ^= 1;
    let findings = judge_entries(&bundle, 0, &tiles);
    assert_eq!(kinds(&findings), [Kind::ChangedEntryBundle]);
    assert!(findings[0].detail.contains("entry 3 "));
    bundle.pop();
    assert_eq!(kinds(&judge_entries(&bundle, 0, &tiles)), [Kind::ChangedEntryBundle]);
}

fn kinds(findings: &[Finding]) -> Vec<Kind> {
    findings.iter().map(|it| it.kind).collect()
}

/// A checkpoint of so many leaves, signed by the log and cosigned at that time.
fn seen(leaves: u64, cosigned: &str) -> Statement {
    let (head, _, _) = tree(leaves);
    let time = stamp(cosigned).timestamp();
    let note = Checkpoint::sign(head, &log(), time);
    let cosignature = witness().sign(note.text(), time);
    let note = note.with(cosignature).to_string();
    statement(&format!("size {leaves}"), note.as_bytes(), &policy()).unwrap()
}

/// What the digest of a region that ends at that hour carries.
fn carried(region: &str, hour: u32, leaves: u64) -> Carried {
    let end = format!("2026-03-01T0{hour}:00:00Z");
    let chain = ChainId {
        account: "123456789012".into(),
        region: region.into(),
        trail: "audit".into(),
        home_region: "us-east-1".into(),
    };
    let digest = DigestName { chain, end: stamp(&end), backfill: false };
    Carried { digest, statement: seen(leaves, &end) }
}

/// Digests that end at one and at two o'clock carry trees of 10 and 20 leaves.
#[track_caller]
fn check_witness(witness: Option<&Statement>, expected: &[Kind]) {
    let carried = [carried("us-east-1", 1, 10), carried("us-east-1", 2, 20)];
    assert_eq!(kinds(&judge_checkpoints(&carried, witness, &policy())), expected);
}

#[test]
fn a_tree_that_shrinks_within_a_chain_is_an_old_checkpoint() {
    let digests = [carried("us-east-1", 1, 20), carried("us-east-1", 2, 10)];
    assert_eq!(kinds(&judge_checkpoints(&digests, None, &policy())), [Kind::OldCheckpoint]);
}

#[test]
fn a_chain_that_waited_for_its_bucket_knows_more_than_another() {
    let digests = [carried("eu-west-1", 1, 20), carried("us-east-1", 2, 10)];
    assert_eq!(judge_checkpoints(&digests, None, &policy()), []);
}

#[test]
fn a_witness_that_saw_no_more_than_the_digests_tell_is_content() {
    check_witness(None, &[]);
    check_witness(Some(&seen(15, "2026-03-01T01:30:00Z")), &[]);
    check_witness(Some(&seen(30, "2026-03-01T03:30:00Z")), &[]);
}

#[test]
fn a_tree_that_grew_for_hours_after_the_newest_digest_shows_a_cut_tail() {
    check_witness(Some(&seen(30, "2026-03-01T04:00:01Z")), &[Kind::CutTail]);
}

#[test]
fn a_tree_that_was_larger_before_is_an_old_checkpoint() {
    check_witness(Some(&seen(30, "2026-03-01T01:30:00Z")), &[Kind::OldCheckpoint]);
}

#[test]
fn two_signed_roots_of_one_size_convict_the_log() {
    let mut builder = Builder::new();
    for index in 0..20 {
        builder.append(&entry(index + 1));
    }
    let time = stamp("2026-03-01T02:00:00Z").timestamp();
    let note = Checkpoint::sign(builder.head(), &log(), time);
    let cosignature = witness().sign(note.text(), time);
    let note = note.with(cosignature).to_string();
    let other = statement("the witness", note.as_bytes(), &policy()).unwrap();
    check_witness(Some(&other), &[Kind::Equivocation]);
}

#[test]
fn a_checkpoint_of_another_key_is_unsigned_and_of_another_origin() {
    let stranger = key("stranger.example", Algorithm::Ed25519);
    let (head, _, _) = tree(15);
    let note = Checkpoint::sign(head, &stranger, stamp("2026-03-01T01:30:00Z").timestamp());
    let other = statement("a stranger", note.to_string().as_bytes(), &policy()).unwrap();
    let expected = [Kind::UnsignedCheckpoint, Kind::WrongOrigin, Kind::MissingCosignature];
    check_witness(Some(&other), &expected);
    assert!(statement("noise", b"noise", &policy()).is_err());
    let _: &VerifierKey = stranger.verifier();
}
