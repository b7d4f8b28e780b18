//! Trailmark's own routes: which answers a call.

use futures::{FutureExt as _, future::BoxFuture};
use http::StatusCode;
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
        match call.operation.as_str() {
            "records" => self.records.answer(call),
            "tail" => self.tail.answer(call),
            _ => {
                let fault = Fault::new(
                    "ResourceNotFoundException",
                    "There is no such route.",
                    StatusCode::NOT_FOUND,
                );
                let response = reply::error(Protocol::RestJson, &fault, &call.request_id);
                async { Reply { response } }.boxed()
            }
        }
    }
}
