//! Who called: `userIdentity`, the sessions that STS gives, and claims that nobody proved.

use door::recorder::{Caller, Failure};
use log::{Evidence, Marks};
use record::{Identity, IdentityType, SessionContext, SessionIssuer};
use serde_json::{Value, json};

use crate::call::{CALLERS, Call, KEY, OTHERS, OWN, account, json as read, mira, pretty};

const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

fn list_tables() -> Call {
    Call::new("POST", "https://dynamodb.eu-west-1.amazonaws.com/", "dynamodb", "eu-west-1").target(
        "DynamoDB_20120810.ListTables",
        "1.0",
        "{\"Limit\":5}",
    )
}

fn sts(form: &str) -> Call {
    Call::new("POST", "https://sts.eu-west-1.amazonaws.com/", "sts", "eu-west-1").form(form)
}

/// An answer of STS with credentials in it.
fn granted(operation: &str, members: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <{operation}Result><Credentials><AccessKeyId>ASIAZEXAMPLE00000009</AccessKeyId>\
         <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey>\
         <SessionToken>IQoJexampletoken</SessionToken>\
         <Expiration>2026-02-03T10:05:12Z</Expiration></Credentials>{members}\
         </{operation}Result><ResponseMetadata><RequestId>b9c0d2ae</RequestId>\
         </ResponseMetadata></{operation}Response>"
    )
}

const ROLE_USER: &str = "<AssumedRoleUser><AssumedRoleId>AROAZEXAMPLEAUDIT0001:mira-audit\
     </AssumedRoleId><Arn>arn:aws:sts::222233334444:assumed-role/Auditor/mira-audit</Arn>\
     </AssumedRoleUser>";

fn assume_role() -> Call {
    sts("Action=AssumeRole&Version=2011-06-15&RoleSessionName=mira-audit&DurationSeconds=3600\
         &RoleArn=arn%3Aaws%3Aiam%3A%3A222233334444%3Arole%2Faudit%2FAuditor\
         &ExternalId=ticket-981&SourceIdentity=jordan\
         &SerialNumber=arn%3Aaws%3Aiam%3A%3A111122223333%3Amfa%2Fmira&TokenCode=123456")
    .answered(200, &[], granted("AssumeRole", ROLE_USER))
}

#[test]
fn a_role_of_another_account_is_recorded_in_both() {
    let records = assume_role().records();
    assert_eq!(records.len(), 2);
    for record in &records {
        let text = record.to_string();
        for secret in ["wJalrXUtnFEMI", "IQoJexampletoken", "123456\""] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(
            record["responseElements"]["credentials"],
            json!({
                "accessKeyId": "ASIAZEXAMPLE00000009",
                "sessionToken": HIDDEN,
                "expiration": "Feb 3, 2026, 10:05:12 AM",
            })
        );
    }
    insta::assert_snapshot!(records.iter().map(pretty).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_session_is_learned_from_the_answer_without_its_secrets() {
    let learned = assume_role().learned().unwrap();
    assert_eq!(learned.access_key_id, "ASIAZEXAMPLE00000009");
    assert_eq!(learned.account, account(OTHERS));
    assert_eq!(learned.expires, "2026-02-03T10:05:12Z".parse().unwrap());
    let text = format!("{learned:?}");
    assert!(!text.contains("wJalrXUtnFEMI") && !text.contains("IQoJexampletoken"), "{text}");
    // Its calls are the role's.
    let record = list_tables()
        .by(Caller::Known { identity: Box::new(learned.identity), account: learned.account })
        .answered(200, &[], "{}")
        .record();
    insta::assert_snapshot!(pretty(&record["userIdentity"]));
}

#[test]
fn a_source_identity_stays_through_a_chain_of_roles() {
    let mut first = assume_role().learned().unwrap().identity;
    first.access_key_id = Some(KEY.to_owned());
    let second = sts("Action=AssumeRole&Version=2011-06-15&RoleSessionName=next\
                      &RoleArn=arn%3Aaws%3Aiam%3A%3A222233334444%3Arole%2FNext")
    .by(Caller::Known { identity: Box::new(first), account: account(OTHERS) })
    .answered(200, &[], granted("AssumeRole", ROLE_USER))
    .learned()
    .unwrap();
    let context = second.identity.session_context.unwrap();
    assert_eq!(context.source_identity.as_deref(), Some("jordan"));
}

#[test]
fn a_federated_user_is_issued_by_the_caller() {
    let call = sts("Action=GetFederationToken&Version=2011-06-15&Name=visitor").answered(
        200,
        &[],
        granted(
            "GetFederationToken",
            "<FederatedUser><FederatedUserId>111122223333:visitor</FederatedUserId>\
             <Arn>arn:aws:sts::111122223333:federated-user/visitor</Arn></FederatedUser>\
             <PackedPolicySize>4</PackedPolicySize>",
        ),
    );
    let learned = call.learned().unwrap();
    assert_eq!(learned.identity.kind, Some(IdentityType::FederatedUser));
    assert_eq!(learned.account, account(CALLERS));
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&(learned.identity, call.record())).unwrap()
    );
}

#[test]
fn a_session_token_keeps_the_user() {
    let learned = sts("Action=GetSessionToken&Version=2011-06-15")
        .answered(200, &[], granted("GetSessionToken", ""))
        .learned()
        .unwrap();
    assert_eq!(learned.identity.user_name.as_deref(), Some("mira"));
    assert_eq!(learned.identity.access_key_id.as_deref(), Some("ASIAZEXAMPLE00000009"));
    assert!(learned.identity.session_context.unwrap().session_issuer.is_none());
}

#[test]
fn the_root_of_a_member_account_is_told_from_one_that_a_person_used() {
    let learned = sts("Action=AssumeRoot&Version=2011-06-15&TargetPrincipal=222233334444\
                       &TaskPolicyArn.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Froot-task%2FX")
    .answered(200, &[], granted("AssumeRoot", ""))
    .learned()
    .unwrap();
    let record = list_tables()
        .by(Caller::Known { identity: Box::new(learned.identity), account: learned.account })
        .answered(200, &[], "{}")
        .record();
    let identity = &record["userIdentity"];
    assert_eq!(identity["type"], "Root", "{identity:#}");
    assert_eq!(identity["arn"], "arn:aws:iam::222233334444:root");
    // A text, as in the example of the IAM User Guide, "Track privileged tasks".
    assert_eq!(identity["sessionContext"]["assumedRoot"], "true");
    assert_eq!(identity["sessionContext"]["attributes"]["mfaAuthenticated"], "false");
}

#[test]
fn an_encoded_authorization_message_is_hidden() {
    let record = sts("Action=DecodeAuthorizationMessage&Version=2011-06-15\
                      &EncodedMessage=canary-message")
    .answered(200, &[], "<DecodeAuthorizationMessageResponse/>")
    .record();
    assert_eq!(record["requestParameters"]["encodedMessage"], "HIDDEN_DUE_TO_SECURITY_REASONS");
    assert!(!record.to_string().contains("canary"), "{record:#}");
}

#[test]
fn a_web_identity_calls_by_its_token_and_is_named_by_the_answer() {
    let form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=app\
                &RoleArn=arn%3Aaws%3Aiam%3A%3A222233334444%3Arole%2FApp\
                &WebIdentityToken=eyJhbGciOiJub25lIn0.eyJzdWIiOiJqb2UifQ.c2ln";
    let members = format!(
        "<SubjectFromWebIdentityToken>joe</SubjectFromWebIdentityToken><Audience>app-1</Audience>\
         <Provider>https://id.example.com/?a=1&amp;b=2</Provider>{ROLE_USER}"
    );
    let record = Call::unsigned("POST", "https://sts.eu-west-1.amazonaws.com/")
        .form(form)
        .answered(200, &[], granted("AssumeRoleWithWebIdentity", &members))
        .record();
    assert!(!record.to_string().contains("eyJhbGci"));
    insta::assert_snapshot!(pretty(&record));
}

#[test]
fn get_caller_identity_grants_nothing() {
    let call = sts("Action=GetCallerIdentity&Version=2011-06-15").answered(
        200,
        &[],
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>",
    );
    assert_eq!(call.learned(), None);
    let record = call.own().record();
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(record["requestParameters"], Value::Null);
}

#[track_caller]
fn check_claim(call: Call, expected: Value, marks: Marks) {
    let finished = call.finished();
    assert_eq!(finished.len(), 1);
    assert_eq!(read(&finished[0])["userIdentity"], expected);
    assert_eq!(finished[0].marks, marks);
}

#[test]
fn an_unknown_key_that_the_upstream_accepts_is_of_the_upstreams_account() {
    let call = list_tables().claiming("GK31c2f218a2e44f485b94239e").upstream(account(OTHERS));
    check_claim(
        call.answered(200, &[], "{}"),
        json!({
            "type": "Unknown",
            "principalId": "GK31c2f218a2e44f485b94239e",
            "accountId": OTHERS,
            "accessKeyId": "GK31c2f218a2e44f485b94239e",
        }),
        Marks::NONE,
    );
}

#[test]
fn an_error_after_authentication_proves_the_claim() {
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}"#;
    check_claim(
        list_tables().claiming(KEY).answered(400, &[], body),
        json!({"type": "Unknown", "principalId": KEY, "accountId": OWN, "accessKeyId": KEY}),
        Marks::NONE,
    );
}

#[test]
fn a_refused_signature_leaves_the_claimed_key_id_and_nothing_of_the_request() {
    let body = r#"{"__type":"InvalidSignatureException","message":"The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:secret'"}"#;
    let known = Caller::Known { identity: Box::new(mira()), account: account(CALLERS) };
    let call = list_tables().by(known).answered(400, &[], body);
    check_claim(call.clone(), json!({"accessKeyId": KEY}), Marks::CLAIMED);
    let record = call.record();
    // In the account of the key, which is known.
    assert_eq!(record["recipientAccountId"], CALLERS);
    assert_eq!(record["requestParameters"], Value::Null);
    assert_eq!(record["errorCode"], "InvalidSignatureException");
    assert_eq!(
        record["errorMessage"],
        "The request signature we calculated does not match the signature you provided."
    );
}

#[test]
fn a_claim_that_looks_like_no_key_id_is_hidden() {
    let body =
        "<Error><Code>InvalidAccessKeyId</Code><Message>No such key: hunter2</Message></Error>";
    let call = Call::new("GET", "https://b.s3.amazonaws.com/k", "s3", "us-east-1");
    let call = call.claiming("hunter2").answered(403, &[], body);
    check_claim(call.clone(), json!({"accessKeyId": HIDDEN}), Marks::CLAIMED);
    assert!(!call.record().to_string().contains("hunter2"));
    assert!(!String::from_utf8(call.draft().intent()).unwrap().contains("hunter2"));
    assert!(!format!("{:?}", call.draft()).contains("hunter2"));
}

#[test]
fn garage_says_access_denied_to_an_unknown_key() {
    let body = "<Error><Code>AccessDenied</Code><Message>Forbidden: No such key: GK31c2f218a2e44f485b94239e</Message></Error>";
    let call = Call::new("GET", "https://b.s3.amazonaws.com/k", "s3", "us-east-1");
    let call = call.claiming("GK31c2f218a2e44f485b94239e").answered(403, &[], body);
    check_claim(call, json!({"accessKeyId": HIDDEN}), Marks::CLAIMED);
}

#[test]
fn a_denied_head_says_nothing_about_the_claim() {
    let call = Call::new("HEAD", "https://b.s3.amazonaws.com/k", "s3", "us-east-1").claiming(KEY);
    check_claim(call.clone().answered(403, &[], ""), json!({"accessKeyId": KEY}), Marks::CLAIMED);
    let accepted =
        json!({"type": "Unknown", "principalId": KEY, "accountId": OWN, "accessKeyId": KEY});
    check_claim(call.clone().answered(404, &[], ""), accepted.clone(), Marks::NONE);
    check_claim(call.answered(304, &[], ""), accepted, Marks::NONE);
}

#[test]
fn a_call_without_an_answer_leaves_the_claim_a_claim() {
    for failure in [Failure::Refused, Failure::TimedOut, Failure::Reset, Failure::Garbage] {
        check_claim(
            list_tables().claiming(KEY).failed(failure),
            json!({"accessKeyId": KEY}),
            Marks::CLAIMED,
        );
    }
    check_claim(
        list_tables().failed(Failure::Refused),
        serde_json::to_value(mira()).unwrap(),
        Marks::NONE,
    );
}

#[test]
fn a_key_of_ours_that_is_denied_is_still_ours() {
    let body = r#"{"__type":"AccessDeniedException","message":"User: arn:aws:iam::111122223333:user/mira is not authorized to perform: dynamodb:ListTables because no identity-based policy allows the dynamodb:ListTables action"}"#;
    let call = list_tables().answered(400, &[], body).own();
    let finished = call.finished();
    assert_eq!(finished[0].evidence, Evidence::Server);
    let record = read(&finished[0]);
    assert_eq!(record["userIdentity"]["userName"], "mira");
    assert_eq!(record["errorCode"], "AccessDenied");
    // It was believed, so what it asked for is kept.
    assert_eq!(record["requestParameters"], json!({"limit": 5}));
}

#[test]
fn a_role_in_an_account_that_is_not_ours_has_no_copy() {
    let record = sts("Action=AssumeRole&Version=2011-06-15&RoleSessionName=x\
                      &RoleArn=arn%3Aaws%3Aiam%3A%3A999988887777%3Arole%2FAuditor")
    .answered(200, &[], granted("AssumeRole", ROLE_USER))
    .record();
    assert_eq!(record["recipientAccountId"], CALLERS);
    assert_eq!(record["resources"][0]["accountId"], "999988887777");
}

#[test]
fn a_session_issuer_hides_in_the_copy_of_another_account() {
    let identity = Identity {
        kind: Some(IdentityType::AssumedRole),
        principal_id: Some("AROAQEXAMPLE:run".to_owned()),
        account_id: Some(CALLERS.to_owned()),
        session_context: Some(SessionContext {
            session_issuer: Some(SessionIssuer::default()),
            ..SessionContext::default()
        }),
        ..Identity::default()
    };
    let caller = Caller::Proven { identity: Box::new(identity), account: account(CALLERS) };
    let call = Call::new("GET", "https://b.s3.amazonaws.com/k", "s3", "us-east-1").by(caller);
    let records = call.bucket_owner(OTHERS).streamed(200, &[], 1).records();
    assert_eq!(
        records[1]["userIdentity"],
        json!({"type": "AWSAccount", "principalId": "AROAQEXAMPLE:run", "accountId": CALLERS})
    );
}

#[test]
fn a_presigned_call_of_a_query_service_is_kept_without_its_signature() {
    let uri = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
               &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAQEXAMPLE00000001%2F20260203\
               %2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20260203T090511Z&X-Amz-Expires=60\
               &X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJtoken\
               &X-Amz-Signature=0123456789abcdef0123456789abcdef";
    let record = Call::unsigned("GET", uri).claiming(KEY).answered(200, &[], "").record();
    let text = record.to_string();
    assert_eq!(record["eventName"], "GetCallerIdentity");
    for secret in ["0123456789abcdef", "IQoJtoken", "aws4_request"] {
        assert!(!text.contains(secret), "{text}");
    }
}
