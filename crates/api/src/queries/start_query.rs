//! `StartQuery`: a statement, or an alias with parameters, over stores that the caller may read.

use catalog::{DeliveryState, LakeRefusal, NewQuery, QueryReport, QueryStatistics, QueryStatus};
use uuid::Uuid;
use wire::shapes::cloudtrail::{ErrorCode, StartQueryRequest, StartQueryResponse};

use super::{delivery, invalid, shown_owner};
use crate::{
    fault::{Fault, fault, internal},
    stores::{self, StatementProblem, Use},
    trails::Asked,
};

/// Answers `StartQuery`.
///
/// # Errors
/// The faults that the model names for this operation.
pub(crate) async fn start_query(
    asked: &Asked<'_>,
    request: StartQueryRequest,
) -> Result<StartQueryResponse, Fault> {
    let runner = asked.runner()?;
    let given = statement(asked, &request).await?;
    let named = runner.stores_named(&given.statement).await.map_err(|problem| match problem {
        StatementProblem::Failed(_) => internal(problem),
        StatementProblem::Refused(message) => {
            fault(ErrorCode::InvalidQueryStatementException, &message)
        }
    })?;
    let owner = check_stores(asked, &named, request.event_data_store_owner_account_id).await?;
    if let Some(uri) = &request.delivery_s3_uri {
        delivery::check(asked, uri).await?;
    }
    let id = asked.stores()?.ambient.random.uuid();
    let new = NewQuery {
        id,
        account: asked.account,
        region: asked.region.to_owned(),
        owner,
        statement: given.statement,
        stores: named,
        alias: request.query_alias,
        refresh: None,
        prompt: given.prompt,
        delivery_uri: request.delivery_s3_uri,
    };
    asked.catalog().create_query(&new).await.map_err(|it| asked.refused(it))?;
    let kept = asked.catalog().query(id).await.map_err(|it| asked.refused(it))?;
    let query = kept.ok_or_else(|| stores::refused(&LakeRefusal::QueryUnknown(id.to_string())))?;
    let owner = shown_owner(&query, asked.account);
    if let Err(error) = runner.start(query).await {
        // Nobody runs it: it must not wait for ever, nor take the place of one that runs.
        let failed = QueryReport {
            status: QueryStatus::Failed,
            statistics: QueryStatistics::default(),
            error: Some("The query could not be started.".to_owned()),
            delivery_status: new.delivery_uri.is_some().then_some(DeliveryState::Failed),
        };
        asked.catalog().report_query(id, &failed).await.map_err(|it| asked.refused(it))?;
        return Err(internal(RunnerFailed(error)));
    }
    Ok(StartQueryResponse {
        query_id: Some(id.to_string()),
        event_data_store_owner_account_id: owner,
    })
}

/// A statement that can run.
struct Given {
    statement: String,
    prompt: Option<String>,
}

/// The statement of a request, or of its alias with the parameters filled in.
async fn statement(asked: &Asked<'_>, request: &StartQueryRequest) -> Result<Given, Fault> {
    let parameters = request.query_parameters.as_deref().unwrap_or_default();
    match (&request.query_statement, &request.query_alias) {
        (Some(statement), None) if parameters.is_empty() => {
            Ok(Given { statement: statement.clone(), prompt: None })
        }
        (Some(_), None) => Err(invalid("QueryParameters need a QueryAlias.")),
        (None, Some(alias)) => {
            let found = asked.catalog().query_alias(asked.account, alias).await;
            let found = found.map_err(|it| asked.refused(it))?;
            let found =
                found.ok_or_else(|| invalid(&format!("There is no query alias {alias}.")))?;
            let statement = filled(&found.statement, parameters).ok_or_else(|| {
                invalid("Specify as many QueryParameters as the statement has question marks.")
            })?;
            Ok(Given { statement, prompt: found.prompt })
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(invalid("Specify either QueryStatement or QueryAlias."))
        }
    }
}

/// The statement with its question marks replaced in order, as texts: `'?'` gives a text, `?` what
/// the parameter says. `None` when there are more or fewer parameters.
///
/// Who may read which store is decided on the result, so that a parameter gains nothing.
fn filled(statement: &str, parameters: &[String]) -> Option<String> {
    let mut pieces = statement.split('?');
    let mut filled = pieces.next()?.to_owned();
    let mut parameters = parameters.iter();
    for piece in pieces {
        filled.push_str(&parameters.next()?.replace('\'', "''"));
        filled.push_str(piece);
    }
    parameters.next().is_none().then_some(filled)
}

/// Checks that the caller may read every store, and says whose they are.
async fn check_stores(
    asked: &Asked<'_>,
    named: &[Uuid],
    wanted: Option<String>,
) -> Result<record::AccountId, Fault> {
    let mut owner = None;
    for id in named {
        let store = asked.store_of_id(*id, Use::Read("cloudtrail:StartQuery")).await?;
        let store = stores::active(store)?;
        if wanted.as_ref().is_some_and(|it| *it != store.arn.account.as_str()) {
            return Err(stores::refused(&LakeRefusal::StoreUnknown(id.to_string())));
        }
        // Where stores of several accounts are read, the caller's own count least.
        if owner.is_none() || store.arn.account != asked.account {
            owner = Some(store.arn.account);
        }
    }
    owner.ok_or_else(|| {
        let message = "The statement names no event data store.";
        fault(ErrorCode::InvalidQueryStatementException, message)
    })
}

#[derive(Debug, thiserror::Error)]
#[error("what runs queries failed")]
pub(super) struct RunnerFailed(#[source] pub(super) wire::answer::BoxError);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statement: &str, parameters: &[&str], expected: Option<&str>) {
        let parameters: Vec<_> = parameters.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(filled(statement, &parameters).as_deref(), expected);
    }

    #[test]
    fn question_marks_are_replaced_in_order() {
        check("SELECT 1", &[], Some("SELECT 1"));
        check("a > '?' AND b < ?", &["x", "7"], Some("a > 'x' AND b < 7"));
        check("a > '?'", &["x' OR '1' = '1"], Some("a > 'x'' OR ''1'' = ''1'"));
        check("a > '?'", &["?"], Some("a > '?'"));
        check("a > '?'", &[], None);
        check("a > '?'", &["x", "y"], None);
    }
}
