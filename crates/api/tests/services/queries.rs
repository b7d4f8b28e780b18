//! Queries over event data stores, and the library of samples.

use std::{sync::atomic::Ordering, time::Duration};

use catalog::{QueryAlias, QueryReport, QueryStatistics, QueryStatus, lake_id};
use serde_json::{Value, json};
use trailmark_api::trails::DestinationProblem;

use crate::{
    house::{ACCOUNT, House, OTHER, REGION, account, now},
    stores::id,
};

const UNKNOWN: &str = "0f0e0d0c-1111-4222-8333-444455556666";

impl House {
    /// Starts a query over a store; its id.
    async fn query(&self, store: &str) -> String {
        let request = json!({"QueryStatement": format!("SELECT * FROM {}", id(store))});
        let started = self.ok("StartQuery", request).await;
        started["QueryId"].as_str().unwrap().to_owned()
    }

    async fn check_refused(&self, operation: &str, request: Value, code: &str) {
        let answer = self.code(ACCOUNT, operation, &request).await;
        assert_eq!(answer, code, "{operation} {request}");
    }

    fn puts(&self, rows: &[&[(&str, Option<&str>)]]) {
        let row = |it: &&[(&str, Option<&str>)]| {
            it.iter().map(|(label, text)| ((*label).into(), text.map(str::to_owned))).collect()
        };
        *self.plane.rows.lock().unwrap() = rows.iter().map(row).collect();
    }
}

#[tokio::test]
async fn a_query_runs_is_described_and_its_rows_are_read_over_pages() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    house.puts(&[
        &[("eventName", Some("a")), ("eventName", Some("b")), ("_col2", None)],
        &[("eventName", Some("c")), ("eventName", Some("d")), ("_col2", Some("96059"))],
        &[("eventName", Some("e")), ("eventName", Some("f")), ("_col2", Some("1"))],
    ]);
    let query = house.query(&store).await;
    let described = house.ok("DescribeQuery", json!({"QueryId": query})).await;
    let expected = json!({
        "QueryId": query, "QueryString": format!("SELECT * FROM {}", id(&store)),
        "QueryStatus": "FINISHED",
        "QueryStatistics": {
            "EventsMatched": 3, "EventsScanned": 40, "BytesScanned": 500,
            "ExecutionTimeInMillis": 6, "CreationTime": now().as_second(),
        },
    });
    assert_eq!(described, expected);
    // Labels may occur twice, so every column is a map of its own.
    let rows = json!([
        [{"eventName": "a"}, {"eventName": "b"}, {"_col2": "null"}],
        [{"eventName": "c"}, {"eventName": "d"}, {"_col2": "96059"}],
        [{"eventName": "e"}, {"eventName": "f"}, {"_col2": "1"}],
    ]);
    for size in [1, 2, 3, 1000] {
        let mut request = json!({"QueryId": query, "MaxQueryResults": size});
        let mut seen = Vec::new();
        loop {
            let page = house.ok("GetQueryResults", request.clone()).await;
            assert_eq!(page["QueryStatus"], "FINISHED");
            let found = page["QueryResultRows"].as_array().unwrap();
            let statistics = json!({
                "ResultsCount": found.len(), "TotalResultsCount": 3, "BytesScanned": 500,
            });
            assert_eq!(page["QueryStatistics"], statistics);
            seen.extend(found.clone());
            match page.get("NextToken") {
                Some(token) => request["NextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(json!(seen), rows, "{size}");
    }
    // The deprecated member must name a store of the query.
    let request = json!({"QueryId": query, "EventDataStore": store});
    house.ok("GetQueryResults", request).await;
    let request = json!({"QueryId": query, "EventDataStore": UNKNOWN});
    house.check_refused("GetQueryResults", request, "EventDataStoreNotFoundException").await;
}

#[tokio::test]
async fn a_query_that_runs_has_no_rows_yet_and_can_be_cancelled_once() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    house.plane.holds.store(true, Ordering::SeqCst);
    let query = house.query(&store).await;
    let page = house.ok("GetQueryResults", json!({"QueryId": query})).await;
    assert_eq!((&page["QueryStatus"], &page["QueryResultRows"]), (&json!("QUEUED"), &json!([])));
    assert_eq!(page.get("NextToken"), None);
    let cancelled = house.ok("CancelQuery", json!({"QueryId": query})).await;
    assert_eq!(cancelled, json!({"QueryId": query, "QueryStatus": "CANCELLED"}));
    assert_eq!(*house.plane.heard.lock().unwrap().last().unwrap(), format!("cancel {query}"));
    house.check_refused("CancelQuery", json!({"QueryId": query}), "InactiveQueryException").await;
    let described = house.ok("DescribeQuery", json!({"QueryId": query})).await;
    assert_eq!(described["QueryStatus"], "CANCELLED");
    // A runner that has not heard of it yet is told when it reports.
    let report = QueryReport {
        status: QueryStatus::Finished,
        statistics: QueryStatistics::default(),
        error: None,
        delivery_status: None,
    };
    let id = lake_id(&query).unwrap();
    assert!(!house.catalog.report_query(id, &report).await.unwrap());
}

#[tokio::test]
async fn a_query_that_failed_says_why() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    house.plane.holds.store(true, Ordering::SeqCst);
    let query = house.query(&store).await;
    let report = QueryReport {
        status: QueryStatus::Failed,
        statistics: QueryStatistics::default(),
        error: Some("Query response is too large".to_owned()),
        delivery_status: None,
    };
    house.catalog.report_query(lake_id(&query).unwrap(), &report).await.unwrap();
    for operation in ["DescribeQuery", "GetQueryResults"] {
        let answer = house.ok(operation, json!({"QueryId": query})).await;
        assert_eq!(answer["QueryStatus"], "FAILED");
        assert_eq!(answer["ErrorMessage"], "Query response is too large");
    }
}

#[tokio::test]
async fn statements_that_cannot_run_are_refused_before_they_start() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let deleted = house.store("deleted", json!({})).await;
    house.ok("DeleteEventDataStore", json!({"EventDataStore": deleted})).await;
    let select = |it: &str| json!({"QueryStatement": format!("SELECT * FROM {it}")});
    for (request, code) in [
        (json!({}), "InvalidParameterException"),
        (json!({"QueryStatement": "DROP TABLE x"}), "InvalidQueryStatementException"),
        (json!({"QueryStatement": "SELECT 1"}), "InvalidQueryStatementException"),
        (json!({"QueryStatement": ""}), "ValidationException"),
        (json!({"QueryStatement": "x".repeat(10_001)}), "ValidationException"),
        (select(UNKNOWN), "EventDataStoreNotFoundException"),
        (select(id(&deleted)), "InactiveEventDataStoreException"),
        (json!({"QueryAlias": "nothing"}), "InvalidParameterException"),
        (
            json!({"QueryStatement": format!("SELECT * FROM {}", id(&store)), "QueryAlias": "x"}),
            "InvalidParameterException",
        ),
        (
            json!({"QueryStatement": format!("SELECT * FROM {}", id(&store)),
                "QueryParameters": ["x"]}),
            "InvalidParameterException",
        ),
    ] {
        house.check_refused("StartQuery", request, code).await;
    }
    assert!(house.plane.heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn ten_queries_run_at_once() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    house.plane.holds.store(true, Ordering::SeqCst);
    let mut queries = Vec::new();
    for _ in 0..10 {
        queries.push(house.query(&store).await);
    }
    let request = json!({"QueryStatement": format!("SELECT * FROM {}", id(&store))});
    house.check_refused("StartQuery", request.clone(), "MaxConcurrentQueriesException").await;
    house.ok("CancelQuery", json!({"QueryId": queries[0]})).await;
    house.ok("StartQuery", request).await;
}

#[tokio::test]
async fn a_query_that_cannot_be_started_has_failed_and_takes_nobodys_place() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    house.plane.fails.store(true, Ordering::SeqCst);
    let request = json!({"QueryStatement": format!("SELECT * FROM {}", id(&store))});
    for _ in 0..11 {
        house.check_refused("StartQuery", request.clone(), "InternalFailure").await;
    }
    let listed = house.ok("ListQueries", json!({"EventDataStore": store})).await;
    let listed = listed["Queries"].as_array().unwrap();
    assert_eq!(listed.len(), 11);
    assert!(listed.iter().all(|it| it["QueryStatus"] == "FAILED"), "{listed:?}");
    let described = house.ok("DescribeQuery", json!({"QueryId": listed[0]["QueryId"]})).await;
    assert_eq!(described["ErrorMessage"], "The query could not be started.");
}

#[tokio::test]
async fn what_upkeep_cannot_do_is_done_by_the_next_and_delays_nothing_else() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let deleted = house.store("deleted", json!({})).await;
    let query = house.query(&store).await;
    let prompt = json!({"EventDataStores": [store], "Prompt": "the activity of the root user"});
    let alias = house.ok("GenerateQuery", prompt).await["QueryAlias"].clone();
    house.ok("DeleteEventDataStore", json!({"EventDataStore": deleted})).await;
    house.clock.advance(Duration::from_secs(7 * 24 * 3600 + 1));
    let kept = async || {
        let query = house.catalog.query(lake_id(&query).unwrap()).await.unwrap();
        (query.is_some(), house.plane.tables.lock().unwrap().len())
    };
    house.plane.fails.store(true, Ordering::SeqCst);
    house.upkeep().await.unwrap_err();
    assert_eq!(kept().await, (true, 2));
    // The statement was forgotten all the same.
    let request = json!({"QueryAlias": alias});
    house.check_refused("StartQuery", request, "InvalidParameterException").await;
    house.plane.fails.store(false, Ordering::SeqCst);
    house.upkeep().await.unwrap();
    assert_eq!(kept().await, (false, 1));
}

#[tokio::test]
async fn a_result_is_delivered_only_where_it_can_be() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let request = |uri: &str| json!({"QueryStatement": format!("SELECT * FROM {}", id(&store)), "DeliveryS3Uri": uri});
    for (uri, code) in [
        ("https://ledger", "InvalidParameterException"),
        ("s3://", "InvalidS3BucketNameException"),
        ("s3://Not A Bucket/x", "InvalidS3BucketNameException"),
        (&format!("s3://ledger/{}", "x".repeat(201)), "InvalidS3PrefixException"),
    ] {
        let answer = house.code(ACCOUNT, "StartQuery", &request(uri)).await;
        assert!([code, "ValidationException"].contains(&answer.as_str()), "{uri} {answer}");
    }
    for (problem, code) in [
        (DestinationProblem::BucketMissing, "S3BucketDoesNotExistException"),
        (DestinationProblem::BucketDenies, "InsufficientS3BucketPolicyException"),
        (DestinationProblem::KeyDenies, "InsufficientEncryptionPolicyException"),
    ] {
        *house.plane.problem.lock().unwrap() = Some(problem);
        house.check_refused("StartQuery", request("s3://ledger/results"), code).await;
    }
    let started = house.ok("StartQuery", request("s3://ledger/results/")).await;
    let heard = house.plane.heard.lock().unwrap().clone();
    assert!(heard.contains(&format!("deliver {ACCOUNT} {REGION} ledger results")), "{heard:?}");
    let described = house.ok("DescribeQuery", json!({"QueryId": started["QueryId"]})).await;
    assert_eq!(described["DeliveryS3Uri"], "s3://ledger/results/");
    assert_eq!(described["DeliveryStatus"], "PENDING");
}

#[tokio::test]
async fn an_alias_runs_with_its_parameters_and_is_found_by_its_last_run() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let alias = QueryAlias {
        alias: "daily".to_owned(),
        statement: format!("SELECT * FROM {} WHERE eventTime > '?'", id(&store)),
        prompt: None,
    };
    house.catalog.put_query_alias(account(ACCOUNT), &alias).await.unwrap();
    let request = json!({"QueryAlias": "daily"});
    house.check_refused("StartQuery", request, "InvalidParameterException").await;
    let mut last = Value::Null;
    for day in ["2026-11-01", "2026-11-02"] {
        house.clock.advance(Duration::from_secs(1));
        let request = json!({"QueryAlias": "daily", "QueryParameters": [day]});
        last = house.ok("StartQuery", request).await["QueryId"].clone();
    }
    let described = house.ok("DescribeQuery", json!({"QueryAlias": "daily"})).await;
    assert_eq!(described["QueryId"], last);
    let statement = described["QueryString"].as_str().unwrap();
    assert!(statement.ends_with("WHERE eventTime > '2026-11-02'"), "{statement}");
    let both = json!({"QueryAlias": "daily", "QueryId": last});
    house.check_refused("DescribeQuery", both, "InvalidParameterException").await;
    house.check_refused("DescribeQuery", json!({}), "InvalidParameterException").await;
    let unknown = json!({"QueryAlias": "weekly"});
    house.check_refused("DescribeQuery", unknown, "QueryIdNotFoundException").await;
    let refresh = json!({"QueryAlias": "daily", "RefreshId": "1234567890"});
    house.check_refused("DescribeQuery", refresh, "QueryIdNotFoundException").await;
    // A parameter cannot lead the statement to another store.
    let theirs = house.ask(OTHER, REGION, "CreateEventDataStore", &json!({"Name": "theirs"})).await;
    let theirs = theirs.unwrap()["EventDataStoreArn"].as_str().unwrap().to_owned();
    let stranger = format!("x' UNION SELECT * FROM {} WHERE ' = '", id(&theirs));
    let request = json!({"QueryAlias": "daily", "QueryParameters": [stranger]});
    house.check_refused("StartQuery", request, "EventDataStoreNotFoundException").await;
}

#[tokio::test]
async fn queries_are_listed_newest_first_for_seven_days() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, house.query(&store).await);
        house.clock.advance(Duration::from_secs(3600));
    }
    house.plane.holds.store(true, Ordering::SeqCst);
    let waiting = house.query(&store).await;
    let listed = async |with: Value| {
        let mut request = json!({"EventDataStore": store});
        request.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let mut seen = Vec::new();
        loop {
            let page = house.ok("ListQueries", request.clone()).await;
            for query in page["Queries"].as_array().unwrap() {
                seen.push(query["QueryId"].as_str().unwrap().to_owned());
            }
            match page.get("NextToken") {
                Some(token) => request["NextToken"] = token.clone(),
                None => return seen,
            }
        }
    };
    assert_eq!(listed(json!({"QueryStatus": "FINISHED", "MaxResults": 2})).await, made);
    assert_eq!(listed(json!({"QueryStatus": "QUEUED"})).await, std::slice::from_ref(&waiting));
    let (from, until) = (now().as_second() + 3600, now().as_second() + 2 * 3600);
    let span = json!({"StartTime": from, "EndTime": until});
    assert_eq!(listed(span).await, [made[2].clone(), made[3].clone()]);
    for (with, code) in [
        (json!({"StartTime": 2, "EndTime": 1}), "InvalidDateRangeException"),
        (json!({"QueryStatus": "SLEEPING"}), "InvalidQueryStatusException"),
        (json!({"MaxResults": 0}), "InvalidMaxResultsException"),
        (json!({"NextToken": "nonsense"}), "InvalidNextTokenException"),
    ] {
        let mut request = json!({"EventDataStore": store});
        request.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        house.check_refused("ListQueries", request, code).await;
    }
    // After seven days queries and results are gone, but for one that still runs.
    house.clock.advance(Duration::from_secs(7 * 24 * 3600));
    let request = json!({"QueryId": made[0]});
    house.check_refused("GetQueryResults", request, "QueryIdNotFoundException").await;
    house.upkeep().await.unwrap();
    let heard = house.plane.heard.lock().unwrap().clone();
    assert_eq!(heard.iter().filter(|it| it.starts_with("forget")).count(), 5);
    assert!(!heard.contains(&format!("forget {waiting}")));
}

#[tokio::test]
async fn queries_are_their_owners_and_of_who_may_read_the_store() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    house.puts(&[&[("n", Some("1"))]]);
    let query = house.query(&store).await;
    let statement = json!({"QueryStatement": format!("SELECT * FROM {}", id(&store))});
    for (operation, request, code) in [
        ("StartQuery", statement.clone(), "EventDataStoreNotFoundException"),
        ("DescribeQuery", json!({"QueryId": query}), "QueryIdNotFoundException"),
        ("GetQueryResults", json!({"QueryId": query}), "QueryIdNotFoundException"),
        ("CancelQuery", json!({"QueryId": query}), "QueryIdNotFoundException"),
        ("ListQueries", json!({"EventDataStore": store}), "EventDataStoreNotFoundException"),
    ] {
        assert_eq!(house.code(OTHER, operation, &request).await, code, "{operation}");
    }
    for operation in ["DescribeQuery", "GetQueryResults", "CancelQuery"] {
        for id in [UNKNOWN, "0f0e0d0c-1111-4222-8333-44445555666-"] {
            let request = json!({"QueryId": id});
            house.check_refused(operation, request, "QueryIdNotFoundException").await;
        }
        let request = json!({"QueryId": "short"});
        house.check_refused(operation, request, "ValidationException").await;
    }
    // The policy of the store lets another account in, action by action.
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": OTHER},
        "Action": ["cloudtrail:StartQuery", "cloudtrail:GetQueryResults"], "Resource": store,
    }]});
    let put = json!({"ResourceArn": store, "ResourcePolicy": policy.to_string()});
    house.ok("PutResourcePolicy", put).await;
    let mut owned = statement.clone();
    owned["EventDataStoreOwnerAccountId"] = json!(ACCOUNT);
    let started = house.ask(OTHER, REGION, "StartQuery", &owned).await.unwrap();
    assert_eq!(started["EventDataStoreOwnerAccountId"], ACCOUNT);
    let read = json!({"QueryId": started["QueryId"], "EventDataStoreOwnerAccountId": ACCOUNT});
    let rows = house.ask(OTHER, REGION, "GetQueryResults", &read).await.unwrap();
    assert_eq!(rows["QueryResultRows"], json!([[{"n": "1"}]]));
    let code = house.code(OTHER, "DescribeQuery", &read).await;
    assert_eq!(code, "EventDataStoreNotFoundException");
    let mut wrong = statement;
    wrong["EventDataStoreOwnerAccountId"] = json!(OTHER);
    assert_eq!(house.code(OTHER, "StartQuery", &wrong).await, "EventDataStoreNotFoundException");
    // A denial is one for the owner too.
    let policy = policy.to_string().replace("Allow", "Deny").replace(OTHER, ACCOUNT);
    house.ok("PutResourcePolicy", json!({"ResourceArn": store, "ResourcePolicy": policy})).await;
    let request = json!({"QueryId": query});
    house.check_refused("GetQueryResults", request.clone(), "AccessDeniedException").await;
    house.ok("DescribeQuery", request).await;
}

#[tokio::test]
async fn samples_are_searched_over_pages() {
    let house = House::new().await;
    let search = json!({"SearchPhrase": "S3 bucket deletions"});
    let found = house.ok("SearchSampleQueries", search).await;
    let results = found["SearchResults"].as_array().unwrap();
    assert_eq!(results.len(), 10);
    assert!(results[0]["SQL"].as_str().unwrap().contains("$EDS_ID"));
    let relevance: Vec<_> = results.iter().map(|it| it["Relevance"].as_f64().unwrap()).collect();
    assert!(relevance.is_sorted_by(|a, b| a >= b), "{relevance:?}");
    assert!(relevance.iter().all(|it| (0.0..=1.0).contains(it)), "{relevance:?}");
    let (mut seen, mut request) =
        (0, json!({"SearchPhrase": "changes by caller", "MaxResults": 7}));
    loop {
        let page = house.ok("SearchSampleQueries", request.clone()).await;
        seen += page["SearchResults"].as_array().unwrap().len();
        match page.get("NextToken") {
            Some(token) => request["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert!(seen > 7, "{seen}");
    request["SearchPhrase"] = json!("something else");
    house.check_refused("SearchSampleQueries", request, "InvalidParameterException").await;
    for (phrase, size) in [("x", 10), ("fine", 0), ("fine", 51)] {
        let request = json!({"SearchPhrase": phrase, "MaxResults": size});
        house.check_refused("SearchSampleQueries", request, "ValidationException").await;
    }
}

#[tokio::test]
async fn a_prompt_that_a_sample_answers_becomes_a_query_and_no_other() {
    let house = House::new().await;
    let store = house.store("audit", json!({})).await;
    let ask = |prompt: &str| json!({"EventDataStores": [store], "Prompt": prompt});
    let made = house.ok("GenerateQuery", ask("Show me the activity of the root user")).await;
    let alias = made["QueryAlias"].as_str().unwrap();
    assert!(alias.starts_with("AWSCloudTrail-"), "{alias}");
    assert!(made["QueryStatement"].as_str().unwrap().contains("$EDS_ID"));
    house.ok("StartQuery", json!({"QueryAlias": alias})).await;
    let described = house.ok("DescribeQuery", json!({"QueryAlias": alias})).await;
    assert!(described["QueryString"].as_str().unwrap().contains(id(&store)));
    assert_eq!(described["Prompt"], "Show me the activity of the root user");
    // A condition that no sample has is not left out in silence.
    let more = ask("Show me the activity of the root user on Tuesdays in Lisbon");
    house.check_refused("GenerateQuery", more, "GenerateResponseException").await;
    let unknown = json!({"EventDataStores": [UNKNOWN], "Prompt": "root user"});
    house.check_refused("GenerateQuery", unknown, "EventDataStoreNotFoundException").await;
    let insights = house.store_of("insights", "Insight").await;
    let other = json!({"EventDataStores": [insights], "Prompt": "root user"});
    house.check_refused("GenerateQuery", other, "InvalidParameterException").await;
    house.check_refused("GenerateQuery", ask("ab"), "ValidationException").await;
}
