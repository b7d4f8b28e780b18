//! What is read out of a record to find it by: the members that are columns.
//!
//! Start at [`resources`] for the rule by which resources are named.
//! Spec: CloudTrail API reference, `LookupEvents`, `LookupAttribute` and `Resource`.

use std::borrow::Cow;

use record::Record;
use serde::{
    Deserialize,
    de::{IgnoredAny, MapAccess, Visitor},
};

/// A resource as event history shows it and finds records by it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resource<'a> {
    /// Such as `AWS::S3::Bucket`; absent when it is not known.
    pub kind: Option<Cow<'a, str>>,
    /// An ARN, an id or a name.
    pub name: Option<Cow<'a, str>>,
}

/// The resources of a record: those that it names in `resources`, and those that well-known members
/// of `requestParameters` name.
///
/// A resource that is named by ARN is also found by the last part of it.
#[must_use]
pub fn resources<'a>(record: &Record<'a>) -> Vec<Resource<'a>> {
    let mut found: Vec<_> = record
        .resources()
        .into_iter()
        .map(|it| Resource { kind: it.kind, name: it.name })
        .filter(|it| it.kind.is_some() || it.name.is_some())
        .collect();
    let Some(parameters) = record.request_parameters() else { return found };
    let Some(source) = record.event_source() else { return found };
    let service = source.strip_suffix(".amazonaws.com").unwrap_or(&source);
    if !PARAMETERS.iter().any(|it| it.0 == service) {
        return found;
    }
    // A record that was accepted is JSON; parameters that are no object name nothing.
    let Ok(Named(named)) = serde_json::from_slice(parameters) else { return found };
    for (service_of, member, kind) in PARAMETERS {
        if *service_of != service {
            continue;
        }
        let Some((_, name)) = named.iter().find(|it| it.0 == *member) else { continue };
        let is_new = |it: &Resource<'_>| it.name.as_deref().is_none_or(|it| !is_same(it, name));
        if found.iter().all(is_new) {
            found.push(Resource { kind: Some(Cow::Borrowed(kind)), name: Some(name.clone()) });
        }
    }
    found
}

/// The last part of an ARN's resource: what follows the last `/` or `:`. `None` for other names.
pub(crate) fn short_name(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("arn:")?;
    rest.rsplit(['/', ':']).next().filter(|it| !it.is_empty())
}

fn is_same(full: &str, name: &str) -> bool {
    full == name || short_name(full) == Some(name)
}

/// Service, member of `requestParameters`, and the type of what it names.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("dynamodb", "tableName", "AWS::DynamoDB::Table"),
    ("iam", "groupName", "AWS::IAM::Group"),
    ("iam", "instanceProfileName", "AWS::IAM::InstanceProfile"),
    ("iam", "policyArn", "AWS::IAM::Policy"),
    ("iam", "roleName", "AWS::IAM::Role"),
    ("iam", "userName", "AWS::IAM::User"),
    ("kms", "keyId", "AWS::KMS::Key"),
    ("lambda", "functionName", "AWS::Lambda::Function"),
    ("rds", "dBClusterIdentifier", "AWS::RDS::DBCluster"),
    ("rds", "dBInstanceIdentifier", "AWS::RDS::DBInstance"),
    ("s3", "bucketName", "AWS::S3::Bucket"),
    ("secretsmanager", "secretId", "AWS::SecretsManager::Secret"),
    ("sns", "topicArn", "AWS::SNS::Topic"),
    ("sqs", "queueName", "AWS::SQS::Queue"),
    ("sqs", "queueUrl", "AWS::SQS::Queue"),
    ("ssm", "name", "AWS::SSM::Parameter"),
    ("sts", "roleArn", "AWS::IAM::Role"),
];

/// The members of an object that are texts and may name a resource; the rest is passed over.
struct Named<'a>(Vec<(&'static str, Cow<'a, str>)>);

impl<'de> Deserialize<'de> for Named<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor)
    }
}

struct NamedVisitor;

impl<'de> Visitor<'de> for NamedVisitor {
    type Value = Named<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut named = Vec::new();
        while let Some(Text(Some(name))) = map.next_key()? {
            match PARAMETERS.iter().find(|it| it.1 == name) {
                Some((_, member, _)) => {
                    if let Text(Some(value)) = map.next_value()? {
                        named.push((*member, value));
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Named(named))
    }
}

/// A text, borrowed where it has no escapes; `None` for any other value.
struct Text<'a>(Option<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, rest: &str, expected: &[(Option<&str>, Option<&str>)]) {
        let text = format!(
            r#"{{"eventTime":"2026-11-20T10:00:00Z","eventSource":"{source}","eventName":"X",{rest}}}"#
        );
        let record = record::parse(text.as_bytes()).unwrap();
        let found = resources(&record);
        let found: Vec<_> =
            found.iter().map(|it| (it.kind.as_deref(), it.name.as_deref())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn resources_come_from_the_member_of_that_name() {
        check(
            "s3.amazonaws.com",
            r#""resources":[{"type":"AWS::S3::Object","ARNPrefix":"arn:aws:s3:::b/"},{"accountId":"1"}]"#,
            &[(Some("AWS::S3::Object"), Some("arn:aws:s3:::b/"))],
        );
    }

    #[test]
    fn well_known_parameters_name_a_resource_too() {
        check(
            "s3.amazonaws.com",
            r#""requestParameters":{"Host":["x"],"acl":{"a":1},"bucketName":"b\u0065","n":1.5,"o":null}"#,
            &[(Some("AWS::S3::Bucket"), Some("be"))],
        );
        check("ec2.amazonaws.com", r#""requestParameters":{"bucketName":"b"}"#, &[]);
        check("s3.amazonaws.com", r#""requestParameters":{"bucketName":{"x":1}}"#, &[]);
        check("s3.amazonaws.com", r#""requestParameters":null"#, &[]);
    }

    #[test]
    fn a_resource_is_named_once() {
        check(
            "iam.amazonaws.com",
            r#""resources":[{"type":"AWS::IAM::Role","ARN":"arn:aws:iam::123456789012:role/p/r"}],
               "requestParameters":{"roleName":"r","policyArn":"arn:aws:iam::aws:policy/p"}"#,
            &[
                (Some("AWS::IAM::Role"), Some("arn:aws:iam::123456789012:role/p/r")),
                (Some("AWS::IAM::Policy"), Some("arn:aws:iam::aws:policy/p")),
            ],
        );
    }

    #[test]
    fn an_arn_is_shortened_to_its_last_part() {
        assert_eq!(short_name("arn:aws:s3:::bucket"), Some("bucket"));
        assert_eq!(short_name("arn:aws:iam::123456789012:role/path/name"), Some("name"));
        assert_eq!(short_name("arn:aws:s3:::bucket/"), None);
        assert_eq!(short_name("bucket"), None);
    }
}
