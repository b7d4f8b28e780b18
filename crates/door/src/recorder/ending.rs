//! How a call ended, as a record says it: error, answer, and what the answer says about the caller.
//!
//! Start at [`ended`].

use jiff::Timestamp;
use record::Identity;
use serde_json::{Map, Value, json};
use wire::{
    catalogue::Side,
    identify::Identified,
    outcome::{self, Outcome},
    parameters::{MAX_BODY, body_max, cloudtrail_names},
    sensitive::Sensitive,
};

use super::{
    body,
    caller::{self, Claim},
    codes,
    draft::{Draft, Event},
    hide,
    resources::{self, Place, Resource},
    s3::{self, Deleted},
    seen::{Answered, Ending, Failure, Held},
    session::Granted,
};

/// What came of a call, nothing secret left.
pub(super) struct Ended {
    pub(super) claim: Claim,
    pub(super) error: Option<Wrong>,
    pub(super) request_id: Option<String>,
    /// `responseElements`, finished.
    pub(super) elements: Value,
    pub(super) additional: Map<String, Value>,
    /// Resources that only the answer names.
    pub(super) resources: Vec<Resource>,
    /// Who came with an assertion instead of a signature.
    pub(super) asserted: Option<Identity>,
    /// What became of the keys of a bulk deletion.
    pub(super) deleted: Vec<Deleted>,
    pub(super) completed: Timestamp,
}

/// `errorCode` and `errorMessage`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    pub(super) code: String,
    pub(super) message: Option<String>,
}

impl Ended {
    /// A call of which no answer was seen.
    pub(super) fn without_answer(
        draft: &Draft,
        claim: Claim,
        code: &str,
        message: String,
        completed: Timestamp,
    ) -> Self {
        Self {
            claim,
            error: Some(Wrong { code: hide::text(code), message: Some(message) }),
            request_id: None,
            elements: Value::Null,
            additional: draft.additional.clone(),
            resources: Vec::new(),
            asserted: None,
            deleted: Vec::new(),
            completed,
        }
    }
}

/// Reads the end of a call.
pub(super) fn ended(draft: &Draft, target: &Identified, ending: &Ending<'_>) -> Ended {
    let answer = ending.answer.as_ref();
    let plain = answer.and_then(|it| body::plain(it.headers, it.body.whole()?, body_max(target)));
    let outcome = answer.map_or_else(Outcome::default, |it| {
        outcome::read(target, it.status, it.headers, plain.as_deref())
    });
    let claim = caller::claim(&draft.caller, answer, &outcome);
    let error = wrong(draft, claim, &outcome, ending);
    let mut ended = Ended {
        claim,
        request_id: outcome.request_id.as_deref().map(hide::text),
        elements: Value::Null,
        additional: if s3::is_s3(target) {
            s3::additional_at_end(draft, answer, ending.bytes_in, ending.bytes_out)
        } else {
            additional(draft, answer)
        },
        resources: Vec::new(),
        asserted: None,
        deleted: Vec::new(),
        error,
        completed: ending.completed,
    };
    let (None, Some(answer)) = (&ended.error, answer) else { return ended };
    // STS's calls are read-only to CloudTrail, and yet it shows what they granted.
    if let Some(granted) = granted(draft, answer) {
        ended.elements = granted.elements();
        ended.asserted = granted.asserted(&draft.event);
    } else if !draft.deletes.is_empty() {
        ended.deleted = s3::deleted(&draft.deletes, outcome.elements.as_ref());
    } else if shows_elements(&draft.event) {
        (ended.elements, ended.resources) = elements(draft, target, &outcome, answer);
    }
    ended
}

/// What went wrong, if anything did: the error of the answer, else that of the way.
fn wrong(draft: &Draft, claim: Claim, outcome: &Outcome, ending: &Ending<'_>) -> Option<Wrong> {
    let Some(answer) = ending.answer.as_ref() else {
        return Some(ending.failure.map_or_else(no_answer, failed));
    };
    let Some(code) = &outcome.error_code else { return ending.failure.map(failed) };
    let message = outcome.error_message.as_deref();
    let service = draft.event.service.as_deref();
    let code = codes::spelt(service, code, message.unwrap_or_default(), answer.status);
    let message = match claim {
        Claim::Refused => message.map(|it| caller::refusal(it, draft.caller.access_key_id())),
        Claim::Accepted | Claim::Open => message.map(hide::text),
    };
    Some(Wrong { code: hide::text(&code), message })
}

/// Whether AWS's records show what was answered: not of reading, nor of the data of some services.
fn shows_elements(event: &Event) -> bool {
    const SILENT: &[&str] = &["dynamodb", "dynamodbstreams", "lambda"];
    let is_silent = event.data && event.service.as_deref().is_some_and(|it| SILENT.contains(&it));
    !event.read_only && !is_silent
}

/// `responseElements` of a call that succeeded, and the resources that only the answer names.
fn elements(
    draft: &Draft,
    target: &Identified,
    outcome: &Outcome,
    answer: &Answered<'_>,
) -> (Value, Vec<Resource>) {
    let Some(mut model) = outcome.elements.clone() else {
        let unread = matches!(answer.body, Held::TooLarge);
        let omitted = json!({ "omitted": true, "reason": "responseElements too large" });
        return (if unread { omitted } else { Value::Null }, Vec::new());
    };
    hide::value(&mut model, &Sensitive::of(target, Side::Response));
    let service = draft.event.service.as_deref().unwrap_or_default();
    let operation = draft.event.operation.as_deref().unwrap_or_default();
    let place = Place { region: &draft.region, account: draft.account };
    let mut named = resources::of(service, operation, Side::Response, &model, place);
    named.retain(|it| !draft.resources.contains(it));
    let shown = unwrapped(service, cloudtrail_names(target, Side::Response, model));
    let empty = shown.as_object().is_some_and(Map::is_empty);
    (if empty { Value::Null } else { shown }, named)
}

/// Database services answer with one structure in a wrapper; their records show what is in it.
fn unwrapped(service: &str, shown: Value) -> Value {
    const WRAPPING: &[&str] = &["docdb", "elasticache", "neptune", "rds", "redshift"];
    let is_wrapped = WRAPPING.contains(&service)
        && shown.as_object().is_some_and(|it| it.len() == 1 && it.values().all(Value::is_object));
    if !is_wrapped {
        return shown;
    }
    shown.as_object().and_then(|it| it.values().next()).cloned().unwrap_or_default()
}

/// `additionalEventData` of a call that is not one of S3's.
fn additional(draft: &Draft, answer: Option<&Answered<'_>>) -> Map<String, Value> {
    let mut members = draft.additional.clone();
    let version = answer.and_then(|it| s3::header(it.headers, "x-amz-executed-version"));
    if let (Some(version), Some(arn)) = (version, function(draft)) {
        members
            .insert("functionVersion".to_owned(), json!(format!("{arn}:{}", hide::text(version))));
    }
    members
}

fn function(draft: &Draft) -> Option<&str> {
    let function = Some("AWS::Lambda::Function");
    let resource = draft.resources.iter().find(|it| it.kind.as_deref() == function)?;
    resource.arn.as_deref()
}

/// What STS granted with an answer, if it is one of those and a success.
pub(super) fn granted(draft: &Draft, answer: &Answered<'_>) -> Option<Granted> {
    draft.wanted.as_ref().filter(|_| answer.status.is_success())?;
    Granted::read(&body::plain(answer.headers, answer.body.whole()?, MAX_BODY)?)
}

/// What a record says of a call that did not get through.
fn failed(failure: Failure) -> Wrong {
    let (code, message) = match failure {
        Failure::ClientLeft => {
            ("ClientDisconnected", "The caller left before the answer was complete.")
        }
        Failure::Garbage => {
            ("UpstreamInvalidResponse", "The upstream answered what is no HTTP response.")
        }
        Failure::Reset => {
            ("UpstreamDisconnected", "The upstream broke the connection before its answer ended.")
        }
        Failure::Refused => ("UpstreamUnavailable", "No connection to the upstream could be made."),
        Failure::TimedOut => ("UpstreamTimeout", "The upstream did not answer in time."),
    };
    Wrong { code: code.to_owned(), message: Some(message.to_owned()) }
}

fn no_answer() -> Wrong {
    Wrong { code: "OutcomeUnknown".to_owned(), message: Some("No answer was seen.".to_owned()) }
}
