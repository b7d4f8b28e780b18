//! A record of the running server is proven to somebody who has nothing but the log's key.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use integrity::tree::{Checkpoint, Note, VerifierKey};
use serde_json::{Value, json};

use crate::{
    harness::{Server, eventually},
    raw::{Request, call},
    stores::{Deployment, write_day},
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
    assert!(checkpoint.origin.starts_with("trailmark/123456789012/"), "{checkpoint:?}");
    let width = checkpoint.head.size;
    assert_eq!(page(&format!("/_trailmark/log/tile/entries/000.p/{width}")).status, 403);
    assert_eq!(page("/_trailmark/log/log.key").status, 404);
    let missing = trailmark(&server, &["prove", "no-such-event"]);
    assert!(!missing.status.success());

    // The whole tree, as anybody can check it and as its owner can, entries too.
    let kept = server.folder().join("kept");
    fs::write(&kept, page("/_trailmark/log/checkpoint").body).unwrap();
    server.aws(&["sts", "get-caller-identity"]);
    let (key, kept) = (key.to_string(), kept.display().to_string());
    let of = |place: &str| {
        let checked =
            trailmark(&server, &["verify", "--tree", place, "--key", &key, "--checkpoint", &kept]);
        let said = String::from_utf8(checked.stdout).unwrap();
        assert!(checked.status.success(), "{said}");
        assert!(said.contains("1/1 older checkpoints are continued"), "{said}");
        said
    };
    assert!(of(server.endpoint()).contains("no entry bundles are there"));
    let data_dir = server.data_dir().display().to_string();
    assert!(of(&data_dir).contains("1/1 entry bundles valid"));
}

#[test]
fn a_file_that_was_imported_is_proven_and_nothing_else_is_said_of_it() {
    let house = Deployment::start();
    let logs = tempfile::tempdir().unwrap();
    write_day(logs.path(), 3, 20);
    house.server.aws(&["s3", "mb", "s3://old"]);
    house.server.aws(&["s3", "sync", logs.path().to_str().unwrap(), "s3://old"]);
    let more = ["--destinations", &house.arn, "--import-source", &Deployment::source("old")];
    assert_eq!(house.import(&more)["ImportStatus"], "COMPLETED");
    let listed = house.server.aws_json(&["s3api", "list-objects-v2", "--bucket", "old"]);
    let key = listed["Contents"][0]["Key"].as_str().unwrap();
    let file = format!("s3://old/{key}");
    let made = eventually("the file is provable", || {
        let made = trailmark(&house.server, &["prove", &file, "--output", "it.tlog-proof"]);
        made.status.success().then(|| String::from_utf8(made.stdout).unwrap())
    });
    let proven = verify(house.server.folder(), made.trim());
    assert!(proven.status.success(), "{proven:?}");
    let said = fs::read(house.server.folder().join("it.json")).unwrap();
    let said: Value = serde_json::from_slice(&said).unwrap();
    let bytes = fs::read(logs.path().join(key)).unwrap();
    assert_eq!(said["sha256"], integrity::digest::sha256_hex(&bytes));
    assert_eq!((&said["events"], &said["eventDataStore"]), (&json!(10), &json!(house.arn)));
    // The file itself is the one, another is not, and a record is no statement of a file.
    let of_file = |file: &Path, json: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trailmark"));
        command.args(["verify-proof", "it.tlog-proof", "--key", made.trim(), "--file"]).arg(file);
        command.args(json.then_some("--json")).env_clear();
        command.current_dir(house.server.folder()).output().unwrap()
    };
    let same = of_file(&logs.path().join(key), false);
    let words = String::from_utf8(same.stdout).unwrap();
    assert!(same.status.success() && words.contains(&format!("imported from {file}")), "{words}");
    let same: Value =
        serde_json::from_slice(&of_file(&logs.path().join(key), true).stdout).unwrap();
    assert_eq!((&same["proven"], &same["file"]["sha256"]), (&json!(true), &said["sha256"]));
    let other = logs.path().join("other.json.gz");
    fs::write(&other, [&bytes[..], b"x"].concat()).unwrap();
    let differs = of_file(&other, false);
    let words = String::from_utf8(differs.stderr).unwrap();
    assert_eq!(differs.status.code(), Some(1));
    assert!(words.contains("is not the file that was imported"), "{words}");
    assert!(words.contains("the statement itself is good"), "{words}");
    // Old events are no news: nothing looks them up, and no trail would take them.
    assert!(house.server.lookup("EventName", "GetObject").is_empty());
}
