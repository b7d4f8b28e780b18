//! Who is in an organization, as the catalog keeps it.

use std::collections::BTreeSet;

use catalog::Catalog;
use futures::{FutureExt as _, future::BoxFuture};
use record::AccountId;

use crate::{Error, kept_trails::Members};

impl Members for Catalog {
    fn of<'a>(
        &'a self,
        organization: &'a str,
        change: u64,
    ) -> BoxFuture<'a, Result<BTreeSet<AccountId>, Error>> {
        async move { Ok(self.members_at(organization, change).await?) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use ambient::Ambient;
    use catalog::{FeatureSet, MasterKey};

    use super::*;

    #[tokio::test]
    async fn whoever_joins_is_a_member_from_then_on_until_it_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::in_folder(folder.path()).unwrap();
        let catalog = Catalog::open(folder.path(), master, Ambient::system()).await.unwrap();
        let [management, other] =
            ["123456789012", "210987654321"].map(|it| AccountId::parse(it).unwrap());
        for id in [management, other] {
            catalog.add_account(id, "account").await.unwrap();
        }
        let made = catalog.create_organization(management, FeatureSet::All).await.unwrap();
        let mut changes = vec![catalog.trail_changes().await.unwrap()];
        catalog.add_member(&made.id, other, 0).await.unwrap();
        changes.push(catalog.trail_changes().await.unwrap());
        catalog.remove_member(&made.id, other, 0).await.unwrap();
        changes.push(catalog.trail_changes().await.unwrap());
        catalog.add_member(&made.id, other, 0).await.unwrap();
        changes.push(catalog.trail_changes().await.unwrap());
        for (change, has_other) in changes.into_iter().zip([false, true, false, true]) {
            let expected: BTreeSet<_> =
                [management].into_iter().chain(has_other.then_some(other)).collect();
            assert_eq!(Members::of(&catalog, &made.id, change).await.unwrap(), expected);
        }
    }
}
