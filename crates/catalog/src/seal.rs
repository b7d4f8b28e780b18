//! Secrets at rest and in memory: the master key, sealing, and a text that does not show itself.
//!
//! Sealing is AES-256-GCM with a random nonce; the access key's id is the associated data, so a
//! sealed secret cannot be moved to another key.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use tracing::warn;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Catalog, Error, FILE};

/// A secret access key. Wiped from memory when dropped; never shown by `Debug`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret in clear. Keep what you make of it short-lived.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A new secret: 40 characters of base64, as AWS makes them.
    pub(crate) fn random() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 30]);
        rand::fill(bytes.as_mut()).map_err(|_| Error::Sealing("draw random bytes"))?;
        Ok(Self::new(BASE64.encode(*bytes)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The 32 bytes under which all secrets of a catalog are sealed.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// The file of the master key inside the data folder.
    pub const FILE: &str = "master.key";

    /// Reads a key given as 64 hexadecimal digits or as base64.
    ///
    /// # Errors
    /// [`Error::MasterKeyForm`] when `text` is neither, or not 32 bytes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let mut bytes =
            hex::decode(text).or_else(|_| BASE64.decode(text)).map_err(|_| Error::MasterKeyForm)?;
        let key = <[u8; 32]>::try_from(bytes.as_slice());
        bytes.zeroize();
        key.map(|key| Self(Zeroizing::new(key))).map_err(|_| Error::MasterKeyForm)
    }

    /// Reads the key from `master.key` in `folder`. With no catalog there yet, a missing key is made.
    ///
    /// # Errors
    /// [`Error::MasterKeyMissing`] when the folder has a catalog but no key: a new one could not open
    /// it. [`Error::MasterKeyForm`], [`Error::Io`].
    pub fn in_folder(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(Self::FILE);
        let io = |action| {
            let path = path.clone();
            move |source| Error::Io { action, path, source }
        };
        match fs::metadata(&path) {
            Ok(it) if it.permissions().mode() & 0o077 != 0 => {
                warn!(path = %path.display(), "others can read the master key");
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if folder.join(FILE).exists() {
                    return Err(Error::MasterKeyMissing(path));
                }
                create(folder, &path).map_err(io("create"))?;
            }
            Err(e) => return Err(io("read")(e)),
        }
        Self::parse(&Zeroizing::new(fs::read_to_string(&path).map_err(io("read"))?))
    }

    /// Seals `secret` for the owner of `name`: nonce, ciphertext and tag in base64.
    pub(crate) fn seal(&self, name: &str, secret: &Secret) -> Result<String, Error> {
        let failed = |_| Error::Sealing("seal a secret");
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.0.as_ref()).map_err(failed)?;
        let mut text = secret.expose().as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(name), &mut text).map_err(failed)?;
        Ok(BASE64.encode([nonce.as_ref().as_slice(), &text].concat()))
    }

    /// Opens what [`MasterKey::seal`] made for the same name; `None` for anything else.
    pub(crate) fn open(&self, name: &str, sealed: &str) -> Option<Secret> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.0.as_ref()).ok()?;
        let mut bytes = Zeroizing::new(BASE64.decode(sealed).ok()?);
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let clear = key.open_in_place(nonce, Aad::from(name), text).ok()?;
        str::from_utf8(clear).ok().map(Secret::new)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Makes a key file that is whole or absent. A second process that does the same at once keeps the
/// file of the first.
fn create(folder: &Path, path: &Path) -> io::Result<()> {
    let mut key = Zeroizing::new([0; 32]);
    let mut suffix = [0; 8];
    for bytes in [key.as_mut_slice(), &mut suffix] {
        rand::fill(bytes).map_err(|_| io::Error::other("no randomness"))?;
    }
    let draft = folder.join(format!("{}.{}", MasterKey::FILE, hex::encode(suffix)));
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(Zeroizing::new(hex::encode(*key) + "\n").as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    // The key must outlive whatever is sealed under it.
    fs::File::open(folder)?.sync_all()
}

/// Sealed under the master key when the catalog is made, so that another key is noticed at once and
/// not at the first signature.
const PROOF: &str = "the master key of this catalog";
const PROOF_NAME: &str = "master-key-proof";

impl Catalog {
    pub(crate) async fn check_master_key(&self) -> Result<(), Error> {
        let proof = self.master.seal(PROOF_NAME, &Secret::new(PROOF))?;
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        )
        .bind(PROOF_NAME)
        .bind(proof)
        .execute(&self.pool)
        .await?;
        let kept = self.setting(PROOF_NAME).await?.unwrap_or_default();
        let opened = self.master.open(PROOF_NAME, &kept);
        opened.filter(|it| it.expose() == PROOF).map(drop).ok_or(Error::MasterKeyWrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_under_its_own_name_and_key() {
        let key = MasterKey::parse(&"ab".repeat(32)).unwrap();
        let other = MasterKey::parse(&BASE64.encode([7; 32])).unwrap();
        let sealed = key.seal("AKIA1", &Secret::new("hush")).unwrap();
        assert_eq!(key.open("AKIA1", &sealed).unwrap().expose(), "hush");
        assert!(key.open("AKIA2", &sealed).is_none());
        assert!(other.open("AKIA1", &sealed).is_none());
        for garbage in ["", "=", "AAAA", "€"] {
            assert!(key.open("AKIA1", garbage).is_none());
        }
    }

    #[test]
    fn a_master_key_that_is_not_32_bytes_is_refused() {
        for wrong in ["", "abcd", &"ab".repeat(31), &"zz".repeat(32)] {
            assert!(matches!(MasterKey::parse(wrong), Err(Error::MasterKeyForm)));
        }
    }

    #[test]
    fn secrets_do_not_show_themselves() {
        let secret = Secret::new("hush");
        assert!(!format!("{secret:?}").contains("hush"));
        assert_eq!(Secret::random().unwrap().expose().len(), 40);
    }
}
