//! The errors of the service, and the catalog's refusals in AWS's words.

use catalog::Error;
use wire::shapes::{Refused, organizations::ErrorCode};

use crate::fault::{Fault, common, internal};

/// A fault of the caller's.
pub(super) fn fault(code: ErrorCode, message: &str) -> Fault {
    Fault::new(code.as_str(), message, code.status())
}

/// A fault of the caller's that has a reason, in a word of the model's.
pub(super) fn because(code: ErrorCode, reason: &str, message: &str) -> Fault {
    Fault { extras: vec![("Reason", reason.to_owned())], ..fault(code, message) }
}

/// A request that violates what the model demands. The service has a code of its own for it.
pub(super) fn unfit(refused: Refused) -> Fault {
    match refused {
        Refused::Constraints(message) => fault(ErrorCode::InvalidInputException, &message),
        Refused::Type(message) => common("SerializationException", &message),
    }
}

pub(super) fn unknown_account() -> Fault {
    fault(ErrorCode::AccountNotFoundException, "You specified an account that doesn't exist.")
}

pub(super) fn not_registered() -> Fault {
    fault(
        ErrorCode::AccountNotRegisteredException,
        "The provided account is not a registered delegated administrator for your organization.",
    )
}

/// What to answer when the catalog refuses.
pub(super) fn refused(error: Error) -> Fault {
    match &error {
        Error::AlreadyInOrganization(_) => fault(
            ErrorCode::AlreadyInOrganizationException,
            "The AWS account is already a member of an organization.",
        ),
        Error::DelegateExists(_) => fault(
            ErrorCode::AccountAlreadyRegisteredException,
            "The provided account is already a delegated administrator for your organization.",
        ),
        Error::DelegateLimit { .. } => because(
            ErrorCode::ConstraintViolationException,
            "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of delegated administrators for the delegated \
             service.",
        ),
        Error::DelegateUnknown(_) => not_registered(),
        Error::MemberDelegated(_) => because(
            ErrorCode::ConstraintViolationException,
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
            "You can't remove a delegated administrator from the organization. Deregister it first.",
        ),
        Error::MemberLimit { .. } => because(
            ErrorCode::ConstraintViolationException,
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of AWS accounts.",
        ),
        Error::AccountUnknown(_) | Error::MemberUnknown(_) => unknown_account(),
        Error::NameForm { .. } => fault(ErrorCode::InvalidInputException, &error.to_string()),
        Error::ServiceDelegated(_) => because(
            ErrorCode::ConstraintViolationException,
            "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
            "You attempted to disable service access before you deregistered the delegated \
             administrators.",
        ),
        Error::AccountExists(_)
        | Error::AccountFixed { .. }
        | Error::Damaged { .. }
        | Error::Database(_)
        | Error::DecidedTooEarly
        | Error::Io { .. }
        | Error::KeyExists(_)
        | Error::KeyForm
        | Error::KeyLimit { .. }
        | Error::KeyUnknown(_)
        | Error::Lake(_)
        | Error::MasterKeyForm
        | Error::MasterKeyMissing(_)
        | Error::MasterKeyWrong
        | Error::Newer { .. }
        | Error::Sealing(_)
        | Error::TagLimit { .. }
        | Error::TrailChanged(_)
        | Error::TrailExists(_)
        | Error::TrailLimit { .. }
        | Error::TrailUnknown(_)
        | Error::UserExists(_)
        | Error::UserName(_)
        | Error::UserUnknown { .. } => internal(error),
    }
}
