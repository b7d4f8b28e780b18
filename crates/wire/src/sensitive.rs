//! Which members of which operation a record must not show.
//!
//! Lives here: walking a path of model names to the decision that the catalogue keeps: the reviewed
//! one (`tools/generate/redaction.tsv`), else the model's own mark.
//! Lives elsewhere: hiding, and the rules by name and value (`record::redact`).
//!
//! Start at [`Sensitive::of`].

use record::redact::{Decision, Rules, Step};

use crate::{
    catalogue::{Kind, Model, ShapeId, Side},
    identify::Identified,
};

/// The decisions for one side of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Sensitive {
    model: Option<(&'static Model, ShapeId)>,
}

impl Sensitive {
    /// The decisions for one side of a call; those of an unknown operation know nothing.
    #[must_use]
    pub fn of(identified: &Identified, side: Side) -> Self {
        let model =
            identified.service.zip(identified.operation).and_then(|(service, operation)| {
                let model = service.model();
                Some((model, model.side(operation, side)?))
            });
        Self { model }
    }
}

impl Rules for Sensitive {
    fn decide(&self, path: &[Step<'_>]) -> Option<Decision> {
        let (model, mut at) = self.model?;
        if is_marked(model, at) {
            return Some(Decision::Deny);
        }
        for step in path {
            let member = match (&model.shape(at).kind, step) {
                (Kind::Structure { members, .. }, Step::Name(name)) => {
                    members.iter().find(|it| it.name == *name)?
                }
                (Kind::List { element, .. }, Step::Element) => element,
                (Kind::Map { value, .. }, Step::Name(_)) => value,
                _ => return None,
            };
            at = member.shape;
            if let Some(decision) = member.decision {
                return Some(decision);
            }
            if is_marked(model, at) {
                return Some(Decision::Deny);
            }
        }
        None
    }
}

/// Whether the model marks a shape, or the keys of a map: those cannot be hidden one by one.
fn is_marked(model: &Model, id: ShapeId) -> bool {
    let shape = model.shape(id);
    let has_secret_keys = if let Kind::Map { key, .. } = &shape.kind {
        model.shape(key.shape).sensitive && key.decision.is_none()
    } else {
        false
    };
    shape.sensitive || has_secret_keys
}

#[cfg(test)]
mod tests {
    use http::Request;
    use record::redact::{HIDDEN, redact};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        catalogue::catalogue,
        identify::{Domains, identify},
    };

    fn rules(service: &str, operation: &str, side: Side) -> Sensitive {
        let parts = Request::new(()).into_parts().0;
        let mut it = identify(&parts, &Domains::default()).unwrap();
        it.service = catalogue().service(service);
        it.operation = it.service.and_then(|it| it.operation(operation));
        assert!(it.operation.is_some());
        Sensitive::of(&it, side)
    }

    #[track_caller]
    fn check(service: &str, operation: &str, side: Side, mut value: Value, expected: Value) {
        redact(&mut value, &rules(service, operation, side)).unwrap();
        assert_eq!(value, expected);
    }

    #[test]
    fn secrets_are_hidden_where_the_models_say_so_and_where_they_forgot_it() {
        check(
            "rds",
            "CreateDBInstance",
            Side::Request,
            json!({"DBInstanceIdentifier": "d", "MasterUserPassword": "p"}),
            json!({"DBInstanceIdentifier": "d", "MasterUserPassword": HIDDEN}),
        );
        check(
            "docdb",
            "CreateDBCluster",
            Side::Request,
            json!({"MasterUsername": "u", "MasterUserPassword": "p"}),
            json!({"MasterUsername": "u", "MasterUserPassword": HIDDEN}),
        );
        check(
            "memorydb",
            "CreateUser",
            Side::Request,
            json!({"UserName": "u", "AuthenticationMode": {"Type": "password", "Passwords": ["p"]}}),
            json!({"UserName": "u", "AuthenticationMode": {"Type": "password", "Passwords": HIDDEN}}),
        );
        check(
            "dynamodb",
            "PutItem",
            Side::Request,
            json!({"TableName": "t", "Item": {"name": {"S": "secret"}}}),
            json!({"TableName": "t", "Item": {"name": HIDDEN}}),
        );
    }

    #[test]
    fn what_cloudtrail_leaves_out_is_left_out() {
        check(
            "secretsmanager",
            "CreateSecret",
            Side::Request,
            json!({"Name": "n", "SecretString": "s"}),
            json!({"Name": "n"}),
        );
        check(
            "iam",
            "CreateAccessKey",
            Side::Response,
            json!({"AccessKey": {"AccessKeyId": "AKIA", "SecretAccessKey": "s"}}),
            json!({"AccessKey": {"AccessKeyId": "AKIA"}}),
        );
        check(
            "lambda",
            "CreateFunction",
            Side::Request,
            json!({"FunctionName": "f", "Environment": {"Variables": {"PASSWORD": "p"}}}),
            json!({"FunctionName": "f", "Environment": {}}),
        );
    }

    #[test]
    fn what_an_investigation_needs_is_shown_although_marked() {
        let shown = json!({"KeyId": "k", "EncryptionContext": {"Tenant": "A"}});
        check("kms", "Decrypt", Side::Request, shown.clone(), shown);
        let shown = json!({"Bucket": "b", "SSEKMSKeyId": "arn:aws:kms:r:1:key/k"});
        check("s3", "PutObject", Side::Request, shown.clone(), shown);
    }

    #[test]
    fn every_marked_member_is_hidden_unless_the_review_shows_it() {
        let mut hidden = 0;
        for service in catalogue().services() {
            let model = service.model();
            for operation in model.operations() {
                for member in model.members(operation.input) {
                    let marked = model.shape(member.shape).sensitive;
                    let rules = Sensitive { model: operation.input.map(|it| (model, it)) };
                    let decided = rules.decide(&[Step::Name(member.name)]);
                    match member.decision {
                        Some(reviewed) => assert_eq!(decided, Some(reviewed)),
                        None if marked => assert_eq!(decided, Some(Decision::Deny)),
                        None => {}
                    }
                    hidden += usize::from(decided == Some(Decision::Deny));
                }
            }
        }
        // Members of inputs themselves; what lies deeper is not counted here.
        assert!(hidden > 1_700, "{hidden}");
    }
}
