//! `GetImport`: how an import goes.

use wire::shapes::cloudtrail::{GetImportRequest, GetImportResponse};

use super::shown;
use crate::{fault::Fault, trails::Asked};

/// Answers `GetImport`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn get_import(
    asked: &Asked<'_>,
    request: GetImportRequest,
) -> Result<GetImportResponse, Fault> {
    Ok(shown(&asked.find_import(request.import_id.as_deref()).await?))
}
