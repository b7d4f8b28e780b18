//! Keys that sign digest files: of every region its own, each valid for a while, renewed in time.
//!
//! Lives here: keeping them, the private ones sealed, and when the next is due.
//! Lives elsewhere: making a pair and signing with it (`integrity`).
//!
//! Spec: CloudTrail API Reference, "ListPublicKeys".

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Row as _, any::AnyRow};
use zeroize::Zeroizing;

use crate::{Catalog, Error, Secret, account::time};

/// How long a key signs, as AWS's do.
const VALIDITY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long before its end the next one begins, so that a signature is never made by a key that ends
/// before whoever looks has come.
const OVERLAP: SignedDuration = SignedDuration::from_hours(3 * 24);

/// A private key as PKCS#8. Wiped from memory when dropped; never shown by `Debug`.
#[derive(Clone, Eq, PartialEq)]
pub struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// Takes DER of PKCS#8 into custody.
    #[must_use]
    pub fn new(pkcs8: Vec<u8>) -> Self {
        Self(Zeroizing::new(pkcs8))
    }

    /// DER of PKCS#8.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// A pair that was just made.
#[derive(Clone, Debug)]
pub struct NewSigningKey {
    /// As `ListPublicKeys` shows it.
    pub fingerprint: String,
    /// DER of PKCS#1 `RSAPublicKey`.
    pub public_key: Vec<u8>,
    /// The half that signs.
    pub private_key: PrivateKey,
}

/// The public half of a pair that a key service holds.
#[derive(Clone, Debug)]
pub struct ServiceKey {
    /// As `ListPublicKeys` shows it.
    pub fingerprint: String,
    /// DER of PKCS#1 `RSAPublicKey`.
    pub public_key: Vec<u8>,
}

/// A key of a region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SigningKey {
    /// As `ListPublicKeys` shows it.
    pub fingerprint: String,
    /// DER of PKCS#1 `RSAPublicKey`.
    pub public_key: Vec<u8>,
    /// `None` when a key service holds it.
    pub private_key: Option<PrivateKey>,
    /// From when on it signs.
    pub valid_from: Timestamp,
    /// When it ends; excluded.
    pub valid_until: Timestamp,
}

impl SigningKey {
    /// Whether it is time for the next one.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.valid_until.duration_since(now) <= OVERLAP
    }
}

const SELECT: &str = "SELECT fingerprint, public_key, private_key, valid_from, valid_until \
     FROM signing_keys WHERE region = $1 AND valid_from <= $2 AND valid_until > $3";

impl Catalog {
    /// The key of our own that signs in `region` at `now`: the newest that is valid. `None` when none
    /// is; make one then, as when it [`SigningKey::is_due`], and hand it to [`Catalog::add_signing_key`].
    ///
    /// # Errors
    /// [`Error::Sealing`] when it was sealed under another master key; [`Error::Damaged`],
    /// [`Error::Database`].
    pub async fn signing_key(
        &self,
        region: &str,
        now: Timestamp,
    ) -> Result<Option<SigningKey>, Error> {
        let query = format!(
            "{SELECT} AND private_key IS NOT NULL ORDER BY valid_until DESC, fingerprint LIMIT 1"
        );
        let row = sqlx::query(&query)
            .bind(region)
            .bind(now.as_millisecond())
            .bind(now.as_millisecond())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| self.opened(&row)).transpose()
    }

    /// Every key of `region` that is valid at some moment from `from` to `until`, oldest first,
    /// without its private half.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn public_keys(
        &self,
        region: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<SigningKey>, Error> {
        let query = format!("{SELECT} ORDER BY valid_from, fingerprint");
        let rows = sqlx::query(&query)
            .bind(region)
            .bind(until.as_millisecond())
            .bind(from.as_millisecond())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(public).collect()
    }

    /// Keeps a new pair for `region`, valid for 30 days from `now`, and returns the key that signs
    /// now: that pair, or the one of another process that was quicker.
    ///
    /// Validity reaches back to the end of the key before, so that there is no moment without a key:
    /// the AWS CLI gives up on a time range that has none.
    ///
    /// # Errors
    /// [`Error::Sealing`], [`Error::Damaged`], [`Error::Database`].
    pub async fn add_signing_key(
        &self,
        region: &str,
        new: NewSigningKey,
        now: Timestamp,
    ) -> Result<SigningKey, Error> {
        let NewSigningKey { fingerprint, public_key, private_key } = new;
        let secret = Secret::new(BASE64.encode(private_key.expose()));
        let sealed = self.master.seal(&fingerprint, &secret)?;
        let damaged = || Error::Damaged { what: "validity", of: region.to_owned() };
        let until = now.checked_add(VALIDITY).map_err(|_| damaged())?;
        let due = now.checked_add(OVERLAP).map_err(|_| damaged())?;
        // One statement looks and inserts, so that of two at once only the first does.
        sqlx::query(
            "INSERT INTO signing_keys \
             (fingerprint, region, private_key, public_key, valid_from, valid_until) \
             SELECT $1, $2, $3, $4, coalesce((SELECT max(valid_until) FROM signing_keys \
                 WHERE region = $2 AND valid_until < $5), $5), $6 \
             WHERE NOT EXISTS (SELECT 1 FROM signing_keys \
                 WHERE region = $2 AND private_key IS NOT NULL \
                 AND valid_from <= $5 AND valid_until > $7)",
        )
        .bind(&fingerprint)
        .bind(region)
        .bind(sealed)
        .bind(BASE64.encode(&public_key))
        .bind(now.as_millisecond())
        .bind(until.as_millisecond())
        .bind(due.as_millisecond())
        .execute(&self.pool)
        .await?;
        self.signing_key(region, now).await?.ok_or_else(damaged)
    }

    /// Shows a key that a service holds as one of `region`, valid at `at` and for 30 days from then.
    /// Whether it may sign there: `false` when it is the key of another region.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn show_service_key(
        &self,
        region: &str,
        key: &ServiceKey,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let damaged = |_| Error::Damaged { what: "validity", of: region.to_owned() };
        let until = at.checked_add(VALIDITY).map_err(damaged)?;
        // A clock that was put back takes nothing of the validity that was shown.
        let kept = sqlx::query(
            "INSERT INTO signing_keys (fingerprint, region, public_key, valid_from, valid_until) \
             SELECT $1, $2, $3, coalesce((SELECT max(valid_until) FROM signing_keys \
                 WHERE region = $2 AND valid_until < $4), $4), $5 WHERE true \
             ON CONFLICT (fingerprint) DO UPDATE SET \
                 valid_from = CASE WHEN excluded.valid_from < signing_keys.valid_from \
                     THEN excluded.valid_from ELSE signing_keys.valid_from END, \
                 valid_until = CASE WHEN excluded.valid_until > signing_keys.valid_until \
                     THEN excluded.valid_until ELSE signing_keys.valid_until END \
                 WHERE signing_keys.region = excluded.region",
        )
        .bind(&key.fingerprint)
        .bind(region)
        .bind(BASE64.encode(&key.public_key))
        .bind(at.as_millisecond())
        .bind(until.as_millisecond())
        .execute(&self.pool)
        .await?;
        Ok(kept.rows_affected() > 0)
    }

    fn opened(&self, row: &AnyRow) -> Result<SigningKey, Error> {
        let mut key = public(row)?;
        let sealed: Option<String> = row.try_get("private_key")?;
        if let Some(sealed) = sealed {
            let opened = self.master.open(&key.fingerprint, &sealed);
            let pkcs8 = opened.and_then(|it| BASE64.decode(it.expose()).ok());
            let pkcs8 = pkcs8.ok_or(Error::Sealing("open a signing key"))?;
            key.private_key = Some(PrivateKey::new(pkcs8));
        }
        Ok(key)
    }
}

fn public(row: &AnyRow) -> Result<SigningKey, Error> {
    let fingerprint: String = row.try_get("fingerprint")?;
    let public_key: String = row.try_get("public_key")?;
    Ok(SigningKey {
        public_key: BASE64
            .decode(public_key)
            .map_err(|_| Error::Damaged { what: "public key", of: fingerprint.clone() })?,
        private_key: None,
        valid_from: time(row.try_get("valid_from")?, &fingerprint)?,
        valid_until: time(row.try_get("valid_until")?, &fingerprint)?,
        fingerprint,
    })
}
