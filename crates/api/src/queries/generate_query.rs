//! `GenerateQuery`: the sample query that says all that a prompt asks for.
//!
//! No language model is asked. A prompt of which any word that matters is in no sample query gets
//! `GenerateResponseException`, as a prompt does in AWS that nothing can be made of: better no query
//! than one that leaves a condition out in silence.

use catalog::QueryAlias;
use wire::shapes::cloudtrail::{ErrorCode, GenerateQueryRequest, GenerateQueryResponse};

use super::{invalid, over, samples::Samples};
use crate::{
    fault::{Fault, fault},
    stores::{self, Use},
    trails::Asked,
};

/// Answers `GenerateQuery`. The statement holds `$EDS_ID`, as AWS's does; the alias knows the store.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn generate_query(
    asked: &Asked<'_>,
    request: GenerateQueryRequest,
) -> Result<GenerateQueryResponse, Fault> {
    asked.runner()?;
    let stores = request.event_data_stores.unwrap_or_default();
    let name = stores.first().map(String::as_str).unwrap_or_default();
    let store = asked.find_active_store(name, Use::Read("cloudtrail:GenerateQuery")).await?;
    if !stores::is_of_calls(&store.settings)? {
        return Err(invalid("Queries are generated for stores of CloudTrail events only."));
    }
    let prompt = request.prompt.unwrap_or_default();
    let sample = Samples::all().saying(&prompt).ok_or_else(|| {
        fault(
            ErrorCode::GenerateResponseException,
            "No query could be made of the prompt. Try other words, or SearchSampleQueries.",
        )
    })?;
    let alias = format!("AWSCloudTrail-{}", asked.stores()?.ambient.random.uuid());
    let kept = QueryAlias {
        alias: alias.clone(),
        statement: over(sample.sql, store.arn.id),
        prompt: Some(prompt),
    };
    let put = asked.catalog().put_query_alias(asked.account, &kept).await;
    put.map_err(|it| asked.refused(it))?;
    let owner = store.arn.account;
    Ok(GenerateQueryResponse {
        query_statement: Some(sample.sql.to_owned()),
        query_alias: Some(alias),
        event_data_store_owner_account_id: (owner != asked.account).then(|| owner.to_string()),
    })
}
