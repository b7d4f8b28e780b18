//! Where consumers of the log stand, and small settings.
//!
//! A consumer whose work is committed elsewhere keeps its cursor there; this is for those whose work
//! lies in this database or nowhere.

use sqlx::Row as _;

use crate::{Catalog, Error};

impl Catalog {
    /// The position that `name` has reached; `None` before its first.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn cursor(&self, name: &str) -> Result<Option<u64>, Error> {
        let row = sqlx::query("SELECT position FROM cursors WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let position: i64 = row.try_get("position")?;
        u64::try_from(position)
            .map(Some)
            .map_err(|_| Error::Damaged { what: "cursor", of: name.to_owned() })
    }

    /// Keeps the position that `name` has reached. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a position beyond 2⁶³ − 1, [`Error::Database`].
    pub async fn set_cursor(&self, name: &str, position: u64) -> Result<(), Error> {
        let position = i64::try_from(position)
            .map_err(|_| Error::Damaged { what: "cursor", of: name.to_owned() })?;
        sqlx::query(
            "INSERT INTO cursors (name, position) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET position = excluded.position",
        )
        .bind(name)
        .bind(position)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The value of a setting.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let row = sqlx::query("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|it| it.try_get("value")).transpose()?)
    }

    /// Keeps the value of a setting. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
