//! Trailmark's own routes: which answers a call.

use futures::{FutureExt as _, future::BoxFuture};
use http::{Method, StatusCode};
use wire::{
    answer::{Answer, Call, Reply},
    catalogue::Protocol,
    reply,
};

use crate::{fault::Fault, records::Records, tail::Tail};

/// `/_trailmark/records` and `/_trailmark/tail`.
#[derive(Clone, Debug)]
pub struct Trailmark {
    records: Records,
    tail: Tail,
}

impl Trailmark {
    /// Answers by these.
    #[must_use]
    pub fn new(records: Records, tail: Tail) -> Self {
        Self { records, tail }
    }
}

impl Answer for Trailmark {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        let fault = match (call.operation.as_str(), call.request.method()) {
            ("records", &Method::POST) => return self.records.answer(call),
            ("tail", &Method::GET) => return self.tail.answer(call),
            ("records" | "tail", _) => Fault::new(
                "MethodNotAllowedException",
                "Records are posted, the tail is gotten.",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            _ => Fault::new(
                "ResourceNotFoundException",
                "There is no such route.",
                StatusCode::NOT_FOUND,
            ),
        };
        let response = reply::error(Protocol::RestJson, &fault, &call.request_id);
        async { Reply { response } }.boxed()
    }
}
