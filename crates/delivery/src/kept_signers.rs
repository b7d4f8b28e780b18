//! Keys of the catalog that sign digests: made when a region first needs one, renewed in time.

use std::{collections::HashMap, sync::Arc};

use catalog::{Catalog, NewSigningKey, PrivateKey, SigningKey};
use futures::{FutureExt as _, future::BoxFuture};
use integrity::digest::{self, RsaSigner, Signer, Stamp};
use jiff::Timestamp;
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::Signers;

/// Signs with keys that the catalog holds, sealed. Two processes on one catalog use the same.
#[derive(Debug)]
pub struct KeptSigners {
    catalog: Catalog,
    /// The signer of each region and its end, so that a key is opened once. Held while one is made,
    /// so that each is made once.
    open: Mutex<HashMap<String, (SigningKey, RsaSigner)>>,
}

impl KeptSigners {
    /// Signs with the keys of `catalog`.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog, open: Mutex::default() }
    }

    async fn find(&self, region: &str, at: Timestamp) -> Result<RsaSigner, digest::Error> {
        let mut open = self.open.lock().await;
        if let Some((key, signer)) = open.get(region)
            && key.valid_from <= at
            && !key.is_due(at)
        {
            return Ok(signer.clone());
        }
        let kept = self.catalog.signing_key(region, at).await.map_err(unusable)?;
        let mut key = match kept.filter(|it| !it.is_due(at)) {
            Some(key) => key,
            None => {
                let new = spawn_blocking(make).await.map_err(unusable)??;
                self.catalog.add_signing_key(region, new, at).await.map_err(unusable)?
            }
        };
        // What is open needs no second copy of the secret.
        let private = key.private_key.take().ok_or(digest::Error::Key)?;
        let signer = RsaSigner::from_pkcs8(private.expose())?;
        open.insert(region.to_owned(), (key, signer.clone()));
        Ok(signer)
    }
}

fn make() -> Result<NewSigningKey, digest::Error> {
    let signer = RsaSigner::generate()?;
    let public = signer.public_key();
    Ok(NewSigningKey {
        fingerprint: public.fingerprint().to_string(),
        public_key: public.as_pkcs1().to_vec(),
        private_key: PrivateKey::new(signer.to_pkcs8()?.as_ref().to_vec()),
    })
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> digest::Error {
    digest::Error::Sign(Box::new(error))
}

impl Signers for KeptSigners {
    fn signer<'a>(
        &'a self,
        region: &'a str,
        at: Stamp,
    ) -> BoxFuture<'a, Result<Arc<dyn Signer>, digest::Error>> {
        async move {
            let signer = self.find(region, at.timestamp()).await?;
            Ok(Arc::new(signer) as Arc<dyn Signer>)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use catalog::MasterKey;
    use jiff::SignedDuration;

    use super::*;

    #[tokio::test]
    async fn a_region_has_one_key_at_a_time_that_every_process_uses_and_that_is_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        let (ambient, _clock) = testkit::ambient(now, 1);
        let master = || MasterKey::in_folder(folder.path()).unwrap();
        let catalog = Catalog::open(folder.path(), master(), ambient.clone()).await.unwrap();
        let other = Catalog::open(folder.path(), master(), ambient).await.unwrap();
        let signers = [KeptSigners::new(catalog.clone()), KeptSigners::new(other)];
        let after = |days: i64| Stamp::of(now + SignedDuration::from_hours(24 * days));
        let fingerprint = async |process: usize, region: &str, days: i64| {
            let signer = signers[process].signer(region, after(days)).await.unwrap();
            let signature = signer.sign(b"digest").await.unwrap();
            assert!(signer.public_key().verifies(b"digest", &signature));
            signer.public_key().fingerprint().to_string()
        };
        let first = fingerprint(0, "eu-west-1", 0).await;
        assert_eq!(fingerprint(0, "eu-west-1", 1).await, first);
        assert_eq!(fingerprint(1, "eu-west-1", 26).await, first);
        assert_ne!(fingerprint(0, "us-east-1", 0).await, first);
        let second = fingerprint(1, "eu-west-1", 28).await;
        assert_ne!(second, first);
        assert_eq!(fingerprint(0, "eu-west-1", 28).await, second);

        let shown = catalog.public_keys("eu-west-1", now, after(28).timestamp()).await.unwrap();
        let shown: Vec<_> = shown.into_iter().map(|it| it.fingerprint).collect();
        assert_eq!(shown, [first, second]);
    }
}
