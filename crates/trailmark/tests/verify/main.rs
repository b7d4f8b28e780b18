//! `trailmark verify` and the AWS CLI on the same buckets, in a folder and on an S3 that is not ours.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests may fail"
)]

#[allow(dead_code, reason = "the verifier's own tests use more of it")]
#[path = "../../../integrity/tests/it/bucket.rs"]
mod bucket;
mod folder;
mod s3;
mod scope;
#[path = "../../../integrity/tests/it/stub.rs"]
mod stub;
mod tree;
mod words;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use integrity::{digest::Signer as _, verify::Report};

use crate::{
    bucket::{Bucket, OTHER_SIGNER, SIGNER, stamp},
    stub::{World, serve},
};

/// What a validator said: whether it was content, and its words.
struct Heard {
    content: bool,
    out: String,
    err: String,
}

impl Heard {
    fn of(output: Output) -> Self {
        let Output { status, stdout, stderr } = output;
        let [out, err] = [stdout, stderr].map(|it| String::from_utf8(it).unwrap());
        Self { content: status.success(), out, err }
    }

    #[track_caller]
    fn check(&self, content: bool, words: &[&str]) {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.content, content, "{all}");
        for words in words {
            assert!(all.contains(words), "`{words}` is missing:\n{all}");
        }
    }

    #[track_caller]
    fn report(&self) -> Report {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }
}

/// A command in an environment that holds nothing of the machine's.
fn clean(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/nonexistent");
    command
}

fn trailmark(arguments: &[&str]) -> Heard {
    let mut command = clean(env!("CARGO_BIN_EXE_trailmark"));
    Heard::of(command.arg("verify").args(arguments).output().unwrap())
}

fn venv(program: &str) -> PathBuf {
    let venv = std::env::var_os("TRAILMARK_VENV")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv"), PathBuf::from);
    venv.join("bin").join(program)
}

/// A server that knows the trail and its keys, and nothing else.
fn cloudtrail(bucket: &Bucket) -> String {
    let (from, until) = (stamp("2026-02-20T00:00:00Z"), stamp("2026-03-22T00:00:00Z"));
    let keys = [&*SIGNER, &*OTHER_SIGNER].map(|it| (it.public_key().clone(), from, until)).to_vec();
    let latest_digest = bucket.chain.previous.as_ref().unwrap().end.plus_seconds(600);
    serve(World { bucket: bucket.clone(), keys, latest_digest })
}

/// Writes the objects into a folder, metadata beside digests if so wished.
fn write(bucket: &Bucket, folder: &Path, with_metadata: bool) {
    for (key, object) in &bucket.objects {
        let path = folder.join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &object.body).unwrap();
        if with_metadata && !object.metadata.is_empty() {
            let beside = format!("{}.metadata.json", path.display());
            std::fs::write(beside, serde_json::to_vec(&object.metadata).unwrap()).unwrap();
        }
    }
}
