//! Access keys of users and of accounts' root users.

use jiff::Timestamp;
use record::AccountId;
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Catalog, Error, Secret,
    account::{account_id, time},
    user::random_id,
};

/// Whether a key may sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyStatus {
    /// It may.
    Active,
    /// It is known, but every call signed with it is refused.
    Inactive,
}

impl KeyStatus {
    /// The word as IAM spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Inactive].into_iter().find(|it| it.as_str() == word)
    }
}

/// Who may hold access keys.
#[derive(Clone, Copy, Debug)]
pub enum Principal<'a> {
    /// The root user of an account.
    Root(AccountId),
    /// The user of an account, by name.
    User(AccountId, &'a str),
}

/// An access key, without its secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessKey {
    /// `AKIA` and 16 characters.
    pub id: String,
    /// Whose key it is.
    pub account: AccountId,
    /// Whose in the account; `None` for its root user.
    pub user: Option<String>,
    /// Whether it may sign.
    pub status: KeyStatus,
    /// When it was made.
    pub created: Timestamp,
}

/// A key that was just made: the one time its secret is told.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// `AKIA` and 16 characters.
    pub id: String,
    /// 40 characters.
    pub secret: Secret,
}

/// How many keys a user may have, as in IAM; the root user too.
pub(crate) const KEYS_MAX: u32 = 2;

impl Catalog {
    /// Makes an access key.
    ///
    /// # Errors
    /// [`Error::KeyLimit`] when there are two already, [`Error::UserUnknown`],
    /// [`Error::AccountUnknown`], [`Error::Database`].
    pub async fn create_key(&self, of: Principal<'_>) -> Result<NewKey, Error> {
        let (account, user) = self.holder(of).await?;
        let key = NewKey { id: random_id("AKIA", 16)?, secret: Secret::random()? };
        // One statement counts and inserts, so that two at once cannot both be the second.
        let done = sqlx::query(
            "INSERT INTO access_keys (id, account, user_id, secret, status, created) \
             SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM access_keys \
             WHERE account = $2 AND coalesce(user_id, '') = coalesce($3, '')) < $7",
        )
        .bind(&key.id)
        .bind(account.as_str())
        .bind(&user)
        .bind(self.master.seal(&key.id, &key.secret)?)
        .bind(KeyStatus::Active.as_str())
        .bind(self.now_ms())
        .bind(i64::from(KEYS_MAX))
        .execute(&self.pool)
        .await?;
        self.known.clear();
        if done.rows_affected() == 0 {
            let owner = match of {
                Principal::Root(account) => format!("the root user of {account}"),
                Principal::User(_, name) => format!("user `{name}`"),
            };
            return Err(Error::KeyLimit { owner, max: KEYS_MAX });
        }
        Ok(key)
    }

    /// The keys of a user, oldest first.
    ///
    /// # Errors
    /// [`Error::UserUnknown`], [`Error::AccountUnknown`], [`Error::Database`], [`Error::Damaged`].
    pub async fn keys(&self, of: Principal<'_>) -> Result<Vec<AccessKey>, Error> {
        let (account, user) = self.holder(of).await?;
        sqlx::query(
            "SELECT k.id, k.account, u.name, k.status, k.created FROM access_keys k \
             LEFT JOIN users u ON u.id = k.user_id \
             WHERE k.account = $1 AND coalesce(k.user_id, '') = coalesce($2, '') \
             ORDER BY k.created, k.id",
        )
        .bind(account.as_str())
        .bind(user)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(access_key)
        .collect()
    }

    /// Lets a key sign, or stops it from signing; other processes notice within a second.
    ///
    /// # Errors
    /// [`Error::KeyUnknown`], [`Error::Database`].
    pub async fn set_key_status(&self, id: &str, status: KeyStatus) -> Result<(), Error> {
        let done = sqlx::query("UPDATE access_keys SET status = $1 WHERE id = $2")
            .bind(status.as_str())
            .bind(id)
            .execute(&self.pool)
            .await?;
        self.known.clear();
        if done.rows_affected() == 0 { Err(Error::KeyUnknown(id.to_owned())) } else { Ok(()) }
    }

    /// Deletes a key; other processes notice within a second.
    ///
    /// # Errors
    /// [`Error::KeyUnknown`], [`Error::Database`].
    pub async fn delete_key(&self, id: &str) -> Result<(), Error> {
        let done = sqlx::query("DELETE FROM access_keys WHERE id = $1")
            .bind(id)
            .execute(&self.pool)
            .await?;
        self.known.clear();
        if done.rows_affected() == 0 { Err(Error::KeyUnknown(id.to_owned())) } else { Ok(()) }
    }

    /// Account and user id of a principal that exists.
    async fn holder(&self, of: Principal<'_>) -> Result<(AccountId, Option<String>), Error> {
        match of {
            Principal::Root(account) => {
                self.check_account(account).await?;
                Ok((account, None))
            }
            Principal::User(account, name) => {
                Ok((account, Some(self.user(account, name).await?.id)))
            }
        }
    }
}

/// Reads the status of key `id` as the tables keep it.
pub(crate) fn status(word: &str, id: &str) -> Result<KeyStatus, Error> {
    KeyStatus::from_word(word).ok_or_else(|| Error::Damaged { what: "status", of: id.to_owned() })
}

fn access_key(row: &AnyRow) -> Result<AccessKey, Error> {
    let id: String = row.try_get("id")?;
    Ok(AccessKey {
        account: account_id(&row.try_get::<String, _>("account")?)?,
        user: row.try_get("name")?,
        status: status(row.try_get("status")?, &id)?,
        created: time(row.try_get("created")?, &id)?,
        id,
    })
}
