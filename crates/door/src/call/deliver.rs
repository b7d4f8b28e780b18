//! From an answer to what the caller gets: a short one whole after its record, a long one at once
//! with its end after the record.

use std::{collections::VecDeque, future::poll_fn, task::Poll, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header::CONTENT_LENGTH};
use http_body::Frame;
use wire::identify::BodyKind;

use super::{House, visit::Visit};
use crate::{
    capture::{Captured, Open, Source},
    http1::head::{RawHead, ResponseHead},
    message::{Answer, AnswerBody},
    upstream::{Fault, exchange::Exchange},
};

/// An answer whose body is still to come.
struct Coming {
    status: StatusCode,
    headers: HeaderMap,
    raw: Option<RawHead>,
    source: Source,
    length: Option<u64>,
}

/// What came of an answer at first.
enum Begun {
    Whole(Bytes),
    Long(VecDeque<Frame<Bytes>>),
    Broken(Fault),
}

impl House {
    pub(super) async fn deliver_forwarded(
        &self,
        visit: &Visit,
        open: Open,
        head: ResponseHead,
        exchange: Exchange,
    ) -> Answer {
        let ResponseHead { parts, raw, .. } = head;
        let source = Source::Upstream(Box::new(exchange));
        let length = source.length();
        let coming =
            Coming { status: parts.status, headers: parts.headers, raw: Some(raw), source, length };
        self.deliver(visit, open, coming).await
    }

    pub(super) async fn deliver_own(
        &self,
        visit: &Visit,
        open: Open,
        response: http::Response<wire::answer::Body>,
    ) -> Answer {
        let (parts, body) = response.into_parts();
        let bodiless = visit.parts.method == Method::HEAD
            || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let body = if bodiless { wire::answer::empty() } else { body };
        let source = Source::Own(body);
        let said = || parts.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        let length = source.length().or_else(said);
        let coming =
            Coming { status: parts.status, headers: parts.headers, raw: None, source, length };
        self.deliver(visit, open, coming).await
    }

    async fn deliver(&self, visit: &Visit, mut open: Open, mut coming: Coming) -> Answer {
        let Coming { status, length, .. } = coming;
        let reads_body = visit.target.response_body(status) == BodyKind::Structured;
        open.answered(status, &coming.headers, reads_body);
        let begun = match length {
            Some(length) if length > SMALL as u64 => Begun::Long(VecDeque::new()),
            Some(_) | None => self.gather(&mut coming.source, length.is_some()).await,
        };
        let Coming { headers, raw, source, .. } = coming;
        match begun {
            Begun::Whole(body) => {
                open.passes(&body);
                open.ended();
                match open.settle().await {
                    Ok(()) => Answer { status, headers, raw, body: AnswerBody::Whole(body) },
                    Err(unrecorded) => self.unrecorded(visit, unrecorded).await,
                }
            }
            Begun::Long(queued) => {
                let body = Box::new(Captured::new(source, queued, length, open));
                Answer { status, headers, raw, body: AnswerBody::Streaming(body) }
            }
            // Nothing has left yet, so the caller gets an answer that says so.
            Begun::Broken(fault) => self.fail(visit, open, fault).await,
        }
    }

    /// Waits for the whole of a short answer. One of unknown length is taken for a long one as soon
    /// as it is longer, or pauses: it may be a stream without end.
    async fn gather(&self, source: &mut Source, is_short: bool) -> Begun {
        let mut pieces: VecDeque<Frame<Bytes>> = VecDeque::new();
        let mut size = 0;
        let mut pause = None;
        loop {
            let next = poll_fn(|cx| {
                if let Poll::Ready(next) = source.poll_frame(cx) {
                    return Poll::Ready(Some(next));
                }
                if is_short {
                    return Poll::Pending;
                }
                let pause = pause.get_or_insert_with(|| self.ambient.clock.sleep(PAUSE));
                pause.as_mut().poll(cx).map(|()| None)
            });
            match next.await {
                None => return Begun::Long(pieces),
                Some(None) => return Begun::Whole(whole(pieces)),
                Some(Some(Err(fault))) => return Begun::Broken(fault),
                Some(Some(Ok(frame))) => {
                    let Some(data) = frame.data_ref() else {
                        // Trailers travel behind the body, as they came.
                        pieces.push_back(frame);
                        return Begun::Long(pieces);
                    };
                    size += data.len();
                    pieces.push_back(frame);
                    if !is_short && size > SMALL {
                        return Begun::Long(pieces);
                    }
                }
            }
        }
    }

    /// Settles the record of a call that is answered by us, whole.
    pub(super) async fn conclude(&self, visit: &Visit, mut open: Open, answer: Answer) -> Answer {
        open.answered(answer.status, &answer.headers, true);
        if let AnswerBody::Whole(body) = &answer.body {
            open.passes(body);
        }
        open.ended();
        match open.settle().await {
            Ok(()) => answer,
            Err(unrecorded) => self.unrecorded(visit, unrecorded).await,
        }
    }
}

fn whole(pieces: VecDeque<Frame<Bytes>>) -> Bytes {
    let mut pieces = pieces.into_iter().filter_map(|it| it.into_data().ok());
    let first = pieces.next().unwrap_or_default();
    let Some(second) = pieces.next() else { return first };
    let mut whole = BytesMut::from(first);
    whole.extend_from_slice(&second);
    pieces.for_each(|it| whole.extend_from_slice(&it));
    whole.freeze()
}

/// Answers of up to this length wait whole for their record.
const SMALL: usize = 64 << 10;
/// How long an answer of unknown length may pause before it is taken for a long one.
const PAUSE: Duration = Duration::from_millis(50);
