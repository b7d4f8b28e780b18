//! `POST /_trailmark/records`: finished CloudTrail records, many at once, from services that already
//! write them.
//!
//! The body is NDJSON or `{"Records": [ … ]}`, plain or gzip. Records are kept byte for byte; a bad
//! one is named in the answer and spoils no other. A caller sends records of its own account; the
//! deployment's root sends those of any. The answer leaves after the records are durable.
//! A record that is already there is acknowledged and dropped: [`Window`] says for how long.
//!
//! Start at [`Records`].

mod batch;
mod body;
mod keep;
mod room;
mod window;

use std::sync::Arc;

use ambient::Ambient;
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderValue, Response, StatusCode, header};
use lake::Lake;
use log::EventLog;
use serde_json::json;
use wire::{
    answer::{Answer, Body, Call, Reply, full},
    catalogue::Protocol,
    reply::{self, Fault},
};

use self::{
    batch::Batch,
    room::{Room, Share},
};
pub use self::{
    keep::KeepBeforeTrim,
    window::{Error as WindowError, Window},
};

/// Takes finished records.
#[derive(Clone, Debug)]
pub struct Records {
    log: Arc<dyn EventLog>,
    lake: Arc<Lake>,
    window: Arc<Window>,
    room: Room,
    ambient: Ambient,
}

impl Records {
    /// Appends to `log`, no faster than `lake` follows, and drops what `window` remembers.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventLog>,
        lake: Arc<Lake>,
        window: Arc<Window>,
        ambient: Ambient,
    ) -> Self {
        Self { log, lake, window, room: Room::new(ROOM_BYTES), ambient }
    }

    async fn take(&self, call: Call) -> Result<Response<Body>, Fault> {
        let sender = batch::Sender {
            account: call.caller.account,
            any_account: call.caller.is_deployment_root,
            region: call.region.clone(),
            arrival: self.ambient.clock.now(),
        };
        // A sender that is to slow down waits before it takes up memory.
        self.lake.wait_for_room().await;
        let (bytes, share) = body::read(call.request, &self.room).await?;
        let window = Arc::clone(&self.window);
        // Checking and fingerprinting takes milliseconds for a large body: not on the async threads.
        let batch = tokio::task::spawn_blocking(move || Batch::read(bytes, &sender, &window))
            .await
            .map_err(|_| internal())?;
        let append = append(Arc::clone(&self.log), Arc::clone(&self.window), batch, share);
        // In a task of its own: who hangs up must not leave claims behind that nobody settles.
        let batch = tokio::spawn(append).await.map_err(|_| internal())??;
        Ok(answer(&batch, &call.request_id))
    }
}

/// Appends what is new. What another request is appending at the moment is waited for, so that
/// nothing is acknowledged before it is durable. Holds on to its share of memory meanwhile.
async fn append(
    log: Arc<dyn EventLog>,
    window: Arc<Window>,
    mut batch: Batch,
    _share: Share,
) -> Result<Batch, Fault> {
    loop {
        let end = *log.durable().borrow();
        let claim = window.claim(&mut batch.fresh, end);
        batch.duplicates += claim.duplicates;
        batch.contested += claim.contested;
        let frames = batch.frames(claim.ours);
        if !frames.is_empty() {
            let appended = log.append(frames).await;
            window.settle(&claim.unsettled, appended.is_ok());
            appended.map_err(|error| refused(&error))?;
        }
        if claim.waits.is_empty() {
            return Ok(batch);
        }
        for mut other in claim.waits {
            // Whether it went well or not is seen by asking again.
            let _ended = other.wait_for(|done| *done).await;
        }
    }
}

impl Answer for Records {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        let request_id = call.request_id.clone();
        async move {
            let response = match self.take(call).await {
                Ok(response) => response,
                Err(fault) => {
                    let mut response = reply::error(Protocol::RestJson, &fault, &request_id);
                    if fault.status == StatusCode::SERVICE_UNAVAILABLE {
                        response
                            .headers_mut()
                            .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
                    }
                    response
                }
            };
            Reply { response }
        }
        .boxed()
    }
}

fn answer(batch: &Batch, request_id: &str) -> Response<Body> {
    let failed = batch.failed.iter().map(|it| {
        json!({
            "index": it.index,
            "position": it.position,
            "errorCode": it.code,
            "errorMessage": it.message,
        })
    });
    let text = json!({
        "accepted": batch.accepted,
        "duplicates": batch.duplicates,
        "contested": batch.contested,
        "failedCount": batch.failed_count,
        "failed": failed.collect::<Vec<_>>(),
    })
    .to_string();
    let mut response = Response::new(full(Bytes::from(text)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn refused(error: &log::Error) -> Fault {
    match error {
        log::Error::Full { .. } => Fault::new(
            "ServiceUnavailableException",
            "The event log is full; nothing of this request was kept. Retry later.",
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        log::Error::TooLarge { .. } => bad_request("A record is too large."),
        log::Error::Closed
        | log::Error::InUse
        | log::Error::Io { .. }
        | log::Error::Trimmed { .. }
        | log::Error::Version { .. } => internal(),
    }
}

fn bad_request(message: &str) -> Fault {
    Fault::new("InvalidRequestException", message, StatusCode::BAD_REQUEST)
}

fn internal() -> Fault {
    Fault::new("InternalFailure", "An internal error occurred.", StatusCode::INTERNAL_SERVER_ERROR)
}

/// Bytes of bodies that all requests together hold, as sent and inflated. What would exceed it is
/// refused with 503.
const ROOM_BYTES: usize = 64 << 20;
