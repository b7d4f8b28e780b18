//! Files of public keys, in every form in which people have them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Error, PublicKey, Stamp, ValidKey};

impl ValidKey {
    /// Reads the keys of a file: what `aws cloudtrail list-public-keys` prints, PEM (one or more of
    /// `RSA PUBLIC KEY` or `PUBLIC KEY`), DER, or the base64 of DER.
    ///
    /// # Errors
    /// [`Error::Key`] when it is none of them, or one of its keys is no RSA key.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, Error> {
        if let Ok(list) = serde_json::from_slice::<KeyList>(file) {
            return list.public_key_list.into_iter().map(Listed::into_key).collect();
        }
        let text = std::str::from_utf8(file).unwrap_or_default();
        if text.contains(PEM_BEGIN) {
            return text.split(PEM_BEGIN).skip(1).map(from_pem).collect();
        }
        match PublicKey::from_der(file) {
            Ok(key) => Ok(vec![Self { key, validity: None }]),
            Err(_) => Ok(vec![from_base64(text)?]),
        }
    }
}

fn from_pem(after_begin: &str) -> Result<ValidKey, Error> {
    let (_, body) = after_begin.split_once("-----").ok_or(Error::Key)?;
    let (body, _) = body.split_once("-----END").ok_or(Error::Key)?;
    from_base64(body)
}

fn from_base64(text: &str) -> Result<ValidKey, Error> {
    let compact: String = text.split_ascii_whitespace().collect();
    let der = BASE64_STANDARD.decode(compact).map_err(|_| Error::Key)?;
    Ok(ValidKey { key: PublicKey::from_der(&der)?, validity: None })
}

/// The answer of `ListPublicKeys`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyList {
    public_key_list: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    value: String,
    validity_start_time: Option<Time>,
    validity_end_time: Option<Time>,
}

/// Seconds since 1970 on the wire and in the first AWS CLI, ISO 8601 in the second.
#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Seconds(f64),
    Text(String),
}

impl Listed {
    fn into_key(self) -> Result<ValidKey, Error> {
        let mut key = from_base64(&self.value)?;
        key.validity = self
            .validity_start_time
            .zip(self.validity_end_time)
            .and_then(|(from, until)| Some((from.stamp()?, until.stamp()?)));
        Ok(key)
    }
}

impl Time {
    fn stamp(self) -> Option<Stamp> {
        let timestamp = match self {
            #[expect(clippy::cast_possible_truncation, reason = "a cast to an integer saturates")]
            Self::Seconds(seconds) => Timestamp::from_second(seconds as i64).ok()?,
            Self::Text(text) => text.parse().ok()?,
        };
        Some(Stamp::of(timestamp))
    }
}

const PEM_BEGIN: &str = "-----BEGIN ";
