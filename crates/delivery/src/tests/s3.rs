//! Deliveries to an S3 that is not ours: moto's.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use object_store::{
    Attribute, ObjectStore, ObjectStoreExt as _, RetryConfig, aws::AmazonS3Builder, path::Path,
};

use crate::destination::{Destination, Object};

/// A server that ends with the test.
struct Moto(Child, String);

impl Drop for Moto {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn moto() -> Moto {
    let venv = std::env::var("TRAILMARK_VENV").expect("TRAILMARK_VENV names a Python with moto");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new(format!("{venv}/bin/moto_server"))
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Moto(child, format!("http://127.0.0.1:{port}"))
}

fn bucket(moto: &Moto, name: &str) -> Arc<dyn ObjectStore> {
    let store = AmazonS3Builder::new()
        .with_endpoint(&moto.1)
        .with_allow_http(true)
        .with_bucket_name(name)
        .with_region("us-east-1")
        .with_access_key_id("test")
        .with_secret_access_key("test")
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() });
    Arc::new(store.build().unwrap())
}

#[tokio::test]
async fn an_s3_takes_files_with_their_headers_and_says_why_it_does_not() {
    let moto = moto();
    let make = || {
        Command::new(format!("{}/bin/aws", std::env::var("TRAILMARK_VENV").unwrap()))
            .args(["s3api", "create-bucket", "--bucket", "logs", "--endpoint-url", &moto.1])
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_RETRY_MODE", "standard")
            .env("AWS_MAX_ATTEMPTS", "8")
            .output()
            .unwrap()
    };
    let mut made = make();
    for _ in 0..20 {
        if made.status.success() {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
        made = make();
    }
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let object = Object {
        key: "a b/AWSLogs/x~y.json.gz".to_owned(),
        body: vec![1, 2, 3].into(),
        metadata: vec![("signature".to_owned(), "00ff".to_owned())],
    };
    let store = bucket(&moto, "logs");
    Destination::Store(Arc::clone(&store)).put(object.clone()).await.unwrap();
    let found = store.get(&Path::parse(&object.key).unwrap()).await.unwrap();
    let attribute = |it: Attribute| found.attributes.get(&it).unwrap().to_string();
    assert_eq!(attribute(Attribute::ContentType), "application/json");
    assert_eq!(attribute(Attribute::ContentEncoding), "gzip");
    assert_eq!(attribute(Attribute::Metadata("signature".into())), "00ff");
    assert_eq!(found.bytes().await.unwrap(), object.body);
    let refusal = Destination::Store(bucket(&moto, "none")).put(object).await.unwrap_err();
    assert_eq!(refusal.code.as_deref(), Some("NoSuchBucket"));
}
