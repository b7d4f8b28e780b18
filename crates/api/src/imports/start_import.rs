//! `StartImport`: a new import of the files below a prefix, or one to go on with.
//!
//! The files go into the table of the store directly, whatever its selectors say; events older than
//! its retention are left out.

use catalog::{
    EventDataStore, Import, ImportReport, ImportSource, ImportStatus, NewImport, StoreStatus,
    partition,
};
use record::AccountId;
use wire::shapes::cloudtrail::{
    ErrorCode, S3ImportSource, StartImportRequest, StartImportResponse,
};

use super::{ImporterFailed, invalid, shown};
use crate::{
    fault::{Fault, fault, internal},
    stores::{self, Use},
    trails::{Asked, DestinationProblem, organizations::not_management, settings::check_bucket},
};

/// Answers `StartImport`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn start_import(
    asked: &Asked<'_>,
    request: StartImportRequest,
) -> Result<StartImportResponse, Fault> {
    let importer = asked.importer()?;
    let is_new = request.destinations.is_some() || request.import_source.is_some();
    let import = match (request.import_id.as_deref(), is_new) {
        (Some(id), false) => resumed(asked, id).await?,
        (None, true) => created(asked, request).await?,
        (Some(_), true) | (None, false) => {
            return Err(invalid("Specify either ImportId, or Destinations and ImportSource."));
        }
    };
    let answer = shown(&import);
    let (id, before) = (import.id, import.clone());
    if let Err(error) = importer.start(import).await {
        // Nobody runs it: it must not keep the account from starting another.
        let failed = ImportReport {
            status: ImportStatus::Failed,
            statistics: before.statistics,
            place: before.place,
            failures: Vec::new(),
        };
        asked.catalog().report_import(id, &failed).await.map_err(|it| asked.refused(it))?;
        return Err(internal(ImporterFailed(error)));
    }
    Ok(StartImportResponse {
        import_id: answer.import_id,
        destinations: answer.destinations,
        import_source: answer.import_source,
        start_event_time: answer.start_event_time,
        end_event_time: answer.end_event_time,
        import_status: answer.import_status,
        created_timestamp: answer.created_timestamp,
        updated_timestamp: answer.updated_timestamp,
    })
}

async fn resumed(asked: &Asked<'_>, id: &str) -> Result<Import, Fault> {
    let import = asked.find_import(Some(id)).await?;
    find(asked, &import.store.to_string()).await?;
    try_source(asked, &import.source).await?;
    asked.catalog().resume_import(import.id).await.map_err(|it| asked.refused(it))
}

async fn created(asked: &Asked<'_>, request: StartImportRequest) -> Result<Import, Fault> {
    let destinations = request.destinations.unwrap_or_default();
    let [destination] = destinations.as_slice() else {
        return Err(invalid("Specify one destination."));
    };
    let source = request.import_source.and_then(|it| it.s3);
    let source = source.ok_or_else(|| invalid("Specify ImportSource."))?;
    if let (Some(start), Some(end)) = (request.start_event_time, request.end_event_time)
        && start > end
    {
        return Err(invalid("StartEventTime is later than EndEventTime."));
    }
    let source = read_source(source)?;
    let store = find(asked, destination).await?;
    try_source(asked, &source).await?;
    let new = NewImport {
        id: asked.stores()?.ambient.random.uuid(),
        account: asked.account,
        region: asked.region.to_owned(),
        store: store.arn,
        source,
        start_event: request.start_event_time,
        end_event: request.end_event_time,
    };
    asked.catalog().create_import(&new).await.map_err(|it| asked.refused(it))
}

/// The store that takes the events. Into an organization's only the management account imports.
async fn find(asked: &Asked<'_>, name: &str) -> Result<EventDataStore, Fault> {
    let store = asked.find_active_store(name, Use::Change).await?;
    if store.arn.account != asked.account {
        return Err(not_management());
    }
    if !stores::is_of_calls(&store.settings)? {
        return Err(fault(
            ErrorCode::InvalidEventDataStoreCategoryException,
            "The event data store must be one of CloudTrail events.",
        ));
    }
    match store.status {
        StoreStatus::Enabled | StoreStatus::StoppedIngestion => Ok(store),
        StoreStatus::Created
        | StoreStatus::Gone
        | StoreStatus::PendingDeletion
        | StoreStatus::StartingIngestion
        | StoreStatus::StoppingIngestion => {
            let message = format!("The event data store is {}.", store.status.as_str());
            Err(fault(ErrorCode::InvalidEventDataStoreStatusException, &message))
        }
    }
}

fn read_source(given: S3ImportSource) -> Result<ImportSource, Fault> {
    let uri = given.s3_location_uri.unwrap_or_default();
    let region = given.s3_bucket_region.unwrap_or_default();
    let role_arn = given.s3_bucket_access_role_arn.unwrap_or_default();
    let wrong = |message: &str| fault(ErrorCode::InvalidImportSourceException, message);
    let place = uri.strip_prefix("s3://").unwrap_or_default();
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if check_bucket(bucket).is_err() || uri.len() > URI_MAX || prefix.chars().any(char::is_control)
    {
        return Err(wrong("S3LocationUri is not of the form s3://bucket/prefix."));
    }
    let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if !(1..=32).contains(&region.len()) || !region.chars().all(plain) {
        return Err(wrong("S3BucketRegion is not a Region."));
    }
    let is_role = match role_arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", of, "iam", "", account, name] => {
            *of == partition(&region)
                && AccountId::parse(account).is_ok()
                && name.strip_prefix("role/").is_some_and(|it| !it.is_empty())
        }
        _ => false,
    };
    if !is_role {
        return Err(wrong("S3BucketAccessRoleArn is not the ARN of a role."));
    }
    Ok(ImportSource { uri, region, role_arn })
}

async fn try_source(asked: &Asked<'_>, source: &ImportSource) -> Result<(), Fault> {
    let wrong = |what: &str| {
        let message = format!("The import source {} {what}.", source.uri);
        Err(fault(ErrorCode::InvalidImportSourceException, &message))
    };
    match asked.importer()?.check(asked.account, source).await {
        Ok(()) => Ok(()),
        Err(DestinationProblem::BucketDenies | DestinationProblem::LogsRole) => {
            wrong("cannot be read with the role")
        }
        Err(DestinationProblem::BucketMissing) => wrong("does not exist"),
        Err(problem) => Err(problem.fault(&source.uri, "")),
    }
}

/// Characters of a location.
const URI_MAX: usize = 1024;
