//! Two policies that most users need no more than.

/// May see everything and change nothing, in the services that are answered here.
pub const READ_ONLY_ACCESS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Sid": "ReadOnlyAccess",
    "Effect": "Allow",
    "Action": [
      "athena:BatchGet*", "athena:Get*", "athena:List*",
      "cloudtrail:Describe*", "cloudtrail:Get*", "cloudtrail:List*", "cloudtrail:LookupEvents",
      "cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*",
      "events:Describe*", "events:List*", "events:TestEventPattern",
      "glue:BatchGet*", "glue:Get*", "glue:List*", "glue:Search*",
      "logs:Describe*", "logs:FilterLogEvents", "logs:Get*", "logs:List*", "logs:TestMetricFilter",
      "organizations:Describe*", "organizations:List*",
      "s3:Get*", "s3:Head*", "s3:List*",
      "sts:GetAccessKeyInfo", "sts:GetCallerIdentity"
    ],
    "Resource": "*"
  }]
}"#;

/// May do everything within its account.
pub const FULL_ACCESS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{ "Sid": "FullAccess", "Effect": "Allow", "Action": "*", "Resource": "*" }]
}"#;
