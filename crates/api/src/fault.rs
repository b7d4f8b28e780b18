//! The errors of operations, and what stays inside.

use http::StatusCode;
pub(crate) use wire::reply::Fault;
use wire::shapes::{Refused, cloudtrail::ErrorCode};

/// A fault of the caller's, with a code of CloudTrail's model. CloudTrail answers 400 to all of them.
pub(crate) fn fault(code: ErrorCode, message: &str) -> Fault {
    Fault::new(code.as_str(), message, code.status())
}

/// A fault of the caller's, with a code that every service has.
pub(crate) fn common(code: &str, message: &str) -> Fault {
    Fault::new(code, message, StatusCode::BAD_REQUEST)
}

/// A request that violates what the model demands.
pub(crate) fn refused(refused: Refused) -> Fault {
    match refused {
        Refused::Constraints(message) => common("ValidationException", &message),
        Refused::Type(message) => common("SerializationException", &message),
    }
}

/// Something of ours went wrong: the caller learns that, the cause goes to our own log.
pub(crate) fn internal(error: impl std::error::Error + 'static) -> Fault {
    tracing::error!(error = &error as &dyn std::error::Error, "an operation failed");
    Fault::new("InternalFailure", "An internal error occurred.", StatusCode::INTERNAL_SERVER_ERROR)
}
