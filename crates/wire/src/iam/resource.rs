//! Policies of buckets: who else may use one, and who may not.

use super::{
    Decision, Request,
    document::{self, InvalidPolicy, Of},
    policy::{self, Effect, Statement},
    principal::Principal,
};

/// The policy of a bucket, understood as a whole.
#[derive(Clone, Debug)]
pub struct BucketPolicy {
    statements: Vec<Statement>,
}

impl BucketPolicy {
    /// Reads the policy of `bucket`, up to 20 KB.
    ///
    /// # Errors
    /// When AWS would refuse it, or when it holds an operator that we cannot evaluate.
    pub fn parse(text: &str, bucket: &str) -> Result<Self, InvalidPolicy> {
        Ok(Self { statements: document::read(text, Of::Bucket(bucket))? })
    }

    /// What the policy alone says of a call. Of a caller of the bucket's own account, nothing said
    /// leaves it to the caller's own policies; of any other, nothing said is a denial.
    #[must_use]
    pub fn decide(&self, principal: Principal<'_>, request: &Request<'_>) -> Decision {
        let about = self
            .statements
            .iter()
            .filter(|it| it.principals.as_ref().is_some_and(|it| it.hold(principal)));
        policy::decide(about, request)
    }

    /// Whether anybody may do something, without a condition. Conditions are taken to name somebody,
    /// which is kinder than S3's own judgement.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(|it| {
            it.effect == Effect::Allow
                && it.conditions.is_empty()
                && it.principals.as_ref().is_some_and(|it| it.are_anybody())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::Context;

    const TRAIL: &str = "arn:aws:cloudtrail:us-east-1:111122223333:trail/audit";
    const OBJECT: &str = "arn:aws:s3:::box/AWSLogs/111122223333/x";
    const CLOUDTRAIL: Principal<'_> = Principal::Service("cloudtrail.amazonaws.com");
    const ANN: Principal<'_> =
        Principal::Aws { account: "999988887777", arn: "arn:aws:iam::999988887777:user/ann" };
    const SESSION: Principal<'_> = Principal::Aws {
        account: "999988887777",
        arn: "arn:aws:sts::999988887777:assumed-role/reader/s1",
    };
    use Decision::{Allowed, ExplicitlyDenied, ImplicitlyDenied};

    fn parse(statements: &str) -> Result<BucketPolicy, InvalidPolicy> {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        BucketPolicy::parse(&text, "box")
    }

    #[track_caller]
    fn check(principal: &str, effect: &str, caller: Principal<'_>, expected: Decision) {
        let policy = parse(&format!(
            r#"{{"Effect":"{effect}",{principal},"Action":"s3:PutObject","Resource":"arn:aws:s3:::box/*"}}"#
        ));
        let context = Context::default();
        let request = Request { action: "s3:PutObject", resource: OBJECT, context: &context };
        assert_eq!(policy.unwrap().decide(caller, &request), expected, "{principal}");
    }

    #[track_caller]
    fn check_refused(statement: &str, expected: InvalidPolicy) {
        assert_eq!(parse(statement).map(|_| ()), Err(expected), "{statement}");
    }

    #[test]
    fn a_statement_is_about_the_principals_that_it_names() {
        for (principal, caller, is_meant) in [
            (r#""Principal":"*""#, ANN, true),
            (r#""Principal":{"AWS":"*"}"#, CLOUDTRAIL, true),
            (r#""Principal":{"AWS":"999988887777"}"#, ANN, true),
            (r#""Principal":{"AWS":"arn:aws:iam::999988887777:root"}"#, SESSION, true),
            (r#""Principal":{"AWS":"arn:aws:iam::999988887777:user/ann"}"#, ANN, true),
            (r#""Principal":{"AWS":"arn:aws:iam::999988887777:user/an"}"#, ANN, false),
            (r#""Principal":{"AWS":"arn:aws:iam::999988887777:role/x/reader"}"#, SESSION, true),
            (r#""Principal":{"AWS":"arn:aws:iam::999988887777:role/writer"}"#, SESSION, false),
            (r#""Principal":{"AWS":["111122223333","999988887777"]}"#, ANN, true),
            (r#""Principal":{"AWS":"111122223333"}"#, ANN, false),
            (r#""Principal":{"Service":"cloudtrail.amazonaws.com"}"#, CLOUDTRAIL, true),
            (r#""Principal":{"Service":"cloudtrail.amazonaws.com"}"#, ANN, false),
            (r#""Principal":{"Service":"config.amazonaws.com"}"#, CLOUDTRAIL, false),
            (r#""Principal":{"CanonicalUser":"abc"}"#, ANN, false),
            (r#""NotPrincipal":{"AWS":"999988887777"}"#, ANN, false),
            (r#""NotPrincipal":{"AWS":"999988887777"}"#, CLOUDTRAIL, true),
        ] {
            check(principal, "Allow", caller, if is_meant { Allowed } else { ImplicitlyDenied });
            let denied = if is_meant { ExplicitlyDenied } else { ImplicitlyDenied };
            check(principal, "Deny", caller, denied);
        }
    }

    #[test]
    fn the_policy_that_cloudtrail_asks_for_lets_one_trail_write() {
        let policy = parse(&format!(
            r#"{{"Sid":"AWSCloudTrailWrite20150319","Effect":"Allow",
              "Principal":{{"Service":"cloudtrail.amazonaws.com"}},"Action":"s3:PutObject",
              "Resource":"arn:aws:s3:::box/AWSLogs/111122223333/*","Condition":{{"StringEquals":{{
              "s3:x-amz-acl":"bucket-owner-full-control","aws:SourceArn":"{TRAIL}"}}}}}}"#
        ))
        .unwrap();
        let context = Context::default().with("s3:x-amz-acl", "bucket-owner-full-control");
        for (trail, resource, expected) in [
            (TRAIL, OBJECT, Allowed),
            ("arn:aws:cloudtrail:us-east-1:111122223333:trail/other", OBJECT, ImplicitlyDenied),
            (TRAIL, "arn:aws:s3:::box/AWSLogs/999988887777/x", ImplicitlyDenied),
        ] {
            let context = context.clone().with("aws:SourceArn", trail);
            let request = Request { action: "s3:PutObject", resource, context: &context };
            assert_eq!(policy.decide(CLOUDTRAIL, &request), expected);
        }
        assert!(!policy.is_public());
    }

    #[test]
    fn what_s3_refuses_is_refused() {
        let rest = r#""Effect":"Allow","Action":"s3:GetObject""#;
        let inside = r#""Resource":"arn:aws:s3:::box/*""#;
        let all = r#""Principal":"*""#;
        parse(&format!("{{\"Sid\":\"With a blank\",{rest},{inside},{all}}}")).unwrap();
        check_refused(&format!("{{{rest},{inside}}}"), InvalidPolicy::PrincipalMissing);
        for outside in ["*", "arn:aws:s3:::other/*", "arn:aws:s3:::boxes", "arn:aws:s3:::*"] {
            let statement = format!(r#"{{{rest},"Resource":"{outside}",{all}}}"#);
            check_refused(&statement, InvalidPolicy::ForeignResource);
        }
        let foreign = format!(r#"{{"Effect":"Allow","Action":"iam:Get*",{inside},{all}}}"#);
        check_refused(&foreign, InvalidPolicy::ForeignAction);
        for nobody in [
            r#""x""#,
            r#"["*"]"#,
            r#"{}"#,
            r#"{"AWS":"arn:aws:iam::999988887777:user/*"}"#,
            r#"{"AWS":"arn:aws:iam::9:root"}"#,
            r#"{"AWS":"ann"}"#,
            r#"{"AWS":[]}"#,
            r#"{"Service":"*"}"#,
            r#"{"Other":"x"}"#,
        ] {
            let statement = format!(r#"{{{rest},{inside},"Principal":{nobody}}}"#);
            check_refused(&statement, InvalidPolicy::PrincipalInvalid);
        }
    }

    #[test]
    fn a_policy_for_everybody_is_public() {
        let statement = |more: &str| {
            format!(
                r#"{{"Effect":"Allow","Principal":"*","Action":"s3:*",
                  "Resource":"arn:aws:s3:::box"{more}}}"#
            )
        };
        assert!(parse(&statement("")).unwrap().is_public());
        let condition = r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#;
        assert!(!parse(&statement(condition)).unwrap().is_public());
    }
}
