//! What the catalogue holds, and how quickly.

use http::HeaderMap;

use super::*;

#[test]
fn every_service_decodes_and_every_shape_it_names_exists() {
    let services = catalogue().services();
    assert_eq!(services.len(), 439);
    let mut operations = 0;
    for service in services {
        let model = service.model();
        operations += model.operations().len();
        for operation in model.operations() {
            for shape in [operation.input, operation.output].into_iter().flatten() {
                assert!((shape.0 as usize) < model.shapes.len(), "{}", operation.name);
            }
        }
        for shape in &model.shapes {
            if let Kind::Structure { members, .. } = &shape.kind {
                assert!(members.iter().all(|it| (it.shape.0 as usize) < model.shapes.len()));
            }
        }
    }
    assert_eq!(operations, 19_796);
}

#[test]
fn names_of_every_kind_lead_to_their_service() {
    let catalogue = catalogue();
    assert_eq!(catalogue.service("cloudwatch").unwrap().event_source, "monitoring.amazonaws.com");
    let signing: Vec<_> = catalogue.by_signing_name("rds").map(|it| it.name).collect();
    assert_eq!(signing, ["docdb", "neptune", "rds"]);
    for prefix in ["com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "CloudTrail_20131101"]
    {
        let found: Vec<_> = catalogue.by_target_prefix(prefix).map(|it| it.name).collect();
        assert_eq!(found, ["cloudtrail"]);
    }
    let endpoint: Vec<_> = catalogue.by_endpoint_prefix("email").map(|it| it.name).collect();
    assert_eq!(endpoint, ["pinpoint-email", "ses", "sesv2"]);
    assert!(catalogue.service("nothing").is_none());
}

#[track_caller]
fn check_route(service: &str, method: Method, uri: &str, headers: &[&'static str], name: &str) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let query: Vec<_> = query
        .split('&')
        .filter(|it| !it.is_empty())
        .map(|it| it.split_once('=').unwrap_or((it, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let headers: HeaderMap =
        headers.iter().map(|it| (it.parse().unwrap(), "x".parse().unwrap())).collect::<HeaderMap>();
    let service = catalogue().service(service).unwrap();
    let route = service.route(&Request { method, path, query: &query, headers: &headers });
    let found = route.map(|it| service.operations()[it.operation].name);
    assert_eq!(found, Some(name), "{uri}");
}

#[test]
fn rest_paths_lead_to_their_operation() {
    use Method::{Delete, Get, Head, Post, Put};
    check_route("s3", Get, "/b", &[], "ListObjects");
    check_route("s3", Get, "/b?list-type=2", &[], "ListObjectsV2");
    check_route("s3", Get, "/b/k?acl", &[], "GetObjectAcl");
    check_route("s3", Get, "/b/a/b//c", &[], "GetObject");
    check_route("s3", Put, "/b/k", &[], "PutObject");
    check_route("s3", Put, "/b/k", &["x-amz-copy-source"], "CopyObject");
    check_route("s3", Put, "/b/k?partNumber=1&uploadId=u", &[], "UploadPart");
    check_route(
        "s3",
        Put,
        "/b/k?partNumber=1&uploadId=u",
        &["x-amz-copy-source"],
        "UploadPartCopy",
    );
    check_route("s3", Delete, "/b/k?uploadId=u", &[], "AbortMultipartUpload");
    check_route("s3", Post, "/b?delete", &[], "DeleteObjects");
    check_route("s3", Head, "/b", &[], "HeadBucket");
    check_route("lambda", Post, "/2015-03-31/functions/f/invocations", &[], "Invoke");
    check_route(
        "lambda",
        Get,
        "/2018-10-31/layers?find=LayerVersion&Arn=a",
        &[],
        "GetLayerVersionByArn",
    );
    check_route("lambda", Get, "/2018-10-31/layers/", &[], "ListLayers");
    check_route("chime", Post, "/accounts/a/users?operation=suspend", &[], "BatchSuspendUser");
}

#[test]
fn the_file_stays_below_a_mebibyte() {
    assert!(decode::FILE.len() < 1 << 20, "{} bytes", decode::FILE.len());
}
