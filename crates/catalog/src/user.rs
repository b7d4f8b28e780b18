//! Users of an account, and what each may do.

use std::fmt;

use aws_lc_rs::rand;
use jiff::Timestamp;
use record::AccountId;
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Catalog, Error,
    account::{account_id, time},
};

/// The name of a user, unique in its account without regard to case.
///
/// 1 to 64 characters: ASCII letters, digits and `+=,.@_-`. Spec: IAM `CreateUser`, `UserName`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserName(String);

/// Why a text is not a [`UserName`] or a [`UserPath`]. Reads on from "The user name …".
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidUserName {
    /// It holds a character that IAM does not allow.
    #[error("contains `{0}`")]
    Character(char),
    /// It is empty or longer than 64 characters.
    #[error("is not 1 to 64 characters long")]
    Length,
    /// The path does not begin and end with `/`, or is longer than 512 characters.
    #[error("has a path that is not `/` or `/…/` of printable ASCII, at most 512 characters")]
    Path,
}

impl UserName {
    /// Reads a name.
    ///
    /// # Errors
    /// When `text` breaks one of IAM's rules.
    pub fn parse(text: &str) -> Result<Self, InvalidUserName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        if let Some(wrong) = text.chars().find(|c| !allowed(*c)) {
            return Err(InvalidUserName::Character(wrong));
        }
        if text.is_empty() || text.len() > 64 {
            return Err(InvalidUserName::Length);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which names are compared.
    fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path of a user, part of its ARN: `/`, or `/division/team/`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UserPath(String);

impl UserPath {
    /// Reads a path.
    ///
    /// # Errors
    /// When `text` does not begin and end with `/`, has other than printable ASCII, or is longer
    /// than 512 characters.
    pub fn parse(text: &str) -> Result<Self, InvalidUserName> {
        let framed = text.starts_with('/') && text.ends_with('/');
        let printable = text.bytes().all(|b| b.is_ascii_graphic());
        if framed && printable && text.len() <= 512 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidUserName::Path)
        }
    }

    /// The path, with `/` at both ends.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for UserPath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// What a user may do in its account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Policy {
    /// What an IAM policy document says, as JSON text. Its syntax is checked before it comes here.
    Document(String),
    /// Everything.
    Full,
    /// Nothing.
    #[default]
    None,
    /// Every operation that changes nothing.
    ReadOnly,
}

impl Policy {
    fn as_text(&self) -> &str {
        match self {
            Self::Document(text) => text,
            Self::Full => "full",
            Self::None => "none",
            Self::ReadOnly => "read-only",
        }
    }

    pub(crate) fn from_text(text: String) -> Self {
        match text.as_str() {
            "full" => Self::Full,
            "none" => Self::None,
            "read-only" => Self::ReadOnly,
            _ => Self::Document(text),
        }
    }
}

/// A user of an account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// `AIDA` and 17 characters; never used again after the user is gone.
    pub id: String,
    /// Whose user it is.
    pub account: AccountId,
    /// The friendly name.
    pub name: UserName,
    /// Part of the ARN.
    pub path: UserPath,
    /// What the user may do.
    pub policy: Policy,
    /// When it was added.
    pub created: Timestamp,
}

impl User {
    /// `arn:aws:iam::<account>:user<path><name>`.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:user{}{}", self.account, self.path.as_str(), self.name)
    }
}

const COLUMNS: &str = "SELECT id, account, name, path, policy, created FROM users";

impl Catalog {
    /// The users of `account`, by name.
    ///
    /// # Errors
    /// [`Error::AccountUnknown`], [`Error::Database`], [`Error::Damaged`].
    pub async fn users(&self, account: AccountId) -> Result<Vec<User>, Error> {
        self.check_account(account).await?;
        sqlx::query(&format!("{COLUMNS} WHERE account = $1 ORDER BY folded"))
            .bind(account.as_str())
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(user)
            .collect()
    }

    /// The user called `name`.
    ///
    /// # Errors
    /// [`Error::UserUnknown`] with the nearest name that exists, [`Error::AccountUnknown`],
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn user(&self, account: AccountId, name: &str) -> Result<User, Error> {
        let row = sqlx::query(&format!("{COLUMNS} WHERE account = $1 AND folded = $2"))
            .bind(account.as_str())
            .bind(name.to_ascii_lowercase())
            .fetch_optional(&self.pool)
            .await?;
        match row {
            Some(row) => user(&row),
            None => Err(self.unknown_user(account, name).await?),
        }
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`Error::UserExists`], [`Error::AccountUnknown`], [`Error::Database`].
    pub async fn add_user(
        &self,
        account: AccountId,
        name: UserName,
        path: UserPath,
        policy: Policy,
    ) -> Result<User, Error> {
        self.check_account(account).await?;
        let id = random_id("AIDA", 17)?;
        let created = self.now_ms();
        let done = sqlx::query(
            "INSERT INTO users (id, account, name, folded, path, policy, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, folded) DO NOTHING",
        )
        .bind(&id)
        .bind(account.as_str())
        .bind(name.as_str())
        .bind(name.folded())
        .bind(path.as_str())
        .bind(policy.as_text())
        .bind(created)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::UserExists(name));
        }
        let created = time(created, &id)?;
        Ok(User { id, account, name, path, policy, created })
    }

    /// Changes what a user may do.
    ///
    /// # Errors
    /// [`Error::UserUnknown`], [`Error::AccountUnknown`], [`Error::Database`].
    pub async fn set_policy(
        &self,
        account: AccountId,
        name: &str,
        policy: &Policy,
    ) -> Result<(), Error> {
        let done = sqlx::query("UPDATE users SET policy = $1 WHERE account = $2 AND folded = $3")
            .bind(policy.as_text())
            .bind(account.as_str())
            .bind(name.to_ascii_lowercase())
            .execute(&self.pool)
            .await?;
        self.known.clear();
        if done.rows_affected() == 0 {
            return Err(self.unknown_user(account, name).await?);
        }
        Ok(())
    }

    /// Removes a user with its access keys, which stop working within a second.
    ///
    /// # Errors
    /// [`Error::UserUnknown`], [`Error::AccountUnknown`], [`Error::Database`].
    pub async fn remove_user(&self, account: AccountId, name: &str) -> Result<(), Error> {
        let done = sqlx::query("DELETE FROM users WHERE account = $1 AND folded = $2")
            .bind(account.as_str())
            .bind(name.to_ascii_lowercase())
            .execute(&self.pool)
            .await?;
        self.known.clear();
        if done.rows_affected() == 0 {
            return Err(self.unknown_user(account, name).await?);
        }
        Ok(())
    }

    async fn unknown_user(&self, account: AccountId, name: &str) -> Result<Error, Error> {
        let nearest = self
            .users(account)
            .await?
            .into_iter()
            .map(|it| {
                (strsim::jaro_winkler(&it.name.folded(), &name.to_ascii_lowercase()), it.name)
            })
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name);
        Ok(Error::UserUnknown { name: name.to_owned(), nearest })
    }
}

/// How alike a name must be to be suggested; 1 is the same.
const LIKENESS_MIN: f64 = 0.8;

/// A new id: `prefix` and `length` characters of base32, as IAM makes them.
pub(crate) fn random_id(prefix: &str, length: usize) -> Result<String, Error> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes).map_err(|_| Error::Sealing("draw random bytes"))?;
    let letter = |byte: u8| LETTERS.get(usize::from(byte % 32)).copied().map(char::from);
    Ok(prefix.chars().chain(bytes.into_iter().filter_map(letter)).collect())
}

fn user(row: &AnyRow) -> Result<User, Error> {
    let id: String = row.try_get("id")?;
    let damaged = |what| Error::Damaged { what, of: id.clone() };
    Ok(User {
        account: account_id(&row.try_get::<String, _>("account")?)?,
        name: UserName::parse(row.try_get("name")?).map_err(|_| damaged("name"))?,
        path: UserPath::parse(row.try_get("path")?).map_err(|_| damaged("path"))?,
        policy: Policy::from_text(row.try_get("policy")?),
        created: time(row.try_get("created")?, &id)?,
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), InvalidUserName>) {
        assert_eq!(UserName::parse(text).map(drop), expected);
    }

    #[test]
    fn a_user_name_follows_the_rules_of_iam() {
        check("alice", Ok(()));
        check("a.b+c=d,e@f_g-1", Ok(()));
        check("", Err(InvalidUserName::Length));
        check(&"a".repeat(65), Err(InvalidUserName::Length));
        check("al ice", Err(InvalidUserName::Character(' ')));
        check("zoë", Err(InvalidUserName::Character('ë')));
        check("a/b", Err(InvalidUserName::Character('/')));
    }

    #[test]
    fn a_path_has_a_slash_at_both_ends() {
        for good in ["/", "/a/", "/a/b/"] {
            assert!(UserPath::parse(good).is_ok());
        }
        for wrong in ["", "a/", "/a", "/a b/", "/é/", &format!("/{}/", "a".repeat(511))] {
            assert_eq!(UserPath::parse(wrong), Err(InvalidUserName::Path));
        }
    }

    #[test]
    fn an_id_is_a_prefix_and_base32() {
        let id = random_id("AIDA", 17).unwrap();
        assert_eq!(id.len(), 21);
        assert!(id.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)));
        assert_ne!(id, random_id("AIDA", 17).unwrap());
    }
}
