//! Imports of old log files into event data stores.
//!
//! Lives here: the operations on imports.
//! Lives elsewhere: reading the files (handed in as a [`crate::stores::Importer`]), what is known of
//! each import (`catalog`).
//!
//! Start at `start_import`.
//! Spec: CloudTrail API Reference, the operations named as the files here; CloudTrail User Guide,
//! "Copying trail events to an event data store".

mod get_import;
mod list_import_failures;
mod list_imports;
mod start_import;
mod stop_import;

use catalog::{Import, LakeRefusal, lake_id};
use wire::shapes::cloudtrail::{self as shape, ErrorCode};

pub(crate) use self::{
    get_import::get_import, list_import_failures::list_import_failures, list_imports::list_imports,
    start_import::start_import, stop_import::stop_import,
};
use crate::{
    fault::{Fault, fault},
    stores,
    trails::Asked,
};

impl Asked<'_> {
    /// The caller's import of that id.
    ///
    /// # Errors
    /// `ImportNotFoundException`; `UnsupportedOperationException` when nothing imports here.
    async fn find_import(&self, id: Option<&str>) -> Result<Import, Fault> {
        self.importer()?;
        let text = id.unwrap_or_default();
        let found = match lake_id(text) {
            Some(id) => self.catalog().import(id).await.map_err(|it| self.refused(it))?,
            None => None,
        };
        found
            .filter(|it| it.account == self.account && it.region == self.region)
            .ok_or_else(|| stores::refused(&LakeRefusal::ImportUnknown(text.to_owned())))
    }
}

/// An import as `GetImport` shows it.
fn shown(import: &Import) -> shape::GetImportResponse {
    let statistics = import.statistics;
    let number = |it: u64| i64::try_from(it).ok();
    shape::GetImportResponse {
        import_id: Some(import.id.to_string()),
        destinations: Some(vec![import.store.to_string()]),
        import_source: Some(shape::ImportSource {
            s3: Some(shape::S3ImportSource {
                s3_location_uri: Some(import.source.uri.clone()),
                s3_bucket_region: Some(import.source.region.clone()),
                s3_bucket_access_role_arn: Some(import.source.role_arn.clone()),
            }),
        }),
        start_event_time: import.start_event,
        end_event_time: import.end_event,
        import_status: Some(import.status.as_str().to_owned()),
        created_timestamp: Some(import.created),
        updated_timestamp: Some(import.updated),
        import_statistics: Some(shape::ImportStatistics {
            prefixes_found: number(statistics.prefixes_found),
            prefixes_completed: number(statistics.prefixes_completed),
            files_completed: number(statistics.files_completed),
            events_completed: number(statistics.events_completed),
            failed_entries: number(statistics.failed_entries),
        }),
    }
}

fn invalid(message: &str) -> Fault {
    fault(ErrorCode::InvalidParameterException, message)
}

#[derive(Debug, thiserror::Error)]
#[error("what imports log files failed")]
struct ImporterFailed(#[source] wire::answer::BoxError);
