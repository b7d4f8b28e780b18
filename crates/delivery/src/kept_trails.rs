//! Trails as the catalog keeps them, followed as they change.
//!
//! Start at [`KeptTrails::open`], then spawn [`KeptTrails::follow`].

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use ambient::Ambient;
use catalog::{Catalog, DELIVERY_CURSOR, Stage};
use futures::future::BoxFuture;
use log::Position;
use matching::Selectors;
use record::AccountId;
use tokio::sync::watch;
use tracing::warn;

use crate::{Error, Organization, TrailVersion, Trails};

/// Knows who is in an organization.
pub trait Members: fmt::Debug + Send + Sync {
    /// The accounts that were in the organization of that id when the trail's version of that number
    /// was made, the management account included. Who joins or leaves makes new versions.
    ///
    /// # Errors
    /// [`Error`] when they cannot be had; asked again later.
    fn of<'a>(
        &'a self,
        organization: &'a str,
        change: u64,
    ) -> BoxFuture<'a, Result<BTreeSet<AccountId>, Error>>;
}

/// The trails of a catalog.
#[derive(Debug)]
pub struct KeptTrails {
    catalog: Catalog,
    members: Arc<dyn Members>,
    ambient: Ambient,
    told: watch::Sender<Arc<[Arc<TrailVersion>]>>,
}

impl KeptTrails {
    /// Reads the trails as they are.
    ///
    /// # Errors
    /// [`Error`] when the catalog or an organization cannot be read.
    pub async fn open(
        catalog: Catalog,
        members: Arc<dyn Members>,
        ambient: Ambient,
    ) -> Result<Self, Error> {
        let told = watch::Sender::new(Arc::from([]));
        let trails = Self { catalog, members, ambient, told };
        trails.read().await?;
        Ok(trails)
    }

    /// Reads them again after every change of them or of who is in an organization: at once when this
    /// process made it, within [`OTHERS_SEEN`] when another did. Never ends.
    pub async fn follow(&self) {
        let mut changes = self.catalog.watch_trails();
        loop {
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = self.ambient.clock.sleep(OTHERS_SEEN) => {}
            }
            if let Err(error) = self.read().await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "trails cannot be read; trying again"
                );
            }
        }
    }

    async fn read(&self) -> Result<(), Error> {
        let position = self.catalog.cursor(DELIVERY_CURSOR).await?.unwrap_or(0);
        let history = self.catalog.trail_history(position).await?;
        let mut versions = Vec::with_capacity(history.versions.len());
        for kept in history.versions {
            versions.push(Arc::new(self.version(kept).await?));
        }
        self.told.send_if_modified(|told| {
            let differs = **told != *versions;
            if differs {
                *told = Arc::from(versions);
            }
            differs
        });
        Ok(())
    }

    async fn version(&self, kept: catalog::TrailVersion) -> Result<TrailVersion, Error> {
        let trail_arn = kept.arn.to_string();
        let selectors = match &kept.event_selectors {
            Some(text) => serde_json::from_str(text)
                .map_err(|_| Error::Damaged { what: "event selectors", of: trail_arn.clone() })?,
            None => Selectors::default(),
        };
        let sns_topic = kept.sns_topic_arn();
        let settings = kept.settings;
        let organization = match settings.organization {
            Some(id) => {
                Some(Organization { members: self.members.of(&id, kept.number).await?, id })
            }
            None => None,
        };
        Ok(TrailVersion {
            trail_arn,
            version: kept.number,
            from: Position(kept.from),
            since: kept.validated_since.unwrap_or(kept.made),
            name: kept.arn.name.to_string(),
            account: kept.arn.account,
            home_region: kept.arn.home_region,
            is_logging: kept.stage == Stage::Logging,
            bucket: settings.s3_bucket_name,
            // As it was given, slashes and all: clients look for files where it says.
            prefix: settings.s3_key_prefix.filter(|it| !it.is_empty()),
            selectors,
            multi_region: settings.is_multi_region_trail,
            global_events: settings.include_global_service_events,
            validation: settings.log_file_validation_enabled,
            organization,
            kms_key: settings.kms_key_id,
            sns_topic,
            recursive_logging: settings.recursive_logging,
        })
    }
}

impl Trails for KeptTrails {
    fn versions(&self) -> watch::Receiver<Arc<[Arc<TrailVersion>]>> {
        self.told.subscribe()
    }
}

/// How long a change by another process may stay unseen.
pub const OTHERS_SEEN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use catalog::{MasterKey, NewTrail, TrailArn, TrailSettings};
    use futures::FutureExt as _;

    use super::*;

    #[derive(Debug)]
    struct Nobody;

    impl Members for Nobody {
        fn of<'a>(
            &'a self,
            _: &'a str,
            _: u64,
        ) -> BoxFuture<'a, Result<BTreeSet<AccountId>, Error>> {
            let member = AccountId::parse("210987654321").unwrap();
            async move { Ok(BTreeSet::from([member])) }.boxed()
        }
    }

    #[tokio::test]
    async fn a_change_of_a_trail_is_told_with_its_position() {
        let folder = tempfile::tempdir().unwrap();
        let (ambient, clock) = testkit::ambient("2026-07-01T12:00:00Z".parse().unwrap(), 1);
        let master = MasterKey::in_folder(folder.path()).unwrap();
        let catalog = Catalog::open(folder.path(), master, ambient.clone()).await.unwrap();
        let arn = "arn:aws:cloudtrail:us-east-1:123456789012:trail/audit";
        let arn = TrailArn::parse(arn).unwrap();
        let settings = TrailSettings {
            s3_key_prefix: Some("/team/".to_owned()),
            sns_topic_name: Some("files".to_owned()),
            organization: Some("o-exampleorgid".to_owned()),
            ..TrailSettings::new("ledger")
        };
        let new = NewTrail { arn: arn.clone(), settings, tags: Vec::new() };
        catalog.create_trail(&new, 7).await.unwrap();

        let other =
            TrailArn::parse("arn:aws:cloudtrail:us-east-1:123456789012:trail/other").unwrap();

        let trails = KeptTrails::open(catalog.clone(), Arc::new(Nobody), ambient).await.unwrap();
        let mut told = trails.versions();
        let first = Arc::clone(&told.borrow_and_update());
        let [first] = first.as_ref() else { panic!("{first:?}") };
        assert_eq!((first.from, first.is_logging, &*first.bucket), (Position(7), false, "ledger"));
        assert_eq!(first.prefix.as_deref(), Some("/team/"));
        assert_eq!(first.sns_topic.as_deref(), Some("arn:aws:sns:us-east-1:123456789012:files"));
        assert_eq!(first.organization.as_ref().unwrap().members.len(), 1);
        assert_eq!(first.selectors, Selectors::default());

        let changed = async {
            catalog.set_logging(&arn, true, 9).await.unwrap();
            told.changed().await.unwrap();
            let now = Arc::clone(&told.borrow_and_update());
            assert_eq!((now[1].from, now[1].is_logging), (Position(9), true));
            catalog.delete_trail(&arn, 12).await.unwrap();
            told.changed().await.unwrap();
            let now = Arc::clone(&told.borrow_and_update());
            assert_eq!((now[2].from, now[2].is_logging), (Position(12), false));
            let settings =
                TrailSettings { log_file_validation_enabled: true, ..TrailSettings::new("ledger") };
            let new = NewTrail { arn: other.clone(), settings, tags: Vec::new() };
            catalog.create_trail(&new, 13).await.unwrap();
            catalog.set_logging(&other, true, 13).await.unwrap();
        };
        tokio::select! {
            () = changed => {}
            () = trails.follow() => panic!("it ended"),
        }
        // Also where older versions are not told any more, it is known since when it logs.
        let trail = catalog.trail(&other).await.unwrap().unwrap();
        let begun = catalog.trail_version(trail.version).await.unwrap().unwrap().made;
        clock.advance(Duration::from_secs(3_600));
        catalog
            .set_event_selectors(&other, Some(r#"{"AdvancedEventSelectors":[]}"#), 14)
            .await
            .unwrap();
        catalog.set_cursor(DELIVERY_CURSOR, 15).await.unwrap();
        trails.read().await.unwrap();
        let now = Arc::clone(&told.borrow_and_update());
        let [_, last] = now.as_ref() else { panic!("{now:?}") };
        assert_eq!((last.from, last.since), (Position(14), begun));
        // A trail that was deleted long ago stays, so that its last digest can be made.
        catalog.set_cursor(DELIVERY_CURSOR, 20).await.unwrap();
        trails.read().await.unwrap();
        let now = Arc::clone(&told.borrow_and_update());
        assert_eq!(now.iter().map(|it| it.from.0).collect::<Vec<_>>(), [12, 14]);
    }
}
