//! `StopImport`: an import that can be gone on with. Stopping one that has ended changes nothing.

use wire::shapes::cloudtrail::{StopImportRequest, StopImportResponse};

use super::{ImporterFailed, shown};
use crate::{
    fault::{Fault, internal},
    trails::Asked,
};

/// Answers `StopImport`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn stop_import(
    asked: &Asked<'_>,
    request: StopImportRequest,
) -> Result<StopImportResponse, Fault> {
    let importer = asked.importer()?;
    let import = asked.find_import(request.import_id.as_deref()).await?;
    let was_running = import.status.is_running();
    let stopped = asked.catalog().stop_import(import.id).await.map_err(|it| asked.refused(it))?;
    if was_running {
        importer.stop(import.id).await.map_err(|it| internal(ImporterFailed(it)))?;
    }
    let answer = shown(&stopped);
    Ok(StopImportResponse {
        import_id: answer.import_id,
        import_source: answer.import_source,
        destinations: answer.destinations,
        import_status: answer.import_status,
        created_timestamp: answer.created_timestamp,
        updated_timestamp: answer.updated_timestamp,
        start_event_time: answer.start_event_time,
        end_event_time: answer.end_event_time,
        import_statistics: answer.import_statistics,
    })
}
