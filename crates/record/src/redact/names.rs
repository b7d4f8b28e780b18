//! Names that say that their value is a secret.

use std::{borrow::Cow, sync::LazyLock};

use aho_corasick::AhoCorasick;

/// Whether a member of this name holds a secret, whoever it belongs to.
///
/// Case and the separators `-`, `_`, `.` do not count. A few short words count only as words of
/// their own, so that `footprint` is no `otp`. Names of what is said about a secret (`…Arn`, `…Id`,
/// `…Policy`) and tokens that only page or make calls repeatable are none. What is too long to be a
/// name is taken for a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    if name.len() > NAME_MAX {
        return true;
    }
    let folded = fold(name);
    // Nearly every name ends here: only those that hold such a word are looked at closely.
    let Some(first) = SECRETS.find(folded.as_ref()) else { return false };
    let ends_with = |end: &&str| {
        folded
            .len()
            .checked_sub(end.len())
            .and_then(|at| folded.get(at..))
            .is_some_and(|it| it.eq_ignore_ascii_case(end))
    };
    if HARMLESS_ENDS.iter().any(&ends_with) {
        return false;
    }
    let is_anywhere = first.pattern().as_usize() < ANYWHERE.len()
        || SECRETS
            .find_overlapping_iter(folded.as_ref())
            .any(|it| it.pattern().as_usize() < ANYWHERE.len());
    is_anywhere
        || AT_END.iter().any(ends_with)
        || words(name).any(|word| OWN_WORDS.iter().any(|own| word.eq_ignore_ascii_case(own)))
}

/// The name without separators; borrowed where it has none.
fn fold(name: &str) -> Cow<'_, str> {
    let is_separator = |letter: char| matches!(letter, '-' | '_' | '.');
    if name.contains(is_separator) {
        Cow::Owned(name.replace(is_separator, ""))
    } else {
        Cow::Borrowed(name)
    }
}

/// The words of a name, divided by separators and where a capital follows a small letter or a digit.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['-', '_', '.']).flat_map(|part| {
        let mut rest = part;
        std::iter::from_fn(move || {
            let bytes = rest.as_bytes().windows(2);
            let capital = |pair: &[u8]| {
                matches!(pair, [before, capital]
                    if capital.is_ascii_uppercase() && !before.is_ascii_uppercase())
            };
            let end = bytes.into_iter().position(capital).map_or(rest.len(), |at| at + 1);
            let (word, after) = rest.split_at_checked(end)?;
            rest = after;
            (!word.is_empty()).then_some(word)
        })
    })
}

static SECRETS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(ANYWHERE.iter().chain(&AT_END).chain(&OWN_WORDS))
        .expect("the words are few and short")
});

/// Longer names are no names.
const NAME_MAX: usize = 512;

/// Secret wherever they stand in a name.
const ANYWHERE: [&str; 48] = [
    "accesstoken",
    "apikey",
    "appsecret",
    "assertion",
    "authcode",
    "authenticationcode",
    "authkey",
    "authorizationheader",
    "authtoken",
    "bearertoken",
    "clientsecret",
    "connectionstring",
    "credentialvalue",
    "encryptionkeymaterial",
    "idtoken",
    "jwt",
    "kdcadmin",
    "licensekey",
    "mfacode",
    "oauth",
    "otpcode",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "plaintext",
    "preshared",
    "privatekey",
    "qrcode",
    "refreshtoken",
    "secretaccesskey",
    "secretbinary",
    "secretkey",
    "secretstring",
    "secrettoken",
    "secretvalue",
    "securitytoken",
    "seed",
    "sessiontoken",
    "sharedsecret",
    "signingkey",
    "ssecustomerkey",
    "tokencode",
    "tokenvalue",
    "tradeintoken",
    "userdata",
    "webidentitytoken",
    "zipfile",
];

/// Secret at the end of a name, and so also alone.
const AT_END: [&str; 9] = [
    "authorization",
    "credential",
    "credentials",
    "credentialvalues",
    "otp",
    "pin",
    "pwd",
    "secret",
    "secrets",
];

/// Secret as a word of their own, at any place.
const OWN_WORDS: [&str; 4] = ["otp", "pin", "pwd", "secret"];

/// What a name says about a secret rather than holding it.
const HARMLESS_ENDS: [&str; 28] = [
    "age",
    "algorithm",
    "alias",
    "arn",
    "arns",
    "config",
    "count",
    "date",
    "enabled",
    "expiration",
    "expires",
    "expiry",
    "format",
    "id",
    "ids",
    "length",
    "manager",
    "name",
    "names",
    "path",
    "policies",
    "policy",
    "status",
    "type",
    "types",
    "validity",
    "version",
    "versions",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names_in_any_spelling() {
        for name in [
            "Password",
            "masterUserPassword",
            "MASTER_USER_PASSWORD",
            "db.password",
            "Passphrase",
            "SecretAccessKey",
            "secret_key",
            "clientSecret",
            "SharedSecret",
            "secretString",
            "PrivateKey",
            "private-key",
            "AuthToken",
            "accessToken",
            "REFRESH_TOKEN",
            "IdToken",
            "sessionToken",
            "x-amz-security-token",
            "apiKey",
            "X-Api-Key",
            "authKey",
            "oauthToken",
            "Credentials",
            "UserData",
            "Plaintext",
            "ZipFile",
            "connectionString",
            "jwt",
            "SAMLAssertion",
            "Seed",
            "otp",
            "mfaCode",
            "pin",
            "card.pin",
            "secret",
            "mySecret",
            "sEeD",
            "oTp",
            "uSeR-oTpCoDe",
            "PiN",
            "userPinBlock",
            "base32StringSeed",
            "QRCodePNG",
            "samlAssertionXml",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn what_only_names_or_pages_is_no_secret() {
        for name in [
            "nextToken",
            "ClientRequestToken",
            "SecretId",
            "secretArn",
            "PasswordPolicy",
            "accessKeyId",
            "SecretName",
            "PasswordLastUsedDate",
            "credentialsExpiration",
            "rootPath",
            "footprint",
            "proceed",
            "spinner",
            "shipping",
            "KeyId",
            "bucketName",
            "opinions",
            "pinned",
            "hotplug",
            "NextToken",
            "continuation-token",
            "Marker",
            "idempotencyToken",
            "ClientRequestTokenId",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
