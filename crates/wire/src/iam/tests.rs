//! Policies as AWS reads them, and as it refuses them.

use super::*;

fn policy(statement: &str) -> Result<Policy, InvalidPolicy> {
    Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#))
}

/// One call, by a caller with one policy.
#[track_caller]
fn check(statement: &str, action: &str, resource: &str, expected: Decision) {
    check_in(statement, action, resource, &context(), expected);
}

#[track_caller]
fn check_in(statement: &str, action: &str, resource: &str, context: &Context, expected: Decision) {
    let policy = policy(statement).unwrap();
    assert_eq!(evaluate([&policy], &Request { action, resource, context }), expected);
}

fn context() -> Context {
    Context::default()
        .with("aws:username", "ann")
        .with("aws:SourceIp", "203.0.113.9")
        .with("aws:CurrentTime", "2026-03-01T12:00:00Z")
        .with("aws:SecureTransport", "false")
        .with("aws:PrincipalArn", "arn:aws:iam::123456789012:user/eng/ann")
        .with("s3:max-keys", "10")
        .with("aws:TagKeys", "team")
        .with("aws:TagKeys", "cost")
}

const OBJECT: &str = "arn:aws:s3:::bucket/home/ann/x";
use Decision::{Allowed, ExplicitlyDenied, ImplicitlyDenied};

#[test]
fn what_no_statement_allows_is_denied() {
    let statement = r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#;
    check(statement, "s3:GetObject", OBJECT, Allowed);
    check(statement, "S3:getobject", OBJECT, Allowed);
    check(statement, "s3:GetObjectAcl", OBJECT, ImplicitlyDenied);
    check(statement, "s3:PutObject", OBJECT, ImplicitlyDenied);
    let none: [&Policy; 0] = [];
    let context = context();
    let request = Request { action: "s3:GetObject", resource: OBJECT, context: &context };
    assert_eq!(evaluate(none, &request), ImplicitlyDenied);
}

#[test]
fn a_denial_wins_whatever_the_order() {
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let deny = r#"{"Effect":"Deny","Action":["s3:Delete*"],"Resource":["*"]}"#;
    for both in [format!("[{allow},{deny}]"), format!("[{deny},{allow}]")] {
        check(&both, "s3:DeleteObject", OBJECT, ExplicitlyDenied);
        check(&both, "s3:GetObject", OBJECT, Allowed);
    }
    let (one, other) = (policy(allow).unwrap(), policy(deny).unwrap());
    let context = context();
    let request = Request { action: "s3:DeleteObject", resource: OBJECT, context: &context };
    assert_eq!(evaluate([&one, &other], &request), ExplicitlyDenied);
    assert_eq!(evaluate([&other, &one], &request), ExplicitlyDenied);
}

#[test]
fn actions_and_resources_have_wildcards_and_opposites() {
    let statement = r#"{"Effect":"Allow","Action":"s3:Get?b*","Resource":"*"}"#;
    check(statement, "s3:GetObject", OBJECT, Allowed);
    check(statement, "s3:GetBucketAcl", OBJECT, ImplicitlyDenied);
    let statement = r#"{"Effect":"Allow","NotAction":["iam:*","sts:*"],"Resource":"*"}"#;
    check(statement, "s3:GetObject", OBJECT, Allowed);
    check(statement, "iam:CreateUser", "*", ImplicitlyDenied);
    let statement = r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::bucket/home/*"}"#;
    check(statement, "s3:GetObject", OBJECT, Allowed);
    check(statement, "s3:GetObject", "arn:aws:s3:::bucket/other", ImplicitlyDenied);
    check(statement, "s3:ListAllMyBuckets", "*", ImplicitlyDenied);
    let statement = r#"{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::bucket/*"}"#;
    check(statement, "s3:GetObject", OBJECT, ImplicitlyDenied);
    check(statement, "s3:GetObject", "arn:aws:s3:::other/x", ExplicitlyDenied);
}

#[test]
fn no_wildcard_reaches_over_a_colon_between_two_parts() {
    let statement = r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:sqs:*:1:q"}"#;
    check(statement, "sqs:SendMessage", "arn:aws:sqs:eu-west-3:1:q", Allowed);
    check(statement, "sqs:SendMessage", "arn:aws:sqs:eu-west-3:2:1:q", ImplicitlyDenied);
    let statement = r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:logs:*:*:log-group:*"}"#;
    check(statement, "logs:GetLogEvents", "arn:aws:logs:r:1:log-group:g:log-stream:s", Allowed);
}

#[test]
fn a_variable_stands_for_the_callers_own() {
    let statement = r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::bucket/home/${aws:username}/*"}"#;
    check(statement, "s3:GetObject", OBJECT, Allowed);
    check(statement, "s3:GetObject", "arn:aws:s3:::bucket/home/bob/x", ImplicitlyDenied);
    let wild = Context::default().with("aws:username", "*");
    check_in(statement, "s3:GetObject", OBJECT, &wild, ImplicitlyDenied);
    let nobody = Context::default();
    check_in(statement, "s3:GetObject", OBJECT, &nobody, ImplicitlyDenied);
    let old = r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*",
        "Resource":"arn:aws:s3:::bucket/home/${aws:username}/*"}}"#;
    let context = context();
    let request = |resource| Request { action: "s3:GetObject", resource, context: &context };
    let old = Policy::parse(old).unwrap();
    assert_eq!(evaluate([&old], &request(OBJECT)), ImplicitlyDenied);
    let literal = "arn:aws:s3:::bucket/home/${aws:username}/x";
    assert_eq!(evaluate([&old], &request(literal)), Allowed);
}

#[test]
fn a_variable_without_value_never_opens_a_door() {
    let nobody = Context::default();
    for (effect, element, expected) in [
        ("Allow", "Resource", ImplicitlyDenied),
        ("Allow", "NotResource", ImplicitlyDenied),
        ("Deny", "NotResource", ExplicitlyDenied),
    ] {
        let statement = format!(
            r#"{{"Effect":"{effect}","Action":"*","{element}":"arn:aws:s3:::b/${{aws:username}}"}}"#
        );
        check_in(&statement, "s3:GetObject", OBJECT, &nobody, expected);
    }
    let named = Context::default().with("aws:userid", "AIDA");
    for (operator, expected) in
        [("StringEquals", ImplicitlyDenied), ("StringNotEquals", ImplicitlyDenied)]
    {
        let statement = conditional(operator, "aws:userid", r#""${aws:username}""#);
        check_in(&statement, "s3:GetObject", OBJECT, &named, expected);
    }
}

fn conditional(operator: &str, key: &str, values: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Action":"*","Resource":"*",
            "Condition":{{"{operator}":{{"{key}":{values}}}}}}}"#
    )
}

#[test]
fn each_condition_operator_compares_as_its_name_says() {
    for (operator, key, values, holds) in [
        ("StringEquals", "aws:username", r#"["bob","ann"]"#, true),
        ("StringEquals", "AWS:UserName", r#""ann""#, true),
        ("StringEquals", "aws:username", r#""a*""#, false),
        ("StringEquals", "aws:username", r#""Ann""#, false),
        ("StringEquals", "aws:missing", r#""""#, false),
        ("StringNotEquals", "aws:username", r#""bob""#, true),
        ("StringNotEquals", "aws:username", r#"["bob","ann"]"#, false),
        ("StringNotEquals", "aws:missing", r#""x""#, true),
        ("StringEqualsIgnoreCase", "aws:username", r#""ANN""#, true),
        ("StringNotEqualsIgnoreCase", "aws:username", r#""ANN""#, false),
        ("StringLike", "aws:username", r#""a?n*""#, true),
        ("StringLike", "aws:username", r#""A*""#, false),
        ("StringNotLike", "aws:username", r#""b*""#, true),
        ("StringEqualsIfExists", "aws:missing", r#""x""#, true),
        ("StringEqualsIfExists", "aws:username", r#""bob""#, false),
        ("Bool", "aws:SecureTransport", r#""false""#, true),
        ("Bool", "aws:SecureTransport", "true", false),
        ("BoolIfExists", "aws:MultiFactorAuthPresent", r#""true""#, true),
        ("Bool", "aws:MultiFactorAuthPresent", r#""false""#, false),
        ("IpAddress", "aws:SourceIp", r#""203.0.113.0/24""#, true),
        ("IpAddress", "aws:SourceIp", r#"["10.0.0.0/8","2001:db8::/32"]"#, false),
        ("IpAddress", "aws:SourceIp", r#""0.0.0.0/0""#, true),
        ("IpAddress", "aws:SourceIp", r#""203.0.113.9""#, true),
        ("NotIpAddress", "aws:SourceIp", r#""203.0.113.8/31""#, false),
        ("NotIpAddress", "aws:SourceIp", r#""203.0.113.10/31""#, true),
        ("DateGreaterThan", "aws:CurrentTime", r#""2026-03-01""#, true),
        ("DateLessThan", "aws:CurrentTime", r#""2026-03-01T11:59:59Z""#, false),
        ("DateLessThanEquals", "aws:CurrentTime", r#""2026-03-01T12:00:00Z""#, true),
        ("DateGreaterThanEquals", "aws:CurrentTime", "1772366400", true),
        ("DateEquals", "aws:CurrentTime", r#""2026-03-01T12:00:00Z""#, true),
        ("DateNotEquals", "aws:CurrentTime", r#""2026-03-01T12:00:00Z""#, false),
        ("NumericLessThanEquals", "s3:max-keys", "10", true),
        ("NumericLessThan", "s3:max-keys", r#""10""#, false),
        ("NumericGreaterThan", "s3:max-keys", r#""9.5""#, true),
        ("NumericGreaterThanEquals", "s3:max-keys", "11", false),
        ("NumericEquals", "s3:max-keys", r#"["1","10"]"#, true),
        ("NumericNotEquals", "s3:max-keys", "10", false),
        ("NumericEquals", "aws:username", "10", false),
        ("ArnLike", "aws:PrincipalArn", r#""arn:aws:iam::*:user/*""#, true),
        ("ArnEquals", "aws:PrincipalArn", r#""arn:aws:iam::123456789012:user/*/ann""#, true),
        ("ArnLike", "aws:PrincipalArn", r#""arn:aws:iam:*:user/eng/ann:x""#, false),
        ("ArnNotLike", "aws:PrincipalArn", r#""arn:aws:iam::*:role/*""#, true),
        ("ArnNotEquals", "aws:PrincipalArn", r#""arn:aws:iam::*:user/*""#, false),
        ("Null", "aws:TokenIssueTime", r#""true""#, true),
        ("Null", "aws:TokenIssueTime", r#""false""#, false),
        ("Null", "aws:username", "false", true),
        ("ForAnyValue:StringEquals", "aws:TagKeys", r#""team""#, true),
        ("ForAnyValue:StringEquals", "aws:TagKeys", r#""other""#, false),
        ("ForAnyValue:StringEquals", "aws:missing", r#""x""#, false),
        ("ForAllValues:StringEquals", "aws:TagKeys", r#"["team","cost","x"]"#, true),
        ("ForAllValues:StringEquals", "aws:TagKeys", r#""team""#, false),
        ("ForAllValues:StringEquals", "aws:missing", r#""x""#, true),
        ("ForAllValues:StringNotEquals", "aws:TagKeys", r#""team""#, false),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", r#""team""#, true),
        ("ForAllValues:StringLikeIfExists", "aws:TagKeys", r#"["t*","c*"]"#, true),
        ("StringEquals", "aws:username", r#""${aws:username}""#, true),
    ] {
        let expected = if holds { Allowed } else { ImplicitlyDenied };
        let policy = policy(&conditional(operator, key, values)).unwrap();
        let context = context();
        let request = Request { action: "s3:GetObject", resource: OBJECT, context: &context };
        assert_eq!(evaluate([&policy], &request), expected, "{operator} {key} {values}");
    }
}

#[test]
fn an_ipv4_caller_is_one_behind_a_socket_for_both_families() {
    let statement = conditional("IpAddress", "aws:SourceIp", r#""203.0.113.0/24""#);
    let mapped = Context::default().with("aws:SourceIp", "::ffff:203.0.113.9");
    check_in(&statement, "s3:GetObject", OBJECT, &mapped, Allowed);
    let statement = conditional("IpAddress", "aws:SourceIp", r#""2001:db8::/33""#);
    for (address, expected) in
        [("2001:db8:7fff::1", Allowed), ("2001:db8:8000::1", ImplicitlyDenied)]
    {
        let context = Context::default().with("aws:SourceIp", address);
        check_in(&statement, "s3:GetObject", OBJECT, &context, expected);
    }
}

#[test]
fn all_conditions_of_a_statement_have_to_hold() {
    let statement = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
        "StringEquals":{"aws:username":"ann","aws:PrincipalArn":"x"},
        "Bool":{"aws:SecureTransport":"false"}}}"#;
    check(statement, "s3:GetObject", OBJECT, ImplicitlyDenied);
}

#[test]
fn what_aws_refuses_is_refused() {
    use InvalidPolicy as I;
    let good = r#""Effect":"Allow","Action":"s3:*","Resource":"*""#;
    let replace = |from: &str, to: &str| format!("{{{}}}", good.replace(from, to));
    for (statement, reason) in [
        (replace("Allow", "allow"), I::Effect),
        (replace(r#""Effect":"Allow","#, ""), I::Effect),
        (replace(r#""Action":"s3:*","#, ""), I::ActionMissing),
        (replace(r#","Resource":"*""#, ""), I::ResourceMissing),
        (replace("s3:*", "s3"), I::Action),
        (replace("s3:*", "*:*"), I::Action),
        (replace("s3:*", "s3:Get Object"), I::Action),
        (replace("s3:*", "s3:${aws:username}"), I::Action),
        (replace(r#""s3:*""#, "[]"), I::Syntax),
        (replace(r#""s3:*""#, "7"), I::Syntax),
        (replace(r#"Resource":"*"#, r#"Resource":"bucket"#), I::Resource("bucket".into())),
        (replace(r#"Resource":"*"#, r#"Resource":"arn:aws:s3"#), I::Resource("arn:aws:s3".into())),
        (
            replace(r#"Resource":"*"#, r#"Resource":"arn:aws:*:::b"#),
            I::Resource("arn:aws:*:::b".into()),
        ),
        (replace(r#"Resource":"*"#, r#"Resource":"arn:aws:s3:::${x"#), I::Variable),
        (format!(r#"{{{good},"NotAction":"s3:*"}}"#), I::Both("Action")),
        (format!(r#"{{{good},"NotResource":"*"}}"#), I::Both("Resource")),
        (format!(r#"{{{good},"Principal":"*"}}"#), I::Principal),
        (format!(r#"{{{good},"Sid":"a b"}}"#), I::Sid),
        (format!(r#"[{{{good},"Sid":"a"}},{{{good},"Sid":"a"}}]"#), I::Sid),
        (format!(r#"{{{good},"Conditions":{{}}}}"#), I::Unknown("Conditions".into())),
        (format!(r#"{{{good},"Effect":"Deny"}}"#), I::Syntax),
        ("[]".to_owned(), I::StatementMissing),
        ("7".to_owned(), I::Syntax),
        (conditional("StringMatches", "a", r#""x""#), I::Operator("StringMatches".into())),
        (
            conditional("ForSome:StringEquals", "a", r#""x""#),
            I::Operator("ForSome:StringEquals".into()),
        ),
        (conditional("NullIfExists", "a", r#""true""#), I::Operator("NullIfExists".into())),
        (conditional("BinaryEquals", "a", r#""eA==""#), I::Operator("BinaryEquals".into())),
        (conditional("StringEquals", "a", "[]"), I::Syntax),
        (conditional("StringEquals", "a", "null"), I::Syntax),
        (wrong("Bool", "yes"), value("Bool", "yes")),
        (wrong("NumericEquals", "inf"), value("NumericEquals", "inf")),
        (wrong("IpAddress", "10.0.0.0/33"), value("IpAddress", "10.0.0.0/33")),
        (wrong("IpAddress", "10.0.0.0/+8"), value("IpAddress", "10.0.0.0/+8")),
        (wrong("DateEquals", "tomorrow"), value("DateEquals", "tomorrow")),
        (wrong("ArnLike", "user/ann"), value("ArnLike", "user/ann")),
    ] {
        assert_eq!(policy(&statement).unwrap_err(), reason, "{statement}");
    }
    for (document, reason) in [
        ("", I::Syntax),
        ("[]", I::Syntax),
        ("{}", I::StatementMissing),
        (r#"{"Version":"2012-10-18","Statement":[]}"#, I::Version),
        (r#"{"Version":1}"#, I::Version),
        (r#"{"Statements":[]}"#, I::Unknown("Statements".into())),
        (r#"{"Version":"2012-10-17","Version":"2012-10-17"}"#, I::Syntax),
    ] {
        assert_eq!(Policy::parse(document).unwrap_err(), reason, "{document}");
    }
}

fn wrong(operator: &str, text: &str) -> String {
    conditional(operator, "a", &format!("\"{text}\""))
}

fn value(operator: &str, value: &str) -> InvalidPolicy {
    InvalidPolicy::ConditionValue { operator: operator.into(), value: value.into() }
}

#[test]
fn a_policy_has_the_size_of_a_managed_policy_white_space_not_counted() {
    let document = |sid: usize, blanks: usize| {
        format!(
            r#"{{"Statement":{{"Sid":"{}","Effect":"Allow","Action":"*","Resource":"*"}}{}}}"#,
            "a".repeat(sid),
            " ".repeat(blanks)
        )
    };
    let rest = document(0, 0).len();
    assert!(Policy::parse(&document(document::CHARACTERS_MAX - rest, 10_000)).is_ok());
    let longer = document(document::CHARACTERS_MAX - rest + 1, 0);
    assert_eq!(Policy::parse(&longer).unwrap_err(), InvalidPolicy::TooLong(6144));
    assert_eq!(Policy::parse(&document(0, 200_000)).unwrap_err(), InvalidPolicy::TooLong(6144));
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(Policy::parse(&deep).unwrap_err(), InvalidPolicy::Syntax);
}

#[test]
fn a_denial_reads_as_aws_writes_it() {
    let context = context();
    let arn = "arn:aws:iam::123456789012:user/ann";
    let request = Request { action: "cloudtrail:LookupEvents", resource: "*", context: &context };
    assert_eq!(Allowed.denial(arn, &request), None);
    assert_eq!(
        ImplicitlyDenied.denial(arn, &request).unwrap(),
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: \
         cloudtrail:LookupEvents because no identity-based policy allows the \
         cloudtrail:LookupEvents action"
    );
    let request = Request { action: "s3:GetObject", resource: OBJECT, ..request };
    assert_eq!(
        ExplicitlyDenied.denial(arn, &request).unwrap(),
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: s3:GetObject \
         on resource: arn:aws:s3:::bucket/home/ann/x with an explicit deny in an \
         identity-based policy"
    );
}

#[test]
fn the_policies_that_are_ready_to_use_do_what_they_are_called() {
    let context = Context::default();
    let decide = |text: &str, action: &str| {
        let policy = Policy::parse(text).unwrap();
        evaluate([&policy], &Request { action, resource: "*", context: &context })
    };
    for (service, operation, reads) in [
        ("cloudtrail", "LookupEvents", true),
        ("cloudtrail", "DescribeTrails", true),
        ("cloudtrail", "GetTrailStatus", true),
        ("cloudtrail", "ListTrails", true),
        ("cloudtrail", "DeleteTrail", false),
        ("cloudtrail", "StopLogging", false),
        ("cloudtrail-data", "PutAuditEvents", false),
        ("s3", "HeadObject", true),
        ("s3", "HeadBucket", true),
        ("s3", "ListBuckets", true),
        ("s3", "ListObjectsV2", true),
        ("s3", "PutObject", false),
        ("s3", "DeleteObjects", false),
        ("s3", "CreateMultipartUpload", false),
        ("sts", "GetCallerIdentity", true),
        ("sts", "AssumeRole", false),
    ] {
        let action = action(service, operation);
        assert_eq!(decide(FULL_ACCESS, &action), Allowed);
        let expected = if reads { Allowed } else { ImplicitlyDenied };
        assert_eq!(decide(READ_ONLY_ACCESS, &action), expected, "{action}");
    }
}

#[test]
fn s3_calls_its_actions_otherwise_than_its_operations() {
    for (operation, expected) in [
        ("GetObject", "s3:GetObject"),
        ("HeadObject", "s3:GetObject"),
        ("ListObjectsV2", "s3:ListBucket"),
        ("ListObjectVersions", "s3:ListBucketVersions"),
        ("ListBuckets", "s3:ListAllMyBuckets"),
        ("CreateMultipartUpload", "s3:PutObject"),
        ("UploadPartCopy", "s3:PutObject"),
        ("PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
        ("DeleteBucketCors", "s3:PutBucketCORS"),
        ("PutBucketPolicy", "s3:PutBucketPolicy"),
        ("DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ] {
        assert_eq!(action("s3", operation), expected);
    }
    assert_eq!(action_on_version("s3", "GetObject"), "s3:GetObjectVersion");
    assert_eq!(action_on_version("s3", "PutObject"), "s3:PutObject");
    assert_eq!(source_action("s3", "CopyObject"), Some("s3:GetObject"));
    assert_eq!(source_action("s3", "PutObject"), None);
    assert_eq!(action("stepfunctions", "StartExecution"), "states:StartExecution");
    assert_eq!(action("lambda", "Invoke"), "lambda:InvokeFunction");
    assert_eq!(object_arn("b", "k/l"), "arn:aws:s3:::b/k/l");
    assert_eq!(bucket_arn("b"), "arn:aws:s3:::b");
}
