//! The service `cloudtrail-data`: reading its one request, and writing its answer or fault.

use futures::{FutureExt as _, future::BoxFuture};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use wire::{
    answer::{Answer, Call, Reply},
    catalogue::Protocol,
    reply,
    shapes::{
        Request as _,
        cloudtrail_data::{ErrorCode, Operation, PutAuditEventsRequest},
    },
};

use crate::{
    body,
    channels::{AuditEvents, Sender},
    fault::{Fault, common, internal, refused},
};

/// CloudTrail's data plane.
#[derive(Clone, Debug, Default)]
pub struct CloudTrailData {
    events: Option<AuditEvents>,
}

impl CloudTrailData {
    /// Takes in audit events. [`CloudTrailData::default`] refuses them as not available.
    #[must_use]
    pub fn new(events: AuditEvents) -> Self {
        Self { events: Some(events) }
    }

    async fn run(&self, call: Call) -> Result<Value, Fault> {
        let operation = Operation::from_word(&call.operation)
            .ok_or_else(|| common("UnknownOperationException", "The operation is not known."))?;
        let Call { caller, region, arrival: now, request, .. } = call;
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = body::whole(request).await?;
        if body.len() > REQUEST_MAX {
            let message = format!("A request may have {REQUEST_MAX} bytes.");
            return Err(common("ValidationException", &message));
        }
        let mut request = body::object(&body)?;
        // These belong to the query; in the body they are members that nobody knows.
        request.retain(|name, _| !IN_QUERY.contains(&name.as_str()));
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if IN_QUERY.contains(&name) {
                let value = percent_decode_str(value).decode_utf8_lossy();
                request.insert(name.to_owned(), Value::from(value));
            }
        }
        match operation {
            Operation::PutAuditEvents => {
                let request = read(Value::Object(request))?;
                let events = self.events.as_ref().ok_or_else(|| not_available(operation))?;
                let principal = caller.identity.arn.unwrap_or_default();
                let sender =
                    Sender { account: caller.account, principal: &principal, region: &region, now };
                let response = events.put(sender, request).await?;
                serde_json::to_value(response).map_err(internal)
            }
        }
    }
}

impl Answer for CloudTrailData {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        async move {
            let (id, operation) = (call.request_id.clone(), call.operation.clone());
            let response = match self.run(call).await {
                Ok(output) => reply::output(Protocol::RestJson, &operation, None, &output, &id),
                Err(fault) => reply::error(Protocol::RestJson, &fault, &id),
            };
            Reply { response }
        }
        .boxed()
    }
}

/// Reads a request. The ARN of a channel has errors of its own, and may be an id: that it begins
/// with `arn:`, as the model wants, is not asked.
fn read(request: Value) -> Result<PutAuditEventsRequest, Fault> {
    let read: PutAuditEventsRequest =
        serde_json::from_value(request).map_err(body::not_of_its_type)?;
    let as_arn = read.channel_arn.as_ref().map(|_| "arn:".to_owned());
    let checked = PutAuditEventsRequest { channel_arn: as_arn, ..read.clone() };
    checked.validate().map_err(refused)?;
    Ok(read)
}

fn not_available(operation: Operation) -> Fault {
    let code = ErrorCode::UnsupportedOperationException;
    let message = format!("{} is not available in this version of Trailmark.", operation.as_str());
    Fault::new(code.as_str(), &message, code.status())
}

/// The members that stand in the URI.
const IN_QUERY: [&str; 2] = ["channelArn", "externalId"];
/// Bytes of a request.
const REQUEST_MAX: usize = 1 << 20;
