//! Where trails may deliver: the buckets of the embedded S3.

use std::sync::Arc;

use api::{Destinations, Unusable};
use buckets::Buckets;
use futures::{FutureExt as _, future::BoxFuture};
use record::AccountId;

/// The embedded S3, if there is one. An account's trails use its own buckets: those of another would
/// need a bucket policy, which the embedded S3 does not have.
#[derive(Debug)]
pub(crate) struct EmbeddedBuckets(pub(crate) Option<Arc<Buckets>>);

impl Destinations for EmbeddedBuckets {
    fn check<'a>(
        &'a self,
        bucket: &'a str,
        account: AccountId,
    ) -> BoxFuture<'a, Result<(), Unusable>> {
        let owner = self.0.as_ref().and_then(|it| it.owner(bucket));
        let usable = match owner {
            None => Err(Unusable::Missing),
            Some(owner) if owner != account => Err(Unusable::Denied),
            Some(_) => Ok(()),
        };
        async move { usable }.boxed()
    }
}
