//! Tables of stores: what is pushed is found, in the tail and in files.

mod alike;
mod crash;
mod memory_log;

use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion::catalog::TableProvider;
use futures::TryStreamExt as _;
use sql::{Engine, Settings};
use tables::{Cache, Store};
use uuid::Uuid;
use views::{Decoder, View};

use crate::{Components, EventTable, columns};

pub(crate) const START: &str = "2026-11-20T12:00:00Z";

/// A folder for tables, and what they stand on.
pub(crate) struct House {
    _folder: tempfile::TempDir,
    pub(crate) components: Components,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ambient, _) = testkit::ambient(START.parse().unwrap(), 7);
        let database = folder.path().join("tables.sqlite");
        let components = Components {
            store: Store::local(folder.path().join("tables")).unwrap(),
            catalog_url: format!("sqlite://{}?mode=rwc", database.display()),
            ambient,
            cache: Arc::new(Cache::new(8 << 20)),
        };
        Self { _folder: folder, components }
    }

    pub(crate) async fn open(&self) -> Arc<EventTable> {
        let id = Uuid::from_u128(1);
        Arc::new(EventTable::open(self.components.clone(), id).await.unwrap())
    }
}

/// A record of a call by a key.
pub(crate) fn record(day: u32, key: &str, name: &str, number: usize) -> String {
    format!(
        r#"{{"eventVersion":"1.11","eventID":"{name}-{number}","eventName":"{name}","eventSource":"s3.amazonaws.com","eventTime":"2026-11-{day:02}T10:00:{:02}Z","awsRegion":"us-east-1","readOnly":true,"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/{key}","accessKeyId":"{key}"}},"requestParameters":{{"bucketName":"b","n":{number}}}}}"#,
        number % 60
    )
}

pub(crate) fn rows(records: &[String]) -> RecordBatch {
    let all: Vec<usize> = (0..View::Lake.columns().len()).collect();
    let mut decoder = Decoder::new(View::Lake, &all, Vec::new());
    decoder.read(&records.join("\n")).unwrap();
    decoder.take().unwrap()
}

/// What a query answers, as text.
pub(crate) async fn ask(table: Arc<dyn TableProvider>, query: &str) -> String {
    let (ambient, _) = testkit::ambient(START.parse().unwrap(), 7);
    let engine = Engine::new(&Settings::default(), ambient.clock).unwrap();
    let mut session = engine.session();
    session.table("store", table);
    let answer = session.query(query).await.unwrap();
    let batches: Vec<RecordBatch> = answer.stream.try_collect().await.unwrap();
    let mut lines = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cell = |column: &arrow_array::ArrayRef| {
                let shown = datafusion::arrow::util::display::array_value_to_string(column, row);
                shown.unwrap()
            };
            lines.push(batch.columns().iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
    }
    lines.join("\n")
}

const COUNT: &str = "SELECT eventname, count(*), min(eventtime) FROM store GROUP BY 1 ORDER BY 1";

#[tokio::test]
async fn field_ids_are_those_that_iceberg_gives() {
    let house = House::new();
    let table = house.open().await;
    assert_eq!(table.schema().await.as_struct(), columns::iceberg().unwrap().as_struct());
}

#[tokio::test]
async fn rows_are_found_in_the_tail_and_in_files() {
    let house = House::new();
    let table = house.open().await;
    assert_eq!(ask(table.provider(), COUNT).await, "");
    table
        .push(&rows(&[record(19, "AKIA1", "GetObject", 1), record(20, "AKIA2", "PutObject", 2)]))
        .unwrap();
    let both = "GetObject | 1 | 2026-11-19T10:00:01\nPutObject | 1 | 2026-11-20T10:00:02";
    assert_eq!(ask(table.provider(), COUNT).await, both);
    table.flush(5).await.unwrap();
    assert_eq!((table.stats().files, table.stats().tail_bytes), (2, 0));
    assert_eq!(ask(table.provider(), COUNT).await, both);
    table.push(&rows(&[record(20, "AKIA2", "PutObject", 3)])).unwrap();
    let three = both.replace("PutObject | 1", "PutObject | 2");
    assert_eq!(ask(table.provider(), COUNT).await, three);
    drop(table);
    // What was not flushed is the log's to tell again.
    let table = house.open().await;
    assert_eq!(table.committed().await, Some(5));
    assert_eq!(ask(table.provider(), COUNT).await, both);
}

#[tokio::test]
async fn a_key_is_found_without_reading_what_cannot_hold_it() {
    let house = House::new();
    let table = house.open().await;
    for day in 1..=10 {
        let records: Vec<String> = (0..20_000)
            .map(|it| record(day, &format!("AKIA{}", it % 50), "GetObject", it))
            .collect();
        table.push(&rows(&records)).unwrap();
    }
    table.push(&rows(&[record(5, "ASIA1", "PutObject", 0)])).unwrap();
    table.flush(9).await.unwrap();
    let of_key = |key: &str| {
        format!(
            "SELECT count(*), min(eventname), max(userIdentity.arn) FROM store \
             WHERE userIdentity.accessKeyId = '{key}'"
        )
    };
    let one = "1 | PutObject | arn:aws:iam::123456789012:user/ASIA1";
    assert_eq!(ask(table.provider(), &of_key("ASIA1")).await, one);
    let many = "4000 | GetObject | arn:aws:iam::123456789012:user/AKIA7";
    assert_eq!(ask(table.provider(), &of_key("AKIA7")).await, many);
    assert_eq!(ask(table.provider(), &of_key("AKIA99")).await, "0 |  | ");
    let one_key = [logfiles::Condition {
        path: path("useridentity.accesskeyid"),
        test: views::Test::OneOf(vec!["ASIA1".to_owned()]),
    }];
    let seen = table.seen();
    let (store, cache) = (&table.target.store, &house.components.cache);
    let reading = crate::prune::prune(&seen.files, &one_key, store, cache).unwrap();
    assert_eq!(reading.len(), 1);
    let access = reading[0].access.clone().unwrap();
    assert!(format!("{access:?}").contains("Selection"), "{access:?}");
}

fn path(text: &str) -> Vec<&'static views::Column> {
    let mut columns = View::Lake.columns();
    let mut path = Vec::new();
    for name in text.split('.') {
        let column = columns.iter().find(|it| it.name == name).unwrap();
        if let views::Kind::Row(within) = column.kind {
            columns = within;
        }
        path.push(column);
    }
    path
}
