//! A store answers as plain rows of the view do, whatever its texts are read as.

use std::{fs, path::Path, sync::Arc};

use datafusion::{catalog::TableProvider, datasource::MemTable};
use futures::TryStreamExt as _;
use sql::{Engine, Settings, text};
use views::View;

use super::{House, START, rows};

/// Queries that use texts in every way there is.
const QUERIES: &[&str] = &[
    "SELECT * FROM store",
    "SELECT eventname, count(*) FROM store GROUP BY eventname",
    "SELECT lower(eventname), upper(eventsource), length(useragent), reverse(awsregion) FROM store",
    "SELECT eventname || ':' || eventsource, concat(eventname, '-', awsregion) FROM store",
    "SELECT coalesce(errorcode, 'none'), nullif(awsregion, 'us-east-1'), if(errorcode IS NULL, eventname, errorcode) FROM store",
    "SELECT CASE WHEN eventname LIKE 'Get%' THEN eventname WHEN errorcode IS NOT NULL THEN userIdentity.arn ELSE 'other' END FROM store",
    "SELECT eventname FROM store WHERE eventname LIKE '%e%' AND eventsource NOT LIKE 's3%'",
    "SELECT eventname FROM store WHERE eventname IN ('GetObject', 'PutObject', 'ListBuckets', 'AssumeRole')",
    "SELECT eventname FROM store WHERE regexp_like(eventname, '^(Get|List)')",
    "SELECT regexp_replace(eventname, '[A-Z]', '_'), regexp_extract(eventsource, '^[a-z0-9]+'), split_part(eventsource, '.', 1), split(eventsource, '.') FROM store",
    "SELECT eventname FROM store UNION ALL SELECT userIdentity.type FROM store UNION ALL SELECT 'text'",
    "SELECT eventname FROM store UNION SELECT element_at(requestParameters, 'bucketName') FROM store",
    "SELECT eventname FROM store EXCEPT SELECT userIdentity.type FROM store",
    "SELECT cardinality(array_agg(eventname)), max(eventname), min(eventid), approx_distinct(eventsource), max_by(eventname, eventtime) FROM store",
    "SELECT array_sort(array_agg(DISTINCT eventname)), array_join(array_sort(array_agg(DISTINCT awsregion)), ',') FROM store",
    "SELECT ARRAY[eventname, 'x', userIdentity.type], contains(ARRAY[eventname, eventsource], 'GetObject') FROM store",
    "SELECT map(ARRAY['a'], ARRAY[eventname]), element_at(map(ARRAY[eventname], ARRAY[1]), eventname) FROM store",
    "SELECT row_number() OVER (PARTITION BY eventsource ORDER BY eventtime, eventid), lag(eventname) OVER (ORDER BY eventtime, eventid), first_value(eventid) OVER (ORDER BY eventid) FROM store",
    "SELECT json_extract_scalar(eventjson, '$.eventName'), json_extract(eventjson, '$.userIdentity.type') FROM store",
    "SELECT cast(json_parse(eventjson) AS map(varchar, json))['eventName'] FROM store",
    "SELECT json_format(cast(ARRAY[eventname] AS json)), cast(eventname AS json) FROM store",
    "SELECT r.arn, r.type, eventname FROM store CROSS JOIN UNNEST(resources) AS t(accountid, type, arn, arnprefix) JOIN (SELECT 1) r2(x) ON true, (SELECT 'a' AS arn, 'b' AS type) r",
    "SELECT eventname, k, v FROM store CROSS JOIN UNNEST(requestParameters) AS t(k, v)",
    "SELECT eventname, n FROM store CROSS JOIN UNNEST(ARRAY[eventname, awsregion]) AS t(n)",
    "SELECT a.eventname, b.eventid FROM store a JOIN store b ON a.eventid = b.eventid AND a.awsregion = b.awsregion",
    "SELECT a.eventname FROM store a JOIN store b ON a.eventname = b.userIdentity.type OR a.eventid = b.eventid",
    "SELECT eventname FROM store WHERE eventsource = (SELECT max(eventsource) FROM store)",
    "SELECT eventname FROM store a WHERE EXISTS (SELECT 1 FROM store b WHERE b.eventsource = a.eventsource AND b.eventid <> a.eventid)",
    "SELECT eventsource, eventname, count(*) FROM store GROUP BY GROUPING SETS ((eventsource, eventname), (eventsource), ())",
    "SELECT try_cast(recipientaccountid AS bigint), cast(recipientaccountid AS varchar), try_cast(sourceipaddress AS ipaddress) FROM store",
    "SELECT eventname < eventsource, eventname BETWEEN 'A' AND 'M', greatest(eventname, awsregion), least(eventid, requestid) FROM store",
    "SELECT substr(eventname, 1, 3), substring(eventname FROM 2 FOR 2), strpos(eventname, 'e'), position('e' IN eventname), trim(eventname), lpad(awsregion, 20, '*') FROM store",
    "SELECT transform(ARRAY[eventname, awsregion], x -> lower(x)), filter(ARRAY[eventname], x -> x LIKE 'G%'), any_match(ARRAY[eventname], x -> x = 'GetObject') FROM store",
    "SELECT to_utf8(eventname), md5(to_utf8(eventname)), url_encode(useragent), format('%s in %s', eventname, awsregion) FROM store",
    "SELECT DISTINCT eventsource FROM store ORDER BY eventsource DESC LIMIT 3",
    "WITH t AS (SELECT eventname AS n, count(*) AS c FROM store GROUP BY 1) SELECT n, c FROM t WHERE c > 0 ORDER BY c DESC, n LIMIT 5",
    "SELECT count(*) FILTER (WHERE eventname LIKE 'G%'), count_if(errorcode = 'AccessDenied'), count(DISTINCT eventname), listagg(eventname, ',') WITHIN GROUP (ORDER BY eventname) FROM store",
    "SELECT * FROM (VALUES ('GetObject', 1)) AS v(n, x) JOIN store ON store.eventname = v.n",
    "SELECT eventname FROM store WHERE date_format(eventtime, '%Y') = '2023' OR from_iso8601_timestamp(json_extract_scalar(eventjson, '$.eventTime')) > timestamp '2020-01-01 00:00:00'",
];

/// The rows of an answer in no order, or why there is none.
async fn answer(table: &Arc<dyn TableProvider>, query: &str) -> Result<Vec<String>, String> {
    let (ambient, _) = testkit::ambient(START.parse().unwrap(), 7);
    let engine = Engine::new(&Settings::default(), ambient.clock).unwrap();
    let mut session = engine.session();
    session.table("store", Arc::clone(table));
    let answer = session.query(query).await.map_err(|it| it.to_string())?;
    let batches: Vec<_> = answer.stream.try_collect().await.map_err(|it| it.to_string())?;
    let mut lines: Vec<String> = batches
        .iter()
        .flat_map(|batch: &arrow_array::RecordBatch| {
            let cell = |row| {
                let texts = batch.columns().iter().map(move |it| text::value(it, row, "null"));
                texts.collect::<Vec<_>>().join(" | ")
            };
            (0..batch.num_rows()).map(cell).collect::<Vec<_>>()
        })
        .collect();
    lines.sort();
    Ok(lines)
}

/// Queries that others published, where they lie beside the project.
fn published() -> Vec<String> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let Some(folder) =
        folders.map(|it| it.join("shared/data/lake-queries/lake")).find(|it| it.exists())
    else {
        return Vec::new();
    };
    let texts = fs::read_dir(folder).unwrap().map(|it| fs::read_to_string(it.unwrap().path()));
    let placeholders = ["<event_data_store_id>", "<EDS ID>", "<EDS_ID>", "$EDS_ID"];
    texts
        .map(|it| placeholders.iter().fold(it.unwrap(), |text, it| text.replace(it, "store")))
        .collect()
}

#[tokio::test]
async fn a_store_answers_as_plain_rows_do() {
    let records = include_str!("../../../record/tests/fixtures/records.ndjson");
    let records: Vec<String> = records.lines().map(str::to_owned).collect();
    let rows = rows(&records);
    let plain = MemTable::try_new(View::Lake.schema(), vec![vec![rows.clone()]]).unwrap();
    let plain: Arc<dyn TableProvider> = Arc::new(plain);
    let house = House::new();
    let table = house.open().await;
    // A part in files, the rest in the tail.
    let half = rows.num_rows() / 2;
    table.push(&rows.slice(0, half)).unwrap();
    table.flush(1).await.unwrap();
    table.push(&rows.slice(half, rows.num_rows() - half)).unwrap();
    let store = table.provider();
    for query in QUERIES {
        let (of_store, of_rows) = (answer(&store, query).await, answer(&plain, query).await);
        assert_eq!(of_store.as_ref().err(), None, "{query}");
        assert_eq!(of_store, of_rows, "{query}");
    }
    for query in published() {
        assert_eq!(answer(&store, &query).await, answer(&plain, &query).await, "{query}");
    }
}
