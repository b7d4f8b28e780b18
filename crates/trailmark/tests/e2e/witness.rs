//! The witness and the proof's verifier, as processes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
};

use integrity::tree::{
    Algorithm, Builder, Checkpoint, Entry, Hash, Kind, Note, RecordProof, SaltKey, SigningKey,
    Tile, Tiles, TreeHead, VerifierKey,
    note::signature_lines,
    proof::{prove_consistency, prove_inclusion},
    witness::{AddCheckpoint, latest_size},
};
use jiff::Timestamp;
use serde_json::{Value, json};

const RECORD: &[u8] = br#"{"eventName":"DeleteBucket","eventID":"5f1c"}"#;

/// A log of a few leaves, and its key. Leaf `n` is the record with the salt of `n`.
struct Log {
    key: SigningKey,
    salts: SaltKey,
}

impl Log {
    fn new() -> Self {
        let name = "audit.example/t1".parse().unwrap();
        let key = SigningKey::from_seed(name, Algorithm::Ed25519, &[1; 32]);
        Self { key, salts: SaltKey::from_secret([2; 32]) }
    }

    fn entry(&self, index: u64) -> Entry {
        let salt = self.salts.salt(index);
        Entry::new(Kind::Event, Timestamp::UNIX_EPOCH, index, RECORD, &salt)
    }

    fn tree(&self, size: u64) -> (TreeHead, Tiles) {
        let mut builder = Builder::new();
        (0..size).for_each(|index| builder.append(&self.entry(index)));
        let mut tiles = Tiles::new(size);
        for piece in builder.take() {
            tiles.insert(piece.tile, &piece.bytes).unwrap();
        }
        (builder.head(), tiles)
    }

    fn checkpoint(&self, size: u64) -> Note {
        Checkpoint::sign(self.tree(size).0, &self.key, Timestamp::UNIX_EPOCH)
    }

    fn request(&self, old: u64, new: u64) -> String {
        let proof = prove_consistency(&self.tree(new).1, old).unwrap();
        AddCheckpoint::new(old, proof, self.checkpoint(new)).unwrap().to_string()
    }

    fn vkey(&self) -> String {
        self.key.verifier().to_string()
    }
}

/// A running witness. Killed when dropped.
pub(crate) struct Witness {
    child: Child,
    pub(crate) key: VerifierKey,
    pub(crate) address: String,
}

impl Witness {
    fn start(folder: &Path, log: &Log) -> Self {
        Self::start_for(folder, &log.vkey())
    }

    /// A witness of the log with this key.
    pub(crate) fn start_for(folder: &Path, vkey: &str) -> Self {
        let mut child = command(folder, vkey).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let key = lines.next().expect("the witness says its key").unwrap().parse().unwrap();
        let address = lines.next().expect("the witness says its address").unwrap();
        let address = address.strip_prefix("http://").unwrap().to_owned();
        Self { child, key, address }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn send(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    fn add(&self, body: &str) -> (u16, String) {
        let length = body.len();
        let (status, _, answer) = self.send(&format!(
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        (status, answer)
    }

    fn latest(&self) -> (u16, String) {
        let id = format!("{:?}", Hash::of(b"audit.example/t1"));
        let (status, _, body) =
            self.send(&format!("GET /{id}/checkpoint HTTP/1.1\r\nhost: w\r\n\r\n"));
        (status, body)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn command(folder: &Path, vkey: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
    command.args(["witness", "--listen", "127.0.0.1:0", "--name", "witness.example/w1"]);
    command.arg("--dir").arg(folder).args(["--log", vkey]).stderr(Stdio::null());
    command
}

#[test]
fn a_witness_cosigns_what_continues_and_remembers_it_after_it_was_killed() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Log::new());
    let witness = Witness::start(folder.path(), &log);
    let mode = fs::metadata(folder.path().join("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(witness.latest().0, 404);

    let (status, line) = witness.add(&log.request(0, 5));
    assert_eq!(status, 200, "{line}");
    let [signature] = signature_lines(&line).unwrap().try_into().unwrap();
    let note = log.checkpoint(5);
    assert!(witness.key.check(note.text(), &signature).unwrap().is_some());
    assert_eq!(witness.latest(), (200, note.with(signature).to_string()));

    let key = witness.key.clone();
    witness.kill();
    let witness = Witness::start(folder.path(), &log);
    assert_eq!(witness.key, key);
    let (status, size) = witness.add(&log.request(0, 9));
    assert_eq!((status, latest_size(size.as_bytes())), (409, Some(5)));
    assert_eq!(witness.add(&log.request(5, 9)).0, 200);
    assert_eq!(witness.add(&log.request(9, 9)).0, 200);
}

#[test]
fn a_witness_refuses_a_rewritten_history_and_keeps_the_evidence() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Log::new());
    let witness = Witness::start(folder.path(), &log);
    assert_eq!(witness.add(&log.request(0, 5)).0, 200);
    let rewritten = Log { salts: SaltKey::from_secret([3; 32]), ..Log::new() };
    for new in [5, 9] {
        assert_eq!(witness.add(&rewritten.request(5, new)).0, 422);
    }
    let mut kept: Vec<String> = fs::read_dir(folder.path().join("evidence"))
        .unwrap()
        .map(|it| fs::read_to_string(it.unwrap().path()).unwrap())
        .collect();
    kept.sort();
    let mut notes = [5, 9].map(|it| rewritten.checkpoint(it).to_string());
    notes.sort();
    assert_eq!(kept, notes);

    let stranger =
        SigningKey::from_seed("other.example".parse().unwrap(), Algorithm::Ed25519, &[4; 32]);
    assert_eq!(witness.add(&Log { key: stranger, ..Log::new() }.request(0, 5)).0, 404);
    let forger =
        SigningKey::from_seed("audit.example/t1".parse().unwrap(), Algorithm::Ed25519, &[4; 32]);
    assert_eq!(witness.add(&Log { key: forger, ..Log::new() }.request(5, 6)).0, 403);
    assert_eq!(witness.add("old 5\n").0, 400);
    assert_eq!(witness.add(&"x".repeat(1 << 20)).0, 413);
    assert_eq!(witness.add(&log.request(5, 6)).0, 200, "the true log goes on");
}

#[test]
fn of_requests_that_race_a_witness_takes_one() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Log::new());
    let witness = Witness::start(folder.path(), &log);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let requests: Vec<String> = (1..=8).map(|new| log.request(0, new)).collect();
        let witness = &witness;
        let threads: Vec<_> =
            requests.into_iter().map(|it| scope.spawn(move || witness.add(&it).0)).collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|it| **it == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|it| **it == 409).count(), 7, "{statuses:?}");
}

#[test]
fn a_witness_does_not_start_on_a_folder_in_use_or_one_that_was_changed() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Log::new());
    let witness = Witness::start(folder.path(), &log);
    assert_eq!(witness.add(&log.request(0, 5)).0, 200);
    let refused_with = |keys: &[&str], what: &str| {
        let mut command = command(folder.path(), &log.vkey());
        let output = command.args(keys).stderr(Stdio::piped()).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.contains(what), "{words}");
    };
    let refused = |what: &str| refused_with(&[], what);
    refused("another witness");
    refused_with(&["--log", &Log::new().vkey()], "a log has one");
    witness.kill();
    let file = fs::read_dir(folder.path().join("logs")).unwrap().next().unwrap().unwrap().path();
    let kept = fs::read_to_string(&file).unwrap();
    // What the log alone signed was not seen by this witness.
    fs::write(&file, log.checkpoint(3).to_string()).unwrap();
    refused("restore it");
    fs::write(&file, kept).unwrap();
    drop(Witness::start(folder.path(), &log));
}

fn verify(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
    command.args(["verify-proof", "5f1c.tlog-proof"]).args(arguments).current_dir(folder);
    command.output().unwrap()
}

#[test]
fn a_proof_is_checked_with_nothing_but_the_logs_key_and_a_changed_record_is_told() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Log::new());
    let state = tempfile::tempdir().unwrap();
    let witness = Witness::start(state.path(), &log);
    let (_, line) = witness.add(&log.request(0, 300));
    let tiles = log.tree(300).1;
    assert!(Tile::of_inclusion(7, 300).len() > 1);
    let proof = RecordProof {
        entry: log.entry(7),
        salt: log.salts.salt(7),
        index: 7,
        hashes: prove_inclusion(&tiles, 7).unwrap(),
        checkpoint: log.checkpoint(300).with(line.trim_end().parse().unwrap()),
    };
    fs::write(folder.path().join("5f1c.tlog-proof"), proof.to_text().unwrap()).unwrap();
    fs::write(folder.path().join("5f1c.json"), [RECORD, b"\n"].concat()).unwrap();
    let policy = format!("log {}\nwitness w {}\nquorum w\n", log.vkey(), witness.key);
    fs::write(folder.path().join("policy.txt"), policy).unwrap();

    let proven = verify(folder.path(), &["--key", &log.vkey()]);
    let words = String::from_utf8(proven.stdout).unwrap();
    assert!(proven.status.success() && words.contains("not witnessed"), "{words}");

    let proven = verify(folder.path(), &["--policy", "policy.txt", "--json"]);
    assert!(proven.status.success());
    let told: Value = serde_json::from_slice(&proven.stdout).unwrap();
    assert_eq!(
        (&told["proven"], &told["index"], &told["size"]),
        (&json!(true), &json!(7), &json!(300))
    );
    assert_eq!(told["cosignatures"][0]["name"], "witness.example/w1");
    assert_eq!(told["witnessed"], told["cosignatures"][0]["time"]);

    let changed = String::from_utf8(RECORD.to_vec()).unwrap().replace("Delete", "Create");
    fs::write(folder.path().join("changed.json"), changed).unwrap();
    let refused =
        verify(folder.path(), &["--key", &log.vkey(), "--record", "changed.json", "--json"]);
    assert!(!refused.status.success());
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(told["proven"], json!(false));
    assert!(told["reason"].as_str().unwrap().contains("not what the leaf commits to"), "{told}");

    let other = witness.key.to_string();
    assert!(!verify(folder.path(), &["--key", &other]).status.success());
    assert!(!verify(folder.path(), &[]).status.success());
}
