//! Realistic CloudTrail records of about 1.2 KB, as many as wanted, the same for the same seed.
//!
//! The population is that of a mid-sized company: skewed, with a few busy roles, many users, several
//! services, a few per cent of errors.

use ambient::Random as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::SeededRandom;

/// What the records are about.
#[derive(Clone, Debug)]
pub struct Population {
    /// The accounts that the records belong to.
    pub accounts: Vec<String>,
    /// The regions that calls go to.
    pub regions: Vec<String>,
    /// How many users there are.
    pub users: u64,
    /// The first event time.
    pub from: Timestamp,
    /// How many seconds later the last event time is.
    pub seconds: u64,
    /// How many of a hundred records are data events.
    pub data_percent: u64,
}

impl Default for Population {
    fn default() -> Self {
        Self {
            accounts: vec!["123456789012".to_owned()],
            regions: vec!["us-east-1".to_owned(), "eu-west-1".to_owned()],
            users: 200,
            from: Timestamp::from_second(1_767_225_600).expect("2026-01-01 is a time"),
            seconds: 86_400,
            data_percent: 20,
        }
    }
}

/// An endless source of records.
#[derive(Debug)]
pub struct Generator {
    random: SeededRandom,
    population: Population,
}

impl Generator {
    /// The records of `seed`.
    #[must_use]
    pub fn new(seed: u64, population: Population) -> Self {
        Self { random: SeededRandom::new(seed), population }
    }

    /// The next record, as bytes.
    pub fn record(&mut self) -> Vec<u8> {
        serde_json::to_vec(&self.value()).expect("a value is JSON")
    }

    /// The next record.
    pub fn value(&mut self) -> Value {
        let random = &self.random;
        let account = pick(random, &self.population.accounts);
        let region = pick(random, &self.population.regions);
        // The lower numbers are the busier users.
        let user = random.below(self.population.users).min(random.below(self.population.users));
        let is_data = random.below(100) < self.population.data_percent;
        let (source, name, read_only, kind) =
            if is_data { *choose(random, &DATA) } else { *choose(random, &MANAGEMENT) };
        let second = random.below(self.population.seconds.max(1));
        let time = self.population.from + std::time::Duration::from_secs(second);
        let resource = format!("{}-{}", name.to_lowercase(), random.below(5_000));
        let arn = format!(
            "arn:aws:{}:{region}:{account}:{resource}",
            source.split('.').next().unwrap_or_default()
        );
        let denied = random.below(100) < 4;
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": identity(random, &account, user),
            "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "eventSource": source,
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": format!("10.{}.{}.{}", user / 250, user % 250, random.below(4)),
            "userAgent": "aws-sdk-java/2.29.14 Linux/5.10.226-214.880.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.13 Java/17 io/async http/NettyNio cfg/retry-mode/standard",
            "requestParameters": {
                "name": resource,
                "description": "made by the nightly deployment of the order service",
                "tags": {"Team": format!("team-{}", user % 12), "CostCenter": "4711"},
            },
            "responseElements": if read_only { Value::Null } else { json!({"arn": arn, "status": "ACTIVE"}) },
            "requestID": random.uuid().to_string(),
            "eventID": random.uuid().to_string(),
            "readOnly": read_only,
            "resources": [{"accountId": account, "type": kind, "ARN": arn}],
            "eventType": "AwsApiCall",
            "managementEvent": !is_data,
            "recipientAccountId": account,
            "eventCategory": if is_data { "Data" } else { "Management" },
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": format!("{}.{region}.amazonaws.com", source.split('.').next().unwrap_or_default()),
            },
        });
        if denied && let Some(members) = record.as_object_mut() {
            members.insert("errorCode".to_owned(), json!("AccessDenied"));
            members.insert(
                "errorMessage".to_owned(),
                json!(format!("User is not authorized to perform: {name}")),
            );
        }
        record
    }
}

fn identity(random: &SeededRandom, account: &str, user: u64) -> Value {
    match user % 5 {
        0 => json!({
            "type": "IAMUser",
            "principalId": format!("AIDAQEXAMPLE{user:09}"),
            "arn": format!("arn:aws:iam::{account}:user/user-{user}"),
            "accountId": account,
            "accessKeyId": format!("AKIAQEXAMPLE{user:08}"),
            "userName": format!("user-{user}"),
        }),
        _ => json!({
            "type": "AssumedRole",
            "principalId": format!("AROAQEXAMPLE{user:09}:session-{user}"),
            "arn": format!("arn:aws:sts::{account}:assumed-role/service-{user}/session-{user}"),
            "accountId": account,
            "accessKeyId": format!("ASIAQEXAMPLE{:08}", user * 10 + random.below(10)),
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": format!("AROAQEXAMPLE{user:09}"),
                    "arn": format!("arn:aws:iam::{account}:role/service-{user}"),
                    "accountId": account,
                    "userName": format!("service-{user}"),
                },
                "attributes": {"creationDate": "2026-01-01T00:00:00Z", "mfaAuthenticated": "false"},
            },
        }),
    }
}

fn pick(random: &SeededRandom, from: &[String]) -> String {
    choose(random, from).clone()
}

fn choose<'a, T>(random: &SeededRandom, from: &'a [T]) -> &'a T {
    let index = usize::try_from(random.below(from.len() as u64)).unwrap_or_default();
    from.get(index).expect("a population has at least one of each")
}

type Call = (&'static str, &'static str, bool, &'static str);

const MANAGEMENT: [Call; 12] = [
    ("ec2.amazonaws.com", "DescribeInstances", true, "AWS::EC2::Instance"),
    ("sts.amazonaws.com", "AssumeRole", true, "AWS::IAM::Role"),
    ("kms.amazonaws.com", "Decrypt", true, "AWS::KMS::Key"),
    ("kms.amazonaws.com", "GenerateDataKey", true, "AWS::KMS::Key"),
    ("logs.amazonaws.com", "CreateLogStream", false, "AWS::Logs::LogGroup"),
    ("secretsmanager.amazonaws.com", "GetSecretValue", true, "AWS::SecretsManager::Secret"),
    ("iam.amazonaws.com", "AttachRolePolicy", false, "AWS::IAM::Role"),
    ("ec2.amazonaws.com", "RunInstances", false, "AWS::EC2::Instance"),
    ("cloudformation.amazonaws.com", "DescribeStacks", true, "AWS::CloudFormation::Stack"),
    ("s3.amazonaws.com", "GetBucketAcl", true, "AWS::S3::Bucket"),
    ("s3.amazonaws.com", "PutBucketPolicy", false, "AWS::S3::Bucket"),
    (
        "autoscaling.amazonaws.com",
        "UpdateAutoScalingGroup",
        false,
        "AWS::AutoScaling::AutoScalingGroup",
    ),
];

const DATA: [Call; 4] = [
    ("s3.amazonaws.com", "GetObject", true, "AWS::S3::Object"),
    ("s3.amazonaws.com", "PutObject", false, "AWS::S3::Object"),
    ("dynamodb.amazonaws.com", "GetItem", true, "AWS::DynamoDB::Table"),
    ("lambda.amazonaws.com", "Invoke", false, "AWS::Lambda::Function"),
];
