//! The service `cloudtrail-data`: reads its requests, and refuses them properly until it is built.

use futures::{FutureExt as _, future::BoxFuture};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use wire::{
    answer::{Answer, Call, Reply},
    catalogue::Protocol,
    reply,
    shapes::cloudtrail_data::{ErrorCode, Operation},
};

use crate::{
    body,
    fault::{Fault, common, refused},
};

/// CloudTrail's data plane.
#[derive(Clone, Copy, Debug, Default)]
pub struct CloudTrailData;

impl Answer for CloudTrailData {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        async move {
            let request_id = call.request_id.clone();
            let fault = refuse(call).await;
            Reply { response: reply::error(Protocol::RestJson, &fault, &request_id) }
        }
        .boxed()
    }
}

/// What is wrong with the request; if nothing is, that the operation is not there.
async fn refuse(call: Call) -> Fault {
    let Some(operation) = Operation::from_word(&call.operation) else {
        return common("UnknownOperationException", "The operation is not known.");
    };
    match read(call).await.and_then(|request| operation.check(request).map_err(refused)) {
        Ok(()) => {
            let code = ErrorCode::UnsupportedOperationException;
            let message =
                format!("{} is not available in this version of Trailmark.", operation.as_str());
            Fault::new(code.as_str(), &message, code.status())
        }
        Err(fault) => fault,
    }
}

/// The members of the body, and those of the query under the same names.
async fn read(call: Call) -> Result<Value, Fault> {
    let query = call.request.uri().query().unwrap_or_default().to_owned();
    let mut request = body::object(&body::whole(call.request).await?)?;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if matches!(name, "channelArn" | "externalId") {
            let value = percent_decode_str(value).decode_utf8_lossy();
            request.insert(name.to_owned(), Value::from(value));
        }
    }
    Ok(Value::Object(request))
}
