//! What a call was about: the `resources` of a record.
//!
//! Lives here: a table of the services whose records AWS gives `resources`, with the members that
//! name them, and how an ARN is made of such a name. A service that is not in the table has no
//! `resources` in AWS's records either; its parameters name what it was about.
//! Lives elsewhere: S3's buckets and objects (`s3`).
//!
//! Start at [`of`].
//! Spec: CloudTrail User Guide, "resources"; the rest as genuine records show it.

use record::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wire::catalogue::Side;

use super::{dynamodb, hide::HIDDEN};

/// An entry of `resources`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Resource {
    /// Its owner. Missing for S3 objects; empty in the caller's copy of a denied call on a bucket of
    /// another account.
    #[serde(rename = "accountId", skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    /// The type in CloudFormation's spelling; Systems Manager and the registry give none.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    /// The ARN.
    #[serde(rename = "ARN", skip_serializing_if = "Option::is_none")]
    pub(super) arn: Option<String>,
    /// What all ARNs begin with, where a call is about many.
    #[serde(rename = "ARNPrefix", skip_serializing_if = "Option::is_none")]
    pub(super) arn_prefix: Option<String>,
}

/// Where ARNs get the parts from that a name alone lacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The region of the call.
    pub(super) region: &'a str,
    /// The account whose resources a bare name means.
    pub(super) account: AccountId,
}

/// The resources that the members of a request, or of an answer, name. Values have the names of the
/// model and are redacted already.
pub(super) fn of(
    service: &str,
    operation: &str,
    side: Side,
    members: &Value,
    place: Place<'_>,
) -> Vec<Resource> {
    let mut found: Vec<Resource> = Vec::new();
    for row in TABLE.iter().filter(|row| row.applies(service, operation, side)) {
        for name in row.path.iter().flat_map(|path| names_at(members, path)) {
            let Some(resource) = row.resource(name, place) else { continue };
            if found.len() < RESOURCES_MAX && !found.contains(&resource) {
                found.push(resource);
            }
        }
    }
    found
}

/// One row of the table: such members of such operations name such resources.
struct Row {
    service: &'static str,
    /// All of the service when empty.
    operations: &'static [&'static str],
    side: Side,
    /// Paths of model names; `[]` goes into a list, `{}` into the keys of a map.
    path: &'static [&'static str],
    kind: Option<&'static str>,
    name: Name,
}

/// How a member names a resource. Every form may also be an ARN already.
#[derive(Clone, Copy)]
enum Name {
    /// A name that fills the `*` of an ARN; `{region}` and `{account}` are the call's.
    Plain(&'static str),
    /// A URL that ends in account and queue.
    QueueUrl,
    /// A key id or `alias/…`.
    Key,
    /// A name, partial ARN or ARN, with or without version or alias behind it.
    Function,
    /// A stream of a table, or a shard of one: the table is what AWS shows.
    TableOfStream,
    /// A PartiQL statement, which names a table.
    Statement,
    /// An ARN or nothing.
    Arn,
}

impl Row {
    fn applies(&self, service: &str, operation: &str, side: Side) -> bool {
        self.service == service
            && self.side == side
            && (self.operations.is_empty() || self.operations.contains(&operation))
    }

    fn resource(&self, name: &str, place: Place<'_>) -> Option<Resource> {
        let (arn, kind) = match self.name {
            _ if name.is_empty() || name.len() > NAME_MAX || name == HIDDEN => return None,
            Name::Function => (function_arn(name, place), self.kind),
            Name::TableOfStream => {
                let table = name.split_once("/stream/").map_or(name, |(table, _)| table);
                (table.starts_with("arn:").then(|| table.to_owned())?, self.kind)
            }
            Name::Statement => (fill(TABLE_ARN, dynamodb::table_of(name)?, place), self.kind),
            Name::Key if is_alias(name) => (key_arn(name, place), Some("AWS::KMS::Alias")),
            Name::Plain(_) | Name::Key | Name::QueueUrl | Name::Arn if name.starts_with("arn:") => {
                (name.to_owned(), self.kind)
            }
            Name::Plain(template) => (fill(template, name, place), self.kind),
            Name::Key => (key_arn(name, place), self.kind),
            Name::QueueUrl => (queue_arn(name, place)?, self.kind),
            Name::Arn => return None,
        };
        let owner = account_of(&arn).unwrap_or(place.account);
        Some(Resource {
            account: Some(owner.to_string()),
            kind: kind.map(str::to_owned),
            arn: Some(arn),
            arn_prefix: None,
        })
    }
}

/// The account within an ARN; `None` where it has none, as those of buckets.
pub(super) fn account_of(arn: &str) -> Option<AccountId> {
    AccountId::parse(arn.split(':').nth(4)?).ok()
}

/// The texts at the end of a path.
fn names_at<'a>(value: &'a Value, path: &str) -> Vec<&'a str> {
    let mut values = vec![value];
    let mut keys = Vec::new();
    for step in path.split('.') {
        let (name, into) = step
            .strip_suffix("[]")
            .map_or_else(|| (step.strip_suffix("{}").unwrap_or(step), ""), |name| (name, "[]"));
        let children = values.iter().filter_map(|it| it.get(name));
        values = match into {
            "[]" => children.filter_map(Value::as_array).flatten().collect(),
            _ if step.ends_with("{}") => {
                keys = children.filter_map(Value::as_object).flat_map(|it| it.keys()).collect();
                Vec::new()
            }
            _ => children.collect(),
        };
    }
    values
        .into_iter()
        .filter_map(Value::as_str)
        .chain(keys.into_iter().map(String::as_str))
        .collect()
}

fn fill(template: &str, name: &str, place: Place<'_>) -> String {
    // Names of parameters may begin with the slash that the ARN has anyway.
    template
        .replace("{region}", place.region)
        .replace("{account}", place.account.as_str())
        .replacen('*', name.trim_start_matches('/'), 1)
}

fn is_alias(name: &str) -> bool {
    name.starts_with("alias/") || name.contains(":alias/")
}

fn key_arn(name: &str, place: Place<'_>) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let folder = if is_alias(name) { "" } else { "key/" };
    format!("arn:aws:kms:{}:{}:{folder}{name}", place.region, place.account)
}

/// `https://host/<account>/<queue>`; a URL that says it otherwise names nothing we could be sure of.
fn queue_arn(url: &str, place: Place<'_>) -> Option<String> {
    let (rest, queue) = url.rsplit_once('/')?;
    let account = rest.rsplit_once('/').and_then(|(_, it)| AccountId::parse(it).ok());
    let account = account.unwrap_or(place.account);
    (!queue.is_empty()).then(|| format!("arn:aws:sqs:{}:{account}:{queue}", place.region))
}

/// Without version or alias, as AWS shows it.
fn function_arn(name: &str, place: Place<'_>) -> String {
    let mut parts = name.split(':');
    if name.starts_with("arn:") {
        return parts.by_ref().take(7).collect::<Vec<_>>().join(":");
    }
    // `123456789012:function:name`, `name:version` or `name`.
    match (parts.next(), parts.next(), parts.next()) {
        (Some(account), Some("function"), Some(function)) => {
            format!("arn:aws:lambda:{}:{account}:function:{function}", place.region)
        }
        (Some(function), _, _) => {
            format!("arn:aws:lambda:{}:{}:function:{function}", place.region, place.account)
        }
        (None, _, _) => name.to_owned(),
    }
}

/// The longest name or ARN of AWS's, in bytes, and more.
const NAME_MAX: usize = 2048;

/// A call names a hundred items at most; a request that names more is no call of AWS's.
const RESOURCES_MAX: usize = 100;

const TABLE_ARN: &str = "arn:aws:dynamodb:{region}:{account}:table/*";

const TABLE: &[Row] = &[
    Row {
        service: "cloudtrail-data",
        operations: &[],
        side: Side::Request,
        path: &["channelArn"],
        kind: Some("AWS::CloudTrail::Channel"),
        name: Name::Arn,
    },
    Row {
        service: "dynamodb",
        operations: &[
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "Scan",
            "TransactGetItems",
            "TransactWriteItems",
            "UpdateItem",
        ],
        side: Side::Request,
        path: &[
            "TableName",
            "RequestItems{}",
            "TransactItems[].Get.TableName",
            "TransactItems[].Put.TableName",
            "TransactItems[].Update.TableName",
            "TransactItems[].Delete.TableName",
            "TransactItems[].ConditionCheck.TableName",
        ],
        kind: Some("AWS::DynamoDB::Table"),
        name: Name::Plain(TABLE_ARN),
    },
    Row {
        service: "dynamodb",
        operations: &["BatchExecuteStatement", "ExecuteStatement", "ExecuteTransaction"],
        side: Side::Request,
        path: &["Statement", "Statements[].Statement", "TransactStatements[].Statement"],
        kind: Some("AWS::DynamoDB::Table"),
        name: Name::Statement,
    },
    Row {
        service: "dynamodbstreams",
        operations: &["GetRecords", "GetShardIterator"],
        side: Side::Request,
        path: &["StreamArn", "ShardIterator"],
        kind: Some("AWS::DynamoDB::Table"),
        name: Name::TableOfStream,
    },
    Row {
        service: "ebs",
        operations: &[],
        side: Side::Request,
        path: &["SnapshotId", "FirstSnapshotId", "SecondSnapshotId"],
        kind: Some("AWS::EC2::Snapshot"),
        name: Name::Plain("arn:aws:ec2:{region}::snapshot/*"),
    },
    Row {
        service: "ecr",
        operations: &[],
        side: Side::Request,
        path: &["repositoryName"],
        kind: None,
        name: Name::Plain("arn:aws:ecr:{region}:{account}:repository/*"),
    },
    Row {
        service: "kinesis",
        operations: &[
            "GetRecords",
            "GetShardIterator",
            "PutRecord",
            "PutRecords",
            "SubscribeToShard",
        ],
        side: Side::Request,
        path: &["StreamARN", "StreamName"],
        kind: Some("AWS::Kinesis::Stream"),
        name: Name::Plain("arn:aws:kinesis:{region}:{account}:stream/*"),
    },
    Row {
        service: "kms",
        operations: &[],
        side: Side::Request,
        path: &["KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId", "AliasName"],
        kind: Some("AWS::KMS::Key"),
        name: Name::Key,
    },
    Row {
        service: "kms",
        operations: &["CreateKey", "ReplicateKey"],
        side: Side::Response,
        path: &["KeyMetadata.Arn", "ReplicaKeyMetadata.Arn"],
        kind: Some("AWS::KMS::Key"),
        name: Name::Key,
    },
    Row {
        service: "lambda",
        operations: &["Invoke", "InvokeAsync", "InvokeWithResponseStream"],
        side: Side::Request,
        path: &["FunctionName"],
        kind: Some("AWS::Lambda::Function"),
        name: Name::Function,
    },
    Row {
        service: "sns",
        operations: &["Publish", "PublishBatch"],
        side: Side::Request,
        path: &["TopicArn"],
        kind: Some("AWS::SNS::Topic"),
        name: Name::Arn,
    },
    Row {
        service: "sns",
        operations: &["Publish"],
        side: Side::Request,
        path: &["TargetArn"],
        kind: Some("AWS::SNS::PlatformEndpoint"),
        name: Name::Arn,
    },
    Row {
        service: "sqs",
        operations: &[
            "ChangeMessageVisibility",
            "ChangeMessageVisibilityBatch",
            "DeleteMessage",
            "DeleteMessageBatch",
            "ReceiveMessage",
            "SendMessage",
            "SendMessageBatch",
        ],
        side: Side::Request,
        path: &["QueueUrl"],
        kind: Some("AWS::SQS::Queue"),
        name: Name::QueueUrl,
    },
    Row {
        service: "ssm",
        operations: &[
            "DeleteParameter",
            "DeleteParameters",
            "GetParameter",
            "GetParameterHistory",
            "GetParameters",
            "LabelParameterVersion",
            "PutParameter",
            "UnlabelParameterVersion",
        ],
        side: Side::Request,
        path: &["Name", "Names[]"],
        kind: None,
        name: Name::Plain("arn:aws:ssm:{region}:{account}:parameter/*"),
    },
    Row {
        service: "sts",
        operations: &["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"],
        side: Side::Request,
        path: &["RoleArn"],
        kind: Some("AWS::IAM::Role"),
        name: Name::Arn,
    },
];
