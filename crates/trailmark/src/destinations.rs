//! Where trails may deliver: the buckets of the embedded S3.

use std::sync::Arc;

use api::trails::{Anywhere, Destination, DestinationProblem, Destinations};
use buckets::Buckets;
use catalog::TrailArn;
use futures::{FutureExt as _, future::BoxFuture};

/// The embedded S3, if there is one. An account's trails use its own buckets: those of another would
/// need a bucket policy, which the embedded S3 does not have. Keys, topics and log groups cannot be
/// asked, and are believed.
#[derive(Debug)]
pub(crate) struct EmbeddedBuckets(pub(crate) Option<Arc<Buckets>>);

impl Destinations for EmbeddedBuckets {
    fn key_arn<'a>(
        &'a self,
        key: &'a str,
        trail: &'a TrailArn,
    ) -> BoxFuture<'a, Result<String, DestinationProblem>> {
        Anywhere.key_arn(key, trail)
    }

    fn check<'a>(
        &'a self,
        destination: Destination<'a>,
    ) -> BoxFuture<'a, Result<(), DestinationProblem>> {
        let owner = self.0.as_ref().and_then(|it| it.owner(destination.bucket));
        let usable = match owner {
            None => Err(DestinationProblem::BucketMissing),
            Some(owner) if owner != destination.trail.account => {
                Err(DestinationProblem::BucketDenies)
            }
            Some(_) => Ok(()),
        };
        async move { usable }.boxed()
    }
}
