//! What records are enriched with on their way into a store: the context of the call, as far as the
//! record itself carries it.
//!
//! Lives here: the condition keys of a request, and where a record has each.
//! Lives elsewhere: which keys a store wants (`PutEventConfiguration`, in `api`).
//!
//! Keys of tags add nothing: no record says what tags a principal or a resource had at the time.
//! Spec: CloudTrail User Guide, "Enrich CloudTrail events"; IAM User Guide, "AWS global condition
//! context keys".

use catalog::EventConfiguration;
use jiff::Timestamp;
use record::{Category, Record};
use serde_json::{Map, Value};

/// The keys that a store wants.
#[derive(Debug)]
pub(crate) struct Enrichment {
    keys: Vec<String>,
}

impl Enrichment {
    /// None when the store wants records as they are.
    pub(crate) fn of(events: &EventConfiguration) -> Option<Self> {
        let wanted = events.context_keys.iter().filter(|it| it.kind == "RequestContext");
        let keys: Vec<String> = wanted.flat_map(|it| it.keys.iter().cloned()).collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// The record's text with `eventContext` as its last member. None when there is nothing to add, or
    /// the record has one already.
    pub(crate) fn enrich(&self, record: &Record<'_>, text: &str) -> Option<String> {
        if !matches!(record.category(), Category::Management | Category::Data) {
            return None;
        }
        let members: Map<String, Value> = serde_json::from_str(text).ok()?;
        if members.contains_key("eventContext") {
            return None;
        }
        let call = Call { time: record.event_time()?, members: Value::Object(members) };
        let context: Map<String, Value> = self
            .keys
            .iter()
            .filter_map(|key| Some((key.clone(), Value::String(call.value(key)?))))
            .collect();
        if context.is_empty() {
            return None;
        }
        let within = text.trim_end().strip_suffix('}')?;
        let context = serde_json::to_string(&context).ok()?;
        Some(format!(r#"{within},"eventContext":{{"requestContext":{context}}}}}"#))
    }
}

/// A call, as its record tells of it.
struct Call {
    time: Timestamp,
    members: Value,
}

impl Call {
    /// The value that the condition key had; none when the record does not say.
    fn value(&self, key: &str) -> Option<String> {
        match key {
            "aws:CurrentTime" => self.text("/eventTime"),
            "aws:EpochTime" => Some(self.time.as_second().to_string()),
            "aws:FederatedProvider" => {
                self.text("/userIdentity/sessionContext/webIdFederationData/federatedProvider")
            }
            "aws:MultiFactorAuthAge" => self.mfa_age(),
            "aws:MultiFactorAuthPresent" => {
                self.text("/userIdentity/sessionContext/attributes/mfaAuthenticated")
            }
            "aws:PrincipalAccount" => self.text("/userIdentity/accountId"),
            "aws:PrincipalArn" => self
                .text("/userIdentity/sessionContext/sessionIssuer/arn")
                .or_else(|| self.text("/userIdentity/arn")),
            "aws:PrincipalIsAWSService" => Some(self.is_service().to_string()),
            "aws:PrincipalServiceName" if self.is_service() => self.text("/userIdentity/invokedBy"),
            "aws:PrincipalType" => self.principal_type(),
            "aws:RequestedRegion" => self.text("/awsRegion"),
            "aws:SecureTransport" => self.members.get("tlsDetails").map(|_| "true".to_owned()),
            "aws:SourceIdentity" => self.text("/userIdentity/sessionContext/sourceIdentity"),
            "aws:TokenIssueTime" => {
                self.text("/userIdentity/sessionContext/attributes/creationDate")
            }
            "aws:ViaAWSService" => {
                let is_invoked = self.text("/userIdentity/invokedBy").is_some();
                Some((is_invoked && !self.is_service()).to_string())
            }
            "aws:userid" => self.text("/userIdentity/principalId"),
            "aws:username" if self.identity_type() == "IAMUser" => {
                self.text("/userIdentity/userName")
            }
            _ => None,
        }
    }

    fn text(&self, pointer: &str) -> Option<String> {
        match self.members.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    fn identity_type(&self) -> &str {
        self.members.pointer("/userIdentity/type").and_then(Value::as_str).unwrap_or_default()
    }

    fn is_service(&self) -> bool {
        self.identity_type() == "AWSService"
    }

    /// Seconds since the session began, when that was with a second factor.
    fn mfa_age(&self) -> Option<String> {
        let with = self.text("/userIdentity/sessionContext/attributes/mfaAuthenticated")?;
        let since = self.text("/userIdentity/sessionContext/attributes/creationDate")?;
        let since: Timestamp = since.parse().ok()?;
        (with == "true").then(|| (self.time.as_second() - since.as_second()).to_string())
    }

    fn principal_type(&self) -> Option<String> {
        let kind = match self.identity_type() {
            "Root" => "Account",
            "IAMUser" => "User",
            "AssumedRole" | "Role" | "WebIdentityUser" | "SAMLUser" => "AssumedRole",
            "FederatedUser" => "FederatedUser",
            _ => return None,
        };
        Some(kind.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use catalog::ContextKeys;

    use super::*;

    fn enriched(keys: &[&str], text: &str) -> Option<Value> {
        let keys = keys.iter().map(|it| (*it).to_owned()).collect();
        let context_keys = vec![ContextKeys { kind: "RequestContext".to_owned(), keys }];
        let enrichment = Enrichment::of(&EventConfiguration { is_large: true, context_keys })?;
        let text = enrichment.enrich(&record::parse(text.as_bytes()).unwrap(), text)?;
        let mut record: Value = serde_json::from_str(&text).unwrap();
        Some(record["eventContext"].take())
    }

    const ROLE: &str = r#"{"eventVersion":"1.11","eventID":"e","eventName":"GetKeyPolicy","eventSource":"kms.amazonaws.com","eventTime":"2026-11-20T10:10:00Z","awsRegion":"eu-west-1","tlsDetails":{"tlsVersion":"TLSv1.3"},"eventCategory":"Management","userIdentity":{"type":"AssumedRole","principalId":"AROA1:me","arn":"arn:aws:sts::123456789012:assumed-role/admin/me","accountId":"123456789012","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::123456789012:role/admin"},"attributes":{"creationDate":"2026-11-20T10:00:00Z","mfaAuthenticated":"true"},"sourceIdentity":"ann"}}} "#;

    #[test]
    fn a_record_gets_the_context_that_it_carries() {
        let keys = [
            "aws:EpochTime",
            "aws:PrincipalArn",
            "aws:PrincipalType",
            "aws:MultiFactorAuthAge",
            "aws:SourceIdentity",
            "aws:ViaAWSService",
            "aws:username",
            "aws:PrincipalOrgID",
        ];
        let expected = serde_json::json!({"requestContext": {
            "aws:EpochTime": "1795169400",
            "aws:PrincipalArn": "arn:aws:iam::123456789012:role/admin",
            "aws:PrincipalType": "AssumedRole",
            "aws:MultiFactorAuthAge": "600",
            "aws:SourceIdentity": "ann",
            "aws:ViaAWSService": "false",
        }});
        assert_eq!(enriched(&keys, ROLE), Some(expected));
    }

    #[test]
    fn a_record_without_the_context_stays_as_it_is() {
        assert_eq!(enriched(&["aws:username"], ROLE), None);
        assert_eq!(enriched(&[], ROLE), None);
        let insight = ROLE.replace("Management", "Insight");
        assert_eq!(enriched(&["aws:EpochTime"], &insight), None);
        let has_one = ROLE.replace("\"eventID\"", "\"eventContext\":{},\"eventID\"");
        assert_eq!(enriched(&["aws:EpochTime"], &has_one), None);
    }
}
