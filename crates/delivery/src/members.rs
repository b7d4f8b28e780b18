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
    ) -> BoxFuture<'a, Result<BTreeSet<AccountId>, Error>> {
        async move {
            let members = self.members(organization).await?;
            Ok(members.into_iter().map(|it| it.account).collect())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use ambient::Ambient;
    use catalog::{FeatureSet, MasterKey};

    use super::*;

    #[tokio::test]
    async fn whoever_joins_is_a_member() {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::in_folder(folder.path()).unwrap();
        let catalog = Catalog::open(folder.path(), master, Ambient::system()).await.unwrap();
        let [management, other] =
            ["123456789012", "210987654321"].map(|it| AccountId::parse(it).unwrap());
        for id in [management, other] {
            catalog.add_account(id, "account").await.unwrap();
        }
        let made = catalog.create_organization(management, FeatureSet::All).await.unwrap();
        assert_eq!(Members::of(&catalog, &made.id).await.unwrap(), BTreeSet::from([management]));
        catalog.add_member(&made.id, other).await.unwrap();
        let both = BTreeSet::from([management, other]);
        assert_eq!(Members::of(&catalog, &made.id).await.unwrap(), both);
    }
}
