//! Calls that are not answered, in the words of the caller's protocol.
//!
//! Start at [`House::refuse`].

use http::{
    HeaderValue, StatusCode,
    header::{EXPECT, RETRY_AFTER},
};
use http_body_util::BodyExt as _;
use tracing::{debug, error};
use wire::{
    answer::BoxError,
    auth::{AuthError, Dialect},
    identify::Ambiguous,
    reply,
};

use super::{
    House,
    visit::{Kept, Visit},
};
use crate::{
    capture::{Open, Unrecorded, failure, flood},
    hold::{self, Reserve, Taken},
    http1::body::BodyError,
    message::{Answer, AnswerBody, RequestBody},
    metrics::Outcome,
    outflow::Inflow,
    upstream::Fault,
};

/// Why a call is refused.
pub(super) enum Refusal {
    /// It can be read in two ways.
    Ambiguous(Ambiguous),
    /// Its body did not come.
    Body(BoxError),
    /// The catalog failed.
    Catalog(catalog::Error),
    /// Its caller is believed and may not.
    Denied(AuthError),
    /// A form that names the operation is too long to be read.
    FormTooLarge,
    /// Nobody answers for the service.
    Nowhere,
    /// There is no memory to hold its body.
    Overloaded,
    /// Its caller is not believed.
    Unbelieved(AuthError),
    /// Its record would find no room.
    Unrecorded(Unrecorded),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Unbelieved(error)
    }
}

impl From<Ambiguous> for Refusal {
    fn from(error: Ambiguous) -> Self {
        Self::Ambiguous(error)
    }
}

impl From<Unrecorded> for Refusal {
    fn from(error: Unrecorded) -> Self {
        Self::Unrecorded(error)
    }
}

impl From<catalog::Error> for Refusal {
    fn from(error: catalog::Error) -> Self {
        Self::Catalog(error)
    }
}

/// An answer of ours, before it is spelt.
struct Words {
    fault: reply::Fault,
    retry_after: bool,
}

impl Words {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let fault = reply::Fault::new(code, message, status);
        Self { fault, retry_after: status == StatusCode::SERVICE_UNAVAILABLE }
    }
}

impl House {
    /// Answers a call that is refused, and records it.
    pub(super) async fn refuse(&self, visit: &Visit, refusal: Refusal) -> Answer {
        let words = self.words(visit, &refusal);
        self.metrics.count(visit.counted_as(), Outcome::Refused);
        let recorded = match &refusal {
            // These calls did not happen: nothing was read of them that could be recorded.
            Refusal::Body(_)
            | Refusal::Catalog(_)
            | Refusal::Overloaded
            | Refusal::Unrecorded(_) => Ok(()),
            Refusal::Ambiguous(_)
            | Refusal::Denied(_)
            | Refusal::FormTooLarge
            | Refusal::Nowhere
            | Refusal::Unbelieved(_) => self.record_refusal(visit, &words).await,
        };
        if let Err(unrecorded) = recorded {
            return self.spell(visit, unrecorded_words(unrecorded)).await;
        }
        self.spell(visit, words).await
    }

    /// Reads the name of a call that is refused from its form, when that comes by itself and is no
    /// longer than a form may be: the operation of the query protocols stands nowhere else.
    pub(super) async fn name_by_form(&self, visit: &mut Visit, body: RequestBody) {
        if visit.parts.headers.contains_key(EXPECT) {
            // Whoever is not believed is not asked for more.
            return;
        }
        let inflow = Inflow::new(body, visit.meter.clone());
        let (max, budget) = (wire::parameters::MAX_BODY, &self.capture.budget);
        if let Taken::Whole(form) = hold::hold(inflow, max, &mut visit.reserve, budget).await {
            visit.name_by(&form);
        }
        visit.reserve = Reserve::default();
    }

    async fn record_refusal(&self, visit: &Visit, words: &Words) -> Result<(), Unrecorded> {
        let (refusal, finished) = {
            let (code, message) = (words.fault.code.as_str(), words.fault.message.as_str());
            let arrived = visit.arrived(Kept::None.held());
            let now = self.ambient.clock.now();
            let finished = self.capture.recorder.rejected(&arrived, code, message, now);
            (flood::Refusal::of(&arrived, code), finished)
        };
        self.capture.reject(refusal, finished).await
    }

    /// Answers a call that is refused although its caller is believed, and settles its record.
    pub(super) async fn deny(&self, visit: &Visit, open: Open, refusal: Refusal) -> Answer {
        let answer = self.spell(visit, self.words(visit, &refusal)).await;
        self.conclude(visit, open, answer).await
    }

    /// Answers a call that broke on its way to the upstream, and settles its record.
    pub(super) async fn fail(&self, visit: &Visit, mut open: Open, fault: Fault) -> Answer {
        if let Fault::Caller(error) = &fault
            && let Some(error) = error.downcast_ref::<AuthError>()
        {
            // The body was not what was signed: no fault of the connection's.
            let refusal = Refusal::Unbelieved(error.clone());
            return self.deny(visit, open, refusal).await;
        }
        open.failed(failure(&fault));
        let unavailable = |status, message| Words::new(status, UNAVAILABLE, message);
        let words = match &fault {
            Fault::Caller(error) => body_words(error),
            Fault::Garbage => {
                unavailable(StatusCode::BAD_GATEWAY, "The upstream's answer cannot be read.")
            }
            Fault::Refused(_) => {
                unavailable(StatusCode::BAD_GATEWAY, "The upstream cannot be reached.")
            }
            Fault::Reset => {
                unavailable(StatusCode::BAD_GATEWAY, "The upstream broke the connection.")
            }
            Fault::TimedOut => {
                unavailable(StatusCode::GATEWAY_TIMEOUT, "The upstream did not answer in time.")
            }
        };
        debug!(error = &fault as &dyn std::error::Error, "a call could not be forwarded");
        let answer = self.spell(visit, words).await;
        self.conclude(visit, open, answer).await
    }

    /// The answer to a call whose record could not be kept after it was answered.
    pub(super) async fn unrecorded(&self, visit: &Visit, unrecorded: Unrecorded) -> Answer {
        self.spell(visit, unrecorded_words(unrecorded)).await
    }

    fn words(&self, visit: &Visit, refusal: &Refusal) -> Words {
        match refusal {
            Refusal::Ambiguous(ambiguous) => Words::new(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                sentence(&ambiguous.to_string()),
            ),
            Refusal::Body(error) => body_words(error),
            Refusal::Catalog(error) => {
                error!(error = error as &dyn std::error::Error, "the catalog failed");
                Words::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, "Please try again.")
            }
            Refusal::Denied(error) | Refusal::Unbelieved(error) => {
                let dialect = Dialect::of(visit.target.protocol, speaks_s3(visit));
                Words { fault: error.answer(dialect).into(), retry_after: false }
            }
            Refusal::FormTooLarge => Words::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "The form is larger than 1 MiB.",
            ),
            Refusal::Nowhere => {
                let name = visit.target.service.map(|it| it.name);
                let message = match name.or(visit.target.scope_service.as_deref()) {
                    Some(name) => format!("No upstream is configured for the service {name}."),
                    None => "The request is for no known service.".to_owned(),
                };
                Words::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
            }
            Refusal::Overloaded => {
                self.metrics.refused_capacity.add(1);
                Words::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    UNAVAILABLE,
                    "Please reduce your request rate.",
                )
            }
            Refusal::Unrecorded(unrecorded) => unrecorded_words(*unrecorded),
        }
    }

    /// Spells words in the caller's protocol.
    async fn spell(&self, visit: &Visit, words: Words) -> Answer {
        let response = reply::error(visit.target.protocol, &words.fault, &visit.request_id);
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(|it| it.to_bytes()).unwrap_or_default();
        let mut headers = parts.headers;
        if words.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        Answer { status: parts.status, headers, raw: None, body: AnswerBody::Whole(body) }
    }
}

/// Whether the caller expects S3's words: it speaks to S3, or in its manner to nobody we know.
fn speaks_s3(visit: &Visit) -> bool {
    visit.target.is_s3() || visit.target.service.is_none()
}

/// An answer when there is no place for one more call. Nothing was read of it.
pub(super) fn overloaded() -> Answer {
    let mut answer = Answer::text(StatusCode::SERVICE_UNAVAILABLE, "too many calls at once\n");
    answer.headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    answer
}

fn unrecorded_words(unrecorded: Unrecorded) -> Words {
    let message = match unrecorded {
        Unrecorded::NoRoom => "The audit log has no room for the record of this call.",
        Unrecorded::Failed => "The audit log has failed.",
    };
    Words::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, message)
}

fn body_words(error: &BoxError) -> Words {
    match error.downcast_ref::<BodyError>() {
        Some(BodyError::TimedOut) => Words::new(
            StatusCode::BAD_REQUEST,
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the \
             timeout period.",
        ),
        Some(BodyError::Cut | BodyError::Malformed(_)) | None => Words::new(
            StatusCode::BAD_REQUEST,
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        ),
    }
}

/// A message as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

const UNAVAILABLE: &str = "ServiceUnavailable";
/// When to try again, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";
