//! Why the catalog could not do what was asked.

use std::{io, path::PathBuf};

use record::AccountId;

use crate::{InvalidUserName, LakeRefusal, UserName};

/// Why the catalog could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to do: the account is there.
    #[error("account {0} already exists")]
    AccountExists(AccountId),
    /// The deployment was started before with another account; remove the setting or use a new
    /// folder.
    #[error("this deployment belongs to account {existing}, not to {wanted}")]
    AccountFixed {
        /// Whose the deployment is.
        existing: AccountId,
        /// What was asked for.
        wanted: AccountId,
    },
    /// Create the account first.
    #[error("unknown account {0}")]
    AccountUnknown(AccountId),
    /// It must leave that one first.
    #[error("account {0} is a member of an organization already")]
    AlreadyInOrganization(AccountId),
    /// What the file holds is not what was written there. Restore it from a copy.
    #[error("the catalog is damaged: {what} of `{of}`")]
    Damaged {
        /// The member that cannot be read.
        what: &'static str,
        /// The row that it belongs to.
        of: String,
    },
    /// The database refused. Worth retrying when it is busy; else see its own words.
    #[error("the catalog's database failed")]
    Database(#[from] sqlx::Error),
    /// Nothing to do: the account is registered.
    #[error("account {0} is a delegated administrator of the service already")]
    DelegateExists(AccountId),
    /// Deregister another one first.
    #[error("`{service}` already has {max} delegated administrators")]
    DelegateLimit {
        /// Service principal.
        service: String,
        /// How many there may be.
        max: usize,
    },
    /// Nothing to do: the account is not registered.
    #[error("account {0} is no delegated administrator of the service")]
    DelegateUnknown(AccountId),
    /// The operating system refused.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The id belongs to another user or account.
    #[error("access key `{0}` already exists")]
    KeyExists(String),
    /// A fixed key does not look like one.
    #[error(
        "an access key id is 16 to 128 letters, digits and `_`, and its secret 8 to 128 printable characters"
    )]
    KeyForm,
    /// Remove a key first.
    #[error("{owner} already has {max} access keys")]
    KeyLimit {
        /// Whose keys.
        owner: String,
        /// How many there may be.
        max: u32,
    },
    /// Check the id.
    #[error("unknown access key `{0}`")]
    KeyUnknown(String),
    /// See the refusal.
    #[error(transparent)]
    Lake(#[from] LakeRefusal),
    /// Give 32 bytes as 64 hexadecimal digits or as base64.
    #[error("the master key is not 32 bytes in hexadecimal or base64")]
    MasterKeyForm,
    /// The catalog is there, its key is not. Restore the file, or set the key by the environment.
    #[error("the catalog exists, but its master key {} is missing", .0.display())]
    MasterKeyMissing(PathBuf),
    /// Use the key with which the catalog was created.
    #[error("the master key is not the one that this catalog was created with")]
    MasterKeyWrong,
    /// Deregister it as a delegated administrator first.
    #[error("account {0} is a delegated administrator")]
    MemberDelegated(AccountId),
    /// The organization is full.
    #[error("an organization may have {max} accounts")]
    MemberLimit {
        /// How many there may be.
        max: usize,
    },
    /// Check the id; the account may exist outside the organization.
    #[error("account {0} is no member of the organization")]
    MemberUnknown(AccountId),
    /// A setting or account name is empty or too long.
    #[error("a name is 1 to {max} printable characters")]
    NameForm {
        /// How many characters there may be.
        max: usize,
    },
    /// Read the trails again, and decide anew.
    #[error("trails were changed after what was decided on")]
    DecidedTooEarly,
    /// Start a Trailmark at least as new as the one that wrote the catalog.
    #[error("the catalog has version {found}; this Trailmark knows versions up to {known}")]
    Newer {
        /// The version in the file.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// Cryptography failed where it cannot for input alone.
    #[error("cannot {0}")]
    Sealing(&'static str),
    /// Deregister its delegated administrators first.
    #[error("`{0}` has delegated administrators")]
    ServiceDelegated(String),
    /// Remove a tag first.
    #[error("`{of}` may have {max} tags")]
    TagLimit {
        /// ARN of the resource.
        of: String,
        /// How many there may be.
        max: usize,
    },
    /// Read the trail again, and found the change on what it is now.
    #[error("the trail `{0}` was changed meanwhile")]
    TrailChanged(String),
    /// Choose another name.
    #[error("the trail `{0}` already exists")]
    TrailExists(String),
    /// Delete a trail first.
    #[error("there are already {max} trails in {region}")]
    TrailLimit {
        /// Where.
        region: String,
        /// How many there may be.
        max: usize,
    },
    /// Check the ARN.
    #[error("unknown trail `{0}`")]
    TrailUnknown(String),
    /// Choose another name. Names are compared without regard to case.
    #[error("user `{0}` already exists")]
    UserExists(UserName),
    /// Choose a name that IAM would accept.
    #[error("the user name {0}")]
    UserName(#[from] InvalidUserName),
    /// Check the name; `nearest` is one that exists and looks alike.
    #[error("unknown user `{name}`{}", nearest_words(.nearest.as_ref()))]
    UserUnknown {
        /// What was asked for.
        name: String,
        /// The existing name that looks most alike, if any does.
        nearest: Option<UserName>,
    },
}

fn nearest_words(nearest: Option<&UserName>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
