//! What queries mean: names of results, coercions, UNNEST, scopes, refusals.

use trailmark_sql::Error;

use super::records::{STORE, ask, rows, session};

#[track_caller]
fn labels(sql: &str) -> Vec<String> {
    ask(sql).unwrap_or_else(|error| panic!("{sql}\n{error}")).0
}

#[track_caller]
fn refused(sql: &str) -> String {
    match ask(sql) {
        Ok(answer) => panic!("{sql}\nanswered {answer:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn labels_are_as_written() {
    assert_eq!(
        labels(
            "SELECT eventName, useridentity.ARN, count(*), element_at(resources,1).arn AS \"First One\", upper(awsRegion) FROM eds GROUP BY 1, 2, 4, 5"
        ),
        ["eventName", "ARN", "_col2", "First One", "_col4"]
    );
    assert_eq!(
        labels("SELECT eventName, eventName, 1, 1 FROM eds"),
        ["eventName", "eventName", "_col2", "_col3"]
    );
    assert_eq!(
        labels("SELECT * FROM (SELECT eventName AS n, awsRegion FROM eds)"),
        ["n", "awsregion"]
    );
    assert_eq!(
        labels(
            "SELECT a.*, b.x FROM (SELECT eventid AS e FROM eds) a CROSS JOIN (VALUES (1)) b(x)"
        ),
        ["e", "x"]
    );
    assert_eq!(labels("SELECT eventId FROM EDS1 UNION SELECT eventName FROM EDS2"), ["eventId"]);
    assert_eq!(
        labels("SELECT *, eventName FROM (SELECT eventName FROM eds)"),
        ["eventname", "eventName"]
    );
}

#[test]
fn stores_are_named_bare_quoted_and_federated() {
    for from in [
        STORE.to_owned(),
        STORE.to_uppercase(),
        format!("\"{STORE}\""),
        format!("\"aws:cloudtrail\".\"{STORE}\""),
        format!("`{STORE}`"),
        "EDS".to_owned(),
        "$EDS_ID".to_owned(),
        "default.cloudtrail_logs".to_owned(),
        "\"awsdatacatalog\".\"default\".\"cloudtrail_logs\"".to_owned(),
        "EXAMPLEf852-4e8f-8bd1-bcf6cEXAMPLE".to_owned(),
    ] {
        assert_eq!(rows(&format!("SELECT count(*) FROM {from}")), ["12"], "{from}");
    }
    assert_eq!(
        rows(&format!(
            "SELECT count({STORE}.eventName) FROM {STORE} WHERE {STORE}.eventname = 'GetObject'"
        )),
        ["3"]
    );
    assert_eq!(
        rows(
            "SELECT count(*) FROM default.cloudtrail_logs WHERE default.cloudtrail_logs.eventname = 'GetObject'"
        ),
        ["3"]
    );
}

#[test]
fn stores_are_joined_and_united() {
    assert_eq!(
        rows(
            "SELECT count(*) FROM eds1 AS edsA LEFT JOIN eds2 AS edsB ON edsA.eventId = edsB.eventId AND edsB.eventname = 'GetObject' WHERE edsB.eventid IS NULL"
        ),
        ["9"]
    );
    assert_eq!(rows("SELECT count(*) FROM eds1 JOIN eds2 USING (eventid)"), ["12"]);
    assert_eq!(
        rows("SELECT eventid FROM eds1 EXCEPT SELECT eventid FROM eds2"),
        Vec::<String>::new()
    );
    assert_eq!(
        rows(
            "SELECT count(*) FROM (SELECT eventname FROM eds1 INTERSECT SELECT eventname FROM eds2)"
        ),
        ["10"]
    );
}

#[test]
fn instants_are_compared_with_text_in_every_spelling() {
    for (condition, count) in [
        ("eventTime > '2023-01-01 00:00:00'", 9),
        ("eventTime <= '2022-06-01'", 2),
        ("'2022-06-01' >= eventtime", 2),
        ("eventTime >= '2023-07-07T00:00:00Z'", 1),
        ("eventTime = timestamp '2023-07-07 00:00:00'", 1),
        ("eventTime BETWEEN '2022-01-01' AND '2022-12-31 23:59:59'", 3),
        ("eventTime NOT BETWEEN '2022-01-01' AND '2022-12-31 23:59:59'", 9),
        ("eventTime < from_iso8601_timestamp('2022-12-31T00:00:00Z')", 3),
        ("eventTime > DATE_ADD('week', -1, CURRENT_TIMESTAMP)", 0),
        ("eventTime > date_add('day', -500, now())", 9),
        ("eventTime > current_date - interval '500' day", 9),
        ("date(eventTime) = date '2023-07-07'", 1),
        ("date(eventTime) = '2023-07-07'", 1),
        ("eventTime IN (timestamp '2023-07-07 00:00:00')", 1),
        ("date_trunc('day', eventTime) = '2023-07-07'", 1),
    ] {
        assert_eq!(
            rows(&format!("SELECT count(*) FROM eds WHERE {condition}")),
            [count.to_string()],
            "{condition}"
        );
    }
    assert!(refused("SELECT 1 FROM eds WHERE eventtime > 'START_TIME'").contains("START_TIME"));
}

#[test]
fn truths_and_text_meet() {
    for (table, condition, count) in [
        ("eds", "readOnly=False", 8),
        ("eds", "readOnly = 'true'", 4),
        ("eds", "managementEvent=True", 9),
        ("eds", "sessionCredentialFromConsole = true", 1),
        ("cloudtrail_logs", "readonly = 'true'", 4),
        ("cloudtrail_logs", "readonly = true", 4),
        ("eds", "eventversion = 1.08", 12),
        ("eds", "userIdentity.accountId != recipientAccountId", 3),
        ("eds", "errorcode IS NOT DISTINCT FROM NULL", 11),
        ("eds", "CAST(REPLACE(tlsDetails.tlsVersion,'TLSv','') AS DOUBLE) <= 1.1", 1),
        ("eds", "json_extract(eventjson, '$.eventName') = 'GetObject'", 3),
        ("cloudtrail_logs", "year||month||day >= '20230103' AND \"$path\" LIKE '%.gz'", 12),
        ("cloudtrail_logs", "timestamp BETWEEN '2023/01/01' AND '2023/01/31'", 12),
        (
            "cloudtrail_logs",
            "eventtime >= '2023-01-03T10:00:00Z' AND from_iso8601_timestamp(eventtime) < now() - interval '1' day",
            9,
        ),
        ("cloudtrail_logs", "requestparameters.bucketName = 'gone'", 1),
        ("eds", "requestparameters.bucketName = 'gone'", 1),
    ] {
        assert_eq!(
            rows(&format!("SELECT count(*) FROM {table} WHERE {condition}")),
            [count.to_string()],
            "{condition}"
        );
    }
}

#[test]
fn a_subscript_wants_its_key_to_be_there() {
    let of = |key: &str| {
        format!("SELECT requestparameters['{key}'] FROM eds WHERE eventname = 'DeleteBucket'")
    };
    assert_eq!(rows(&of("bucketName")), ["gone"]);
    assert!(refused(&of("bucketname")).contains("key not present in map: bucketname"));
}

#[test]
fn a_row_of_an_array_is_bound_whole_or_taken_apart() {
    let expected =
        ["arn:aws:s3:::example", "arn:aws:s3:::example/datafile.txt", "arn:aws:s3:::gone"];
    for from in [
        "eds t CROSS JOIN UNNEST(t.resources) unnested (resources_entry) WHERE unnested.resources_entry.ARN LIKE 'arn:aws:s3:%' ORDER BY 1",
        "eds t, UNNEST(t.resources) AS unnested (resources_entry) WHERE resources_entry.ARN LIKE 'arn:aws:s3:%' ORDER BY 1",
        "eds CROSS JOIN UNNEST(resources) WITH ORDINALITY AS unnested (resources_entry, n) WHERE resources_entry.arn LIKE 'arn:aws:s3:%' ORDER BY unnested.resources_entry.arn",
    ] {
        assert_eq!(
            rows(&format!("SELECT unnested.resources_entry.ARN FROM {from}")),
            expected,
            "{from}"
        );
    }
    assert_eq!(
        rows(
            "SELECT r.arn, r.n FROM eds, UNNEST(resources) WITH ORDINALITY AS r (account, kind, arn, prefix, n) WHERE n = 2"
        ),
        ["arn:aws:s3:::example | 2"]
    );
    assert_eq!(
        rows(
            "SELECT replace(rt.arn, 'arn:aws:kms:::key/'), rt.tags FROM eds, unnest(eventContext.tagContext.resourceTags) AS rt ORDER BY 1"
        ),
        ["k-1 | {env=prod}", "k-2 | {env=dev, cost=7}"]
    );
    assert_eq!(
        rows(
            "SELECT rt.arn, t.k, t.v FROM eds, unnest(eventContext.tagContext.resourceTags) AS rt, UNNEST(rt.tags) AS t(k, v) WHERE t.k = 'env' ORDER BY v"
        ),
        ["arn:aws:kms:::key/k-2 | env | dev", "arn:aws:kms:::key/k-1 | env | prod"]
    );
    assert_eq!(
        rows(
            "SELECT k, v FROM eds CROSS JOIN UNNEST(requestParameters) AS p(k, v) WHERE eventname = 'AddUserToGroup' ORDER BY k"
        ),
        ["groupName | my-admins", "userName | bob"]
    );
    assert_eq!(
        rows(
            "SELECT eventname, r.type FROM eds LEFT JOIN UNNEST(resources) AS r ON true WHERE eventsource IN ('s3.amazonaws.com', 'kms.amazonaws.com') ORDER BY 1, 2"
        ),
        [
            "DeleteBucket | AWS::S3::Bucket",
            "GetObject | AWS::S3::Bucket",
            "GetObject | AWS::S3::Object",
            "GetObject | NULL",
            "GetObject | NULL",
            "ScheduleKeyDeletion | NULL",
        ]
    );
    assert_eq!(
        rows("SELECT * FROM UNNEST(ARRAY[1,2], ARRAY['a']) AS t(x, y)"),
        ["1 | a", "2 | NULL"]
    );
    assert_eq!(
        rows(
            "SELECT x FROM (VALUES (ARRAY[1,2])) AS t(a) CROSS JOIN UNNEST(a) AS u(x) WHERE x > 1"
        ),
        ["2"]
    );
    assert_eq!(
        rows(
            "SELECT json_extract_scalar(e, '$.complianceType') FROM cloudtrail_logs CROSS JOIN UNNEST(CAST(json_extract(requestparameters, '$.evaluations') AS ARRAY(JSON))) AS t(e)"
        ),
        ["COMPLIANT", "NON_COMPLIANT"]
    );
}

#[test]
fn lambdas_reach_fields_and_columns_around() {
    assert_eq!(
        rows("SELECT transform(resources, r -> r.ARN) FROM eds WHERE eventname = 'DeleteBucket'"),
        ["[arn:aws:s3:::gone]"]
    );
    assert_eq!(
        rows(
            "SELECT eventid FROM eds WHERE any_match(resources, r -> r.accountid = recipientaccountid AND r.type LIKE '%Role')"
        ),
        ["00000000-0000-4000-8000-000000000009"]
    );
    assert_eq!(
        rows(
            "SELECT cardinality(filter(resources, r -> starts_with(r.arn, concat('arn:aws:s3:::', element_at(requestparameters, 'bucketName'))))) FROM eds WHERE eventcategory = 'Data' ORDER BY eventid LIMIT 1"
        ),
        ["2"]
    );
    assert_eq!(
        rows(
            "SELECT map_filter(requestparameters, (k, v) -> v LIKE '%admin%') FROM eds WHERE eventname = 'AddUserToGroup'"
        ),
        ["{groupName=my-admins}"]
    );
}

#[test]
fn a_derived_table_needs_no_name() {
    assert_eq!(
        rows(
            "SELECT eventname, rnk FROM (SELECT eventname, eventtime, rank() OVER (PARTITION BY replace(eventsource, '.amazonaws.com') ORDER BY eventtime DESC) AS rnk FROM eds WHERE eventsource LIKE 's3%') WHERE rnk = 1"
        ),
        ["DeleteBucket | 1"]
    );
}

#[test]
fn a_map_can_be_grouped_by() {
    assert_eq!(
        rows(
            "SELECT element_at(requestParameters, 'bucketName') AS bucket, count(*) AS attempts FROM eds WHERE eventSource = 's3.amazonaws.com' GROUP BY requestParameters ORDER BY attempts DESC, bucket LIMIT 2"
        ),
        ["customer-pii-bucket | 1", "customer-pii-bucket | 1"]
    );
    assert_eq!(rows("SELECT count(*) FROM (SELECT DISTINCT requestParameters FROM eds)"), ["12"]);
}

#[test]
fn order_follows_what_is_selected() {
    assert_eq!(
        rows(
            "SELECT DISTINCT awsRegion AS Region, recipientAccountId AS AccountID FROM eds ORDER BY recipientAccountId, awsRegion"
        ),
        ["us-east-1 | 123456789012"]
    );
    assert_eq!(
        rows(
            "SELECT eventName, COUNT(* ) AS eventCount FROM eds GROUP BY eventName ORDER BY EventCount DESC, 1 LIMIT 1"
        ),
        ["GetObject | 3"]
    );
    assert_eq!(
        rows(
            "SELECT lower(eventname) AS eventname FROM eds GROUP BY eventname HAVING count(*) > 2"
        ),
        ["getobject"]
    );
    assert_eq!(rows("SELECT errorcode FROM eds ORDER BY errorcode DESC LIMIT 1"), ["AccessDenied"]);
    assert_eq!(
        rows("SELECT errorcode FROM eds ORDER BY errorcode DESC NULLS FIRST LIMIT 1"),
        ["NULL"]
    );
    assert_eq!(
        rows(
            "SELECT x FROM (VALUES 1, 2, 3, 4) t(x) ORDER BY x OFFSET 1 ROW FETCH FIRST 2 ROWS ONLY"
        ),
        ["2", "3"]
    );
    assert_eq!(rows("SELECT x FROM (VALUES 1, 2, 3, 4) t(x) ORDER BY x OFFSET 2 LIMIT 1"), ["3"]);
}

#[test]
fn a_definition_sees_the_table_of_its_own_name() {
    assert_eq!(
        rows(
            "WITH eds AS (SELECT * FROM eds WHERE eventname = 'GetObject'), b AS (SELECT count(*) AS n FROM eds) SELECT n FROM b"
        ),
        ["3"]
    );
    assert_eq!(
        rows(
            "WITH a AS (SELECT eventname FROM eds), b(n) AS (SELECT count(*) FROM a) SELECT b.n FROM b"
        ),
        ["12"]
    );
}

#[test]
fn subqueries_stand_where_trino_takes_them() {
    assert_eq!(
        rows(
            "SELECT count(*) FROM eds WHERE eventname IN (SELECT eventname FROM eds GROUP BY eventname HAVING count(*) > 1)"
        ),
        ["3"]
    );
    assert_eq!(
        rows(
            "SELECT count(*) FROM eds a WHERE EXISTS (SELECT 1 FROM eds b WHERE b.eventid = a.eventid AND b.errorcode IS NOT NULL)"
        ),
        ["1"]
    );
    assert_eq!(rows("SELECT (SELECT max(eventtime) FROM eds)"), ["2023-07-07 00:00:00.000"]);
}

#[test]
fn values_are_printed_as_lake_prints_them() {
    assert_eq!(
        rows(
            "SELECT eventTime, requestParameters, tlsDetails, resources FROM eds WHERE eventname = 'DeleteBucket'"
        ),
        [
            "2023-01-03 10:00:11.000 | {bucketName=gone} | {tlsversion=TLSv1.2, ciphersuite=ECDHE-RSA-AES128-GCM-SHA256, clientprovidedhostheader=s3.amazonaws.com} | [{accountid=123456789012, type=AWS::S3::Bucket, arn=arn:aws:s3:::gone, arnprefix=NULL}]"
        ]
    );
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    assert_eq!(
        refused(&format!("SELECT eventname\nFROM {STORE} WHERE\n  eventname == = 'x'")),
        "line 3:16: Expected: an expression, found: ="
    );
    assert!(matches!(ask("DROP TABLE eds"), Err(Error::NotSelect(_))));
    assert!(matches!(ask("INSERT INTO eds SELECT * FROM eds"), Err(Error::NotSelect(_))));
    assert!(matches!(ask("SELECT 1; SELECT 2"), Err(Error::NotSelect(_))));
    assert!(matches!(ask("EXPLAIN SELECT 1"), Err(Error::NotSelect(_))));
    assert!(matches!(ask(" -- nothing\n"), Err(Error::NotSelect(_))));
    assert_eq!(rows("SELECT 1;"), ["1"]);
    assert_eq!(
        refused("SELECT elementat(resources, 1) FROM eds"),
        "function `elementat` not registered, did you mean `element_at`?"
    );
    assert_eq!(
        refused("SELECT evntname FROM eds"),
        "column `evntname` cannot be resolved, did you mean `eventname`, `eventtime`, `eventdata`?"
    );
    assert!(refused("SELECT useridentity.acountid FROM eds").contains("`accountid`"));
    assert_eq!(
        refused("SELECT awsregion, eventname, count(*) FROM eds GROUP BY eventname"),
        "'awsregion' must be an aggregate expression or appear in GROUP BY clause"
    );
    assert_eq!(
        refused("SELECT 1 FROM cloudtrail_log"),
        "table `cloudtrail_log` does not exist, did you mean `cloudtrail_logs`, `cloudtrail_000000000000`?"
    );
    assert!(refused("SELECT lower(1, 2)").contains("lower(text)"));
}

#[test]
fn a_query_is_explained_and_names_its_tables() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let session = session();
    let plan = runtime
        .block_on(
            session.explain("SELECT eventname FROM eds WHERE eventtime > '2023-01-01' LIMIT 1"),
        )
        .unwrap();
    assert!(plan.contains("eventtime@0 > 1672531200000000"), "{plan}");
    let tables = runtime.block_on(session.tables_of(&format!("WITH x AS (SELECT 1) SELECT * FROM x, \"aws:cloudtrail\".\"{STORE}\" JOIN Logs USING (eventid)")));
    assert_eq!(tables, Ok(vec![format!("aws:cloudtrail.{STORE}"), "logs".to_owned()]));
}

/// Shapes that are met in the field, each of which must at least run.
#[test]
fn queries_of_the_field_run() {
    let mut failed = Vec::new();
    for sql in [
        "SELECT approx_distinct(useridentity.arn), min(eventtime), max(eventtime) FROM eds",
        "SELECT date_trunc('hour', eventtime) AS hour, count(*) AS n FROM eds GROUP BY 1 ORDER BY 2 DESC",
        "SELECT date_trunc('hour', from_iso8601_timestamp(eventtime)) AS hour_bucket, userIdentity.arn, COUNT(*) AS read_count FROM cloudtrail_logs GROUP BY date_trunc('hour', from_iso8601_timestamp(eventtime)), userIdentity.arn HAVING read_count > 0 ORDER BY hour_bucket ASC",
        "SELECT eventname, count(DISTINCT useridentity.arn) FROM cloudtrail_logs GROUP BY eventname HAVING count(*) > 1",
        "SELECT array_join(array_agg(DISTINCT eventname ORDER BY eventname), ',') FROM cloudtrail_logs",
        "SELECT split_part(useridentity.arn, '/', 2), element_at(split(useridentity.principalid, ':'), 2), regexp_extract(useridentity.arn, 'assumed-role/([^/]+)', 1) FROM cloudtrail_logs",
        "SELECT row_number() OVER (PARTITION BY useridentity.arn ORDER BY eventtime) AS rn, * FROM cloudtrail_logs",
        "WITH a AS (SELECT json_extract_scalar(responseelements, '$.credentials.accessKeyId') AS k FROM cloudtrail_logs WHERE eventname = 'AssumeRole') SELECT l.eventname FROM cloudtrail_logs l JOIN a ON l.useridentity.accesskeyid = a.k",
        "SELECT SUM(CASE WHEN readonly = true THEN 1 ELSE 0 END) AS r, SUM(CASE WHEN readonly THEN 0 ELSE 1 END) w FROM eds",
        "SELECT DATE_TRUNC('day', eventTime) AS \"day\", COUNT(*) AS \"Event Count\" FROM eds WHERE eventTime >= timestamp '2022-05-01 00:00:00' GROUP BY 1 ORDER BY \"Event Count\" DESC",
        "SELECT eventSource, eventName, userIdentity.arn, COUNT(*) as call_count FROM cloudtrail_logs WHERE eventName LIKE 'Delete%' GROUP BY eventSource, eventName, userIdentity.arn HAVING call_count > 0",
        "SELECT json_extract_scalar(element_at(requestParameters,'PublicAccessBlockConfiguration'),'$.RestrictPublicBuckets') FROM eds",
        "SELECT json_array_get(element_at(requestParameters,'evaluations'), 0) FROM eds",
        "SELECT map_values(cast(json_extract(json_parse(eventJson),'$.requestParameters') as map(varchar, json))) AS v FROM eds WHERE requestParameters IS NOT NULL",
        "SELECT transform(filter(cast(json_extract(eventJson, '$.requestParameters.evaluations') as array(json)), p -> cast(json_extract(p,'$.complianceType') as varchar)='COMPLIANT'), f -> json_extract(f,'$.n')) FROM eds",
        "SELECT element_at(eventContext.tagContext.principalTags, 'team'), eventcontext.requestcontext['aws:x'] FROM eds WHERE eventcontext IS NOT NULL",
        "SELECT * FROM eds LIMIT 3",
        "SELECT eds.* FROM eds ORDER BY eventTime DESC LIMIT 3",
        "SELECT count(*) FROM eds WHERE NOT (errorcode IS NULL OR errorcode = '') AND sourceipaddress NOT LIKE '%.amazonaws.com'",
        "SELECT useridentity.sessioncontext.attributes.mfaauthenticated AS mfa, count(1) FROM eds GROUP BY useridentity.sessioncontext.attributes.mfaauthenticated",
        "SELECT eventName, eventTime FROM eds WHERE eventTime > date_add('day', -30, timestamp '2023-02-01 00:00:00') AND errorCode IN ('AccessDenied', 'UnauthorizedOperation', 'Client.UnauthorizedOperation')",
        "SELECT coalesce(errorcode, 'none') AS code, histogram(awsregion) FROM eds GROUP BY coalesce(errorcode, 'none')",
        "SELECT eventname FROM eds WHERE cardinality(map_keys(requestparameters)) > 1 AND contains(map_keys(requestparameters), 'bucketName')",
        "SELECT day_of_week(eventTime) AS weekday, COUNT(*) FROM eds GROUP BY day_of_week(eventTime) ORDER BY day_of_week(eventTime)",
        "SELECT max_by(eventname, eventtime), useridentity.arn FROM eds GROUP BY useridentity.arn",
        "SELECT a.eventname, b.eventname FROM eds a FULL OUTER JOIN eds b ON a.eventid = b.eventid",
        "SELECT lag(eventtime) OVER w, lead(eventtime) OVER w FROM eds WINDOW w AS (PARTITION BY eventsource ORDER BY eventtime)",
        "SELECT eventname, count(*) FROM eds GROUP BY GROUPING SETS ((eventname), ())",
        "SELECT eventname, awsregion, count(*) FROM eds GROUP BY CUBE (eventname, awsregion)",
        "VALUES 1, 2",
        "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1",
        "SELECT eventtime AT TIME ZONE 'Europe/Berlin' FROM eds",
        "SELECT useridentity FROM eds WHERE useridentity.type = 'Root'",
        "SELECT count(*) AS \"order\", eventsource AS \"group\" FROM eds GROUP BY eventsource",
        "SELECT eventname FROM eds WHERE eventname = '?'",
        "SELECT date_diff('day', min(eventtime), max(eventtime)) FROM eds",
        "SELECT eventname FROM eds WHERE eventtime >= cast('2023-01-01' AS timestamp) AND cast(eventtime AS date) < current_date",
        "SELECT json_format(cast(requestparameters AS json)) FROM eds",
        "SELECT try(cast(element_at(additionaleventdata, 'bytesTransferredOut') AS bigint)) FROM eds",
        "SELECT sum(cast(additionalEventData.bytesTransferredOut AS BIGINT)) FROM cloudtrail_logs",
        "SELECT eventname FROM eds, LATERAL (SELECT 1 AS one) x",
        "SELECT DISTINCT useridentity.arn FROM eds ORDER BY useridentity.arn",
        "SELECT eventname FROM eds ORDER BY lower(eventname), eventtime DESC",
        "SELECT eventname AS name FROM eds GROUP BY eventname ORDER BY count(*) DESC, eventname",
        "SELECT eventname e FROM eds WHERE eventname IN ('a') AND readonly IN (true, false)",
        "SELECT regexp_like(eventname, '^(Get|List)') AS r, count(*) FROM eds GROUP BY 1",
        "SELECT any_match(resources, r -> r.arn = 'x') FROM cloudtrail_logs",
        "SELECT (SELECT count(*) FROM UNNEST(ARRAY[1, 2]) AS u(x))",
        "SELECT reduce(map_values(requestparameters), '', (s, x) -> s || coalesce(x, ''), s -> s) FROM eds",
    ] {
        if let Err(error) = ask(sql) {
            failed.push(format!("{sql}\n    {error}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
