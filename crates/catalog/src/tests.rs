//! The catalog as its users see it: on a real file, also from two handles at once.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use ambient::{Ambient, Clock as _};
use jiff::Timestamp;
use record::{AccountId, Identity, IdentityType};
use tempfile::TempDir;
use testkit::ManualClock;

use crate::{
    AccessKey, Catalog, Credential, Error, FixedKey, KeyStatus, Known, MasterKey, NewKey,
    NewSigningKey, Policy, Principal, PrivateKey, Root, Secret, ServiceKey, Session, UserName,
    UserPath, Wanted, write_credentials_file,
};

struct House {
    folder: TempDir,
    ambient: Ambient,
    clock: ManualClock,
}

impl House {
    fn new() -> Self {
        let (ambient, clock) = testkit::ambient("2026-07-01T12:00:00Z".parse().unwrap(), 1);
        Self { folder: tempfile::tempdir().unwrap(), ambient, clock }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ambient(&self) -> Ambient {
        self.ambient.clone()
    }

    /// One more handle, as another process would have.
    async fn open(&self) -> Catalog {
        let master = MasterKey::in_folder(self.path()).unwrap();
        Catalog::open(self.path(), master, self.ambient()).await.unwrap()
    }

    /// A handle on a deployment that has started.
    async fn started(&self) -> (Catalog, AccountId, NewKey) {
        let catalog = self.open().await;
        let root = catalog.first_start(Wanted::default()).await.unwrap();
        (catalog, root.account, root.key.unwrap())
    }
}

fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

async fn add(catalog: &Catalog, account: AccountId, name: &str, policy: Policy) {
    let name = UserName::parse(name).unwrap();
    catalog.add_user(account, name, UserPath::default(), policy).await.unwrap();
}

async fn credential(catalog: &Catalog, id: &str) -> Arc<Credential> {
    match catalog.lookup(id).await.unwrap() {
        Some(Known::Key(it)) => it,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_error<T: std::fmt::Debug>(result: Result<T, Error>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn the_first_start_makes_the_account_and_a_root_key_once() {
    let house = House::new();
    let (catalog, own, key) = house.started().await;
    assert_eq!(own.as_str(), "123456789012");
    assert_eq!((key.id.len(), key.secret.expose().len()), (20, 40));
    let found = credential(&catalog, &key.id).await;
    assert_eq!(found.secret.expose(), key.secret.expose());
    assert_eq!(found.identity, Identity::root(own, Some(key.id.clone())));
    assert!(found.is_deployment_root);
    assert_eq!(found.policy, Policy::Full);

    catalog.close().await;
    let again = house.open().await.first_start(Wanted::default()).await.unwrap();
    assert!(!again.is_new);
    assert_eq!(again.key.unwrap().id, key.id);
}

#[tokio::test]
async fn a_deleted_root_key_does_not_come_back_at_the_next_start() {
    let house = House::new();
    let (catalog, _, key) = house.started().await;
    catalog.delete_key(&key.id).await.unwrap();
    assert!(catalog.first_start(Wanted::default()).await.unwrap().key.is_none());
}

#[tokio::test]
async fn the_operator_may_fix_account_and_key() {
    let house = House::new();
    let catalog = house.open().await;
    let wanted = |account, id: &str, secret: &str| Wanted {
        account: Some(AccountId::parse(account).unwrap()),
        key: Some(FixedKey { id: id.to_owned(), secret: Secret::new(secret) }),
    };
    let id = "AKIAIOSFODNN7EXAMPLE";
    let root = catalog.first_start(wanted("111122223333", id, "longsecret1")).await.unwrap();
    assert_eq!(root.account, account("111122223333"));
    assert_eq!(credential(&catalog, id).await.secret.expose(), "longsecret1");

    catalog.first_start(wanted("111122223333", id, "longsecret2")).await.unwrap();
    assert_eq!(credential(&catalog, id).await.secret.expose(), "longsecret2");
    let Root { key, .. } = catalog.first_start(Wanted::default()).await.unwrap();
    assert_eq!(key.unwrap().id, id);

    check_error(
        catalog.first_start(wanted("444455556666", id, "longsecret2")).await,
        "this deployment belongs to account 111122223333, not to 444455556666",
    );
    for (id, secret) in [("short", "longsecret"), (id, "short"), ("AKIA€€€€€€€€€€€€", "longsecret")]
    {
        let refused = catalog.first_start(wanted("111122223333", id, secret)).await;
        assert!(matches!(refused, Err(Error::KeyForm)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_fixed_root_key_cannot_take_a_users_key() {
    let house = House::new();
    let (catalog, own, _) = house.started().await;
    add(&catalog, own, "alice", Policy::None).await;
    let key = catalog.create_key(Principal::User(own, "alice")).await.unwrap();
    let fixed = FixedKey { id: key.id, secret: Secret::new("longsecret") };
    let refused = catalog.first_start(Wanted { account: None, key: Some(fixed) }).await;
    assert!(matches!(refused, Err(Error::KeyExists(_))), "{refused:?}");
}

#[tokio::test]
async fn a_user_is_known_by_its_key_with_name_path_and_policy() {
    let house = House::new();
    let (catalog, own, _) = house.started().await;
    let document = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let user = catalog
        .add_user(
            own,
            UserName::parse("Alice").unwrap(),
            UserPath::parse("/ops/").unwrap(),
            Policy::Document(document.to_owned()),
        )
        .await
        .unwrap();
    assert!(user.id.starts_with("AIDA"));
    assert_eq!(user.arn(), "arn:aws:iam::123456789012:user/ops/Alice");
    assert_eq!(catalog.user(own, "alice").await.unwrap(), user);

    let key = catalog.create_key(Principal::User(own, "ALICE")).await.unwrap();
    let found = credential(&catalog, &key.id).await;
    assert_eq!(found.identity.kind, Some(IdentityType::IAMUser));
    assert_eq!(found.identity.arn.as_deref(), Some(user.arn().as_str()));
    assert_eq!(found.identity.user_name.as_deref(), Some("Alice"));
    assert_eq!(found.policy, Policy::Document(document.to_owned()));
    assert!(!found.is_deployment_root);

    catalog.set_policy(own, "alice", &Policy::ReadOnly).await.unwrap();
    assert_eq!(credential(&catalog, &key.id).await.policy, Policy::ReadOnly);
}

#[tokio::test]
async fn names_are_unique_without_regard_to_case_and_in_their_account_only() {
    let house = House::new();
    let (catalog, own, _) = house.started().await;
    let other = account("999999999999");
    catalog.add_account(other, "other").await.unwrap();
    check_error(catalog.add_account(other, "x").await, "account 999999999999 already exists");
    add(&catalog, own, "alice", Policy::None).await;
    add(&catalog, other, "alice", Policy::None).await;
    let again = UserName::parse("ALICE").unwrap();
    check_error(
        catalog.add_user(own, again, UserPath::default(), Policy::None).await,
        "user `ALICE` already exists",
    );
    let names: Vec<_> =
        catalog.accounts().await.unwrap().into_iter().map(|it| (it.id, it.is_own)).collect();
    assert_eq!(names, [(own, true), (other, false)]);

    // Another account's root user is not the deployment's.
    let key = catalog.create_key(Principal::Root(other)).await.unwrap();
    assert!(!credential(&catalog, &key.id).await.is_deployment_root);
}

#[tokio::test]
async fn an_unknown_user_is_told_with_the_nearest_name() {
    let house = House::new();
    let (catalog, own, _) = house.started().await;
    add(&catalog, own, "alice", Policy::None).await;
    add(&catalog, own, "bob", Policy::None).await;
    check_error(
        catalog.remove_user(own, "alcie").await,
        "unknown user `alcie`; did you mean `alice`?",
    );
    check_error(catalog.remove_user(own, "zzz").await, "unknown user `zzz`");
    check_error(catalog.users(account("000000000001")).await, "unknown account 000000000001");
}

#[tokio::test]
async fn a_user_has_at_most_two_keys_and_takes_them_along() {
    let house = House::new();
    let (catalog, own, _) = house.started().await;
    add(&catalog, own, "alice", Policy::None).await;
    let alice = Principal::User(own, "alice");
    let first = catalog.create_key(alice).await.unwrap();
    let second = catalog.create_key(alice).await.unwrap();
    check_error(catalog.create_key(alice).await, "user `alice` already has 2 access keys");
    catalog.set_key_status(&first.id, KeyStatus::Inactive).await.unwrap();
    assert_eq!(credential(&catalog, &first.id).await.status, KeyStatus::Inactive);
    let listed: Vec<AccessKey> = catalog.keys(alice).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|it| it.user.as_deref() == Some("alice")));

    catalog.remove_user(own, "alice").await.unwrap();
    assert!(catalog.lookup(&second.id).await.unwrap().is_none());
    check_error(
        catalog.delete_key(&second.id).await,
        &format!("unknown access key `{}`", second.id),
    );
}

#[tokio::test]
async fn what_another_process_changes_is_seen_within_a_second() {
    let house = House::new();
    let (server, _, key) = house.started().await;
    let cli = house.open().await;
    assert_eq!(credential(&server, &key.id).await.status, KeyStatus::Active);
    cli.set_key_status(&key.id, KeyStatus::Inactive).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(credential(&server, &key.id).await.status, KeyStatus::Inactive);
    cli.delete_key(&key.id).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    assert!(server.lookup(&key.id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_may_start_at_once_on_a_new_folder() {
    let house = House::new();
    let starts = (0..6).map(|_| {
        let (path, ambient) = (house.path().to_owned(), house.ambient());
        tokio::spawn(async move {
            let master = MasterKey::in_folder(&path).unwrap();
            let catalog = Catalog::open(&path, master, ambient).await.unwrap();
            let root = catalog.first_start(Wanted::default()).await.unwrap();
            for n in 0..20 {
                catalog.set_cursor("shared", n).await.unwrap();
            }
            root.key.unwrap().id
        })
    });
    let mut ids: Vec<_> =
        futures::future::join_all(starts).await.into_iter().map(Result::unwrap).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn another_master_key_is_refused_with_a_clear_word() {
    let house = House::new();
    let (catalog, ..) = house.started().await;
    catalog.close().await;
    let wrong = MasterKey::parse(&"00".repeat(32)).unwrap();
    check_error(
        Catalog::open(house.path(), wrong, house.ambient()).await.map(drop),
        "the master key is not the one that this catalog was created with",
    );
    fs::remove_file(house.path().join(MasterKey::FILE)).unwrap();
    let missing = MasterKey::in_folder(house.path());
    assert!(matches!(missing, Err(Error::MasterKeyMissing(_))), "{missing:?}");
}

#[tokio::test]
async fn no_secret_lies_in_the_files_in_clear() {
    let house = House::new();
    let (catalog, own, root) = house.started().await;
    add(&catalog, own, "alice", Policy::None).await;
    let key = catalog.create_key(Principal::User(own, "alice")).await.unwrap();
    let mut seen = Vec::new();
    for entry in fs::read_dir(house.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is open to others", entry.path());
        if entry.file_name().to_str().unwrap().starts_with(crate::FILE) {
            seen.push(fs::read(entry.path()).unwrap());
        }
    }
    assert!(seen.len() >= 2, "database and write-ahead log");
    let holds =
        |text: &str| seen.iter().any(|b| b.windows(text.len()).any(|w| w == text.as_bytes()));
    // The search does find what is there.
    assert!(holds(&key.id) && holds("alice"));
    assert!(!holds(key.secret.expose()) && !holds(root.secret.expose()));
}

#[tokio::test]
async fn sealed_secrets_cannot_change_places() {
    let house = House::new();
    let (catalog, own, root) = house.started().await;
    add(&catalog, own, "mallory", Policy::None).await;
    let key = catalog.create_key(Principal::User(own, "mallory")).await.unwrap();
    sqlx::query("UPDATE access_keys SET secret = (SELECT secret FROM access_keys WHERE id = $1)")
        .bind(&key.id)
        .execute(&catalog.pool)
        .await
        .unwrap();
    assert!(catalog.lookup(&key.id).await.unwrap().is_some());
    check_error(
        catalog.lookup(&root.id).await,
        &format!("the catalog is damaged: secret of `{}`", root.id),
    );
}

fn session(id: &str, expires: Timestamp) -> Session {
    let identity = Identity {
        kind: Some(IdentityType::AssumedRole),
        principal_id: Some("AROAEXAMPLE:job".to_owned()),
        ..Identity::default()
    };
    Session { access_key_id: id.to_owned(), identity, account: account("123456789012"), expires }
}

#[tokio::test]
async fn a_learnt_session_is_known_until_it_expires() {
    let house = House::new();
    let (catalog, ..) = house.started().await;
    let learnt = session("ASIAEXAMPLE000000001", house.clock.now() + Duration::from_millis(400));
    catalog.remember(&learnt).await.unwrap();
    match catalog.lookup(&learnt.access_key_id).await.unwrap() {
        Some(Known::Session(found)) => assert_eq!(*found, learnt),
        other => panic!("{other:?}"),
    }
    house.clock.advance(Duration::from_millis(400));
    assert!(catalog.lookup(&learnt.access_key_id).await.unwrap().is_none());
}

#[tokio::test]
async fn sessions_do_not_grow_without_bound() {
    let house = House::new();
    let (catalog, ..) = house.started().await;
    for n in 0..10_u64 {
        let expires = house.clock.now() + Duration::from_secs(100 + n);
        let learnt = session(&format!("ASIAEXAMPLE{n:09}"), expires);
        catalog.remember_at_most(&learnt, 4).await.unwrap();
    }
    let mut kept = Vec::new();
    for n in 0..10 {
        if catalog.lookup(&format!("ASIAEXAMPLE{n:09}")).await.unwrap().is_some() {
            kept.push(n);
        }
    }
    assert_eq!(kept, [6, 7, 8, 9]);
}

#[tokio::test]
async fn owners_of_resources_are_kept_and_forgotten() {
    let house = House::new();
    let (catalog, own, _) = house.started().await;
    assert_eq!(catalog.owner_of("s3:logs").await.unwrap(), None);
    catalog.set_owner("s3:logs", own).await.unwrap();
    assert_eq!(catalog.owner_of("s3:logs").await.unwrap(), Some(own));
    catalog.forget_owner("s3:logs").await.unwrap();
    assert_eq!(catalog.owner_of("s3:logs").await.unwrap(), None);
}

#[tokio::test]
async fn a_cursor_is_there_after_a_restart() {
    let house = House::new();
    let (catalog, ..) = house.started().await;
    assert_eq!(catalog.cursor("lake").await.unwrap(), None);
    catalog.set_cursor("lake", 7).await.unwrap();
    catalog.set_cursor("lake", 8).await.unwrap();
    catalog.close().await;
    assert_eq!(house.open().await.cursor("lake").await.unwrap(), Some(8));
}

#[tokio::test]
async fn a_catalog_of_a_newer_trailmark_is_not_touched() {
    let house = House::new();
    let (catalog, ..) = house.started().await;
    sqlx::query("UPDATE schema_version SET version = 1000").execute(&catalog.pool).await.unwrap();
    catalog.close().await;
    let master = MasterKey::in_folder(house.path()).unwrap();
    let refused = Catalog::open(house.path(), master, house.ambient()).await;
    assert!(matches!(refused, Err(Error::Newer { found: 1000, .. })), "{refused:?}");
}

#[tokio::test]
async fn every_commit_is_synced_and_foreign_keys_hold() {
    let house = House::new();
    let (catalog, ..) = house.started().await;
    // 2 is FULL.
    for (pragma, expected) in [("synchronous", "2"), ("foreign_keys", "1"), ("journal_mode", "wal")]
    {
        let sql = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let value: String = sqlx::query_scalar(&sql).fetch_one(&catalog.pool).await.unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
}

#[tokio::test]
async fn the_credentials_file_is_for_its_owner_alone() {
    let house = House::new();
    let path = house.path().join("credentials");
    for secret in ["first/secret", "second+secret"] {
        let key = NewKey { id: "AKIAEXAMPLE".to_owned(), secret: Secret::new(secret) };
        write_credentials_file(&path, &key).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!(
                "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = {secret}\n\
                 s3 =\n    signature_version = s3v4\n"
            )
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

mod delivery;

#[tokio::test]
async fn a_services_key_is_shown_for_its_region_alone_and_never_signs_as_one_of_ours() {
    let house = House::new();
    let catalog = house.open().await;
    let now = house.ambient.clock.now();
    let day = |days: i64| now + jiff::SignedDuration::from_hours(24 * days);
    let held = ServiceKey { fingerprint: "held".to_owned(), public_key: vec![1] };
    for days in [0, 29, 10] {
        assert!(catalog.show_service_key("eu-west-1", &held, day(days)).await.unwrap());
    }
    assert!(!catalog.show_service_key("us-east-1", &held, now).await.unwrap());
    let [shown] = &catalog.public_keys("eu-west-1", now, now).await.unwrap()[..] else { panic!() };
    assert_eq!((shown.valid_from, shown.valid_until), (now, day(59)));

    assert_eq!(catalog.signing_key("eu-west-1", now).await.unwrap(), None);
    let own = NewSigningKey {
        fingerprint: "own".to_owned(),
        public_key: vec![2],
        private_key: PrivateKey::new(vec![3]),
    };
    let signs = catalog.add_signing_key("eu-west-1", own, now).await.unwrap();
    assert_eq!(signs.fingerprint, "own");
}
