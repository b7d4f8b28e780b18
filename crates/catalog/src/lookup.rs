//! From an access key id to whom it stands for: what the door asks at every call.

use std::sync::Arc;

use record::{AccountId, Identity};
use sqlx::{Row as _, any::AnyRow};

use crate::{Catalog, Error, KeyStatus, Policy, Secret, Session, account::account_id, key::status};

/// Whom an access key id stands for.
#[derive(Clone, Debug)]
pub enum Known {
    /// A key of ours: the signature can be verified here.
    Key(Arc<Credential>),
    /// A session that an upstream gave out: only the upstream can verify it.
    Session(Arc<Session>),
}

/// An access key that we hold the secret of, and its owner.
#[derive(Clone, Debug)]
pub struct Credential {
    /// `AKIA…`.
    pub access_key_id: String,
    /// Verifies the signature.
    pub secret: Secret,
    /// Calls of an inactive key are refused.
    pub status: KeyStatus,
    /// Whose resources the caller acts on.
    pub account: AccountId,
    /// What a record says of the caller.
    pub identity: Identity,
    /// What the caller may do. The root user may do everything: [`Policy::Full`].
    pub policy: Policy,
    /// Whether it is the root user of the deployment's own account.
    pub is_deployment_root: bool,
}

/// How many access key ids are remembered for a second, unknown ones too.
pub(crate) const CACHED_MAX: usize = 10_000;

/// The longest access key id that IAM allows.
const ID_MAX: usize = 128;

impl Catalog {
    /// Whom `access_key_id` stands for; `None` when it is unknown. May be a second old.
    ///
    /// # Errors
    /// [`Error::Database`]; [`Error::Damaged`] when the sealed secret cannot be opened.
    pub async fn lookup(&self, access_key_id: &str) -> Result<Option<Known>, Error> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if access_key_id.len() > ID_MAX || !access_key_id.bytes().all(word) {
            return Ok(None);
        }
        let now = self.ambient.clock.now();
        if let Some(known) = self.known.get(access_key_id, now) {
            // The session may have ended since we asked.
            let ended = |it: &Known| matches!(it, Known::Session(s) if s.expires <= now);
            return Ok(known.filter(|it| !ended(it)));
        }
        let known = match self.credential(access_key_id).await? {
            Some(credential) => Some(Known::Key(Arc::new(credential))),
            None => self.session(access_key_id, now).await?.map(|it| Known::Session(Arc::new(it))),
        };
        self.known.put(access_key_id, now, known.clone());
        Ok(known)
    }

    pub(crate) async fn credential(&self, id: &str) -> Result<Option<Credential>, Error> {
        sqlx::query(
            "SELECT k.id, k.account, k.secret, k.status, a.is_own, k.user_id, u.name, u.path, \
             u.policy FROM access_keys k JOIN accounts a ON a.id = k.account \
             LEFT JOIN users u ON u.id = k.user_id WHERE k.id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?
        .map(|row| self.read_credential(&row))
        .transpose()
    }

    fn read_credential(&self, row: &AnyRow) -> Result<Credential, Error> {
        let id: String = row.try_get("id")?;
        let account = account_id(&row.try_get::<String, _>("account")?)?;
        let sealed: String = row.try_get("secret")?;
        let Some(secret) = self.master.open(&id, &sealed) else {
            return Err(Error::Damaged { what: "secret", of: id });
        };
        let user: Option<String> = row.try_get("user_id")?;
        let (identity, policy) = match &user {
            None => (Identity::root(account, Some(id.clone())), Policy::Full),
            Some(user) => {
                let path: String = row.try_get("path")?;
                let name: String = row.try_get("name")?;
                let identity = Identity::user(account, user, &path, &name, Some(id.clone()));
                (identity, Policy::from_text(row.try_get("policy")?))
            }
        };
        Ok(Credential {
            secret,
            status: status(row.try_get("status")?, &id)?,
            account,
            identity,
            policy,
            is_deployment_root: user.is_none() && row.try_get::<i64, _>("is_own")? != 0,
            access_key_id: id,
        })
    }
}
