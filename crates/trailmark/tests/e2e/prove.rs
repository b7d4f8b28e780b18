//! A record of the running server is proven to somebody who has nothing but the log's key.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use integrity::tree::{Checkpoint, Note, VerifierKey};

use crate::{
    harness::{Server, eventually},
    raw::{Request, call},
};

fn trailmark(server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
    command.args(arguments).env("TRAILMARK_DATA_DIR", server.data_dir());
    command.current_dir(server.folder()).output().unwrap()
}

fn verify(folder: &Path, key: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
    command.args(["verify-proof", "it.tlog-proof", "--key", key]).env_clear();
    command.current_dir(folder).output().unwrap()
}

#[test]
fn a_record_is_proven_elsewhere_with_the_key_alone_also_after_a_kill_and_a_changed_byte_is_refused()
{
    let mut server = Server::start(&[]);
    server.aws(&["s3", "mb", "s3://ledger"]);
    for _ in 0..3 {
        server.aws(&["sts", "get-caller-identity"]);
    }
    let record = server.lookup("EventName", "CreateBucket").remove(0);
    let id = record["eventID"].as_str().unwrap().to_owned();
    let check = |server: &Server| {
        let key = eventually("the record is provable", || {
            let made = trailmark(server, &["prove", &id, "--output", "it.tlog-proof"]);
            made.status.success().then(|| String::from_utf8(made.stdout).unwrap())
        });
        let elsewhere = tempfile::tempdir().unwrap();
        for file in ["it.tlog-proof", "it.json"] {
            fs::rename(server.folder().join(file), elsewhere.path().join(file)).unwrap();
        }
        let proof = fs::read(elsewhere.path().join("it.tlog-proof")).unwrap();
        assert!(proof.len() <= 4096, "{}", proof.len());
        let proven = verify(elsewhere.path(), key.trim());
        assert!(proven.status.success(), "{proven:?}");
        let bytes = fs::read_to_string(elsewhere.path().join("it.json")).unwrap();
        assert!(bytes.contains(&id));
        fs::write(elsewhere.path().join("it.json"), bytes.replace("ledger", "ledgeR")).unwrap();
        assert!(!verify(elsewhere.path(), key.trim()).status.success());
        key.trim().to_owned()
    };
    let key = check(&server);
    server.kill_and_restart();
    server.aws(&["sts", "get-caller-identity"]);
    assert_eq!(check(&server), key);

    let page = |path: &str| call(&server, &Request::s3("GET", path, ""));
    let note = page("/_trailmark/log/checkpoint");
    assert_eq!(note.status, 200);
    let note = Note::parse(&note.body).unwrap();
    let key: VerifierKey = key.parse().unwrap();
    let checkpoint = Checkpoint::open(&note, &key).unwrap();
    assert!(checkpoint.head.size >= 4, "{checkpoint:?}");
    assert_eq!(checkpoint.origin, "trailmark/123456789012");
    let width = checkpoint.head.size;
    assert_eq!(page(&format!("/_trailmark/log/tile/entries/000.p/{width}")).status, 403);
    assert_eq!(page("/_trailmark/log/log.key").status, 404);
    let missing = trailmark(&server, &["prove", "no-such-event"]);
    assert!(!missing.status.success());
}
