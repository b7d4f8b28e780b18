//! What violates a constraint, and AWS's words for it.

use serde_json::{Value, json};

use super::{cloudtrail, cloudtrail_data, organizations, sts, *};

#[track_caller]
fn check(value: Value, expected: &str) {
    let refused = cloudtrail::LookupEventsRequest::read(value).unwrap_err();
    assert_eq!(refused, Refused::Constraints(expected.to_owned()));
}

#[test]
fn violations_are_told_in_the_words_of_aws() {
    check(
        json!({"MaxResults": 51}),
        "1 validation error detected: Value '51' at 'maxResults' failed to satisfy constraint: \
         Member must have value less than or equal to 50",
    );
    check(
        json!({"MaxResults": 0, "LookupAttributes": [{"AttributeKey": "Colour"}]}),
        "3 validation errors detected: Value 'Colour' at 'lookupAttributes.1.member.attributeKey' \
         failed to satisfy constraint: Member must satisfy enum value set: [EventId, EventName, \
         ReadOnly, Username, ResourceType, ResourceName, EventSource, AccessKeyId]; \
         Value null at 'lookupAttributes.1.member.attributeValue' failed to satisfy constraint: \
         Member must not be null; Value '0' at 'maxResults' failed to satisfy constraint: \
         Member must have value greater than or equal to 1",
    );
}

#[test]
fn what_is_of_another_type_is_refused_for_that() {
    let refused = cloudtrail::LookupEventsRequest::read(json!({"MaxResults": "many"}));
    assert!(matches!(refused, Err(Refused::Type(_))), "{refused:?}");
}

#[test]
fn a_request_is_read_with_timestamps_and_unknown_members() {
    let read = cloudtrail::LookupEventsRequest::read(
        json!({"StartTime": 1770109267.5, "MaxResults": 5, "Future": true}),
    )
    .unwrap();
    assert_eq!(read.start_time.unwrap().as_millisecond(), 1_770_109_267_500);
    assert_eq!(read.max_results, Some(5));
    assert_eq!(
        serde_json::to_value(&read).unwrap(),
        json!({"StartTime": 1770109267.5, "MaxResults": 5})
    );
    assert_eq!(read.validate(), Ok(()));
}

#[test]
fn operations_and_errors_are_those_of_the_models() {
    assert_eq!(cloudtrail::Operation::ALL.len(), 60);
    assert_eq!(cloudtrail_data::Operation::ALL.len(), 1);
    assert_eq!(organizations::Operation::ALL.len(), 63);
    assert_eq!(sts::Operation::ALL.len(), 11);
    let error = cloudtrail::ErrorCode::from_word("TrailNotFoundException").unwrap();
    assert_eq!(error.status(), http::StatusCode::BAD_REQUEST);
    let error = sts::ErrorCode::from_word("RegionDisabledException").unwrap();
    assert_eq!(error.status(), http::StatusCode::FORBIDDEN);
}

#[test]
fn every_pattern_compiles() {
    let patterns = [
        cloudtrail::StartQueryRequest::SHAPE.patterns(),
        cloudtrail::CreateEventDataStoreRequest::SHAPE.patterns(),
        cloudtrail::CreateTrailRequest::SHAPE.patterns(),
        cloudtrail::CreateDashboardRequest::SHAPE.patterns(),
        cloudtrail::CreateChannelRequest::SHAPE.patterns(),
        cloudtrail_data::PutAuditEventsRequest::SHAPE.patterns(),
        organizations::CreateAccountRequest::SHAPE.patterns(),
        organizations::DescribeCreateAccountStatusRequest::SHAPE.patterns(),
        organizations::InviteAccountToOrganizationRequest::SHAPE.patterns(),
        organizations::ListDelegatedAdministratorsRequest::SHAPE.patterns(),
        organizations::RegisterDelegatedAdministratorRequest::SHAPE.patterns(),
        sts::AssumeRoleRequest::SHAPE.patterns(),
        sts::GetFederationTokenRequest::SHAPE.patterns(),
    ];
    for pattern in patterns.into_iter().flatten() {
        assert!(pattern.compiles(), "{pattern:?}");
    }
    assert!(
        sts::AssumeRoleRequest::read(
            json!({"RoleArn": "arn:aws:iam::123456789012:role/a", "RoleSessionName": "a b"})
        )
        .is_err()
    );
}
