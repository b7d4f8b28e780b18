//! Statements of SQL over two records: whatever a text asks for, it is answered or refused in time, and
//! no fault is ours.
#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use datafusion::datasource::MemTable;
use libfuzzer_sys::fuzz_target;
use sql::{Engine, Error, Limits, Session, Settings};
use tokio::runtime::{Builder, Runtime};
use views::{Decoder, View};

const RECORDS: &str = r#"{"eventVersion":"1.11","eventID":"1","eventTime":"2026-02-03T09:05:12Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventCategory":"Data","readOnly":true,"requestParameters":{"bucketName":"b","tags":[{"key":"k"}]},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::b/k"}],"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/u"}}
{"eventTime":"2026-02-03T09:05:13Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","errorCode":"AccessDenied","userIdentity":{"type":"AssumedRole","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}}}"#;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));

static SESSION: LazyLock<Session> = LazyLock::new(|| {
    let settings = Settings { memory_bytes: 64 << 20, ..Settings::default() };
    let engine = Engine::new(&settings, Arc::new(ambient::SystemClock)).expect("an engine");
    let mut session = engine.session();
    for (name, view) in [("eds", View::Lake), ("logs", View::Athena)] {
        let columns: Vec<_> = (0..view.columns().len()).collect();
        let mut decoder = Decoder::new(view, &columns, Vec::new());
        decoder.read(RECORDS).expect("records");
        let batch = decoder.take().expect("columns are as long as each other");
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).expect("a table");
        session.table(name, Arc::new(table));
    }
    session.limits(Limits { time: Duration::from_secs(2), ..Limits::default() });
    session
});

fuzz_target!(|text: &str| {
    let answered = RUNTIME.block_on(async { SESSION.query(text).await?.collect().await });
    if let Err(error) = answered {
        assert!(!matches!(error, Error::Internal(_)), "{error}");
        assert!(!error.to_string().is_empty());
    }
});
