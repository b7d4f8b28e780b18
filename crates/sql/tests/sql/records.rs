//! Two tables of a few records, one for each view, and ways to ask them.

use std::sync::{Arc, LazyLock};

use testkit::ManualClock;
use trailmark_sql::{self as sql, Engine, Error, Limits, Session, Settings};
use views::{Decoder, View};

use datafusion::{
    arrow::{
        array::StringArray,
        datatypes::{DataType, Field, Schema},
        record_batch::RecordBatch,
    },
    datasource::MemTable,
};

/// The instant that the clock shows.
pub(crate) const NOW: &str = "2024-05-02T10:30:00.125Z";
/// An event data store.
pub(crate) const STORE: &str = "1e5bfa3a-4e8f-4dd1-b1f6-0123456789ab";

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let settings = Settings { memory_bytes: 64 << 20, ..Settings::default() };
    Engine::new(&settings, Arc::new(ManualClock::new(NOW.parse().unwrap()))).unwrap()
});

fn batch(view: View) -> RecordBatch {
    let all: Vec<usize> = (0..view.columns().len()).collect();
    let mut decoder = Decoder::new(view, &all, Vec::new());
    decoder.read(include_str!("records.json")).unwrap();
    decoder.take().unwrap()
}

/// With the columns that the partitions of a published Athena table add.
fn partitioned(batch: &RecordBatch) -> RecordBatch {
    let mut fields: Vec<Field> =
        batch.schema().fields().iter().map(|it| it.as_ref().clone()).collect();
    let mut columns = batch.columns().to_vec();
    for (name, value) in [
        ("account", "123456789012"),
        ("region", "us-east-1"),
        ("year", "2023"),
        ("month", "01"),
        ("day", "03"),
        ("timestamp", "2023/01/03"),
        ("$path", "s3://bucket/AWSLogs/123456789012/CloudTrail/us-east-1/2023/01/03/a.json.gz"),
    ] {
        fields.push(Field::new(name, DataType::Utf8, true));
        columns.push(Arc::new(StringArray::from(vec![value; batch.num_rows()])));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn table(view: View) -> Arc<MemTable> {
    let batch = if view == View::Athena { partitioned(&batch(view)) } else { batch(view) };
    Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap())
}

/// A session with the Lake view as `eds`, [`STORE`] and others, the Athena view as
/// `cloudtrail_logs`.
pub(crate) fn session() -> Session {
    let mut session = ENGINE.session();
    let lake = table(View::Lake);
    for name in [
        "eds",
        STORE,
        "EDS1",
        "EDS2",
        "EDS3",
        "event_data_store_ID",
        "$EDS_ID",
        "EXAMPLEf852-4e8f-8bd1-bcf6cEXAMPLE",
    ] {
        session.table(name, lake.clone());
    }
    session.table(&format!("aws:cloudtrail.{STORE}"), lake.clone());
    let athena = table(View::Athena);
    for name in ["cloudtrail_logs", "cloudtrail_000000000000"] {
        session.table(name, athena.clone());
    }
    session
}

/// The labels and the rows as text, nulls as `NULL`.
pub(crate) type Answered = (Vec<String>, Vec<Vec<String>>);

pub(crate) fn ask_with(sql: &str, limits: Limits) -> Result<Answered, Error> {
    let mut session = session();
    session.limits(limits);
    ask_in(&session, sql)
}

pub(crate) fn ask_in(session: &Session, sql: &str) -> Result<Answered, Error> {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());
    RUNTIME.block_on(async {
        let answer = session.query(sql).await?;
        let labels = answer.columns.iter().map(|it| it.label.clone()).collect();
        let mut rows = Vec::new();
        for batch in answer.collect().await? {
            for row in 0..batch.num_rows() {
                let values = batch.columns().iter();
                rows.push(values.map(|it| sql::text::value(it.as_ref(), row, "NULL")).collect());
            }
        }
        Ok((labels, rows))
    })
}

pub(crate) fn ask(sql: &str) -> Result<Answered, Error> {
    ask_in(&session(), sql)
}

/// The rows, each joined by ` | `.
#[track_caller]
pub(crate) fn rows(sql: &str) -> Vec<String> {
    match ask(sql) {
        Ok((_, rows)) => rows.into_iter().map(|it| it.join(" | ")).collect(),
        Err(error) => panic!("{sql}\n{error}"),
    }
}
