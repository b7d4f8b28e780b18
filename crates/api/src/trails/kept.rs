//! The catalog's refusals in AWS's words.

use catalog::Error;
use wire::shapes::cloudtrail::ErrorCode;

use super::Asked;
use crate::{
    fault::{Fault, fault, internal},
    stores,
};

impl Asked<'_> {
    /// What to answer when the catalog refuses.
    pub(crate) fn refused(&self, error: Error) -> Fault {
        let account = self.account;
        let (code, message) = match &error {
            Error::DelegateExists(account) => (
                ErrorCode::AccountRegisteredException,
                format!("Account {account} is registered as a delegated administrator already."),
            ),
            Error::DelegateLimit { max, .. } => (
                ErrorCode::DelegatedAdminAccountLimitExceededException,
                format!("An organization can have at most {max} delegated administrators."),
            ),
            Error::DelegateUnknown(account) => (
                ErrorCode::AccountNotRegisteredException,
                format!("Account {account} is not registered as a delegated administrator."),
            ),
            Error::MemberUnknown(account) => (
                ErrorCode::AccountNotFoundException,
                format!("Account {account} is not a member of the organization."),
            ),
            Error::TagLimit { max, .. } => (
                ErrorCode::TagsLimitExceededException,
                format!("A resource can have at most {max} tags."),
            ),
            Error::TrailChanged(_) => (
                ErrorCode::ConflictException,
                "The trail is being changed by another request. Try again.".to_owned(),
            ),
            Error::TrailExists(name) => (
                ErrorCode::TrailAlreadyExistsException,
                format!("Trail {name} already exists for customer: {account}"),
            ),
            Error::TrailLimit { region, max } => (
                ErrorCode::MaximumNumberOfTrailsExceededException,
                format!("User: {account} already has {max} trails in {region}."),
            ),
            Error::Lake(refusal) => return stores::refused(refusal),
            Error::TrailUnknown(arn) => return self.unknown(arn),
            Error::AccountExists(_)
            | Error::AccountFixed { .. }
            | Error::AccountUnknown(_)
            | Error::AlreadyInOrganization(_)
            | Error::Damaged { .. }
            | Error::Database(_)
            | Error::DecidedTooEarly
            | Error::Io { .. }
            | Error::KeyExists(_)
            | Error::KeyForm
            | Error::KeyLimit { .. }
            | Error::KeyUnknown(_)
            | Error::MasterKeyForm
            | Error::MasterKeyMissing(_)
            | Error::MasterKeyWrong
            | Error::MemberDelegated(_)
            | Error::MemberLimit { .. }
            | Error::NameForm { .. }
            | Error::Newer { .. }
            | Error::Sealing(_)
            | Error::ServiceDelegated(_)
            | Error::UserExists(_)
            | Error::UserName(_)
            | Error::UserUnknown { .. } => return internal(error),
        };
        fault(code, &message)
    }

    /// No trail of that name or ARN that the caller could see.
    pub(super) fn unknown(&self, trail: &str) -> Fault {
        let message = format!("Unknown trail: {trail} for the user: {}", self.account);
        fault(ErrorCode::TrailNotFoundException, &message)
    }
}
