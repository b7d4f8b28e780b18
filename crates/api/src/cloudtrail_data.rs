//! The service `cloudtrail-data`: nothing yet but the proper refusal.

use futures::{FutureExt as _, future::BoxFuture};
use wire::{
    answer::{Answer, Call, Reply},
    catalogue::Protocol,
    reply,
};

use crate::fault::common;

/// CloudTrail's data plane.
#[derive(Clone, Copy, Debug, Default)]
pub struct CloudTrailData;

impl Answer for CloudTrailData {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        let code = match call.operation.as_str() {
            "PutAuditEvents" => "UnsupportedOperationException",
            _ => "UnknownOperationException",
        };
        let fault = common(code, "The operation is not available in this version of Trailmark.");
        let response = reply::error(Protocol::RestJson, &fault, &call.request_id);
        async { Reply { response } }.boxed()
    }
}
