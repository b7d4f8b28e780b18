//! The second half of a call: from a draft and its end to finished records.
//!
//! Start at [`Recorder::finish`].

use jiff::Timestamp;
use log::{Evidence, Marks};
use record::{AccountId, Identity};
use serde_json::{Map, Value, json};
use wire::identify::Identified;

use super::{
    Error, Finished, Learned, Recorder,
    caller::{self, Claim},
    draft::Draft,
    ending::{self, Ended},
    entry::{Entry, EventType},
    resources::Resource,
    s3::Deleted,
    seen::{Arrived, Ending},
};

/// One copy of a call's records.
struct Copy<'a> {
    draft: &'a Draft,
    ended: &'a Ended,
    /// Who called, as this copy says it.
    identity: Identity,
    marks: Marks,
    /// Whose copy it is.
    account: AccountId,
    /// Ids that it shares with the other copy, if there is one: that of the call, then those of the
    /// deleted keys.
    shared: &'a [String],
}

impl Recorder {
    /// The records of a call that has ended: one, or one for each account and deleted key.
    #[must_use]
    pub fn finish(
        &self,
        mut draft: Draft,
        target: &Identified,
        ending: &Ending<'_>,
    ) -> Vec<Finished> {
        let ended = ending::ended(&draft, target, ending);
        if ended.claim == Claim::Refused {
            draft.forget_request();
        }
        self.records(&draft, &ended)
    }

    /// The record of a call that the door refused because its authentication failed.
    ///
    /// Only the claimed key id is kept: no parameters, no signature, no canonical request.
    #[must_use]
    pub fn rejected(
        &self,
        arrived: &Arrived<'_>,
        error_code: &str,
        error_message: &str,
        completed: Timestamp,
    ) -> Finished {
        let draft = self.claimed(arrived);
        let message = caller::refusal(error_message, draft.caller.access_key_id());
        let ended = Ended::without_answer(&draft, Claim::Refused, error_code, message, completed);
        let (identity, marks) = caller::identity(&draft.caller, Claim::Refused, draft.account);
        let account = draft.account;
        let copy = Copy { draft: &draft, ended: &ended, identity, marks, account, shared: &[] };
        self.call(&copy)
    }

    /// The records of a call whose intent was written and whose end nobody saw.
    ///
    /// # Errors
    /// When `intent` is not a body that [`Draft::intent`] wrote.
    pub fn unknown(&self, intent: &[u8], now: Timestamp) -> Result<Vec<Finished>, Error> {
        let draft = Draft::from_intent(intent)?;
        let message =
            "The process ended before the answer was seen: the call may have taken effect.";
        // When it ended nobody knows; it had not begun before it arrived.
        let completed = draft.arrival;
        let mut ended = Ended::without_answer(
            &draft,
            Claim::Open,
            "OutcomeUnknown",
            message.to_owned(),
            completed,
        );
        ended.additional.insert("outcome".to_owned(), json!("Unknown"));
        ended.additional.insert("recoveryTime".to_owned(), json!(super::seconds(now)));
        Ok(self.records(&draft, &ended))
    }

    /// The session that a successful answer of STS began, if it did. Holds no secret.
    #[must_use]
    pub fn learn(&self, draft: &Draft, ending: &Ending<'_>) -> Option<Learned> {
        let granted = ending::granted(draft, ending.answer.as_ref()?)?;
        let identity = match granted.asserted(&draft.event) {
            Some(identity) => identity,
            None => caller::identity(&draft.caller, Claim::Accepted, draft.account).0,
        };
        granted.learned(draft, &identity, ending.completed)
    }

    /// The caller's copies, and the owner's where what was touched is another account's.
    fn records(&self, draft: &Draft, ended: &Ended) -> Vec<Finished> {
        let (identity, marks) = match &ended.asserted {
            Some(identity) => (identity.clone(), Marks::NONE),
            None => caller::identity(&draft.caller, ended.claim, draft.account),
        };
        // A claim that nobody proved must not write into the owner's history.
        let owner = draft.owner.filter(|_| marks == Marks::NONE);
        let shared: Vec<String> = owner
            .map(|_| (0..=ended.deleted.len()).map(|_| self.random.uuid().to_string()).collect())
            .unwrap_or_default();
        let account = draft.account;
        let owners = owner.map(|account| Copy {
            draft,
            ended,
            identity: identity.as_other_account(),
            marks,
            account,
            shared: &shared,
        });
        let callers = Copy { draft, ended, identity, marks, account, shared: &shared };
        let copies = [Some(callers), owners];
        copies.iter().flatten().flat_map(|copy| self.copied(copy)).collect()
    }

    /// The record of a call and those of the keys that it deleted.
    fn copied(&self, copy: &Copy<'_>) -> Vec<Finished> {
        let deletions = copy.ended.deleted.iter().enumerate();
        let deletions = deletions.map(|(number, it)| self.deletion(copy, number, it));
        std::iter::once(self.call(copy)).chain(deletions).collect()
    }

    fn call(&self, copy: &Copy<'_>) -> Finished {
        copy.finished(self.entry(copy, EventType::AwsApiCall))
    }

    /// The record of a key that a bulk deletion deleted, or failed to.
    ///
    /// Spec: S3 User Guide, "Amazon S3 CloudTrail events": `DeleteObject` as a service event.
    fn deletion(&self, copy: &Copy<'_>, number: usize, deleted: &Deleted) -> Finished {
        let mut entry = self.entry(copy, EventType::AwsServiceEvent);
        "DeleteObject".clone_into(&mut entry.event_name);
        entry.error_code.clone_from(&deleted.error_code);
        entry.error_message.clone_from(&deleted.error_message);
        entry.response_elements = deleted.elements.clone();
        entry.shared_event_id = copy.shared.get(number + 1).cloned();
        let mut parameters = Map::new();
        for name in ["bucketName", "Host"] {
            if let Some(value) = copy.draft.parameters.get(name) {
                parameters.insert(name.to_owned(), value.clone());
            }
        }
        parameters.insert("key".to_owned(), json!(deleted.key));
        if let Some(version) = &deleted.version {
            parameters.insert("versionId".to_owned(), json!(version));
        }
        entry.request_parameters = Value::Object(parameters);
        for resource in &mut entry.resources {
            if let Some(prefix) = resource.arn_prefix.take() {
                resource.arn = Some(format!("{prefix}{}", deleted.key));
            }
        }
        // Bytes and ids are those of the one call, whose own record has them.
        entry.additional_event_data = Value::Null;
        copy.finished(entry)
    }

    fn entry(&self, copy: &Copy<'_>, event_type: EventType) -> Entry {
        let Copy { draft, ended, account, .. } = *copy;
        let mut entry = Entry::new(event_type, draft.event.category(), account, ended.completed);
        entry.user_identity = copy.identity.clone();
        entry.event_source.clone_from(&draft.event.source);
        entry.event_name.clone_from(&draft.event.name);
        entry.aws_region.clone_from(&draft.region);
        entry.source.clone_from(&draft.source);
        entry.user_agent.clone_from(&draft.user_agent);
        if let Some(error) = &ended.error {
            entry.error_code = Some(error.code.clone());
            entry.error_message.clone_from(&error.message);
        }
        entry.request_parameters = draft.parameters.clone();
        entry.response_elements = ended.elements.clone();
        if !ended.additional.is_empty() {
            entry.additional_event_data = Value::Object(ended.additional.clone());
        }
        entry.request_id = ended.request_id.clone().or_else(|| Some(draft.request_id.clone()));
        entry.event_id = self.random.uuid().to_string();
        entry.read_only = draft.event.read_only;
        entry.resources = draft.resources.iter().chain(&ended.resources).cloned().collect();
        entry.api_version.clone_from(&draft.event.api_version);
        entry.shared_event_id = copy.shared.first().cloned();
        entry.tls_details.clone_from(&draft.tls);
        let is_denied = ended.error.as_ref().is_some_and(|it| it.code.starts_with("AccessDenied"));
        if is_denied && draft.owner.is_some_and(|owner| owner != account) {
            hide_owners(&mut entry.resources);
        }
        entry
    }
}

impl Copy<'_> {
    fn finished(&self, entry: Entry) -> Finished {
        Finished {
            account: self.account,
            region: self.draft.region.clone(),
            category: self.draft.event.category(),
            evidence: if self.draft.own { Evidence::Server } else { Evidence::Proxy },
            marks: self.marks,
            body: entry.into_bytes(),
        }
    }
}

/// Whoever was denied learns nothing about the owner of what they tried.
fn hide_owners(resources: &mut [Resource]) {
    for resource in resources {
        if resource.kind.as_deref() == Some("AWS::S3::Bucket") {
            resource.account = Some(String::new());
        }
    }
}
