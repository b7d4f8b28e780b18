//! Opening the database: pragmas, migrations.
//!
//! Migrations run one after another in a transaction each, under a lock that a second process waits
//! for, so two processes may start at once on a new file.

use std::{fs, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Once};

use sqlx::{AnyPool, Executor as _, Row as _, any::AnyPoolOptions};

use crate::Error;

/// The statements that bring a catalog from version `n` to `n + 1`, by `n`. Never edit one that was
/// released; append.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/1_identities.sql"),
    include_str!("../migrations/2_trails.sql"),
    include_str!("../migrations/3_delivery.sql"),
    include_str!("../migrations/4_organizations.sql"),
    include_str!("../migrations/5_stores.sql"),
    include_str!("../migrations/6_trails.sql"),
];

/// SQLite has one writer at a time; more connections only help readers.
const CONNECTIONS_MAX: u32 = 4;

/// WAL with a sync at every commit: what was answered is on disk. The timeout is for a second process
/// that holds the write lock.
const PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                       PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

pub(crate) async fn open(file: &Path) -> Result<AnyPool, Error> {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
    create_private(file)?;
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        // Else a task looks after idle connections, which in sqlx 0.8 can come to spin for ever:
        // <https://github.com/launchbadge/sqlx/issues/3645>.
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(PRAGMAS).await.map(drop) })
        })
        .connect(&url(file)?)
        .await?;
    migrate(&pool).await?;
    Ok(pool)
}

/// Creates the file before SQLite does, so that only its owner can read it. The files that SQLite
/// puts beside it take over its mode.
fn create_private(file: &Path) -> Result<(), Error> {
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(file)
        .map(drop)
        .map_err(|source| Error::Io { action: "create", path: file.to_owned(), source })
}

/// The URL that opens `file`. The driver undoes percent-encoding.
fn url(file: &Path) -> Result<String, Error> {
    let wrong = |source| Error::Io { action: "use the path", path: file.to_owned(), source };
    let absolute = std::path::absolute(file).map_err(wrong)?;
    let text = absolute.to_str().ok_or_else(|| {
        wrong(std::io::Error::new(std::io::ErrorKind::InvalidFilename, "it is not UTF-8"))
    })?;
    let escaped = text.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    Ok(format!("sqlite://{escaped}?mode=rwc"))
}

async fn migrate(pool: &AnyPool) -> Result<(), Error> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    pool.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL)",
    )
    .await?;
    loop {
        let mut tx = pool.begin().await?;
        // The write comes first: it takes the lock, so that what is read next stays true.
        let row = sqlx::query(
            "INSERT INTO schema_version (one, version) VALUES (1, 0) \
             ON CONFLICT (one) DO UPDATE SET version = schema_version.version RETURNING version",
        )
        .fetch_one(&mut *tx)
        .await?;
        let version: i64 = row.try_get("version")?;
        if version > known {
            return Err(Error::Newer { found: version, known });
        }
        let Some(step) = usize::try_from(version).ok().and_then(|it| MIGRATIONS.get(it)) else {
            return Ok(tx.commit().await?);
        };
        tx.execute(*step).await?;
        sqlx::query("UPDATE schema_version SET version = $1")
            .bind(version + 1)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_marks_of_urls_stays_one_path() {
        assert_eq!(url(Path::new("/a b/50%?#")).unwrap(), "sqlite:///a b/50%25%3F%23?mode=rwc");
    }
}
