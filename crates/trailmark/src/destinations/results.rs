//! Buckets for event data stores: where results of queries are written, and old log files are read.

use api::trails::DestinationProblem;
use delivery::{Destination, Object, Refusal};
use jiff::SignedDuration;
use logfiles::Source;
use record::AccountId;

use super::{At, OnBehalf, Places, problem};

impl Places {
    /// Writes a file of a query's result. `source` is what the bucket's policy sees as
    /// `aws:SourceArn`.
    ///
    /// # Errors
    /// [`Refusal`] with the code of S3.
    pub(crate) async fn put_result(
        &self,
        bucket: &str,
        object: Object,
        account: AccountId,
        source: &str,
    ) -> Result<(), Refusal> {
        self.result_place(bucket, account, source)?.put(object).await
    }

    /// Whether a result can be written, as far as can be told without writing.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_result(
        &self,
        bucket: &str,
        key: &str,
        account: AccountId,
        source: &str,
    ) -> Result<(), DestinationProblem> {
        self.result_place(bucket, account, source).map_err(|it| problem(&it))?;
        let is_configured = self.configured.contains_key(bucket);
        let Some(embedded) = self.embedded.as_ref().filter(|_| !is_configured) else {
            return Ok(());
        };
        if embedded.owner(bucket).is_none() {
            return Ok(());
        }
        let allowed = embedded.may_deliver(bucket, key, source, account.as_str(), Some(super::ACL));
        allowed.map_err(|_| DestinationProblem::BucketDenies)
    }

    fn result_place(
        &self,
        bucket: &str,
        account: AccountId,
        source: &str,
    ) -> Result<Destination, Refusal> {
        let writer = OnBehalf { arn: source.to_owned(), account };
        // Results are their owner's to delete.
        self.find_for(bucket, writer, None, SignedDuration::ZERO)
    }

    /// Log files of an account below `s3://bucket[/prefix]`: in a bucket of the embedded S3 that is
    /// its own, or in one that the operator has set up for it.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub(crate) fn source(
        &self,
        uri: &str,
        account: AccountId,
    ) -> Result<Source, DestinationProblem> {
        let rest = uri.strip_prefix("s3://").unwrap_or(uri);
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let name = format!("s3://{bucket}");
        if let Some(place) = self.configured.get(bucket) {
            return place.source(bucket, prefix, &name, account, false);
        }
        if let Some(embedded) = &self.embedded
            && embedded.owner(bucket).is_some()
        {
            if !embedded.may_be_read(bucket, account) {
                return Err(DestinationProblem::BucketDenies);
            }
            let reader = std::sync::Arc::new(embedded.reader(bucket));
            return Ok(Source::bucket(reader, prefix, &name));
        }
        match self.configured.get(super::ANY) {
            Some(place) => place.source(bucket, prefix, &name, account, true),
            None => Err(DestinationProblem::BucketMissing),
        }
    }
}

impl super::Place {
    fn source(
        &self,
        bucket: &str,
        prefix: &str,
        name: &str,
        account: AccountId,
        is_any: bool,
    ) -> Result<Source, DestinationProblem> {
        if !self.writers.contains(&account) {
            return Err(DestinationProblem::BucketDenies);
        }
        let unreachable =
            |it: Box<dyn std::error::Error + Send + Sync>| DestinationProblem::Unreachable(it);
        match &self.at {
            At::Folder(folder) => {
                let folder = if is_any { folder.join(bucket) } else { folder.clone() };
                let store = object_store::local::LocalFileSystem::new_with_prefix(folder);
                let store = store.map_err(|it| unreachable(it.into()))?;
                Ok(Source::bucket(std::sync::Arc::new(store), prefix, name))
            }
            At::Service(service) => {
                let store = service.reader(bucket).map_err(|it| unreachable(it.into()))?;
                Ok(Source::bucket(store, prefix, name))
            }
        }
    }
}
