//! What calls are named in policies, and the ARNs of what they are about.
//!
//! Source: Service Authorization Reference; S3 User Guide, "Required permissions for Amazon S3 API
//! operations".

use std::borrow::Cow;

/// The action of an operation: `service` is the catalogue's name, such as `cloudtrail` or `s3`.
#[must_use]
pub fn action(service: &str, operation: &str) -> String {
    match service {
        "s3" => s3_action(operation).into_owned(),
        _ => format!("{}:{}", vendor(service), renamed(service, operation)),
    }
}

/// The action of an operation that names a version of an object.
#[must_use]
pub fn action_on_version(service: &str, operation: &str) -> String {
    let versioned = match (service, operation) {
        ("s3", "GetObject" | "HeadObject" | "SelectObjectContent") => "s3:GetObjectVersion",
        ("s3", "DeleteObject" | "DeleteObjects") => "s3:DeleteObjectVersion",
        ("s3", "GetObjectAcl") => "s3:GetObjectVersionAcl",
        ("s3", "GetObjectAttributes") => "s3:GetObjectVersionAttributes",
        ("s3", "GetObjectTagging") => "s3:GetObjectVersionTagging",
        ("s3", "PutObjectAcl") => "s3:PutObjectVersionAcl",
        ("s3", "PutObjectTagging") => "s3:PutObjectVersionTagging",
        ("s3", "DeleteObjectTagging") => "s3:DeleteObjectVersionTagging",
        _ => return action(service, operation),
    };
    versioned.to_owned()
}

/// The action that an operation needs on the object it copies from, if it copies.
#[must_use]
pub fn source_action(service: &str, operation: &str) -> Option<&'static str> {
    match (service, operation) {
        ("s3", "CopyObject" | "UploadPartCopy") => Some("s3:GetObject"),
        _ => None,
    }
}

/// The ARN of a bucket.
#[must_use]
pub fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// The ARN of an object.
#[must_use]
pub fn object_arn(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}

/// What stands before the colon, where it is not the service's name.
fn vendor(service: &str) -> &str {
    match service {
        "amp" => "aps",
        "bedrock-agent" | "bedrock-agent-runtime" | "bedrock-runtime" => "bedrock",
        "docdb" | "neptune" => "rds",
        "dynamodbstreams" => "dynamodb",
        "efs" => "elasticfilesystem",
        "elb" | "elbv2" => "elasticloadbalancing",
        "emr" => "elasticmapreduce",
        "iot-data" => "iot",
        "lex-models" | "lex-runtime" | "lexv2-models" | "lexv2-runtime" => "lex",
        "opensearch" => "es",
        "resourcegroupstaggingapi" => "tag",
        "s3control" => "s3",
        "s3outposts" => "s3-outposts",
        "sesv2" => "ses",
        "sso-admin" => "sso",
        "stepfunctions" => "states",
        "wafv2" => "wafv2",
        service => service,
    }
}

/// The operations of other services whose action has another name.
fn renamed<'a>(service: &str, operation: &'a str) -> &'a str {
    match (service, operation) {
        ("lambda", "Invoke" | "InvokeAsync" | "InvokeWithResponseStream") => "InvokeFunction",
        ("sqs", "SendMessageBatch") => "SendMessage",
        ("sqs", "DeleteMessageBatch") => "DeleteMessage",
        ("sqs", "ChangeMessageVisibilityBatch") => "ChangeMessageVisibility",
        ("sns", "PublishBatch") => "Publish",
        (_, operation) => operation,
    }
}

/// S3 calls most of its actions otherwise than its operations.
#[rustfmt::skip]
fn s3_action(operation: &str) -> Cow<'static, str> {
    Cow::Borrowed(match operation {
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "s3:ListBucket",
        "ListBuckets" => "s3:ListAllMyBuckets",
        "ListDirectoryBuckets" => "s3express:ListAllMyDirectoryBuckets",
        "CreateSession" => "s3express:CreateSession",
        "ListObjectVersions" => "s3:ListBucketVersions",
        "ListMultipartUploads" => "s3:ListBucketMultipartUploads",
        "ListParts" => "s3:ListMultipartUploadParts",
        "HeadObject" | "SelectObjectContent" => "s3:GetObject",
        "CompleteMultipartUpload" | "CopyObject" | "CreateMultipartUpload" | "PostObject" | "UploadPart"
        | "UploadPartCopy" => "s3:PutObject",
        "DeleteObjects" => "s3:DeleteObject",
        "GetBucketAccelerateConfiguration" => "s3:GetAccelerateConfiguration",
        "PutBucketAccelerateConfiguration" => "s3:PutAccelerateConfiguration",
        "GetBucketAnalyticsConfiguration" | "ListBucketAnalyticsConfigurations" => "s3:GetAnalyticsConfiguration",
        "PutBucketAnalyticsConfiguration" | "DeleteBucketAnalyticsConfiguration" => "s3:PutAnalyticsConfiguration",
        "GetBucketCors" => "s3:GetBucketCORS",
        "PutBucketCors" | "DeleteBucketCors" => "s3:PutBucketCORS",
        "GetBucketEncryption" => "s3:GetEncryptionConfiguration",
        "PutBucketEncryption" | "DeleteBucketEncryption" => "s3:PutEncryptionConfiguration",
        "GetBucketIntelligentTieringConfiguration" | "ListBucketIntelligentTieringConfigurations" => "s3:GetIntelligentTieringConfiguration",
        "PutBucketIntelligentTieringConfiguration" | "DeleteBucketIntelligentTieringConfiguration" => "s3:PutIntelligentTieringConfiguration",
        "GetBucketInventoryConfiguration" | "ListBucketInventoryConfigurations" => "s3:GetInventoryConfiguration",
        "PutBucketInventoryConfiguration" | "DeleteBucketInventoryConfiguration" => "s3:PutInventoryConfiguration",
        "GetBucketLifecycle" | "GetBucketLifecycleConfiguration" => "s3:GetLifecycleConfiguration",
        "PutBucketLifecycle" | "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => "s3:PutLifecycleConfiguration",
        "GetBucketMetricsConfiguration" | "ListBucketMetricsConfigurations" => "s3:GetMetricsConfiguration",
        "PutBucketMetricsConfiguration" | "DeleteBucketMetricsConfiguration" => "s3:PutMetricsConfiguration",
        "GetBucketNotification" | "GetBucketNotificationConfiguration" => "s3:GetBucketNotification",
        "PutBucketNotification" | "PutBucketNotificationConfiguration" => "s3:PutBucketNotification",
        "DeleteBucketOwnershipControls" => "s3:PutBucketOwnershipControls",
        "GetBucketReplication" => "s3:GetReplicationConfiguration",
        "PutBucketReplication" | "DeleteBucketReplication" => "s3:PutReplicationConfiguration",
        "DeleteBucketTagging" => "s3:PutBucketTagging",
        "GetObjectLockConfiguration" => "s3:GetBucketObjectLockConfiguration",
        "PutObjectLockConfiguration" => "s3:PutBucketObjectLockConfiguration",
        "GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock",
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => "s3:PutBucketPublicAccessBlock",
        "WriteGetObjectResponse" => "s3-object-lambda:WriteGetObjectResponse",
        operation => return Cow::Owned(format!("s3:{operation}")),
    })
}
