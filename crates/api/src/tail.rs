//! `GET /_trailmark/tail`: records as they arrive, one per line, for as long as the caller listens.
//!
//! A caller sees the records of its own account; the deployment's root sees those of every account.
//! Begins at the end of the log. A line is the record's bytes with line breaks made blanks, which
//! changes nothing that JSON means. A blank line every few seconds shows that the connection lives.

use std::{sync::Arc, time::Duration};

use ambient::Ambient;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use http::{Response, header};
use http_body_util::{BodyExt as _, StreamBody};
use log::{EventLog, Position};
use record::AccountId;
use wire::answer::{Answer, Body, BoxError, Call, Reply};

/// Follows the log for callers.
#[derive(Clone, Debug)]
pub struct Tail {
    log: Arc<dyn EventLog>,
    ambient: Ambient,
}

impl Tail {
    /// Follows `log`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, ambient: Ambient) -> Self {
        Self { log, ambient }
    }

    /// An endless body of lines; ends when the log stops.
    fn lines(&self, account: Option<AccountId>) -> Body {
        let following = Following {
            next: *self.log.durable().borrow(),
            log: Arc::clone(&self.log),
            ambient: self.ambient.clone(),
            account,
        };
        let chunks = stream::unfold(following, |mut following| async {
            following.chunk().await.map(|bytes| (Ok(http_body::Frame::data(bytes)), following))
        });
        StreamBody::new(chunks.map(|it: Result<_, BoxError>| it)).boxed_unsync()
    }
}

impl Answer for Tail {
    fn answer(&self, call: Call) -> BoxFuture<'_, Reply> {
        let account = (!call.caller.is_deployment_root).then_some(call.caller.account);
        let mut response = Response::new(self.lines(account));
        let json_lines = header::HeaderValue::from_static("application/x-ndjson");
        response.headers_mut().insert(header::CONTENT_TYPE, json_lines);
        async { Reply { response } }.boxed()
    }
}

struct Following {
    log: Arc<dyn EventLog>,
    ambient: Ambient,
    next: Position,
    account: Option<AccountId>,
}

impl Following {
    /// The next lines, once there are some; a blank line when nothing came for a while.
    async fn chunk(&mut self) -> Option<Bytes> {
        let mut durable = self.log.durable();
        loop {
            let arrived = durable.wait_for(|end| *end > self.next).map(|it| it.is_ok());
            let quiet = self.ambient.clock.sleep(HEARTBEAT);
            tokio::select! {
                alive = arrived => if !alive { return None; },
                () = quiet => return Some(Bytes::from_static(b"\n")),
            }
            let lines = self.read().await?;
            if !lines.is_empty() {
                return Some(lines);
            }
        }
    }

    async fn read(&mut self) -> Option<Bytes> {
        let entries = match self.log.read(self.next, CHUNK_BYTES).await {
            Ok(entries) => entries,
            // A listener so slow that the log was trimmed past it goes on with what is there.
            Err(log::Error::Trimmed { first, .. }) => {
                self.next = first;
                return Some(Bytes::new());
            }
            Err(_) => return None,
        };
        let mut lines = BytesMut::new();
        for entry in entries {
            self.next = entry.position.next();
            let shown = self.account.is_none_or(|account| account == entry.frame.account);
            if shown && entry.frame.kind.has_record() {
                lines.extend(entry.frame.body.iter().map(|byte| match byte {
                    b'\n' | b'\r' => b' ',
                    other => *other,
                }));
                lines.extend_from_slice(b"\n");
            }
        }
        Some(lines.freeze())
    }
}

/// Bytes of records read at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// A sign of life for connections on which nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(5);
