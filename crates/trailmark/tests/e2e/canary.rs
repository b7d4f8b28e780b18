//! A secret in every sensitive place of the calls that carry secrets: no output of any kind shows it.

use std::{fs, io::Read as _, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    harness::{Moto, Server, eventually},
    raw::{Connection, Key, Request, call, now},
};

/// Calls with a canary in every place where a secret can stand. What the test AWS answers with is
/// secret too, and is printed, one secret a line.
const CALLS: &str = r#"
import base64, json, os
import boto3
from botocore.config import Config

canary = os.environ["CANARY"]
config = Config(retries={"max_attempts": 1}, parameter_validation=False)

def client(name):
    return boto3.client(name, config=config)

def secret(value):
    if isinstance(value, bytes):
        print(base64.b64encode(value).decode())
    else:
        print(value)

def attempt(call, **arguments):
    "What the test AWS does not implement, or fails at, is a call all the same, and is recorded."
    try:
        return call(**arguments)
    except Exception:
        return {}

s3 = client("s3")
attempt(s3.create_bucket, Bucket="ledger")
sse = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": canary[:32].ljust(32, "x")}
attempt(s3.put_object, Bucket="ledger", Key="k", Body=canary.encode())
attempt(s3.put_object, Bucket="ledger", Key="c", Body=b"x", **sse)
attempt(s3.get_object, Bucket="ledger", Key="c", **sse)
attempt(s3.copy_object, Bucket="ledger", Key="d", CopySource="ledger/c", CopySourceSSECustomerAlgorithm="AES256", CopySourceSSECustomerKey=canary[:32].ljust(32, "x"))
secret(base64.b64encode(canary[:32].ljust(32, "x").encode()).decode())

sts = client("sts")
for call, arguments in [
    (sts.assume_role, dict(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")),
    (sts.assume_role_with_web_identity, dict(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="web", WebIdentityToken=canary)),
    (sts.assume_role_with_saml, dict(RoleArn="arn:aws:iam::123456789012:role/r", PrincipalArn="arn:aws:iam::123456789012:saml-provider/p", SAMLAssertion=base64.b64encode(("<a>" + canary + "</a>").encode()).decode())),
    (sts.get_session_token, dict()),
    (sts.get_federation_token, dict(Name="fed")),
]:
    answer = attempt(call, **arguments)
    if "Credentials" in answer:
        secret(answer["Credentials"]["SecretAccessKey"])
        secret(answer["Credentials"]["SessionToken"])
        # Who calls with the session sends its token.
        session = boto3.client("sts", aws_access_key_id=answer["Credentials"]["AccessKeyId"],
            aws_secret_access_key=answer["Credentials"]["SecretAccessKey"],
            aws_session_token=answer["Credentials"]["SessionToken"], config=config)
        attempt(session.get_caller_identity)

iam = client("iam")
attempt(iam.create_user, UserName="mira")
answer = attempt(iam.create_access_key, UserName="mira")
if answer: secret(answer["AccessKey"]["SecretAccessKey"])
attempt(iam.create_login_profile, UserName="mira", Password=canary)
attempt(iam.update_login_profile, UserName="mira", Password=canary)
attempt(iam.change_password, OldPassword=canary, NewPassword=canary)
attempt(iam.upload_server_certificate, ServerCertificateName="c", CertificateBody="body", PrivateKey=canary)
answer = attempt(iam.create_virtual_mfa_device, VirtualMFADeviceName="mfa")
if answer:
    secret(answer["VirtualMFADevice"]["Base32StringSeed"])
attempt(iam.create_service_specific_credential, UserName="mira", ServiceName="codecommit.amazonaws.com")

kms = client("kms")
key = attempt(kms.create_key, Description="a key")["KeyMetadata"]["KeyId"]
blob = attempt(kms.encrypt, KeyId=key, Plaintext=canary.encode())["CiphertextBlob"]
attempt(kms.decrypt, CiphertextBlob=blob)
attempt(kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key)
secret(attempt(kms.generate_data_key, KeyId=key, KeySpec="AES_256")["Plaintext"])
answer = attempt(kms.generate_random, NumberOfBytes=32)
if answer: secret(answer["Plaintext"])
answer = attempt(kms.generate_data_key_pair, KeyId=key, KeyPairSpec="RSA_2048")
if answer.get("PrivateKeyPlaintext"): secret(answer["PrivateKeyPlaintext"])
attempt(kms.sign, KeyId=key, Message=canary.encode(), SigningAlgorithm="RSASSA_PSS_SHA_256")
attempt(kms.generate_mac, KeyId=key, Message=canary.encode(), MacAlgorithm="HMAC_SHA_256")
attempt(kms.import_key_material, KeyId=key, ImportToken=canary.encode(), EncryptedKeyMaterial=canary.encode())
attempt(kms.create_custom_key_store, CustomKeyStoreName="s", KeyStorePassword=canary)

secrets = client("secretsmanager")
attempt(secrets.create_secret, Name="db", SecretString=json.dumps({"password": canary}))
attempt(secrets.create_secret, Name="bin", SecretBinary=canary.encode())
attempt(secrets.put_secret_value, SecretId="db", SecretString=canary)
attempt(secrets.update_secret, SecretId="db", SecretString=canary)
attempt(secrets.get_secret_value, SecretId="db")
attempt(secrets.batch_get_secret_value, SecretIdList=["db", "bin"])
attempt(secrets.create_secret, Name="db", SecretString=canary)
secret(attempt(secrets.get_random_password, PasswordLength=40, ExcludePunctuation=True)["RandomPassword"])

ssm = client("ssm")
attempt(ssm.put_parameter, Name="/db/password", Type="SecureString", Value=canary)
attempt(ssm.put_parameter, Name="/db/name", Type="String", Value=canary)
attempt(ssm.put_parameter, Name="/db/name", Type="String", Value=canary)
attempt(ssm.get_parameter, Name="/db/password", WithDecryption=True)
attempt(ssm.get_parameters, Names=["/db/password", "/db/name"], WithDecryption=True)
attempt(ssm.get_parameters_by_path, Path="/db", WithDecryption=True)
attempt(ssm.get_parameter_history, Name="/db/password", WithDecryption=True)
attempt(ssm.send_command, DocumentName="AWS-RunShellScript", InstanceIds=["i-0123456789abcdef0"], Parameters={"commands": ["echo " + canary]})

rds = client("rds")
attempt(rds.create_db_instance, DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="postgres", MasterUsername="u", MasterUserPassword=canary, AllocatedStorage=10, TdeCredentialPassword=canary)
attempt(rds.modify_db_instance, DBInstanceIdentifier="db", MasterUserPassword=canary)
attempt(rds.create_db_cluster, DBClusterIdentifier="c", Engine="aurora-postgresql", MasterUsername="u", MasterUserPassword=canary)
attempt(rds.modify_db_cluster, DBClusterIdentifier="c", MasterUserPassword=canary)
"#;

#[test]
fn no_output_of_any_kind_shows_a_secret() {
    let moto = Moto::start();
    let mut server = Server::start_with(
        &["--upstream", &format!("default={}", moto.endpoint)],
        &[("RUST_LOG", "trace"), ("TRAILMARK_LAKE__FLUSH_AGE_SECONDS", "1")],
    );
    let canary = format!("Canary{:020}Bird", now().as_nanosecond());
    server.environment.insert("CANARY".to_owned(), canary.clone());
    let (mut tail, mut lines) = server.tail();
    let told = server.python(CALLS);

    // Refused calls are kept without what they said.
    let key = Key::root(&server);
    let wrong = Key { secret: canary.clone(), ..key.clone() };
    let request = Request::s3("PUT", &format!("/ledger/{canary}?token={canary}"), canary.clone());
    let refused = Connection::to(&server).call(&request, &wrong).unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text());
    let stranger = Key { id: canary.clone(), secret: canary.clone() };
    let lookup = Request::json("cloudtrail", "CloudTrail_20131101.LookupEvents", "{}");
    let refused = Connection::to(&server).call(&lookup, &stranger).unwrap();
    assert!(matches!(refused.status, 400 | 403), "{}", refused.text());

    let mut needles: Vec<String> = told.lines().map(str::to_owned).collect();
    assert!(needles.len() > 8, "the test AWS answered with too few secrets: {needles:?}");
    needles.push(key.secret.clone());
    needles.push(canary.clone());
    // Base64 of it at each of the three ways in which it can stand to groups of three bytes.
    for before in 0..3 {
        let text = STANDARD.encode(format!("{}{canary}", "x".repeat(before)));
        needles.push(text[4..text.len() - 4].to_owned());
    }
    needles.push(hex::encode(&canary));
    let needles: Vec<_> = needles.into_iter().filter(|it| it.len() >= 16).collect();
    let check = |place: &str, bytes: &[u8]| {
        for needle in &needles {
            let found = memchr::memmem::find(bytes, needle.as_bytes());
            let around = found.map(|at| {
                let near = at.saturating_sub(300)..(at + 100).min(bytes.len());
                String::from_utf8_lossy(&bytes[near]).into_owned()
            });
            assert_eq!(around, None, "`{needle}` in {place}");
        }
    };

    // Everything that anybody can ask for.
    let records = crate::raw::look_up_everything(&server);
    let names: std::collections::BTreeSet<_> =
        records.iter().map(|it| it["eventName"].as_str().unwrap().to_owned()).collect();
    for name in [
        "AssumeRole",
        "ChangePassword",
        "CreateAccessKey",
        "CreateDBInstance",
        "CreateLoginProfile",
        "CreateSecret",
        "Encrypt",
        "GenerateDataKey",
        "GetSecretValue",
        "ModifyDBInstance",
        "PutParameter",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    check("event history", serde_json::to_string(&records).unwrap().as_bytes());
    let metrics = call(&server, &Request::s3("GET", "/_trailmark/metrics", ""));
    check("the metrics", &metrics.body);
    tail.kill().unwrap();
    tail.wait().unwrap();
    let mut seen = String::new();
    lines.read_to_string(&mut seen).unwrap();
    assert!(seen.contains("PutObject"), "data events are in the tail");
    check("the tail", seen.as_bytes());

    // Everything on the disk: the log and the databases in clear, and after the flush the table.
    let table = server.data_dir().join("lake");
    eventually("the table has data files", || {
        files(&table)
            .iter()
            .any(|it| it.extension().is_some_and(|it| it == "parquet"))
            .then_some(())
    });
    for file in files(&server.data_dir()) {
        // The credentials file is where the root secret belongs.
        if file.file_name().is_some_and(|it| it != "credentials") {
            // A file may be gone again; then it shows nothing.
            check(&file.display().to_string(), &fs::read(&file).unwrap_or_default());
        }
    }
    check("the server's own messages", server.words().as_bytes());
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|it| it.unwrap().path());
    paths.flat_map(|it| if it.is_dir() { files(&it) } else { vec![it] }).collect()
}
