//! `ListImportFailures`: the files of an import that could not be imported.

use wire::shapes::cloudtrail::{
    ImportFailureListItem, ListImportFailuresRequest, ListImportFailuresResponse,
};

use crate::{
    fault::{Fault, internal},
    page,
    trails::Asked,
};

/// Answers `ListImportFailures`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn list_import_failures(
    asked: &Asked<'_>,
    request: ListImportFailuresRequest,
) -> Result<ListImportFailuresResponse, Fault> {
    let import = asked.find_import(request.import_id.as_deref()).await?;
    let scope = format!("failures {}", import.id);
    let after = match request.next_token.as_deref() {
        Some(token) => page::decode(token, &scope)?.parse().map_err(internal)?,
        None => 0,
    };
    let size = page::size(request.max_results, page::SIZE_MAX);
    let max = u32::try_from(size.saturating_add(1)).unwrap_or(u32::MAX);
    let found = asked.catalog().import_failures(import.id, after, max).await;
    let mut failures = found.map_err(|it| asked.refused(it))?;
    let has_more = failures.len() > size;
    failures.truncate(size);
    let last = failures.last().filter(|_| has_more);
    let next_token = last.map(|it| page::encode(&it.sequence.to_string(), &scope));
    let shown = failures.into_iter().map(|it| ImportFailureListItem {
        location: Some(it.location),
        status: Some(it.status.as_str().to_owned()),
        error_type: Some(it.error_type),
        error_message: Some(it.error_message),
        last_updated_time: Some(it.updated),
    });
    Ok(ListImportFailuresResponse { failures: Some(shown.collect()), next_token })
}
