//! `ListImports`: the imports of the account in the region, newest first.

use catalog::{Import, ImportStatus};
use wire::shapes::cloudtrail::{ImportsListItem, ListImportsRequest, ListImportsResponse};

use crate::{
    fault::Fault,
    page::{self, page},
    stores::{self, Named},
    trails::Asked,
};

/// Answers `ListImports`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn list_imports(
    asked: &Asked<'_>,
    request: ListImportsRequest,
) -> Result<ListImportsResponse, Fault> {
    asked.importer()?;
    let store = request.destination.as_deref().map(stores::store_arn).transpose()?;
    let store = store.map(|it| match it {
        Named::Arn(arn) => arn.id,
        Named::Id(id) => id,
    });
    let status = request.import_status.as_deref().and_then(ImportStatus::from_word);
    let imports = asked.catalog().imports(asked.account, asked.region).await;
    let mut imports = imports.map_err(|it| asked.refused(it))?;
    imports.retain(|it| {
        store.is_none_or(|id| it.store.id == id) && status.is_none_or(|wanted| it.status == wanted)
    });
    // Newest first is in the order of what is left to the end of time.
    let key = |it: &Import| {
        format!("{:020}{}", i64::MAX.saturating_sub(it.created.as_millisecond()), it.id)
    };
    imports.sort_by_cached_key(key);
    let scope = format!(
        "imports {} {} {:?} {:?}",
        asked.account, asked.region, request.destination, request.import_status
    );
    let (token, size) =
        (request.next_token.as_deref(), page::size(request.max_results, page::SIZE_MAX));
    let (imports, next_token) = page(imports, key, size, token, &scope)?;
    let shown = imports.into_iter().map(|it| ImportsListItem {
        import_id: Some(it.id.to_string()),
        import_status: Some(it.status.as_str().to_owned()),
        destinations: Some(vec![it.store.to_string()]),
        created_timestamp: Some(it.created),
        updated_timestamp: Some(it.updated),
    });
    Ok(ListImportsResponse { imports: Some(shown.collect()), next_token })
}
