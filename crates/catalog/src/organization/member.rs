//! Who is in an organization.

use jiff::Timestamp;
use record::AccountId;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{lower_id, membership};
use crate::{
    Catalog, Error,
    account::{account_id, check_name, time},
};

/// How many accounts an organization may have, the management account included.
pub const MEMBERS_MAX: usize = 1_000;

/// An account in an organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Twelve digits.
    pub account: AccountId,
    /// For people; not unique.
    pub name: String,
    /// Unique without regard to case. `root@<account>.invalid` for an account that was never given
    /// one: nobody can own such an address.
    pub email: String,
    /// How it came in.
    pub joined_method: Joined,
    /// When it came in.
    pub joined: Timestamp,
}

/// How an account came into an organization.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Joined {
    /// The organization made it.
    Created,
    /// It was there before. So was the management account.
    Invited,
}

impl Joined {
    /// The word as AWS spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Invited => "INVITED",
        }
    }
}

/// What became of a wish for a new account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountRequest {
    /// `car-` and 32 lower-case letters and digits.
    pub id: String,
    /// The name that was wished for.
    pub name: String,
    /// The new account; `None` when another has the email address.
    pub account: Option<AccountId>,
    /// When it was asked for, and done.
    pub requested: Timestamp,
}

const SELECT: &str = "SELECT m.account, a.name, m.email, m.joined_method, m.joined \
                      FROM organization_members m JOIN accounts a ON a.id = m.account";

impl Catalog {
    /// The members of the organization of that id, by account id.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn members(&self, organization: &str) -> Result<Vec<Member>, Error> {
        sqlx::query(&format!("{SELECT} WHERE m.organization = $1 ORDER BY m.account"))
            .bind(organization)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(member)
            .collect()
    }

    /// The member of the organization that is `account`.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn member(
        &self,
        organization: &str,
        account: AccountId,
    ) -> Result<Option<Member>, Error> {
        sqlx::query(&format!("{SELECT} WHERE m.organization = $1 AND m.account = $2"))
            .bind(organization)
            .bind(account.as_str())
            .fetch_optional(&self.pool)
            .await?
            .map(|row| member(&row))
            .transpose()
    }

    /// Takes an account of the catalog into the organization. `position` is the end of the log: from
    /// there on the organization's trails take its records.
    ///
    /// # Errors
    /// [`Error::AccountUnknown`], [`Error::AlreadyInOrganization`], [`Error::MemberLimit`],
    /// [`Error::Database`].
    pub async fn add_member(
        &self,
        organization: &str,
        account: AccountId,
        position: u64,
    ) -> Result<(), Error> {
        self.check_account(account).await?;
        let now = self.now_ms();
        let mut tx = self.pool.begin().await?;
        insert(&mut tx, organization, account, Joined::Invited, now).await?;
        check_room(&mut tx, organization).await?;
        let change = membership::join(&mut tx, organization, account, position, now).await?;
        tx.commit().await?;
        self.trail_changes.send_replace(change);
        Ok(())
    }

    /// Lets an account go from the organization; it stays in the catalog. `position` is the end of the
    /// log: from there on the organization's trails take no records of it.
    ///
    /// # Errors
    /// [`Error::MemberUnknown`], [`Error::MemberDelegated`], [`Error::Database`].
    pub async fn remove_member(
        &self,
        organization: &str,
        account: AccountId,
        position: u64,
    ) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        // The write comes first: it takes the lock, so that what is read next stays true.
        let change =
            membership::leave(&mut tx, organization, account, position, self.now_ms()).await?;
        let row = sqlx::query(
            "SELECT count(*) AS number FROM organization_delegates \
             WHERE organization = $1 AND account = $2",
        )
        .bind(organization)
        .bind(account.as_str())
        .fetch_one(&mut *tx)
        .await?;
        if row.try_get::<i64, _>("number")? > 0 {
            return Err(Error::MemberDelegated(account));
        }
        let done = sqlx::query(
            "DELETE FROM organization_members WHERE organization = $1 AND account = $2",
        )
        .bind(organization)
        .bind(account.as_str())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::MemberUnknown(account));
        }
        tx.commit().await?;
        self.trail_changes.send_replace(change);
        Ok(())
    }

    /// Makes an account with a random id inside the organization. Like every account it has a root
    /// user; it has no users and no keys yet. `position` is as for [`Catalog::add_member`].
    ///
    /// # Errors
    /// [`Error::NameForm`], [`Error::MemberLimit`], [`Error::Database`].
    pub async fn create_member(
        &self,
        organization: &str,
        name: &str,
        email: &str,
        position: u64,
    ) -> Result<AccountRequest, Error> {
        check_name(name)?;
        let requested = self.now_ms();
        let mut tx = self.pool.begin().await?;
        let new = self.insert_new_account(&mut tx, name, requested).await?;
        let done = sqlx::query(
            "INSERT INTO organization_members \
             (account, organization, email, folded_email, joined_method, joined) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (folded_email) DO NOTHING",
        )
        .bind(new.as_str())
        .bind(organization)
        .bind(email)
        .bind(email.to_lowercase())
        .bind(Joined::Created.as_str())
        .bind(requested)
        .execute(&mut *tx)
        .await?;
        let account = (done.rows_affected() > 0).then_some(new);
        let mut change = None;
        match account {
            Some(new) => {
                check_room(&mut tx, organization).await?;
                let joined = membership::join(&mut tx, organization, new, position, requested);
                change = Some(joined.await?);
            }
            None => {
                sqlx::query("DELETE FROM accounts WHERE id = $1")
                    .bind(new.as_str())
                    .execute(&mut *tx)
                    .await?;
            }
        }
        let id = lower_id("car-", 32)?;
        sqlx::query(
            "INSERT INTO account_requests (id, organization, name, account, requested) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&id)
        .bind(organization)
        .bind(name)
        .bind(account.as_ref().map(AccountId::as_str))
        .bind(requested)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if let Some(change) = change {
            self.trail_changes.send_replace(change);
        }
        let requested = time(requested, &id)?;
        Ok(AccountRequest { id, name: name.to_owned(), account, requested })
    }

    /// What became of a request of [`Catalog::create_member`].
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn account_request(
        &self,
        organization: &str,
        id: &str,
    ) -> Result<Option<AccountRequest>, Error> {
        let row = sqlx::query(
            "SELECT name, account, requested FROM account_requests \
             WHERE organization = $1 AND id = $2",
        )
        .bind(organization)
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let account: Option<String> = row.try_get("account")?;
        Ok(Some(AccountRequest {
            id: id.to_owned(),
            name: row.try_get("name")?,
            account: account.as_deref().map(account_id).transpose()?,
            requested: time(row.try_get("requested")?, id)?,
        }))
    }

    /// Adds an account under a random id that no other has.
    async fn insert_new_account(
        &self,
        tx: &mut Transaction<'_, Any>,
        name: &str,
        created: i64,
    ) -> Result<AccountId, Error> {
        loop {
            let id = self.random_account()?;
            let done = sqlx::query(
                "INSERT INTO accounts (id, name, is_own, created) VALUES ($1, $2, 0, $3) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(id.as_str())
            .bind(name)
            .bind(created)
            .execute(&mut **tx)
            .await?;
            if done.rows_affected() > 0 {
                return Ok(id);
            }
        }
    }

    /// Twelve digits, the first of which is not 0: people lose that one in spreadsheets.
    fn random_account(&self) -> Result<AccountId, Error> {
        let mut bytes = [0; 8];
        self.ambient.random.fill(&mut bytes);
        let number = 100_000_000_000 + u64::from_be_bytes(bytes) % 900_000_000_000;
        account_id(&number.to_string())
    }
}

/// Adds a member that has no email address.
pub(super) async fn insert(
    tx: &mut Transaction<'_, Any>,
    organization: &str,
    account: AccountId,
    method: Joined,
    joined: i64,
) -> Result<(), Error> {
    let done = sqlx::query(
        "INSERT INTO organization_members (account, organization, joined_method, joined) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (account) DO NOTHING",
    )
    .bind(account.as_str())
    .bind(organization)
    .bind(method.as_str())
    .bind(joined)
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(Error::AlreadyInOrganization(account)) } else { Ok(()) }
}

async fn check_room(tx: &mut Transaction<'_, Any>, organization: &str) -> Result<(), Error> {
    let row =
        sqlx::query("SELECT count(*) AS number FROM organization_members WHERE organization = $1")
            .bind(organization)
            .fetch_one(&mut **tx)
            .await?;
    let count: i64 = row.try_get("number")?;
    if usize::try_from(count).is_ok_and(|count| count <= MEMBERS_MAX) {
        Ok(())
    } else {
        Err(Error::MemberLimit { max: MEMBERS_MAX })
    }
}

fn member(row: &AnyRow) -> Result<Member, Error> {
    let text: String = row.try_get("account")?;
    let email: Option<String> = row.try_get("email")?;
    let method: String = row.try_get("joined_method")?;
    let joined_method = [Joined::Created, Joined::Invited]
        .into_iter()
        .find(|it| it.as_str() == method)
        .ok_or_else(|| Error::Damaged { what: "joined method", of: text.clone() })?;
    Ok(Member {
        account: account_id(&text)?,
        name: row.try_get("name")?,
        email: email.unwrap_or_else(|| format!("root@{text}.invalid")),
        joined_method,
        joined: time(row.try_get("joined")?, &text)?,
    })
}
