//! The AWS credentials of whoever runs a command: of the environment, else of a credentials file.
//!
//! Spec: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".

use std::{
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};

/// An access key.
pub(crate) struct Credentials {
    pub(crate) id: String,
    pub(crate) secret: String,
    /// The session token of temporary credentials.
    pub(crate) token: Option<String>,
}

impl Credentials {
    /// The key of the environment, else of the profile `AWS_PROFILE` (`default` when it is not set) in
    /// `AWS_SHARED_CREDENTIALS_FILE` or `~/.aws/credentials`; none when neither is there.
    ///
    /// # Errors
    /// When the file that is named cannot be read, or has no such profile.
    pub(crate) fn of_environment() -> anyhow::Result<Option<Self>> {
        if let (Some(id), Some(secret)) =
            (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
        {
            return Ok(Some(Self { id, secret, token: variable("AWS_SESSION_TOKEN") }));
        }
        let profile = variable("AWS_PROFILE");
        let named = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        let usual = || variable("HOME").map(|it| Path::new(&it).join(".aws/credentials"));
        let Some(file) = named.clone().or_else(usual) else { return Ok(None) };
        if named.is_none() && profile.is_none() && !file.exists() {
            return Ok(None);
        }
        Self::of_file(&file, profile.as_deref().unwrap_or("default")).map(Some)
    }

    /// The key of a profile.
    ///
    /// # Errors
    /// When the file cannot be read, or does not have it.
    pub(crate) fn of_file(file: &Path, profile: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the credentials file `{}`", file.display()))?;
        let value = |name: &str| setting(&text, profile, name);
        let needed = |name: &str| {
            value(name).ok_or_else(|| {
                anyhow!("`{}` has no {name} for the profile `{profile}`", file.display())
            })
        };
        Ok(Self {
            id: needed("aws_access_key_id")?,
            secret: needed("aws_secret_access_key")?,
            token: value("aws_session_token"),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The secret of a key in our configuration: as it is, or in a file of its own.
///
/// # Errors
/// When there is none or more than one, or the file cannot be read.
pub(crate) fn secret(given: Option<&String>, file: Option<&Path>) -> anyhow::Result<String> {
    match (given, file) {
        (Some(secret), None) => Ok(secret.clone()),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read `{}`", file.display()))?;
            Ok(text.trim().to_owned())
        }
        (None, None) => bail!("set `secret_access_key` or `secret_access_key_file`"),
        (Some(_), Some(_)) => {
            bail!("set `secret_access_key` or `secret_access_key_file`, not both")
        }
    }
}

/// The region of the environment.
pub(crate) fn region() -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
}

/// A setting of a profile in the text of a credentials file.
fn setting(text: &str, profile: &str, name: &str) -> Option<String> {
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            within = section.trim() == profile;
        } else if within
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == name
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_among_others() {
        let text = "[default]\naws_access_key_id = A\n# aws_secret_access_key = no\n\n[ audit ]\n\
                    aws_access_key_id=B\naws_secret_access_key = s=1\n";
        let value = |profile, name| setting(text, profile, name);
        assert_eq!(value("default", "aws_access_key_id").as_deref(), Some("A"));
        assert_eq!(value("default", "aws_secret_access_key"), None);
        assert_eq!(value("audit", "aws_access_key_id").as_deref(), Some("B"));
        assert_eq!(value("audit", "aws_secret_access_key").as_deref(), Some("s=1"));
        assert_eq!(value("none", "aws_access_key_id"), None);
    }
}
