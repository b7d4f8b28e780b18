//! `SearchSampleQueries`: the sample queries that go with a phrase, best first.

use wire::shapes::cloudtrail::{
    SearchSampleQueriesRequest, SearchSampleQueriesResponse, SearchSampleQueriesSearchResult,
};

use super::{invalid, samples::Samples};
use crate::{
    fault::Fault,
    page::{self, page},
    trails::Asked,
};

/// Answers `SearchSampleQueries`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) fn search_sample_queries(
    asked: &Asked<'_>,
    request: SearchSampleQueriesRequest,
) -> Result<SearchSampleQueriesResponse, Fault> {
    asked.runner()?;
    let phrase = request.search_phrase.unwrap_or_default();
    let found: Vec<_> = Samples::all().search(&phrase).into_iter().enumerate().collect();
    let (token, size) =
        (request.next_token.as_deref(), page::size(request.max_results, SIZE_DEFAULT));
    let scope = format!("samples {phrase}");
    // The model knows no error of its own for a wrong token here.
    let (found, next_token) = page(found, |(place, _)| format!("{place:04}"), size, token, &scope)
        .map_err(|it| invalid(&it.message))?;
    let shown = found.into_iter().map(|(_, (sample, relevance))| SearchSampleQueriesSearchResult {
        name: Some(sample.name.to_owned()),
        description: Some(sample.description.to_owned()),
        sql: Some(sample.sql.to_owned()),
        relevance: Some(relevance),
    });
    Ok(SearchSampleQueriesResponse { search_results: Some(shown.collect()), next_token })
}

/// Results of a page unless the caller wants fewer or more.
const SIZE_DEFAULT: usize = 10;
