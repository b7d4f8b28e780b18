//! A disk that fills up: callers are refused before anything happens, and the server recovers by
//! itself, with all that it acknowledged.

use std::{fs, io::Write as _, path::Path, process::Command};

use serde_json::Value;

use crate::{
    harness::{Server, eventually},
    raw::{Answer, Request, call, look_up_all},
};

/// A small disk, where the system lets us mount one. Unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, megabytes: u32) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m,mode=700");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at);
        command.output().is_ok_and(|it| it.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Lazily: a process of the test that failed may still have it open.
        let _output = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[track_caller]
fn check_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

fn record(number: usize) -> Vec<u8> {
    padded(number, 20_000)
}

fn padded(number: usize, padding: usize) -> Vec<u8> {
    let padding = "x".repeat(padding);
    format!(
        r#"{{"eventVersion":"1.11","eventTime":"2026-11-20T12:00:00Z","eventSource":"test.amazonaws.com","eventName":"Fill","awsRegion":"us-east-1","eventID":"fill-{number}","eventType":"AwsApiCall","eventCategory":"Management","recipientAccountId":"123456789012","requestParameters":{{"padding":"{padding}"}}}}"#
    )
    .into_bytes()
}

/// Sends records until they are refused; returns how many were taken and the refusal.
#[track_caller]
fn fill(server: &Server, most: usize) -> (usize, Answer) {
    for number in 0..most {
        let answer = call(server, &Request::records(record(number)));
        if answer.status != 200 {
            return (number, answer);
        }
    }
    panic!("the disk did not fill up");
}

/// How many reads a gap record tells of.
fn missing_reads(record: &Value) -> u64 {
    let details = &record["serviceEventDetails"];
    assert_eq!(details["reason"], "LogFull", "{record:#}");
    details["recordCountAtMost"].as_u64().unwrap()
}

#[test]
fn a_full_disk_refuses_calls_and_recovers_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(disk) = SmallDisk::mount(&data, 24) else {
        eprintln!(
            "NOT TESTED: a full disk, since this system does not let us mount a tmpfs. \
             The log's own bound is tested instead."
        );
        return;
    };
    let ballast = data.join("ballast");
    let mut server = Server::start_in(folder, &[], &[("TRAILMARK_LOG__SEGMENT_BYTES", "1048576")]);
    let before = call(&server, &Request::records(record(1_000_000)));
    assert_eq!(before.status, 200, "{}", before.text());

    // Another tenant of the disk takes what is left of it.
    fs::write(&ballast, vec![1; 8 << 20]).unwrap();
    let rest = vec![1; 64 << 10];
    let mut file = fs::OpenOptions::new().append(true).open(&ballast).unwrap();
    while file.write_all(&rest).is_ok() {}
    drop(file);
    let (taken, refusal) = fill(&server, 2_000);
    check_refused(&refusal);
    // Captured calls are refused too, once not even a small record finds room.
    let denied = eventually("a call is refused", || {
        let answer = call(&server, &Request::s3("PUT", "/never", ""));
        (answer.status != 200).then_some(answer)
    });
    check_refused(&denied);
    // What only reads is answered, whether or not there is room for its record.
    let mut reads = 0;
    for _ in 0..5 {
        let answer = call(&server, &Request::who_am_i());
        assert_eq!(answer.status, 200, "{}", answer.text());
        reads += 1;
    }
    assert_eq!(look_up_all(&server, "EventName", "Fill").len(), taken + 1);
    assert!(server.is_alive(), "{}", server.words());
    // What does not have to be recorded is still answered.
    let page = call(&server, &Request::s3("GET", "/_trailmark/metrics", ""));
    assert!(page.text().contains("trailmark_log_full 1"), "{}", page.text());
    let page = call(&server, &Request::s3("GET", "/_trailmark/healthz", ""));
    assert_eq!(page.status, 200, "{}", page.text());

    fs::remove_file(&ballast).unwrap();
    eventually("the server takes records again", || {
        let answer = call(&server, &Request::records(record(2_000_000)));
        (answer.status == 200).then_some(())
    });
    // Every acknowledged record, and no other; the last of them within a second.
    let found = eventually("every acknowledged record is found", || {
        let found = look_up_all(&server, "EventName", "Fill");
        (found.len() >= taken + 2).then_some(found)
    });
    assert_eq!(found.len(), taken + 2, "every acknowledged record, and no other");
    eventually("reads are recorded, or a gap record tells of them", || {
        let recorded = look_up_all(&server, "EventName", "GetCallerIdentity").len();
        let gaps = look_up_all(&server, "EventName", "RecordGap");
        let missing: u64 = gaps.iter().map(missing_reads).sum();
        (recorded as u64 + missing >= reads).then_some(())
    });
    server.kill_and_restart();
    assert_eq!(look_up_all(&server, "EventName", "Fill").len(), taken + 2);
    // The folder can be removed once nothing is mounted in it.
    server.kill();
    drop(disk);
}

#[test]
fn a_log_at_its_bound_refuses_calls_and_recovers_when_the_store_has_caught_up() {
    let mut server = Server::start_with(
        &[],
        &[
            ("TRAILMARK_LOG__SEGMENT_BYTES", "1048576"),
            ("TRAILMARK_LOG__BOUND_BYTES", "4194304"),
            ("TRAILMARK_LAKE__FLUSH_AGE_SECONDS", "6"),
        ],
    );
    let (taken, refusal) = fill(&server, 2_000);
    check_refused(&refusal);
    // Where a large record finds no room, small ones may.
    let small = (taken..taken + 200)
        .take_while(|it| call(&server, &Request::records(padded(*it, 10))).status == 200)
        .count();
    // A call that would have to be recorded does not happen.
    check_refused(&call(&server, &Request::s3("PUT", "/never", "")));
    // The store commits, the log is trimmed behind it.
    eventually("the server takes records again", || {
        let answer = call(&server, &Request::records(record(2_000_000)));
        (answer.status == 200).then_some(())
    });
    assert_eq!(look_up_all(&server, "EventName", "Fill").len(), taken + small + 1);
    assert!(look_up_all(&server, "EventName", "CreateBucket").is_empty(), "it never happened");
    assert!(server.is_alive());
}
