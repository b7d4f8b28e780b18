//! The twelve digits that say whose a record is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An AWS account id: exactly twelve ASCII digits.
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct AccountId([u8; 12]);

/// Why a text is not an [`AccountId`]. Reads on from "The account id …".
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is not twelve digits")]
pub struct InvalidAccountId;

impl AccountId {
    /// The twelve digits as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("an account id is ASCII digits")
    }

    /// The twelve digits as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }

    /// Reads an account id.
    ///
    /// # Errors
    /// When `text` is not exactly twelve ASCII digits.
    pub fn parse(text: &str) -> Result<Self, InvalidAccountId> {
        let bytes: [u8; 12] = text.as_bytes().try_into().map_err(|_| InvalidAccountId)?;
        if bytes.iter().all(u8::is_ascii_digit) { Ok(Self(bytes)) } else { Err(InvalidAccountId) }
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidAccountId;

    fn try_from(text: String) -> Result<Self, InvalidAccountId> {
        Self::parse(&text)
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.as_str().to_owned()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_is_twelve_digits() {
        assert_eq!(AccountId::parse("123456789012").unwrap().as_str(), "123456789012");
        for wrong in ["", "12345678901", "1234567890123", "12345678901a", "１２３４"] {
            assert_eq!(AccountId::parse(wrong), Err(InvalidAccountId));
        }
    }
}
