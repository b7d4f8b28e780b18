//! What is there after the process died at any moment.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use ambient::Ambient;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use trailmark_buckets::{Buckets, Error, Settings};
use wire::answer::{BoxError, empty, full};

use crate::common::{ACCOUNT, House, files, open, send};

/// Copies a folder as a crash would leave it: without asking the process that has it open.
fn image(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            image(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash_and_orphans_are_not() {
    let house = House::with_box().await;
    house.send("PUT", "/box/kept", &[("x-amz-meta-a", "b")], "bytes").await.expect(200);
    house.send("PUT", "/box/gone", &[], "bytes").await.expect(200);
    house.call("DELETE", "/box/gone").await.expect(204);
    let upload = house.call("POST", "/box/parts?uploads").await.expect(200).one("UploadId");
    let part = format!("/box/parts?partNumber=1&uploadId={upload}");
    house.send("PUT", &part, &[], "part").await.expect(200);

    let copy = tempfile::tempdir().unwrap();
    image(house.folder.path(), copy.path());
    // A crash between the bytes and the index, and one in the middle of the bytes.
    for orphan in ["00/00112233445566778899aabbccddeeff", "ff/ffeeddccbbaa99887766554433221100"] {
        fs::write(copy.path().join("blobs").join(orphan), "half").unwrap();
    }
    let buckets = open(copy.path()).await;
    assert_eq!(files(copy.path()), 2, "the object's and the part's");
    let get = async |target: &str| send(&buckets, ACCOUNT, "GET", target, &[], empty()).await;
    let kept = get("/box/kept").await.expect(200);
    assert_eq!((kept.text().as_str(), kept.header("x-amz-meta-a")), ("bytes", "b"));
    get("/box/gone").await.expect_error(404, "NoSuchKey");
    assert_eq!(get("/box?list-type=2").await.all("Key"), ["kept"]);
    let parts = get(&format!("/box/parts?uploadId={upload}")).await.expect(200);
    assert_eq!(parts.all("PartNumber"), ["1"]);
}

#[tokio::test]
async fn a_caller_who_leaves_in_the_middle_leaves_nothing() {
    let house = House::with_box().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<bytes::Bytes>(1);
    let body = stream::unfold(receiver, |mut it| async move {
        it.recv().await.map(|bytes| (Ok::<_, BoxError>(Frame::data(bytes)), it))
    });
    let body = StreamBody::new(body).boxed_unsync();
    let buckets = house.buckets.clone();
    let headers = [("content-length", "1000000")];
    let put = tokio::spawn(async move {
        send(&buckets, ACCOUNT, "PUT", "/box/k", &headers, body).await;
    });
    for _ in 0..8 {
        sender.send(bytes::Bytes::from(vec![0; 100_000])).await.unwrap();
    }
    assert_eq!(house.files(), 1);
    put.abort();
    for _ in 0..500 {
        if house.files() == 0 {
            break;
        }
        Ambient::system().clock.sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(house.files(), 0);
    house.call("GET", "/box/k").await.expect_error(404, "NoSuchKey");
}

#[tokio::test]
async fn a_folder_is_served_by_one_process() {
    let house = House::new().await;
    let second = Buckets::open(house.folder.path(), Settings::default(), Ambient::system()).await;
    assert!(matches!(second, Err(Error::InUse(_))), "{second:?}");
}

#[tokio::test]
async fn after_kill_9_every_acknowledged_object_is_there_and_every_deleted_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut there = BTreeSet::new();
    for round in 0..5_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
            .env("TRAILMARK_TEST_FOLDER", folder.path())
            .env("TRAILMARK_TEST_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut doubtful = None;
        let mut said = 0;
        for line in lines.map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("begin", key)) => doubtful = Some(key.to_owned()),
                Some(("put", key)) => {
                    there.insert(key.to_owned());
                    doubtful = None;
                }
                Some(("deleted", key)) => {
                    there.remove(key);
                    doubtful = None;
                }
                _ => continue,
            }
            said += 1;
            if said == 40 + round * 17 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(said >= 40, "the writer wrote");

        let buckets = open(folder.path()).await;
        let listed = send(&buckets, ACCOUNT, "GET", "/box?list-type=2", &[], empty()).await;
        let listed: BTreeSet<String> = listed.expect(200).all("Key").into_iter().collect();
        assert_eq!(files(folder.path()), listed.len(), "no orphans");
        for key in &listed {
            let target = format!("/box/{key}");
            let got = send(&buckets, ACCOUNT, "GET", &target, &[], empty()).await.expect(200);
            assert!(got.body == contents(key), "{key} is whole");
        }
        // The change that was under way may have happened or not.
        if let Some(key) = doubtful {
            if listed.contains(&key) {
                there.insert(key)
            } else {
                there.remove(&key)
            };
        }
        assert_eq!(listed, there, "round {round}");
    }
}

/// The process that the test above kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn writes_until_it_is_killed() {
    let folder = std::env::var("TRAILMARK_TEST_FOLDER").unwrap();
    let round = std::env::var("TRAILMARK_TEST_ROUND").unwrap();
    let buckets = open(Path::new(&folder)).await;
    if buckets.owner("box").is_none() {
        send(&buckets, ACCOUNT, "PUT", "/box", &[], empty()).await.expect(200);
    }
    for n in 0.. {
        let key = format!("{round}-{n}");
        say("begin", &key);
        let body = full(contents(&key));
        send(&buckets, ACCOUNT, "PUT", &format!("/box/{key}"), &[], body).await.expect(200);
        say("put", &key);
        if n % 3 == 2 {
            let key = format!("{round}-{}", n - 1);
            say("begin", &key);
            let target = format!("/box/{key}");
            send(&buckets, ACCOUNT, "DELETE", &target, &[], empty()).await.expect(204);
            say("deleted", &key);
        }
    }
}

fn say(word: &str, key: &str) {
    let mut out = std::io::stdout().lock();
    // When nobody listens any more, the test has ended.
    if writeln!(out, "{word} {key}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Some bytes that follow from the key.
fn contents(key: &str) -> Vec<u8> {
    key.bytes().cycle().take(key.len() * 7_001).collect()
}
