//! A disk that fills up: writes are refused and leave nothing, reads go on, and room is found again.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use ambient::Ambient;
use trailmark_buckets::Buckets;
use wire::answer::full;

use crate::common::{ACCOUNT, Answered, files, noise, open, send};

/// A small file system in memory, until dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "trailmark"]).arg(folder.path());
        let output = mount.output().ok()?;
        output.status.success().then_some(Self(folder))
    }

    /// Another tenant of the disk takes all but `left` bytes of it.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.0.path().join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        let size = file.metadata().unwrap().len();
        file.set_len(size.saturating_sub(left)).unwrap();
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: the index may still be open.
        let _output = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

async fn put(buckets: &Buckets, target: &str, bytes: usize) -> Answered {
    send(buckets, ACCOUNT, "PUT", target, &[], full(noise(bytes))).await
}

async fn get(buckets: &Buckets, target: &str) -> Answered {
    send(buckets, ACCOUNT, "GET", target, &[], full("")).await
}

#[track_caller]
fn check_no_room(answer: Answered) {
    let answer = answer.expect_error(503, "ServiceUnavailable");
    assert_eq!(answer.header("retry-after"), "1");
}

/// Drafts are removed behind the answer.
async fn eventually_files(folder: &Path, expected: usize) {
    for _ in 0..500 {
        if files(folder) == expected {
            return;
        }
        Ambient::system().clock.sleep(Duration::from_millis(10)).await;
    }
    panic!("{} files instead of {expected}", files(folder));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_keeps_nothing_of_them_and_goes_on_reading() {
    let Some(disk) = Tmpfs::mount() else {
        println!("NOT TESTED: a full disk, since this system does not let us mount a tmpfs");
        return;
    };
    let folder = disk.0.path().join("buckets");
    let buckets = open(&folder).await;
    put(&buckets, "/box", 0).await.expect(200);
    put(&buckets, "/box/before", 1000).await.expect(200);

    // No room for the bytes.
    let ballast = disk.fill(64 << 10);
    check_no_room(put(&buckets, "/box/large", 1 << 20).await);
    eventually_files(&folder, 1).await;
    fs::remove_file(ballast).unwrap();

    // No room for the index, wherever its file ends: small objects until one is refused.
    let ballast = disk.fill(128 << 10);
    let mut kept = vec!["before".to_owned()];
    let refused = loop {
        let key = format!("small-{:03}", kept.len());
        let answer = put(&buckets, &format!("/box/{key}"), 0).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(kept.len() < 900, "the disk did not fill up");
        kept.push(key);
    };
    check_no_room(refused);
    eventually_files(&folder, kept.len()).await;
    // The refusal made a little room: where that is used up, the next one is refused alike.
    let mut number = 0;
    let refused = loop {
        let answer = put(&buckets, &format!("/another-{number}"), 0).await;
        if answer.status != 200 {
            break answer;
        }
        number += 1;
        assert!(number < 90, "the disk did not fill up");
    };
    check_no_room(refused);
    assert_eq!(get(&buckets, "/box/before").await.expect(200).body.len(), 1000);
    assert_eq!(get(&buckets, "/box?list-type=2").await.expect(200).all("Key"), kept);

    fs::remove_file(ballast).unwrap();
    put(&buckets, "/box/small-999", 1000).await.expect(200);
    put(&buckets, &format!("/another-{number}"), 0).await.expect(200);
    kept.push("small-999".to_owned());
    drop(buckets);
    let buckets = open(&folder).await;
    assert_eq!(get(&buckets, "/box?list-type=2").await.expect(200).all("Key"), kept);
    assert_eq!(files(&folder), kept.len());
}
