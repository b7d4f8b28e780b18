//! Error codes as CloudTrail spells them, which is not always as the service answered.
//!
//! Source: genuine records of refused calls.

use http::StatusCode;

/// `errorCode` for the code that a service answered.
pub(super) fn spelt(
    service: Option<&str>,
    code: &str,
    message: &str,
    status: StatusCode,
) -> String {
    match service {
        // EC2's records say whose fault it was.
        Some("ec2") if !is_prefixed(code) => {
            let side = if status.is_server_error() { "Server" } else { "Client" };
            format!("{side}.{code}")
        }
        // IAM's records have the names of its exceptions, its answers their codes.
        Some("iam") if IAM_EXCEPTIONS.contains(&code) => format!("{code}Exception"),
        // What a policy denies has one name, whatever the protocol makes of it.
        Some(_) | None if code == "AccessDeniedException" && message.starts_with("User: ") => {
            "AccessDenied".to_owned()
        }
        Some(_) | None => code.to_owned(),
    }
}

fn is_prefixed(code: &str) -> bool {
    code.starts_with("Client.") || code.starts_with("Server.")
}

/// Codes of IAM that are the name of an exception without its end.
const IAM_EXCEPTIONS: &[&str] = &[
    "ConcurrentModification",
    "DeleteConflict",
    "DuplicateCertificate",
    "DuplicateSSHPublicKey",
    "EntityAlreadyExists",
    "EntityTemporarilyUnmodifiable",
    "InvalidAuthenticationCode",
    "InvalidCertificate",
    "InvalidInput",
    "InvalidPublicKey",
    "InvalidUserType",
    "KeyPairMismatch",
    "LimitExceeded",
    "MalformedCertificate",
    "MalformedPolicyDocument",
    "NoSuchEntity",
    "PasswordPolicyViolation",
    "PolicyEvaluation",
    "PolicyNotAttachable",
    "ServiceFailure",
    "ServiceNotSupported",
    "UnmodifiableEntity",
    "UnrecognizedPublicKeyEncoding",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(service: &str, code: &str, message: &str, status: u16, expected: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(spelt(Some(service), code, message, status), expected);
    }

    #[test]
    fn error_codes_are_spelt_as_in_genuine_records() {
        let denied = "User: arn:aws:iam::111122223333:user/a is not authorized to perform: x";
        check("ec2", "UnauthorizedOperation", denied, 403, "Client.UnauthorizedOperation");
        check("ec2", "InvalidVpcID.NotFound", "", 400, "Client.InvalidVpcID.NotFound");
        check(
            "ec2",
            "InsufficientInstanceCapacity",
            "",
            500,
            "Server.InsufficientInstanceCapacity",
        );
        check("ec2", "Client.InvalidVpcID.NotFound", "", 400, "Client.InvalidVpcID.NotFound");
        check("iam", "NoSuchEntity", "", 404, "NoSuchEntityException");
        check("iam", "AccessDenied", denied, 403, "AccessDenied");
        check("ssm", "AccessDeniedException", denied, 400, "AccessDenied");
        check("ssm", "AccessDeniedException", "not in this region", 400, "AccessDeniedException");
        check("cloudtrail", "TrailNotFoundException", "", 400, "TrailNotFoundException");
        check("s3", "NoSuchBucket", "", 404, "NoSuchBucket");
    }
}
