//! The embedded S3 as the AWS CLI and boto3 see it.

use std::{fs, process::Command};

use crate::common::{House, noise, program, run, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_cli_makes_copies_lists_syncs_and_removes() {
    let house = House::new().await;
    let address = serve(house.buckets.clone()).await;
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let aws = async |words: &str| {
        let mut command = Command::new(program("aws"));
        command.args(words.split(' '));
        run(command, address, home.path()).await
    };
    fs::write(at("hello.txt"), "hello").unwrap();
    fs::write(at("large.bin"), noise(20 << 20)).unwrap();
    fs::create_dir_all(at("tree/sub")).unwrap();
    for n in 0..5 {
        fs::write(at(&format!("tree/sub/{n} ä+&.txt")), n.to_string()).unwrap();
    }

    assert!(aws("s3 mb s3://first").await.contains("make_bucket: first"));
    aws("s3 cp hello.txt s3://first/a/hello.txt").await;
    // Beyond 8 MiB the CLI uploads in parts and downloads in ranges.
    aws("s3 cp large.bin s3://first/large.bin").await;
    aws("s3 cp s3://first/large.bin back.bin").await;
    assert!(fs::read(at("back.bin")).unwrap() == fs::read(at("large.bin")).unwrap());
    aws("s3 cp s3://first/large.bin s3://first/copy.bin").await;
    aws("s3 cp s3://first/copy.bin again.bin").await;
    assert!(fs::read(at("again.bin")).unwrap() == fs::read(at("large.bin")).unwrap());

    let listed = aws("s3 ls s3://first").await;
    assert!(listed.contains("PRE a/") && listed.contains("20971520 large.bin"), "{listed}");
    assert!(aws("s3 ls").await.contains("first"));

    aws("s3 sync tree s3://first/tree").await;
    assert_eq!(aws("s3 sync tree s3://first/tree").await, "", "nothing is left to do");
    aws("s3 sync s3://first/tree mirror").await;
    assert_eq!(fs::read_to_string(at("mirror/sub/3 ä+&.txt")).unwrap(), "3");
    aws("s3 mv s3://first/a/hello.txt s3://first/b/hello.txt").await;
    assert_eq!(aws("s3 cp s3://first/b/hello.txt -").await, "hello");

    aws("s3 rm s3://first --recursive").await;
    assert_eq!(aws("s3 ls s3://first --recursive").await, "");
    aws("s3 rb s3://first").await;
    assert_eq!(aws("s3 ls").await, "");
    assert_eq!(house.files(), 0, "no bytes are left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_finds_what_it_put() {
    let house = House::new().await;
    let address = serve(house.buckets.clone()).await;
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("python"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/embedded/boto.py"));
    let said = run(command, address, home.path()).await;
    assert!(said.ends_with("all is well\n"), "{said}");
    assert_eq!(house.files(), 0, "no bytes are left behind");
}
