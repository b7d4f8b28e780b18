//! Sessions learnt from the answers of an upstream's STS, so that later calls carry their names.
//!
//! We see `AssumeRole` pass and remember which identity its key id stands for. Never kept: the
//! secret, the token.

use jiff::Timestamp;
use record::{AccountId, Identity};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Catalog, Error,
    account::{account_id, time},
};

/// Whom a temporary access key stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// `ASIA…`.
    pub access_key_id: String,
    /// What a record of this session says.
    pub identity: Identity,
    /// Whose history its calls belong to.
    pub account: AccountId,
    /// When the key ends. Afterwards it is forgotten.
    pub expires: Timestamp,
}

/// How many sessions are kept; beyond it those that expire first are forgotten.
pub(crate) const SESSIONS_MAX: i64 = 100_000;

impl Catalog {
    /// Remembers a session until it expires. A repeated key id takes the later words.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn remember(&self, session: &Session) -> Result<(), Error> {
        self.remember_at_most(session, SESSIONS_MAX).await
    }

    pub(crate) async fn remember_at_most(&self, session: &Session, max: i64) -> Result<(), Error> {
        let identity = serde_json::to_string(&session.identity)
            .map_err(|_| Error::Damaged { what: "identity", of: session.access_key_id.clone() })?;
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (access_key_id, account, identity, expires) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (access_key_id) DO UPDATE SET \
             account = excluded.account, identity = excluded.identity, expires = excluded.expires",
        )
        .bind(&session.access_key_id)
        .bind(session.account.as_str())
        .bind(identity)
        .bind(session.expires.as_millisecond())
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE expires <= $1")
            .bind(self.now_ms())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "DELETE FROM sessions WHERE access_key_id IN (SELECT access_key_id FROM sessions \
             ORDER BY expires DESC, access_key_id LIMIT 1000 OFFSET $1)",
        )
        .bind(max)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.known.clear();
        Ok(())
    }

    pub(crate) async fn session(
        &self,
        access_key_id: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, Error> {
        sqlx::query(
            "SELECT access_key_id, account, identity, expires FROM sessions \
             WHERE access_key_id = $1 AND expires > $2",
        )
        .bind(access_key_id)
        .bind(now.as_millisecond())
        .fetch_optional(&self.pool)
        .await?
        .map(|row| session(&row))
        .transpose()
    }
}

fn session(row: &AnyRow) -> Result<Session, Error> {
    let access_key_id: String = row.try_get("access_key_id")?;
    let identity: String = row.try_get("identity")?;
    let Ok(identity) = serde_json::from_str(&identity) else {
        return Err(Error::Damaged { what: "identity", of: access_key_id });
    };
    Ok(Session {
        identity,
        account: account_id(&row.try_get::<String, _>("account")?)?,
        expires: time(row.try_get("expires")?, &access_key_id)?,
        access_key_id,
    })
}
