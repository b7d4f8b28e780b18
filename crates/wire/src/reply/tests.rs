//! Answers of ours, read as a caller would.

use futures::executor::block_on;
use http_body_util::BodyExt as _;

use super::*;
use crate::{
    identify::{Domains, identify},
    outcome,
};

fn bytes(body: Body) -> Vec<u8> {
    block_on(body.collect()).unwrap().to_bytes().to_vec()
}

const PROTOCOLS: [Protocol; 7] = [
    Protocol::Json10,
    Protocol::Json11,
    Protocol::Query,
    Protocol::Ec2,
    Protocol::RestJson,
    Protocol::RestXml,
    Protocol::RpcV2Cbor,
];

#[track_caller]
fn check_error(protocol: Protocol, expected: &str) {
    let fault = Fault::new("NotFound", "a < b", StatusCode::BAD_REQUEST);
    let body = bytes(error(protocol, &fault, "id").into_body());
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn errors_have_the_shape_of_their_protocol() {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    check_error(Protocol::Json11, r#"{"__type":"NotFound","Message":"a < b"}"#);
    check_error(Protocol::RestJson, r#"{"message":"a < b"}"#);
    check_error(
        Protocol::Query,
        &format!(
            "{HEAD}<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code>\
             <Message>a &lt; b</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        ),
    );
    check_error(
        Protocol::Ec2,
        &format!(
            "{HEAD}<Response><Errors><Error><Code>NotFound</Code><Message>a &lt; b</Message>\
             </Error></Errors><RequestID>id</RequestID></Response>"
        ),
    );
    check_error(
        Protocol::RestXml,
        &format!(
            "{HEAD}<Error><Code>NotFound</Code><Message>a &lt; b</Message>\
             <RequestId>id</RequestId></Error>"
        ),
    );
}

#[test]
fn a_json_error_has_the_members_that_its_model_adds() {
    let extras = vec![("Reason", "INVALID_NEXT_TOKEN".to_owned())];
    let fault = Fault { extras, ..Fault::new("Invalid", "No.", StatusCode::BAD_REQUEST) };
    let body = bytes(error(Protocol::Json11, &fault, "id").into_body());
    let expected = r#"{"__type":"Invalid","Message":"No.","Reason":"INVALID_NEXT_TOKEN"}"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn what_is_written_is_read_as_the_same_error() {
    for protocol in PROTOCOLS {
        let fault = Fault::new("NotFound", "a <b> & \u{1}c", StatusCode::NOT_FOUND);
        let response = error(protocol, &fault, "id");
        let parts = http::Request::new(()).into_parts().0;
        let mut it = identify(&parts, &Domains::default()).unwrap();
        it.protocol = protocol;
        let (head, body) = response.into_parts();
        let body = bytes(body);
        let found = outcome::read(&it, head.status, &head.headers, Some(&body));
        let prefix = if protocol == Protocol::Ec2 { "Client." } else { "" };
        assert_eq!(found.error_code, Some(format!("{prefix}NotFound")));
        let message = found.error_message.unwrap().replace('\u{1}', "");
        assert_eq!(message, "a <b> & c");
        assert_eq!(found.request_id.as_deref(), Some("id"));
    }
}

#[test]
fn outputs_have_the_shape_of_their_protocol() {
    let write = |protocol, operation, namespace, value| {
        let body = bytes(output(protocol, operation, namespace, &value, "id").into_body());
        String::from_utf8(body).unwrap().lines().last().unwrap().to_owned()
    };
    assert_eq!(
        write(
            Protocol::Query,
            "GetCallerIdentity",
            Some("https://sts.amazonaws.com/doc/2011-06-15/"),
            json!({"Account": "1", "List": [{"A": true}], "No": null}),
        ),
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Account>1</Account><List><member><A>true</A></member></List>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    );
    assert_eq!(
        write(
            Protocol::RestXml,
            "ListBuckets",
            None,
            json!({"R": {"B": [{"N": "a"}, {"N": "b"}]}})
        ),
        "<R><B><N>a</N></B><B><N>b</N></B></R>"
    );
    assert_eq!(write(Protocol::Json11, "X", None, json!({"A": 1})), r#"{"A":1}"#);
}
