//! What `trailmark import` asks of the server.

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};

use super::text;
use crate::{cloudtrail::CloudTrail, credentials::Credentials};

/// The server, and the event data store in it.
#[derive(Debug)]
pub(super) struct Server {
    calls: CloudTrail,
    region: String,
    store: String,
}

impl Server {
    /// Finds a store by its name, id or ARN.
    ///
    /// # Errors
    /// When the server does not answer, or knows no such store.
    pub(super) async fn find(
        endpoint: &str,
        key: Credentials,
        region: &str,
        store: &str,
    ) -> anyhow::Result<Self> {
        let region = match store.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "cloudtrail", region, ..] => (*region).to_owned(),
            _ => region.to_owned(),
        };
        let calls = CloudTrail::with(endpoint, key)?;
        let mut server = Self { calls, region, store: String::new() };
        let listed = server.all("ListEventDataStores", json!({}), "EventDataStores").await;
        let stores = listed.with_context(|| format!("cannot list the stores of {endpoint}"))?;
        let is_meant = |it: &&Value| {
            let arn = text(it, "EventDataStoreArn");
            [arn, arn.rsplit('/').next().unwrap_or(arn), text(it, "Name")].contains(&store)
        };
        let Some(found) = stores.iter().find(is_meant) else {
            let names: Vec<_> = stores.iter().map(|it| text(it, "Name")).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            bail!(
                "there is no event data store `{store}` in {}; there are: {names}",
                server.region
            );
        };
        text(found, "EventDataStoreArn").clone_into(&mut server.store);
        Ok(server)
    }

    /// The store's ARN.
    pub(super) fn store(&self) -> &str {
        &self.store
    }

    /// The account of the store.
    pub(super) fn account(&self) -> &str {
        self.store.split(':').nth(4).unwrap_or_default()
    }

    /// Makes a bucket of the caller's own, unless it is there.
    pub(super) async fn make_bucket(&self, name: &str) -> anyhow::Result<()> {
        self.calls.make_bucket(&self.region, name).await
    }

    /// The newest import of a source into the store.
    pub(super) async fn newest(&self, uri: &str) -> anyhow::Result<Option<Value>> {
        let of = json!({"Destination": self.store});
        for listed in self.all("ListImports", of, "Imports").await? {
            let import = self.import(text(&listed, "ImportId")).await?;
            let from = import.pointer("/ImportSource/S3/S3LocationUri").and_then(Value::as_str);
            let is_whole =
                ["StartEventTime", "EndEventTime"].iter().all(|it| import.get(it).is_none());
            if is_whole && from.is_some_and(|it| is_same(it, uri)) {
                return Ok(Some(import));
            }
        }
        Ok(None)
    }

    /// Starts an import; its id.
    pub(super) async fn start(&self, uri: &str) -> anyhow::Result<String> {
        let partition = self.store.split(':').nth(1).unwrap_or("aws");
        // No role is assumed; the operation wants one all the same.
        let role = format!("arn:{partition}:iam::{}:role/trailmark-import", self.account());
        let source = json!({
            "S3LocationUri": uri, "S3BucketRegion": self.region, "S3BucketAccessRoleArn": role,
        });
        let request = json!({"Destinations": [self.store], "ImportSource": {"S3": source}});
        let started = self.calls.call(&self.region, "StartImport", &request).await;
        let started = started.map_err(|error| {
            if !error.to_string().contains("InvalidImportSourceException") {
                return error;
            }
            error.context(
                "the server cannot read the bucket: it reads those of its embedded S3, and those \
                 that are set up as [buckets.NAME] of its configuration",
            )
        })?;
        Ok(text(&started, "ImportId").to_owned())
    }

    /// Takes up an import that has ended; its id.
    pub(super) async fn resume(&self, id: &str) -> anyhow::Result<String> {
        let request = json!({"ImportId": id});
        let started = self.calls.call(&self.region, "StartImport", &request).await?;
        Ok(text(&started, "ImportId").to_owned())
    }

    /// How an import stands.
    pub(super) async fn import(&self, id: &str) -> anyhow::Result<Value> {
        self.calls.call(&self.region, "GetImport", &json!({"ImportId": id})).await
    }

    /// The files that an import could not take.
    pub(super) async fn failures(&self, id: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = self.all("ListImportFailures", json!({"ImportId": id}), "Failures").await?;
        all.retain(|it| text(it, "Status") != "SUCCEEDED");
        Ok(all)
    }

    /// All pages of a list.
    async fn all(&self, operation: &str, mut of: Value, name: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        for _ in 0..PAGES_MAX {
            let mut page = self.calls.call(&self.region, operation, &of).await?;
            if let Some(Value::Array(items)) = page.get_mut(name).map(Value::take) {
                all.extend(items);
            }
            let Some(token) = page.get("NextToken").and_then(Value::as_str) else {
                return Ok(all);
            };
            if let Some(members) = of.as_object_mut() {
                members.insert("NextToken".to_owned(), token.into());
            }
        }
        Err(anyhow!("{operation} has no end"))
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// More pages than a list of anything here has.
const PAGES_MAX: usize = 10_000;
