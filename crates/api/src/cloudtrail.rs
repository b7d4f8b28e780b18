//! The service `cloudtrail`: which operation answers a call.
//!
//! Lives here: reading the call's JSON, finding the operation, writing its output or fault.
//! Lives elsewhere: each operation, in a file of its own.

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};
use http::Request;
use lake::Lake;
use serde_json::Value;
use wire::{
    answer::{Answer, Body, Call, Reply},
    catalogue::Protocol,
    reply,
    shapes::cloudtrail::{ErrorCode, Operation},
};

use crate::{
    body,
    fault::{Fault, common, fault, refused},
    lookup_events::lookup_events,
    trails::Trails,
};

/// CloudTrail's control plane.
#[derive(Clone, Debug)]
pub struct CloudTrail {
    lake: Arc<Lake>,
    trails: Trails,
}

impl CloudTrail {
    /// Answers event history from `lake`, and what concerns trails from `trails`.
    #[must_use]
    pub fn new(lake: Arc<Lake>, trails: Trails) -> Self {
        Self { lake, trails }
    }

    async fn run(&self, call: Call) -> Result<Value, Fault> {
        let operation = Operation::from_word(&call.operation)
            .ok_or_else(|| common("UnknownOperationException", "The operation is not known."))?;
        let request = read(call.request).await?;
        if operation == Operation::LookupEvents {
            let request = serde_json::from_value(request).map_err(body::not_of_its_type)?;
            return lookup_events(&self.lake, call.caller.account, &call.region, request).await;
        }
        let account = call.caller.account;
        let of_trail = self.trails.answer(operation, account, &call.region, request.clone()).await;
        if let Some(answer) = of_trail {
            return answer;
        }
        operation.check(request).map_err(refused)?;
        Err(fault(
            ErrorCode::UnsupportedOperationException,
            &format!("{} is not available in this version of Trailmark.", operation.as_str()),
        ))
    }
}

impl Answer for CloudTrail {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        async move {
            let (id, operation) = (call.request_id.clone(), call.operation.clone());
            let response = match self.run(call).await {
                Ok(output) => reply::output(Protocol::Json11, &operation, None, &output, &id),
                Err(fault) => reply::error(Protocol::Json11, &fault, &id),
            };
            Reply { response }
        }
        .boxed()
    }
}

/// The request's members.
async fn read(request: Request<Body>) -> Result<Value, Fault> {
    body::object(&body::whole(request).await?).map(Value::Object)
}
