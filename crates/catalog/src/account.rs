//! Accounts. The first one is the deployment's own.

use jiff::Timestamp;
use record::AccountId;
use sqlx::{Row as _, any::AnyRow};

use crate::{Catalog, Error};

/// An account of the deployment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// Twelve digits.
    pub id: AccountId,
    /// For people; not unique.
    pub name: String,
    /// Whether it is the deployment's own, whose root user may send records of any account.
    pub is_own: bool,
    /// When it was added.
    pub created: Timestamp,
}

/// How many characters the name of an account may have, as in AWS Organizations.
const NAME_MAX: usize = 50;

impl Catalog {
    /// Every account, the deployment's own first, then by id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        sqlx::query("SELECT id, name, is_own, created FROM accounts ORDER BY is_own DESC, id")
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(account)
            .collect()
    }

    /// The deployment's own account; none before [`Catalog::first_start`].
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn own_account(&self) -> Result<Option<AccountId>, Error> {
        sqlx::query("SELECT id, name, is_own, created FROM accounts WHERE is_own = 1")
            .fetch_optional(&self.pool)
            .await?
            .map(|row| account(&row).map(|it| it.id))
            .transpose()
    }

    /// Adds an account beside the deployment's own.
    ///
    /// # Errors
    /// [`Error::AccountExists`], [`Error::NameForm`], [`Error::Database`].
    pub async fn add_account(&self, id: AccountId, name: &str) -> Result<Account, Error> {
        self.insert_account(id, name, false).await
    }

    pub(crate) async fn insert_account(
        &self,
        id: AccountId,
        name: &str,
        is_own: bool,
    ) -> Result<Account, Error> {
        check_name(name)?;
        let created = self.now_ms();
        let done = sqlx::query(
            "INSERT INTO accounts (id, name, is_own, created) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(id.as_str())
        .bind(name)
        .bind(i64::from(is_own))
        .bind(created)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::AccountExists(id));
        }
        Ok(Account { id, name: name.to_owned(), is_own, created: time(created, id.as_str())? })
    }

    pub(crate) async fn check_account(&self, id: AccountId) -> Result<(), Error> {
        sqlx::query("SELECT 1 FROM accounts WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?
            .map(drop)
            .ok_or(Error::AccountUnknown(id))
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Error::NameForm { max: NAME_MAX });
    }
    Ok(())
}

/// Reads an account id as the tables keep it.
pub(crate) fn account_id(text: &str) -> Result<AccountId, Error> {
    AccountId::parse(text).map_err(|_| Error::Damaged { what: "account id", of: text.to_owned() })
}

/// Reads a time as the tables keep it.
pub(crate) fn time(ms: i64, of: &str) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(ms).map_err(|_| Error::Damaged { what: "time", of: of.to_owned() })
}

fn account(row: &AnyRow) -> Result<Account, Error> {
    let id: String = row.try_get("id")?;
    Ok(Account {
        name: row.try_get("name")?,
        is_own: row.try_get::<i64, _>("is_own")? != 0,
        created: time(row.try_get("created")?, &id)?,
        id: account_id(&id)?,
    })
}
