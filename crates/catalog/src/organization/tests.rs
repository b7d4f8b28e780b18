//! Organizations on a real file.

use ambient::Ambient;
use record::AccountId;
use tempfile::TempDir;

use super::*;
use crate::MasterKey;

const TRAIL: &str = "cloudtrail.amazonaws.com";

/// A catalog with an organization of `MANAGEMENT`, and `OTHER` beside it.
async fn house() -> (TempDir, Catalog, Organization) {
    let folder = tempfile::tempdir().unwrap();
    let master = MasterKey::in_folder(folder.path()).unwrap();
    let catalog = Catalog::open(folder.path(), master, Ambient::system()).await.unwrap();
    for (id, name) in [(MANAGEMENT, "root"), (OTHER, "other")] {
        catalog.add_account(account(id), name).await.unwrap();
    }
    let organization = catalog.create_organization(account(MANAGEMENT), FeatureSet::All).await;
    (folder, catalog, organization.unwrap())
}

const MANAGEMENT: &str = "123456789012";
const OTHER: &str = "210987654321";

fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn is_id(text: &str, prefix: &str, length: usize) -> bool {
    let rest = text.strip_prefix(prefix).unwrap();
    rest.len() == length && rest.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
}

#[tokio::test]
async fn an_account_is_in_one_organization_at_most() {
    let (_folder, catalog, organization) = house().await;
    assert!(is_id(&organization.id, "o-", 10) && is_id(&organization.root, "r-", 4));
    assert_eq!(catalog.organization_of(account(OTHER)).await.unwrap(), None);
    let own = catalog.organization_of(account(MANAGEMENT)).await.unwrap();
    assert_eq!(own.as_ref(), Some(&organization));
    for who in [MANAGEMENT, OTHER] {
        let made = catalog.create_organization(account(who), FeatureSet::All).await;
        assert_eq!(made.is_ok(), who == OTHER);
    }
    let refused = catalog.add_member(&organization.id, account(OTHER), 0).await.unwrap_err();
    assert!(matches!(refused, Error::AlreadyInOrganization(_)), "{refused:?}");
    let refused =
        catalog.add_member(&organization.id, account("333333333333"), 0).await.unwrap_err();
    assert!(matches!(refused, Error::AccountUnknown(_)), "{refused:?}");
}

#[tokio::test]
async fn a_new_account_joins_unless_its_address_is_taken() {
    let (_folder, catalog, organization) = house().await;
    let made =
        catalog.create_member(&organization.id, "Audit", "Audit@example.com", 0).await.unwrap();
    let new = made.account.unwrap();
    assert!(is_id(&made.id, "car-", 32));
    let kept = catalog.account_request(&organization.id, &made.id).await.unwrap();
    assert_eq!(kept.as_ref(), Some(&made));
    let member = catalog.member(&organization.id, new).await.unwrap().unwrap();
    assert_eq!((&*member.name, &*member.email), ("Audit", "Audit@example.com"));
    assert_eq!(member.joined_method, Joined::Created);
    let accounts = catalog.accounts().await.unwrap().len();
    let again =
        catalog.create_member(&organization.id, "Two", "audit@EXAMPLE.com", 0).await.unwrap();
    assert_eq!(again.account, None);
    assert_eq!(catalog.accounts().await.unwrap().len(), accounts);
    catalog.add_member(&organization.id, account(OTHER), 0).await.unwrap();
    let members = catalog.members(&organization.id).await.unwrap();
    assert_eq!(members.len(), 3);
    let other = members.iter().find(|it| it.account == account(OTHER)).unwrap();
    assert_eq!(other.email, "root@210987654321.invalid");
}

#[tokio::test]
async fn a_service_has_three_delegated_administrators_at_most_and_stays_while_it_has_one() {
    let (_folder, catalog, organization) = house().await;
    let id = &organization.id;
    catalog.enable_service(id, TRAIL).await.unwrap();
    catalog.enable_service(id, TRAIL).await.unwrap();
    assert_eq!(catalog.service_access(id).await.unwrap().len(), 1);
    let mut members = Vec::new();
    for number in 0..4 {
        let email = format!("{number}@example.com");
        let made = catalog.create_member(id, "Member", &email, 0).await.unwrap();
        members.push(made.account.unwrap());
    }
    let refused = catalog.register_delegate(id, account(OTHER), TRAIL).await.unwrap_err();
    assert!(matches!(refused, Error::MemberUnknown(_)), "{refused:?}");
    for member in &members[..3] {
        catalog.register_delegate(id, *member, TRAIL).await.unwrap();
    }
    let refused = catalog.register_delegate(id, members[0], TRAIL).await.unwrap_err();
    assert!(matches!(refused, Error::DelegateExists(_)), "{refused:?}");
    let refused = catalog.register_delegate(id, members[3], TRAIL).await.unwrap_err();
    assert!(matches!(refused, Error::DelegateLimit { max: 3, .. }), "{refused:?}");
    let refused = catalog.disable_service(id, TRAIL).await.unwrap_err();
    assert!(matches!(refused, Error::ServiceDelegated(_)), "{refused:?}");
    assert_eq!(catalog.service_access(id).await.unwrap().len(), 1);
    for member in &members[..3] {
        catalog.deregister_delegate(id, *member, TRAIL).await.unwrap();
    }
    let refused = catalog.deregister_delegate(id, members[0], TRAIL).await.unwrap_err();
    assert!(matches!(refused, Error::DelegateUnknown(_)), "{refused:?}");
    catalog.disable_service(id, TRAIL).await.unwrap();
    assert_eq!(catalog.service_access(id).await.unwrap(), []);
}

#[tokio::test]
async fn whoever_leaves_is_no_member_and_trails_of_the_organization_have_a_version_of_it() {
    let (_folder, catalog, organization) = house().await;
    let id = &organization.id;
    let arn = "arn:aws:cloudtrail:us-east-1:123456789012:trail/all";
    let arn = crate::TrailArn::parse(arn).unwrap();
    let settings = crate::TrailSettings {
        organization: Some(id.clone()),
        log_file_validation_enabled: true,
        ..crate::TrailSettings::new("ledger")
    };
    let new = crate::NewTrail { arn: arn.clone(), settings, tags: Vec::new() };
    catalog.create_trail(&new, 3).await.unwrap();
    catalog.set_logging(&arn, true, 4).await.unwrap();
    let refused = catalog.remove_member(id, account(OTHER), 5).await.unwrap_err();
    assert!(matches!(refused, Error::MemberUnknown(_)), "{refused:?}");
    catalog.add_member(id, account(OTHER), 6).await.unwrap();
    catalog.enable_service(id, TRAIL).await.unwrap();
    catalog.register_delegate(id, account(OTHER), TRAIL).await.unwrap();
    let refused = catalog.remove_member(id, account(OTHER), 7).await.unwrap_err();
    assert!(matches!(refused, Error::MemberDelegated(_)), "{refused:?}");
    catalog.deregister_delegate(id, account(OTHER), TRAIL).await.unwrap();
    let mut woken = catalog.watch_trails();
    woken.mark_unchanged();
    catalog.remove_member(id, account(OTHER), 8).await.unwrap();
    assert!(woken.has_changed().unwrap());
    assert_eq!(catalog.organization_of(account(OTHER)).await.unwrap(), None);

    let versions = catalog.trail_history(0).await.unwrap().versions;
    let mut told = Vec::new();
    for version in &versions {
        let members = catalog.members_at(id, version.number).await.unwrap();
        told.push((version.from, members.contains(&account(OTHER))));
        assert!(members.contains(&account(MANAGEMENT)));
        assert_eq!(version.settings, versions[0].settings);
    }
    assert_eq!(told, [(3, false), (4, false), (6, true), (8, false)]);
    let since: Vec<_> = versions.iter().map(|it| it.validated_since).collect();
    assert_eq!(
        since,
        [None, Some(versions[1].made), Some(versions[1].made), Some(versions[1].made)]
    );
    catalog.add_member(id, account(OTHER), 9).await.unwrap();
}
