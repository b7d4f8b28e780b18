//! `trailmark user`, `key` and `account`: who can call, and what they may do.
//!
//! The commands open the catalog of the data folder, also while the server runs on it; the server
//! sees a change within a second.

use std::fs;

use ambient::Ambient;
use anyhow::{Context as _, anyhow};
use catalog::{Catalog, KeyStatus, MasterKey, NewKey, Policy, Principal, UserName, UserPath};
use record::AccountId;
use serde_json::{Value, json};

use crate::{
    cli::{Account, Key, Place, PolicyChoice, User},
    config::Config,
    words::{data, say},
};

/// Runs `trailmark user …`.
pub(crate) async fn user(command: User) -> anyhow::Result<()> {
    match command {
        User::Add { place, name, account, policy, policy_document, json } => {
            let catalog = open(&place).await?;
            let account = account_or_own(&catalog, account).await?;
            let name =
                UserName::parse(&name).map_err(|reason| anyhow!("the user name {reason}"))?;
            let policy = match policy_document {
                Some(file) => {
                    let text = fs::read_to_string(&file)
                        .with_context(|| format!("cannot read `{}`", file.display()))?;
                    wire::iam::Policy::parse(&text)
                        .with_context(|| format!("`{}` is no IAM policy", file.display()))?;
                    Policy::Document(text)
                }
                None => policy.into(),
            };
            let user = catalog.add_user(account, name, UserPath::default(), policy).await?;
            if json {
                data(shown_user(&user))?;
            } else {
                data(user.arn())?;
                say(format_args!("next: trailmark key create {}", user.name));
            }
        }
        User::List { place, account, json } => {
            let catalog = open(&place).await?;
            let mut users = Vec::new();
            for account in accounts_of(&catalog, account).await? {
                users.extend(catalog.users(account).await?);
            }
            if json {
                data(Value::from(users.iter().map(shown_user).collect::<Vec<_>>()))?;
            } else {
                for user in users {
                    data(format_args!(
                        "{}  {}  {}",
                        user.id,
                        user.arn(),
                        policy_word(&user.policy)
                    ))?;
                }
            }
        }
        User::Remove { place, name, account } => {
            let catalog = open(&place).await?;
            let account = account_or_own(&catalog, account).await?;
            catalog.remove_user(account, &name).await?;
            say(format_args!("user {name} and its access keys are gone"));
        }
    }
    Ok(())
}

/// Runs `trailmark key …`.
pub(crate) async fn key(command: Key) -> anyhow::Result<()> {
    match command {
        Key::Create { place, user, account, profile, json } => {
            let catalog = open(&place).await?;
            let account = account_or_own(&catalog, account).await?;
            let key = catalog.create_key(Principal::User(account, &user)).await?;
            show_new_key(&key, profile.as_deref(), json)?;
        }
        Key::List { place, user, json } => {
            let catalog = open(&place).await?;
            let keys = keys_of(&catalog, user.as_deref()).await?;
            if json {
                let shown = keys.iter().map(|key| {
                    json!({
                        "AccessKeyId": key.id, "AccountId": key.account.as_str(),
                        "UserName": key.user, "Status": key.status.as_str(),
                        "CreateDate": key.created.to_string(),
                    })
                });
                data(Value::from(shown.collect::<Vec<_>>()))?;
            } else {
                for key in keys {
                    let user = key.user.as_deref().unwrap_or("root");
                    let status = key.status.as_str();
                    data(format_args!("{}  {}  {user}  {status}", key.id, key.account))?;
                }
            }
        }
        Key::Disable { place, access_key_id } => {
            let catalog = open(&place).await?;
            catalog.set_key_status(&access_key_id, KeyStatus::Inactive).await?;
            say(format_args!("{access_key_id} is inactive; the server refuses it within a second"));
        }
        Key::Enable { place, access_key_id } => {
            let catalog = open(&place).await?;
            catalog.set_key_status(&access_key_id, KeyStatus::Active).await?;
            say(format_args!("{access_key_id} is active"));
        }
    }
    Ok(())
}

/// Runs `trailmark account …`.
pub(crate) async fn account(command: Account) -> anyhow::Result<()> {
    match command {
        Account::Add { place, id, name, json } => {
            let catalog = open(&place).await?;
            let id = parse_account(&id)?;
            catalog.add_account(id, &name.unwrap_or_else(|| id.to_string())).await?;
            let key = catalog.create_key(Principal::Root(id)).await?;
            show_new_key(
                &key,
                Some(&format!("root-{id}")).filter(|_| !json).map(String::as_str),
                json,
            )?;
        }
        Account::List { place, json } => {
            let catalog = open(&place).await?;
            let accounts = catalog.accounts().await?;
            if json {
                let shown = accounts.iter().map(|account| {
                    json!({
                        "Id": account.id.as_str(), "Name": account.name, "Own": account.is_own,
                        "CreateDate": account.created.to_string(),
                    })
                });
                data(Value::from(shown.collect::<Vec<_>>()))?;
            } else {
                for account in accounts {
                    let own = if account.is_own { "  (the deployment's own)" } else { "" };
                    data(format_args!("{}  {}{own}", account.id, account.name))?;
                }
            }
        }
    }
    Ok(())
}

/// Opens the catalog that `config` names.
///
/// # Errors
/// When the master key is wrong or missing, or the database cannot be opened.
pub(crate) async fn catalog_of(config: &Config, ambient: Ambient) -> anyhow::Result<Catalog> {
    let master = match &config.master_key {
        Some(text) => MasterKey::parse(text)?,
        None => MasterKey::in_folder(&config.data_dir)?,
    };
    Ok(Catalog::open(&config.data_dir, master, ambient).await?)
}

async fn open(place: &Place) -> anyhow::Result<Catalog> {
    let config = Config::load(place)?;
    if !config.data_dir.join(catalog::FILE).exists() {
        return Err(anyhow!(
            "there is no deployment in `{}`: start `trailmark serve` once, or name another \
             folder with --data-dir",
            config.data_dir.display()
        ));
    }
    catalog_of(&config, Ambient::system()).await
}

async fn account_or_own(catalog: &Catalog, named: Option<String>) -> anyhow::Result<AccountId> {
    match named {
        Some(text) => parse_account(&text),
        None => catalog.own_account().await?.ok_or_else(|| {
            anyhow!("the deployment has no account yet: start `trailmark serve` once")
        }),
    }
}

async fn accounts_of(catalog: &Catalog, named: Option<String>) -> anyhow::Result<Vec<AccountId>> {
    match named {
        Some(text) => Ok(vec![parse_account(&text)?]),
        None => Ok(catalog.accounts().await?.into_iter().map(|account| account.id).collect()),
    }
}

async fn keys_of(catalog: &Catalog, user: Option<&str>) -> anyhow::Result<Vec<catalog::AccessKey>> {
    let mut keys = Vec::new();
    for account in accounts_of(catalog, None).await? {
        if user.is_none() {
            keys.extend(catalog.keys(Principal::Root(account)).await?);
        }
        for found in catalog.users(account).await? {
            if user.is_none_or(|name| name == found.name.as_str()) {
                keys.extend(catalog.keys(Principal::User(account, found.name.as_str())).await?);
            }
        }
    }
    Ok(keys)
}

fn parse_account(text: &str) -> anyhow::Result<AccountId> {
    AccountId::parse(text).map_err(|reason| anyhow!("the account id `{text}` {reason}"))
}

fn show_new_key(key: &NewKey, profile: Option<&str>, json: bool) -> anyhow::Result<()> {
    let (id, secret) = (&key.id, key.secret.expose());
    if json {
        data(json!({ "AccessKeyId": id, "SecretAccessKey": secret }))?;
    } else if let Some(profile) = profile {
        let v4 = catalog::SIGN_WITH_V4.trim_end();
        data(format_args!(
            "[{profile}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n{v4}"
        ))?;
    } else {
        data(format_args!("export AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={secret}"))?;
    }
    say("the secret is shown this once");
    Ok(())
}

fn shown_user(user: &catalog::User) -> Value {
    json!({
        "UserId": user.id, "UserName": user.name.as_str(), "Arn": user.arn(),
        "Policy": policy_word(&user.policy), "CreateDate": user.created.to_string(),
    })
}

fn policy_word(policy: &Policy) -> &str {
    match policy {
        Policy::Document(_) => "document",
        Policy::Full => "full-access",
        Policy::None => "none",
        Policy::ReadOnly => "read-only",
    }
}

impl From<PolicyChoice> for Policy {
    fn from(choice: PolicyChoice) -> Self {
        match choice {
            PolicyChoice::ReadOnly => Self::ReadOnly,
            PolicyChoice::FullAccess => Self::Full,
            PolicyChoice::None => Self::None,
        }
    }
}
