//! The first start: the deployment's account, its root key, the credentials file.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use record::AccountId;
use sqlx::Row as _;
use zeroize::Zeroizing;

use crate::{Catalog, Error, KeyStatus, NewKey, Secret};

/// What the operator fixed by configuration; what is `None` is chosen here.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The deployment's own account; 123456789012 unless told otherwise.
    pub account: Option<AccountId>,
    /// The root user's key; a random one unless told otherwise.
    pub key: Option<FixedKey>,
}

/// An access key that the operator brings.
#[derive(Clone, Debug)]
pub struct FixedKey {
    /// 16 to 128 letters, digits and `_`.
    pub id: String,
    /// 8 to 128 printable ASCII characters.
    pub secret: Secret,
}

/// The deployment's root user.
#[derive(Clone, Debug)]
pub struct Root {
    /// The deployment's own account.
    pub account: AccountId,
    /// Its key for the credentials file: the fixed one, else the oldest active one. `None` when an
    /// operator has disabled or deleted them all.
    pub key: Option<NewKey>,
    /// Whether this was the first start.
    pub is_new: bool,
}

/// The account of a deployment whose operator named none.
const ACCOUNT: &str = "123456789012";

impl Catalog {
    /// Makes the deployment's own account and its root key, unless they are there.
    ///
    /// At a later start a fixed key that is not there yet is added, and one whose secret was changed
    /// takes the new secret; other keys stay as they are.
    ///
    /// # Errors
    /// [`Error::AccountFixed`] when the deployment has another account; [`Error::KeyForm`];
    /// [`Error::KeyExists`] when the fixed key belongs to somebody else; [`Error::Database`].
    pub async fn first_start(&self, wanted: Wanted) -> Result<Root, Error> {
        let (account, is_new) = self.start_account(wanted.account).await?;
        let key = match wanted.key {
            Some(fixed) => {
                self.fix_root_key(account, &fixed).await?;
                Some(NewKey { id: fixed.id, secret: fixed.secret })
            }
            None => self.start_key(account).await?,
        };
        Ok(Root { account, key, is_new })
    }

    async fn start_account(&self, wanted: Option<AccountId>) -> Result<(AccountId, bool), Error> {
        loop {
            match (self.own_account().await?, wanted) {
                (Some(existing), Some(wanted)) if existing != wanted => {
                    return Err(Error::AccountFixed { existing, wanted });
                }
                (Some(existing), _) => return Ok((existing, false)),
                (None, _) => {
                    let standard = || AccountId::parse(ACCOUNT).expect("twelve digits");
                    let account = wanted.unwrap_or_else(standard);
                    match self.insert_account(account, "root", true).await {
                        Ok(_) => return Ok((account, true)),
                        // Another process was quicker; see what it chose.
                        Err(Error::AccountExists(_)) if self.own_account().await?.is_some() => {}
                        Err(e) => return Err(e),
                    }
                }
            }
        }
    }

    /// The oldest active root key. Makes one where there never was any.
    async fn start_key(&self, account: AccountId) -> Result<Option<NewKey>, Error> {
        let key = NewKey { id: crate::user::random_id("AKIA", 16)?, secret: Secret::random()? };
        // The mark and the key in one transaction: a crash between them would leave no key for ever,
        // and without the mark a deleted key would come back at the next start.
        let mut tx = self.pool.begin().await?;
        let first = sqlx::query(
            "INSERT INTO settings (name, value) VALUES ('root-key-made', '1') \
             ON CONFLICT (name) DO NOTHING",
        )
        .execute(&mut *tx)
        .await?
        .rows_affected()
            == 1;
        if first {
            sqlx::query(INSERT_ROOT_KEY)
                .bind(&key.id)
                .bind(account.as_str())
                .bind(self.master.seal(&key.id, &key.secret)?)
                .bind(KeyStatus::Active.as_str())
                .bind(self.now_ms())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        self.known.clear();
        if first { Ok(Some(key)) } else { self.oldest_root_key(account).await }
    }

    async fn oldest_root_key(&self, account: AccountId) -> Result<Option<NewKey>, Error> {
        let row = sqlx::query(
            "SELECT id FROM access_keys WHERE account = $1 AND user_id IS NULL AND status = $2 \
             ORDER BY created, id LIMIT 1",
        )
        .bind(account.as_str())
        .bind(KeyStatus::Active.as_str())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let found = self.credential(&row.try_get::<String, _>("id")?).await?;
        Ok(found.map(|it| NewKey { id: it.access_key_id, secret: it.secret }))
    }

    async fn fix_root_key(&self, account: AccountId, key: &FixedKey) -> Result<(), Error> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let secret = key.secret.expose();
        if !(16..=128).contains(&key.id.len())
            || !key.id.bytes().all(word)
            || !(8..=128).contains(&secret.len())
            || !secret.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Error::KeyForm);
        }
        match self.credential(&key.id).await? {
            Some(it) if it.account != account || it.identity.user_name.is_some() => {
                return Err(Error::KeyExists(key.id.clone()));
            }
            Some(it) if it.secret.expose() == secret => return Ok(()),
            _ => {}
        }
        let mut tx = self.pool.begin().await?;
        sqlx::query(&format!(
            "{INSERT_ROOT_KEY} ON CONFLICT (id) DO UPDATE SET secret = excluded.secret"
        ))
        .bind(&key.id)
        .bind(account.as_str())
        .bind(self.master.seal(&key.id, &key.secret)?)
        .bind(KeyStatus::Active.as_str())
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ('root-key-made', '1') \
             ON CONFLICT (name) DO NOTHING",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.known.clear();
        Ok(())
    }
}

const INSERT_ROOT_KEY: &str = "INSERT INTO access_keys (id, account, user_id, secret, status, \
                               created) VALUES ($1, $2, NULL, $3, $4, $5)";

/// Makes botocore presign with SigV4: in the oldest regions it still takes SigV2, which nobody should
/// verify any more.
pub const SIGN_WITH_V4: &str = "s3 =\n    signature_version = s3v4\n";

/// Writes an AWS credentials file with one profile, `default`; whole or not at all, readable by its
/// owner alone, and durable when this returns.
///
/// # Errors
/// [`Error::Io`].
pub fn write_credentials_file(path: &Path, key: &NewKey) -> Result<(), Error> {
    let text = Zeroizing::new(format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n{SIGN_WITH_V4}",
        key.id,
        key.secret.expose()
    ));
    replace(path, text.as_bytes()).map_err(|source| Error::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(it) if !it.as_os_str().is_empty() => it,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut draft = name.to_owned();
    draft.push(".new");
    let draft = folder.join(draft);
    // What a crash left there may have another mode.
    match fs::remove_file(&draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    fs::File::open(folder)?.sync_all()
}
