//! The service `sts`: who am I. Everything else needs an upstream that gives out credentials.

use futures::{FutureExt as _, future::BoxFuture};
use serde_json::json;
use wire::{
    answer::{Answer, Call, Caller, Reply},
    catalogue::{Protocol, catalogue},
    reply,
};

use crate::fault::{Fault, common};

/// The part of STS that needs no credentials of its own to give.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sts;

impl Answer for Sts {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        let service = catalogue().service("sts");
        let namespace = service.and_then(|service| service.xml_namespace);
        let outcome = match call.operation.as_str() {
            "GetCallerIdentity" => Ok(get_caller_identity(&call.caller)),
            known if service.is_some_and(|it| it.operation(known).is_some()) => {
                Err(unsupported(known))
            }
            _ => Err(common("InvalidAction", "Could not find operation for this version.")),
        };
        let response = match outcome {
            Ok(output) => reply::output(
                Protocol::Query,
                &call.operation,
                namespace,
                &output,
                &call.request_id,
            ),
            Err(fault) => reply::error(Protocol::Query, &fault, &call.request_id),
        };
        async { Reply { response } }.boxed()
    }
}

/// `GetCallerIdentity`: always allowed, as in AWS.
fn get_caller_identity(caller: &Caller) -> serde_json::Value {
    json!({
        "UserId": caller.identity.principal_id,
        "Account": caller.account.as_str(),
        "Arn": caller.identity.arn,
    })
}

fn unsupported(operation: &str) -> Fault {
    common(
        "UnsupportedOperation",
        &format!("{operation} is not available here; configure an upstream for sts."),
    )
}
