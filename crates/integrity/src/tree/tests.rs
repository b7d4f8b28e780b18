//! What grows and proves, against the recursive definitions and published vectors.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::Timestamp;
use proptest::prelude::*;

use crate::tree::{
    Algorithm, Builder, Checkpoint, Entry, Error, Hash, Kind, Level, Note, Piece, Policy,
    RecordProof, Salt, SaltKey, SigningKey, Tile, Tiles, TreeHead,
    builder::entries_of,
    oracle::Oracle,
    proof::{check_consistency, check_inclusion, prove_consistency, prove_inclusion},
    verify_proof,
    witness::{AddCheckpoint, Refusal, latest_size},
};

/// A grown tree: its leaves, and every tile of every size at which it was looked at.
struct Grown {
    oracle: Oracle,
    tiles: BTreeMap<Tile, Vec<u8>>,
}

impl Grown {
    /// Grows a tree of `size` leaves and stores its tiles at every size that is a multiple of
    /// `step`, and at the end.
    fn new(size: u64, step: u64) -> Self {
        let mut builder = Builder::new();
        let mut tiles = BTreeMap::new();
        let mut leaves = Vec::new();
        for index in 0..size {
            let entry = entry(index);
            leaves.push(entry.leaf_hash());
            builder.append(&entry);
            if builder.size().is_multiple_of(step) || builder.size() == size {
                tiles.extend(builder.take().into_iter().map(|it| (it.tile, it.bytes)));
            }
        }
        Self { oracle: Oracle::new(leaves), tiles }
    }

    fn head(&self, size: u64) -> TreeHead {
        TreeHead { size, root: self.oracle.root(0..size as usize) }
    }

    /// The tiles that a caller would have fetched, the wider one where the exact one is not there.
    fn fetch(&self, size: u64, wanted: impl IntoIterator<Item = Tile>) -> Tiles {
        let mut tiles = Tiles::new(size);
        for tile in wanted {
            let wide = self.tiles.range(tile..=tile.full()).next().expect("the tile was stored");
            tiles.insert(tile, wide.1).unwrap();
        }
        tiles
    }

    fn pieces(&self, size: u64) -> Vec<Piece> {
        let piece = |tile| Piece { tile, bytes: self.tiles[&tile].clone() };
        Tile::partial(size).into_iter().map(piece).collect()
    }
}

static SMALL: LazyLock<Grown> = LazyLock::new(|| Grown::new(600, 1));
static LARGE: LazyLock<Grown> = LazyLock::new(|| Grown::new(70_000, 1000));

fn entry(index: u64) -> Entry {
    let salt = SaltKey::from_secret([9; 32]).salt(index);
    Entry::new(Kind::Event, Timestamp::UNIX_EPOCH, index, &index.to_be_bytes(), &salt)
}

fn hash(text: &str) -> Hash {
    Hash::new(hex::decode(text).unwrap().try_into().unwrap())
}

#[test]
fn the_eight_classic_leaves_have_the_published_roots_and_proofs() {
    let inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let leaves: Vec<Hash> = inputs.iter().map(|it| Hash::leaf(&hex::decode(it).unwrap())).collect();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    .map(hash);
    let bytes: Vec<u8> = leaves.iter().flat_map(|it| *it.as_bytes()).collect();
    let tile = Tile { level: Level::Hashes(0), number: 0, width: 8 };
    for (size, root) in roots.iter().enumerate() {
        let mut tiles = Tiles::new(size as u64);
        tiles.insert(tile, &bytes).unwrap();
        assert_eq!(tiles.root(), Ok(*root));
        assert_eq!(Oracle::new(leaves.clone()).root(0..size), *root);
    }
    let mut tiles = Tiles::new(8);
    tiles.insert(tile, &bytes).unwrap();
    let inclusion = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    .map(hash);
    assert_eq!(prove_inclusion(&tiles, 5), Ok(inclusion.to_vec()));
    let consistency = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    .map(hash);
    assert_eq!(prove_consistency(&tiles, 6), Ok(consistency.to_vec()));
}

fn seeded(first: u8, name: &str, algorithm: Algorithm) -> SigningKey {
    let seed: Vec<u8> = (first..first + 32).collect();
    SigningKey::from_seed(name.parse().unwrap(), algorithm, &seed.try_into().unwrap())
}

fn log_key() -> SigningKey {
    seeded(0, "audit.example/t1", Algorithm::Ed25519)
}

fn witness_key() -> SigningKey {
    seeded(0x20, "witness.example/w1", Algorithm::Cosignature)
}

const CHECKPOINT: &str = "audit.example/t1
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

— audit.example/t1 VQUI0edW1mm85L3rASUnEJBaKKWWztAMNab36XLWFhlBpfReGsf3aSaXlFTO3DN3jRvkc5FfAtYIXcK69jBcgKp9NwQ=
— witness.example/w1 IDJKvgAAAABlU/EANV3J9ybD+52Y+1FMJgGL+x/xooGpv7nuUWwYKbODkCP7Blg7RBHchiNGJp8n6KGiL0PdNtm9Wc2srSeC9xm0CQ==
";

#[test]
fn keys_checkpoint_and_cosignature_are_those_of_the_published_vector() {
    let (log, witness) = (log_key(), witness_key());
    assert_eq!(
        log.verifier().to_string(),
        "audit.example/t1+550508d1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    );
    assert_eq!(
        witness.verifier().to_string(),
        "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
    );
    let root = hash("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    let time = Timestamp::from_second(1_700_000_000).unwrap();
    let note = Checkpoint::sign(TreeHead { size: 8, root }, &log, time);
    let note = note.clone().with(witness.sign(note.text(), time));
    assert_eq!(note.to_string(), CHECKPOINT);

    let read = Note::parse(CHECKPOINT.as_bytes()).unwrap();
    assert_eq!(read, note);
    assert_eq!(Checkpoint::open(&read, log.verifier()).unwrap().head, TreeHead { size: 8, root });
    let checked = read.check(&[witness.verifier().clone()]).unwrap();
    assert_eq!(checked[0].time, Some(time));
}

#[test]
fn a_signing_key_is_read_from_its_secret_text_and_does_not_show_it() {
    let key = witness_key();
    let text = key.secret_text();
    let read = SigningKey::from_secret_text(&text).unwrap();
    assert_eq!(read.verifier(), key.verifier());
    let secret = text.rsplit_once('+').unwrap().1;
    assert!(!format!("{key:?}").contains(secret));
    assert!(SigningKey::from_secret_text(&text.replace("20324abe", "20324abf")).is_err());
    let unknown = "audit.example/t1+550508d1+BwOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    assert!(unknown.parse::<crate::tree::VerifierKey>().is_err());
}

#[test]
fn a_checkpoint_of_another_log_or_without_its_signature_is_not_opened() {
    let (log, other) = (log_key(), seeded(0, "other.example", Algorithm::Ed25519));
    let note = Checkpoint::sign(TreeHead::empty(), &log, Timestamp::UNIX_EPOCH);
    let open = |note: &Note| Checkpoint::open(note, log.verifier()).map(|it| it.head);
    assert_eq!(open(&note), Ok(TreeHead::empty()));
    let foreign = Checkpoint::sign(TreeHead::empty(), &other, Timestamp::UNIX_EPOCH);
    assert!(matches!(open(&foreign), Err(Error::Origin { .. })));
    let unsigned = Note::unsigned(note.text().to_owned()).unwrap();
    let unsigned = unsigned.with(other.sign(note.text(), Timestamp::UNIX_EPOCH));
    assert!(matches!(open(&unsigned), Err(Error::Unsigned { .. })));
}

#[test]
fn every_root_and_proof_up_to_three_hundred_leaves_is_that_of_the_definition() {
    let grown = &SMALL;
    for n in 0..=300 {
        let new = grown.head(n);
        let of_proofs = |m| [Tile::of_inclusion(m, n), Tile::of_consistency(m, n)];
        let mut wanted = Tile::of_root(n);
        wanted.extend((0..n).flat_map(of_proofs).flatten());
        let tiles = grown.fetch(n, wanted);
        // Every leaf of every size to 64, and every ninth above: the rest are the same shapes.
        let step = if n <= 64 { 1 } else { 9 };
        assert_eq!(tiles.root(), Ok(new.root));
        for m in (n % step as u64..n).step_by(step) {
            let inclusion = prove_inclusion(&tiles, m).unwrap();
            assert_eq!(inclusion, grown.oracle.path(m as usize, 0..n as usize));
            let leaf = grown.oracle.root(m as usize..m as usize + 1);
            assert_eq!(check_inclusion(leaf, m, &inclusion, &new), Ok(()));
        }
        for m in (n % step as u64..=n).step_by(step) {
            let consistency = prove_consistency(&tiles, m).unwrap();
            assert_eq!(consistency, grown.oracle.proof(m as usize, n as usize));
            assert_eq!(check_consistency(&grown.head(m), &new, &consistency), Ok(()));
        }
    }
}

#[test]
fn the_tiles_that_are_asked_for_are_enough() {
    let grown = &SMALL;
    for n in (0..600).step_by(7) {
        assert_eq!(grown.fetch(n, Tile::of_root(n)).root(), Ok(grown.head(n).root));
        for m in (0..n).step_by(11) {
            let tiles = grown.fetch(n, Tile::of_inclusion(m, n));
            assert!(prove_inclusion(&tiles, m).is_ok() && tiles.leaf(m).is_ok());
            let tiles = grown.fetch(n, Tile::of_consistency(m, n));
            assert!(prove_consistency(&tiles, m).is_ok());
        }
    }
}

#[test]
fn every_flipped_bit_and_every_wrong_number_fails_a_proof() {
    let grown = &SMALL;
    for n in 1..=12_u64 {
        let head = grown.head(n);
        for m in 0..n {
            let leaf = grown.oracle.root(m as usize..m as usize + 1);
            let proof = grown.oracle.path(m as usize, 0..n as usize);
            let is_in =
                |leaf, m, proof: &[Hash], head| check_inclusion(leaf, m, proof, &head).is_ok();
            for changed in flips(&proof) {
                assert!(!is_in(leaf, m, &changed, head));
            }
            for changed in flips(&[leaf]) {
                assert!(!is_in(changed[0], m, &proof, head));
            }
            for index in (0..=2 * n).filter(|it| *it != m) {
                assert!(!is_in(leaf, index, &proof, head), "{m} as {index} of {n}");
            }
            for misfit in misfits(&proof) {
                assert!(!is_in(leaf, m, &misfit, head));
            }
            // Another size may have the same path for a leaf: then only its root tells.
            for size in (0..=2 * n).filter(|it| *it != n) {
                assert!(!is_in(leaf, m, &proof, grown.head(size)), "{m} of {n} as {size}");
            }
        }
        for m in 1..n {
            let old = grown.head(m);
            let proof = grown.oracle.proof(m as usize, n as usize);
            let is_begun = |old, proof: &[Hash], new| check_consistency(&old, &new, proof).is_ok();
            for changed in flips(&proof).into_iter().chain(misfits(&proof)) {
                assert!(!is_begun(old, &changed, head));
            }
            for changed in flips(&[old.root]) {
                assert!(!is_begun(TreeHead { root: changed[0], ..old }, &proof, head));
            }
            for changed in flips(&[head.root]) {
                assert!(!is_begun(old, &proof, TreeHead { root: changed[0], ..head }));
            }
            assert!(!is_begun(head, &proof, old));
            assert!(!is_begun(TreeHead { size: 0, ..old }, &proof, head));
        }
    }
}

fn flips(hashes: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..hashes.len() {
        for bit in 0..256 {
            let mut bytes = *hashes[at].as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut changed = hashes.to_vec();
            changed[at] = Hash::new(bytes);
            all.push(changed);
        }
    }
    all
}

/// One hash short, one long, far too long, neighbours swapped, all zero.
fn misfits(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![
        [proof, &[Hash::empty()]].concat(),
        [&[Hash::empty()], proof].concat(),
        vec![Hash::empty(); 64],
        vec![Hash::empty(); 63],
    ];
    if !proof.is_empty() {
        all.push(proof[1..].to_vec());
        all.push(proof[..proof.len() - 1].to_vec());
        all.push(vec![Hash::new([0; 32]); proof.len()]);
    }
    for at in 1..proof.len() {
        let mut swapped = proof.to_vec();
        swapped.swap(at - 1, at);
        all.push(swapped);
    }
    all
}

#[test]
fn every_tree_continues_the_empty_one_and_only_with_its_own_root() {
    let (empty, one) = (TreeHead::empty(), SMALL.head(1));
    assert_eq!(check_consistency(&empty, &one, &[]), Ok(()));
    assert!(check_consistency(&empty, &one, &[one.root]).is_err());
    assert!(check_consistency(&TreeHead { root: one.root, ..empty }, &one, &[]).is_err());
    assert!(check_consistency(&one, &one, &[one.root]).is_err());
}

#[test]
fn a_tree_goes_on_from_its_stored_tiles_at_every_size() {
    let grown = &SMALL;
    for size in 0..600 {
        let mut builder = Builder::resume(grown.head(size), &grown.pieces(size)).unwrap();
        assert_eq!(builder.head(), grown.head(size));
        builder.append(&entry(size));
        assert_eq!(builder.head(), grown.head(size + 1));
        for Piece { tile, bytes } in builder.take() {
            assert_eq!(bytes, grown.tiles[&tile], "{tile}");
        }
    }
}

#[test]
fn a_tree_does_not_go_on_from_tiles_that_were_changed_cut_or_lost() {
    let grown = &SMALL;
    let head = grown.head(515);
    let good = grown.pieces(515);
    for at in 0..good.len() {
        let mut lost = good.clone();
        let tile = lost.remove(at).tile;
        assert_eq!(Builder::resume(head, &lost).unwrap_err(), Error::MissingTile(tile));
        for bit in 0..8 * good[at].bytes.len() {
            let mut changed = good.clone();
            changed[at].bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Builder::resume(head, &changed).is_err(), "bit {bit} of {tile}");
        }
        let mut cut = good.clone();
        cut[at].bytes.pop();
        assert!(Builder::resume(head, &cut).is_err());
    }
    assert!(Builder::resume(grown.head(514), &good).is_ok(), "the wider tiles serve");
}

#[test]
fn entry_tiles_hold_the_entries_in_order() {
    let grown = &SMALL;
    for (index, size) in [(0, 1), (255, 256), (256, 600), (599, 600)] {
        let (tile, place) = Tile::of_entry(index, size).unwrap();
        assert_eq!(entries_of(&grown.tiles[&tile]).unwrap()[place], entry(index));
    }
    assert_eq!(Tile::of_entry(600, 600), None);
    assert!(entries_of(&[0; 79]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn large_trees_prove_as_defined(a in 0_u64..=70, b in 0_u64..70_000, c in 1_u64..=70) {
        let grown = &LARGE;
        // Tiles were stored at every thousandth leaf.
        let (old, new) = (1000 * a.min(c), 1000 * a.max(c));
        let tiles = grown.fetch(new, Tile::of_consistency(old, new));
        let proof = prove_consistency(&tiles, old).unwrap();
        prop_assert_eq!(&proof, &grown.oracle.proof(old as usize, new as usize));
        prop_assert_eq!(check_consistency(&grown.head(old), &grown.head(new), &proof), Ok(()));

        let index = b % new;
        let tiles = grown.fetch(new, Tile::of_inclusion(index, new));
        let proof = prove_inclusion(&tiles, index).unwrap();
        prop_assert_eq!(&proof, &grown.oracle.path(index as usize, 0..new as usize));
        let leaf = tiles.leaf(index).unwrap();
        prop_assert_eq!(leaf, entry(index).leaf_hash());
        prop_assert_eq!(check_inclusion(leaf, index, &proof, &grown.head(new)), Ok(()));
        prop_assert!(check_inclusion(leaf, index ^ 1, &proof, &grown.head(new)).is_err());
    }

    #[test]
    fn checks_end_whatever_the_numbers(
        index in any::<u64>(), old in any::<u64>(), size in any::<u64>(), hashes in 0_usize..70,
    ) {
        let root = Hash::empty();
        let proof = vec![root; hashes];
        let head = TreeHead { size, root };
        prop_assert!(check_inclusion(root, index, &proof, &head).is_err());
        let consistent = check_consistency(&TreeHead { size: old, root }, &head, &proof).is_ok();
        prop_assert_eq!(consistent, proof.is_empty() && (old == size || old == 0) && old <= size);
        prop_assert!(Tile::of_inclusion(index, size).len() < 600);
        prop_assert!(Tile::of_consistency(old, size).len() < 600);
    }
}

fn proof_of(index: u64, size: u64, note: Note) -> RecordProof {
    let grown = &SMALL;
    RecordProof {
        entry: entry(index),
        salt: SaltKey::from_secret([9; 32]).salt(index),
        index,
        hashes: grown.oracle.path(index as usize, 0..size as usize),
        checkpoint: note,
    }
}

fn checkpoint_of(size: u64) -> Note {
    let head = SMALL.head(size);
    Checkpoint::sign(head, &log_key(), Timestamp::UNIX_EPOCH)
}

#[test]
fn a_proof_file_shows_that_a_record_is_in_the_log_and_every_flipped_bit_is_refused() {
    let (record, key) = (7_u64.to_be_bytes(), log_key());
    let text = proof_of(7, 600, checkpoint_of(600)).to_text().unwrap();
    let proven = verify_proof(&record, text.as_bytes(), key.verifier()).unwrap();
    assert_eq!((proven.index, proven.head.size, proven.witnessed), (7, 600, None));
    assert_eq!(proven.entry.sequence, 7);
    for bit in 0..8 * text.len() {
        let mut changed = text.clone().into_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_proof(&record, &changed, key.verifier()).is_err(), "bit {bit}");
    }
    for bit in 0..8 * record.len() {
        let mut changed = record;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify_proof(&changed, text.as_bytes(), key.verifier()), Err(Error::Record));
    }
    for end in 0..text.len() {
        let cut = text.as_bytes().get(..end).unwrap();
        assert!(verify_proof(&record, cut, key.verifier()).is_err(), "cut at {end}");
    }
}

#[test]
fn a_proof_names_what_is_wrong_with_it() {
    let record = 7_u64.to_be_bytes();
    let good = proof_of(7, 600, checkpoint_of(600));
    let check = |proof: RecordProof| {
        verify_proof(&record, proof.to_text().unwrap().as_bytes(), log_key().verifier())
    };
    let salt = RecordProof { salt: Salt([0; 32]), ..good.clone() };
    assert_eq!(check(salt), Err(Error::Record));
    let leaf = RecordProof { index: 8, ..good.clone() };
    assert_eq!(check(leaf), Err(Error::Inclusion));
    let beyond = RecordProof { index: 600, ..good.clone() };
    assert_eq!(check(beyond), Err(Error::Index { index: 600, size: 600 }));
    let other = RecordProof { checkpoint: checkpoint_of(599), ..good.clone() };
    assert_eq!(check(other), Err(Error::Inclusion));
    let foreign = seeded(1, "audit.example/t1", Algorithm::Ed25519);
    let head = SMALL.head(600);
    let checkpoint = Checkpoint::sign(head, &foreign, Timestamp::UNIX_EPOCH);
    assert!(matches!(check(RecordProof { checkpoint, ..good }), Err(Error::Unsigned { .. })));
}

#[test]
fn a_policy_asks_for_a_quorum_and_says_since_when_it_agreed() {
    let witnesses = ["a", "b", "c"].map(|it| seeded(it.as_bytes()[0], it, Algorithm::Cosignature));
    let second = |it| Timestamp::from_second(it).unwrap();
    let mut note = checkpoint_of(600);
    for (witness, time) in witnesses.iter().zip([30, 10]) {
        note = note.clone().with(witness.sign(note.text(), second(time)));
    }
    let [a, b, c] = witnesses.map(|it| it.verifier().to_string());
    let log = log_key().verifier().to_string();
    let keys = format!(
        "# whom we trust\nlog {log}\nwitness a {a} https://a\nwitness b {b}\nwitness c {c}\n"
    );
    let check = |lines: &str| {
        let policy: Policy = format!("{keys}{lines}").parse()?;
        proof_of(7, 600, note.clone()).check(&7_u64.to_be_bytes(), &policy).map(|it| it.witnessed)
    };
    assert_eq!(check("quorum none"), Ok(None));
    assert_eq!(check("quorum a"), Ok(Some(second(30))));
    assert_eq!(check("group any any a b c\nquorum any"), Ok(Some(second(10))));
    assert_eq!(check("group two 2 a b c\nquorum two"), Ok(Some(second(30))));
    let missed = |quorum: &str| Err(Error::Cosignatures { quorum: quorum.to_owned() });
    assert_eq!(check("quorum c"), missed("c"));
    assert_eq!(check("group all all a b c\nquorum all"), missed("all"));
    assert_eq!(check("group x any b c\ngroup y all a x\nquorum y"), Ok(Some(second(30))));
    for wrong in [
        "",
        "quorum d",
        "group g 0 a\nquorum g",
        "group g 2 a\nquorum g",
        "group g any\nquorum g",
        "group g any a a\nquorum g",
        "group g any a\ngroup h any a\nquorum h",
        "quorum a\nquorum b",
        "group a any b\nquorum a",
        "group none any a\nquorum none",
        "group g any h\nquorum g",
        "something else\nquorum a",
    ] {
        assert!(format!("{keys}{wrong}").parse::<Policy>().is_err(), "{wrong:?}");
    }
    assert!(format!("{keys}witness d {a}\nquorum d").parse::<Policy>().is_err());
    assert!(format!("log {log}\nwitness l {log}\nquorum l").parse::<Policy>().is_err());
    assert!("quorum none".parse::<Policy>().is_err());
}

#[test]
fn every_flipped_bit_of_a_proof_whose_witness_is_asked_for_is_refused() {
    let witness = witness_key();
    let note = checkpoint_of(600);
    let note = note.clone().with(witness.sign(note.text(), Timestamp::UNIX_EPOCH));
    let text = proof_of(7, 600, note).to_text().unwrap();
    let (log, witness) = (log_key().verifier().clone(), witness.verifier());
    let policy: Policy = format!("log {log}\nwitness w {witness}\nquorum w\n").parse().unwrap();
    let check = |bytes: &[u8]| {
        RecordProof::parse(bytes).and_then(|it| it.check(&7_u64.to_be_bytes(), &policy))
    };
    assert!(check(text.as_bytes()).is_ok());
    for bit in 0..8 * text.len() {
        let mut changed = text.clone().into_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(check(&changed).is_err(), "bit {bit}");
    }
}

#[test]
fn a_proof_file_stays_within_its_bound_and_keeps_the_logs_signature() {
    let mut note = checkpoint_of(600);
    for at in 0..40 {
        let witness = seeded(at, &format!("witness.example/{at}"), Algorithm::Cosignature);
        note = note.clone().with(witness.sign(note.text(), Timestamp::UNIX_EPOCH));
    }
    let text = proof_of(7, 600, note).to_text().unwrap();
    assert!(text.len() <= RecordProof::MAX_BYTES && text.len() > RecordProof::MAX_BYTES - 200);
    assert!(verify_proof(&7_u64.to_be_bytes(), text.as_bytes(), log_key().verifier()).is_ok());
}

#[track_caller]
fn judged(old: u64, new: u64, seen: Option<u64>, expected: Result<(), Refusal>) {
    let proof = SMALL.oracle.proof(old.min(new) as usize, new as usize);
    let request = AddCheckpoint::new(old, proof, checkpoint_of(new)).unwrap();
    let sent = request.to_string();
    let request = AddCheckpoint::parse(sent.as_bytes()).unwrap();
    assert_eq!(request.to_string(), sent);
    let seen = seen.map(|size| SMALL.head(size));
    assert_eq!(request.judge(&[log_key().verifier().clone()], seen), expected);
}

#[test]
fn a_witness_takes_what_continues_what_it_saw() {
    judged(0, 0, None, Ok(()));
    judged(0, 9, None, Ok(()));
    judged(9, 9, Some(9), Ok(()));
    judged(9, 300, Some(9), Ok(()));
    judged(8, 300, Some(9), Err(Refusal::Stale { latest: 9 }));
    judged(9, 300, None, Err(Refusal::Stale { latest: 0 }));
    let why = "has an old size above that of the checkpoint";
    judged(10, 9, Some(10), Err(Refusal::Malformed(why)));
}

#[test]
fn a_witness_refuses_a_history_that_was_rewritten() {
    let seen = TreeHead { size: 9, root: Hash::empty() };
    let log = [log_key().verifier().clone()];
    for (new, proof) in [(9, vec![]), (300, SMALL.oracle.proof(9, 300))] {
        let request = AddCheckpoint::new(9, proof, checkpoint_of(new)).unwrap();
        assert_eq!(request.judge(&log, Some(seen)), Err(Refusal::Inconsistent { seen }));
    }
    let head = TreeHead { size: 0, root: Hash::new([1; 32]) };
    let note = Checkpoint::sign(head, &log_key(), Timestamp::UNIX_EPOCH);
    let request = AddCheckpoint::new(0, vec![], note).unwrap();
    assert_eq!(request.judge(&log, None).unwrap_err().status(), 422);
}

#[test]
fn a_witness_refuses_logs_that_it_does_not_know_and_keys_that_it_does_not_trust() {
    let request = AddCheckpoint::new(0, vec![], checkpoint_of(9)).unwrap();
    let key = |first, name| seeded(first, name, Algorithm::Ed25519).verifier().clone();
    assert_eq!(request.judge(&[], None), Err(Refusal::UnknownOrigin));
    assert_eq!(request.judge(&[key(0, "other")], None), Err(Refusal::UnknownOrigin));
    assert_eq!(request.judge(&[key(1, "audit.example/t1")], None), Err(Refusal::Untrusted));
    let both = [key(1, "audit.example/t1"), key(0, "audit.example/t1")];
    assert_eq!(request.judge(&both, None), Ok(()));
    let text = request.to_string().replace("VQUI0", "VQUI1");
    let forged = AddCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(forged.judge(&both, None), Err(Refusal::Untrusted));
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let hash = Hash::empty();
    let many = format!("{hash}\n").repeat(64);
    for body in [
        String::new(),
        "old 0\n".to_owned(),
        "old 0\n\n".to_owned(),
        format!("old 00\n\n{CHECKPOINT}"),
        format!("old -1\n\n{CHECKPOINT}"),
        format!("new 0\n\n{CHECKPOINT}"),
        format!("old 0\nhash\n\n{CHECKPOINT}"),
        format!("old 0\n{many}\n{CHECKPOINT}"),
        format!("old 0\n{CHECKPOINT}"),
        "old 0\n\ntext\n\n— k AAAAAAAA\n".to_owned(),
        "x".repeat(AddCheckpoint::MAX_BYTES + 1),
    ] {
        assert_eq!(AddCheckpoint::parse(body.as_bytes()).unwrap_err().status(), 400, "{body:.40}");
    }
    assert_eq!(latest_size(b"12\n"), Some(12));
    assert_eq!(latest_size(b"012\n"), None);
    assert_eq!(latest_size(b"12"), None);
}
