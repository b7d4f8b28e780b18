//! Policies of buckets and of other resources: who else may use one, and who may not.

use super::{
    Decision, Request,
    document::{self, Attached, InvalidPolicy, Of},
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

/// The policy of a resource other than a bucket, such as an event data store.
#[derive(Clone, Debug)]
pub struct ResourcePolicy {
    statements: Vec<Statement>,
}

impl ResourcePolicy {
    /// Reads the policy of a resource: up to 20 statements, each about up to 50 principals, about
    /// that resource and actions of it alone.
    ///
    /// # Errors
    /// When AWS would refuse it, or when it holds an operator that we cannot evaluate.
    pub fn parse(text: &str, of: Attached<'_>) -> Result<Self, InvalidPolicy> {
        let statements = document::read(text, Of::Resource(of))?;
        if statements.len() > STATEMENTS_MAX {
            return Err(InvalidPolicy::StatementLimit(STATEMENTS_MAX));
        }
        let principals = |it: &Statement| it.principals.as_ref().map_or(0, |it| it.named.len());
        if statements.iter().any(|it| principals(it) > PRINCIPALS_MAX) {
            return Err(InvalidPolicy::PrincipalLimit(PRINCIPALS_MAX));
        }
        Ok(Self { statements })
    }

    /// What the policy alone says of a call; as [`BucketPolicy::decide`].
    #[must_use]
    pub fn decide(&self, principal: Principal<'_>, request: &Request<'_>) -> Decision {
        let about = self
            .statements
            .iter()
            .filter(|it| it.principals.as_ref().is_some_and(|it| it.hold(principal)));
        policy::decide(about, request)
    }

    /// Whether a condition of any statement asks for `key`, such as `cloudtrail:ExternalId`.
    #[must_use]
    pub fn asks_for(&self, key: &str) -> bool {
        self.statements.iter().flat_map(|it| &it.conditions).any(|it| it.is_on(key))
    }
}

/// AWS's limit for the policy of a channel or an event data store.
const STATEMENTS_MAX: usize = 20;
/// AWS's limit for a statement of one.
const PRINCIPALS_MAX: usize = 50;

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

    const STORE: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/0f0e0d0c-1111-4222-8333-444455556666";

    fn of_store(statements: &str) -> Result<ResourcePolicy, InvalidPolicy> {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        let actions = &["cloudtrail:StartQuery", "cloudtrail:GetQueryResults"];
        ResourcePolicy::parse(&text, Attached { arn: STORE, actions, bytes_max: 8192 })
    }

    fn statement(principals: &str, action: &str, resource: &str) -> String {
        format!(
            r#"{{"Effect":"Allow","Principal":{principals},"Action":"{action}","Resource":"{resource}"}}"#
        )
    }

    #[test]
    fn the_policy_of_a_store_is_about_that_store_and_its_actions() {
        let ann = r#"{"AWS":"999988887777"}"#;
        let policy = of_store(&statement(ann, "cloudtrail:StartQuery", STORE)).unwrap();
        let context = Context::default();
        for (action, caller, expected) in [
            ("cloudtrail:StartQuery", ANN, Allowed),
            ("cloudtrail:GetQueryResults", ANN, ImplicitlyDenied),
            ("cloudtrail:StartQuery", CLOUDTRAIL, ImplicitlyDenied),
        ] {
            let request = Request { action, resource: STORE, context: &context };
            assert_eq!(policy.decide(caller, &request), expected, "{action}");
        }
        let refused = |text: &str| of_store(text).map(|_| ()).unwrap_err();
        let foreign = statement(ann, "cloudtrail:DeleteEventDataStore", STORE);
        assert_eq!(refused(&foreign), InvalidPolicy::ForeignAction);
        let elsewhere = statement(ann, "cloudtrail:StartQuery", "*");
        assert_eq!(refused(&elsewhere), InvalidPolicy::ForeignResource);
        let good = statement(ann, "cloudtrail:StartQuery", STORE);
        let many = vec![good.clone(); 21].join(",");
        assert_eq!(refused(&many), InvalidPolicy::StatementLimit(20));
        assert!(of_store(&vec![good; 20].join(",")).is_ok());
        let accounts = vec![r#""999988887777""#; 51].join(",");
        let crowd = format!(r#"{{"AWS":[{accounts}]}}"#);
        let crowd = statement(&crowd, "cloudtrail:StartQuery", STORE);
        assert_eq!(refused(&crowd), InvalidPolicy::PrincipalLimit(50));
        let long = format!(r#"{{"Sid":"{}"}}"#, "x".repeat(8192));
        assert_eq!(refused(&long), InvalidPolicy::TooLong(8192));
    }
}
