//! Trees in a folder and on a web server, with the log's key and with a policy.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
};

use integrity::{
    digest::Stamp,
    tree::{Algorithm, Builder, Checkpoint, Entry, Kind as EntryKind, Salt, SigningKey, TreeHead},
    verify::TreeReport,
};

use crate::{Heard, bucket::stamp, trailmark};

fn key(name: &str, algorithm: Algorithm) -> SigningKey {
    let seed = [u8::try_from(name.len()).unwrap(); 32];
    SigningKey::from_seed(name.parse().unwrap(), algorithm, &seed)
}

fn log() -> SigningKey {
    key("audit.example/t1", Algorithm::Ed25519)
}

fn witness() -> SigningKey {
    key("witness.example/w", Algorithm::Cosignature)
}

/// A tree of a thousand leaves, and files beside it.
struct Stored {
    folder: tempfile::TempDir,
    /// Heads of the tree as it grew, by its size.
    heads: Vec<TreeHead>,
}

impl Stored {
    fn new() -> Self {
        let stored = Self { folder: tempfile::tempdir().unwrap(), heads: Vec::new() };
        let time = stamp("2026-03-01T00:00:00Z").timestamp();
        let (mut builder, mut heads) = (Builder::new(), vec![TreeHead::empty()]);
        for index in 0..1_000 {
            let text = index.to_string();
            let entry = Entry::new(EntryKind::Event, time, index, text.as_bytes(), &Salt::PUBLIC);
            builder.append(&entry);
            heads.push(builder.head());
        }
        for piece in builder.take() {
            stored.write(&format!("tree/{}", piece.tile), &piece.bytes);
        }
        let stored = Self { heads, ..stored };
        stored.write("tree/checkpoint", stored.note(1_000).as_bytes());
        stored
    }

    fn note(&self, size: usize) -> String {
        Checkpoint::sign(self.heads[size], &log(), now().timestamp()).to_string()
    }

    fn cosigned(&self, size: usize) -> String {
        let note = Checkpoint::sign(self.heads[size], &log(), now().timestamp());
        let cosignature = witness().sign(note.text(), now().timestamp());
        note.with(cosignature).to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self.text(name)
    }

    fn flip(&self, name: &str) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        bytes[70] ^= 1;
        fs::write(self.path(name), bytes).unwrap();
    }

    fn verify(&self, more: &[&str]) -> Heard {
        let (tree, key) = (self.text("tree"), log().verifier().to_string());
        trailmark(&[&["--tree", &tree, "--key", &key], more].concat())
    }
}

fn now() -> Stamp {
    stamp("2026-03-01T06:00:00Z")
}

/// Serves a folder to anybody, as a web server would that holds a copy.
fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, folder) = (stream.unwrap(), folder.clone());
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                let _headers = lines.map(Result::unwrap).take_while(|it| !it.is_empty()).count();
                let path = first.split(' ').nth(1).unwrap().trim_start_matches("/log/");
                let (status, body) = match fs::read(folder.join(path)) {
                    Ok(body) => ("200 OK", body),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
            });
        }
    });
    format!("{url}/log")
}

#[test]
fn a_tree_is_checked_to_its_last_tile_in_a_folder_and_over_http() {
    let stored = Stored::new();
    let words = ["leaves     1000", "5/5 hash tiles valid", "4/4 entry bundles valid", "VALID"];
    stored.verify(&[]).check(true, &words);
    let (url, key) = (serve(&stored.path("tree")), log().verifier().to_string());
    trailmark(&["--tree", &url, "--key", &key]).check(true, &words);
    let heard = stored.verify(&["--json"]);
    heard.check(true, &[]);
    let report: TreeReport = serde_json::from_str(&heard.out).unwrap();
    assert_eq!((report.size, report.root), (1_000, stored.heads[1_000].root.to_string()));
    // The report holds the checkpoint to keep.
    assert_eq!(report.checkpoint, stored.note(1_000));

    stored.flip("tree/tile/0/001");
    let words = ["changed-tile", "tile/0/001", "leaf 258", "4/5 hash tiles", "INVALID: 1 findings"];
    stored.verify(&[]).check(false, &words);
    trailmark(&["--tree", &url, "--key", &key]).check(false, &words);
    stored.flip("tree/tile/0/001");
    fs::remove_file(stored.path("tree/tile/0/001")).unwrap();
    trailmark(&["--tree", &url, "--key", &key]).check(false, &["missing-tile", "tile/0/001"]);
    fs::remove_file(stored.path("tree/tile/0/003.p/232")).unwrap();
    stored.verify(&[]).check(false, &["truncated-tree", "the tiles end at 768"]);
    fs::remove_dir_all(stored.path("tree/tile/entries")).unwrap();
    stored.verify(&[]).check(false, &["no entry bundles are there"]);
}

#[test]
fn an_older_checkpoint_shows_a_second_history_and_an_older_tree() {
    let stored = Stored::new();
    let older = stored.write("older", stored.note(300).as_bytes());
    stored.verify(&["--checkpoint", &older]).check(true, &["1/1 older checkpoints are continued"]);
    let forked = TreeHead { root: stored.heads[299].root, ..stored.heads[300] };
    let forked = Checkpoint::sign(forked, &log(), now().timestamp()).to_string();
    let forked = stored.write("forked", forked.as_bytes());
    let words = ["equivocation", "does not continue", "0/1 older checkpoints"];
    stored.verify(&["--checkpoint", &forked]).check(false, &words);
    // Put back to what was signed before, the tree is good in itself.
    let newer = stored.write("newer", stored.note(1_000).as_bytes());
    stored.write("tree/checkpoint", stored.note(768).as_bytes());
    stored.verify(&[]).check(true, &["leaves     768"]);
    let words = ["old-checkpoint", "has 768 leaves", "knew 1000"];
    stored.verify(&["--checkpoint", &newer]).check(false, &words);
}

#[test]
fn witnesses_that_the_policy_asks_for_have_to_have_seen_the_tree() {
    let stored = Stored::new();
    let (log, witness) = (log(), witness());
    let policy = format!("log {}\nwitness w {}\nquorum w\n", log.verifier(), witness.verifier());
    let (tree, policy) = (stored.text("tree"), stored.write("policy", policy.as_bytes()));
    let verify = || trailmark(&["--tree", &tree, "--policy", &policy]);
    verify().check(false, &["missing-cosignature", "the quorum `w`"]);
    stored.write("tree/cosigned", stored.cosigned(900).as_bytes());
    let words = ["cosigned   900 leaves at 2026-03-01T06:00:00Z", "seen 900 of the 1000 leaves"];
    verify().check(true, &words);
    stored.write("tree/checkpoint", stored.cosigned(1_000).as_bytes());
    verify().check(true, &["cosigned   1000 leaves", "1/1 older checkpoints are continued"]);
    stored.verify(&[]).check(true, &["not witnessed"]);
}

#[test]
fn another_key_or_no_tree_is_said_in_words() {
    let stored = Stored::new();
    let tree = stored.text("tree");
    let same_name =
        SigningKey::from_seed("audit.example/t1".parse().unwrap(), Algorithm::Ed25519, &[9; 32]);
    let key = same_name.verifier().to_string();
    let words = ["unsigned-checkpoint", "by another key than the one that is trusted"];
    trailmark(&["--tree", &tree, "--key", &key]).check(false, &words);
    let other = key_of("other.example/t1");
    let words = ["wrong-origin", "expected was `other.example/t1`"];
    trailmark(&["--tree", &tree, "--key", &other]).check(false, &words);
    trailmark(&["--tree", &tree]).check(false, &["--key <KEY>"]);
    fs::remove_file(stored.path("tree/checkpoint")).unwrap();
    stored.verify(&[]).check(false, &["there is no checkpoint", "trailmark-data/tree"]);
}

fn key_of(name: &str) -> String {
    key(name, Algorithm::Ed25519).verifier().to_string()
}
