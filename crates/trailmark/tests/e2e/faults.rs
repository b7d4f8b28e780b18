//! Mistakes of operators that the server must notice by itself.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use integrity::{
    digest::{DigestName, Root},
    tree::Note,
};

use crate::{
    deliveries::{Deployment, is_digest, keys},
    harness::{Moto, Server, eventually},
    raw::{Request, call},
    witness::Witness,
};

#[test]
fn a_second_server_on_one_folder_refuses_to_start_and_the_first_goes_on() {
    let mut server = Server::start(&[]);
    let credentials = || fs::read_to_string(server.data_dir().join("credentials")).unwrap();
    let before = credentials();
    let second = server.trailmark_raw(&["serve", "--listen", "127.0.0.1:0"]);
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success(), "{words}");
    assert!(words.contains("another `trailmark serve` uses the data folder"), "{words}");
    assert!(second.stdout.is_empty(), "it greeted as if it were ready");
    assert_eq!(credentials(), before);
    server.aws(&["sts", "get-caller-identity"]);
    // What a killed server held is free again.
    server.kill_and_restart();
    server.aws(&["sts", "get-caller-identity"]);
    assert_eq!(server.lookup("EventName", "GetCallerIdentity").len(), 2);
}

#[test]
fn what_stands_in_the_place_of_a_digest_in_another_s3_is_told_of_and_not_replaced() {
    for moto in [Moto::start(), Moto::start_ministack()] {
        let mut deployment = Deployment::start(&[
            ("TRAILMARK_DOOR__UPSTREAMS__S3__URL", &moto.endpoint),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__ENDPOINT", &moto.endpoint),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__ACCESS_KEY_ID", "test"),
            ("TRAILMARK_BUCKETS__AUDIT-LOGS__SECRET_ACCESS_KEY", "test"),
        ]);
        deployment.server.aws(&["s3", "mb", "s3://audit-logs"]);
        deployment.begin("audit-logs");
        let first = eventually("the first digest is delivered", || {
            keys(&deployment.server, "audit-logs").into_iter().find(|it| is_digest(it))
        });
        let (_, name) = DigestName::parse(&first).unwrap();
        let next = DigestName { end: name.end.plus_seconds(3_600), ..name };
        let next = next.key(&Root::default());
        let squatter = deployment.server.folder().join("squatter");
        fs::write(&squatter, b"another history").unwrap();
        let object = format!("s3://audit-logs/{next}");
        deployment.server.aws(&["s3", "cp", "--quiet", squatter.to_str().unwrap(), &object]);

        deployment.hours.pass();
        let server = &deployment.server;
        let error = eventually("the trail's status tells", || {
            let status = server.aws_json(&["cloudtrail", "get-trail-status", "--name", "audit"]);
            status["LatestDigestDeliveryError"].as_str().map(str::to_owned)
        });
        assert_eq!(error, "PreconditionFailed");
        assert_eq!(server.aws(&["s3", "cp", "--quiet", &object, "-"]), "another history");
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.display().to_string());
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

fn page(server: &Server, path: &str) -> String {
    String::from_utf8(call(server, &Request::s3("GET", path, "")).body).unwrap()
}

fn stop(server: &mut Server) {
    server.terminate();
    assert!(server.ended().success());
}

#[test]
fn an_older_copy_of_the_data_folder_is_told_of_by_the_witness_the_trail_and_verify() {
    let [evidence, seen, shelf] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let place = evidence.path().to_str().unwrap();
    let mut deployment = Deployment::start(&[("TRAILMARK_BUCKETS__EVIDENCE__FOLDER", place)]);
    deployment.begin("evidence");
    let list = |_: &Server| files(evidence.path());
    deployment.live(1, list);

    let data = deployment.server.data_dir();
    let vkey = fs::read_to_string(data.join("tree/log.vkey")).unwrap();
    let witness = Witness::start_for(seen.path(), vkey.trim());
    let server = &mut deployment.server;
    stop(server);
    let older = shelf.path().join("older");
    copy(&data, &older);
    server.set("TRAILMARK_WITNESSES__FRIEND__URL", &format!("http://{}", witness.address));
    server.set("TRAILMARK_WITNESSES__FRIEND__KEY", &witness.key.to_string());
    server.restart();
    deployment.live(2, list);

    let server = &mut deployment.server;
    eventually("the public sees a checkpoint that the witness has cosigned", || {
        let note = Note::parse(page(server, "/_trailmark/log/checkpoint").as_bytes()).unwrap();
        let cosigned = note.check(std::slice::from_ref(&witness.key)).unwrap();
        (cosigned.len() == 1).then_some(())
    });
    let policy = format!("log {}\nwitness friend {}\nquorum friend\n", vkey.trim(), witness.key);
    fs::write(server.folder().join("policy"), policy).unwrap();
    let record = server.lookup("EventName", "GetCallerIdentity").remove(0);
    let id = record["eventID"].as_str().unwrap();
    eventually("a proof has what the witness signed", || {
        let made = server.trailmark_raw(&["prove", id, "--output", "it.tlog-proof"]);
        let checked = ["verify-proof", "it.tlog-proof", "--policy", "policy"];
        let is_proven = || server.trailmark_raw(&checked).status.success();
        (made.status.success() && is_proven()).then_some(())
    });
    assert!(page(server, "/_trailmark/metrics").contains("witnesses_contradicting 0\n"));
    let endpoint = deployment.server.endpoint().to_owned();
    let (valid, report) = deployment.verify(place, &["--endpoint", &endpoint]);
    assert!(valid, "{report}");

    let server = &mut deployment.server;
    stop(server);
    fs::rename(&data, shelf.path().join("newer")).unwrap();
    copy(&older, &data);
    let before = list(server);
    server.restart();
    eventually("the witness contradicts", || {
        page(server, "/_trailmark/metrics").contains("witnesses_contradicting 1\n").then_some(())
    });
    let signed = page(server, "/_trailmark/log/checkpoint");
    server.aws(&["sts", "get-caller-identity"]);
    let status = eventually("the trail's status tells", || {
        let status = server.aws_json(&["cloudtrail", "get-trail-status", "--name", "audit"]);
        status.get("LatestDigestDeliveryError").is_some().then_some(status)
    });
    assert_eq!(status["LatestDigestDeliveryError"], "PreconditionFailed");
    let words = server.words();
    for told in ["a witness has seen another history of this log", "two histories meet"] {
        assert!(words.contains(told) && words.contains("ERROR"), "`{told}` is missing: {words}");
    }
    // Nothing is signed over a history that is not the one that was seen.
    assert_eq!(page(server, "/_trailmark/log/checkpoint"), signed);
    deployment.hours.pass();
    let after = eventually("the digest of a free hour is delivered", || {
        let now = list(&deployment.server);
        now.difference(&before).any(|it| is_digest(it)).then_some(now)
    });
    assert!(after.is_superset(&before));
    let endpoint = deployment.server.endpoint().to_owned();
    let (valid, report) = deployment.verify(place, &["--endpoint", &endpoint]);
    assert!(!valid && report.to_string().contains("parallel-history"), "{report}");
}
