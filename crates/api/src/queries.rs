//! Queries over event data stores.
//!
//! Lives here: the operations on queries, who may read which store by one, aliases and parameters.
//! Lives elsewhere: what a statement means and how it runs (handed in as a
//! [`crate::stores::QueryRunner`]), what is known of each query (`catalog`).
//!
//! Start at `start_query`.
//! Spec: CloudTrail API Reference, the operations named as the files here; CloudTrail User Guide,
//! "CloudTrail Lake queries".

mod cancel_query;
mod delivery;
mod describe_query;
mod generate_query;
mod get_query_results;
mod list_queries;
mod samples;
mod search_sample_queries;
mod start_query;

use catalog::{LakeRefusal, Query, lake_id};
use jiff::SignedDuration;
use record::AccountId;
use uuid::Uuid;
use wire::shapes::cloudtrail::ErrorCode;

pub(crate) use self::{
    cancel_query::cancel_query, describe_query::describe_query, generate_query::generate_query,
    get_query_results::get_query_results, list_queries::list_queries,
    search_sample_queries::search_sample_queries, start_query::start_query,
};
use crate::{
    fault::{Fault, fault, internal},
    stores::{self, Named, Use},
    trails::Asked,
};

/// How long a query and its result are kept.
pub(crate) const RESULTS_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Asked<'_> {
    /// The query of that id, whose stores the caller may read by `action`. One that another account
    /// started is shown to who may read all of its stores.
    ///
    /// # Errors
    /// `QueryIdNotFoundException`, `InactiveEventDataStoreException` when a store of it waits for its
    /// end; `InvalidParameterException` for the id of another owner.
    async fn find_query(
        &self,
        id: Option<&str>,
        owner: Option<&str>,
        action: &'static str,
    ) -> Result<Query, Fault> {
        let text = id.unwrap_or_default();
        let found = match lake_id(text) {
            Some(id) => self.catalog().query(id).await.map_err(|it| self.refused(it))?,
            None => None,
        };
        let query = found.filter(|it| it.region == self.region).ok_or_else(|| unknown(text))?;
        self.check_query(query, text, owner, action).await
    }

    /// Checks that the caller may see a query that was found.
    async fn check_query(
        &self,
        query: Query,
        text: &str,
        owner: Option<&str>,
        action: &'static str,
    ) -> Result<Query, Fault> {
        if query.created.checked_add(RESULTS_KEPT).map_err(internal)? < self.now {
            return Err(unknown(text));
        }
        for id in &query.stores {
            match self.store_of_id(*id, Use::Read(action)).await {
                Ok(store) => {
                    stores::active(store)?;
                }
                // To who may not read its stores, there is no such query.
                Err(_) if query.account != self.account => return Err(unknown(text)),
                Err(fault) => return Err(fault),
            }
        }
        if owner.is_some_and(|it| it != query.owner.as_str()) {
            return Err(unknown(text));
        }
        Ok(query)
    }

    /// Checks the deprecated member that names a store of the query.
    ///
    /// # Errors
    /// `EventDataStoreARNInvalidException`, `EventDataStoreNotFoundException`.
    fn check_named(&self, store: Option<&str>, query: &Query) -> Result<(), Fault> {
        let Some(text) = store else { return Ok(()) };
        let id = match stores::store_arn(text)? {
            Named::Arn(arn) => arn.id,
            Named::Id(id) => id,
        };
        if query.stores.contains(&id) {
            return Ok(());
        }
        Err(stores::refused(&LakeRefusal::StoreUnknown(text.to_owned())))
    }
}

/// Whose stores a query of `account` reads, as answers show it: only when they are another's.
fn shown_owner(query: &Query, account: AccountId) -> Option<String> {
    (query.owner != account).then(|| query.owner.to_string())
}

fn unknown(id: &str) -> Fault {
    stores::refused(&LakeRefusal::QueryUnknown(id.to_owned()))
}

fn invalid(message: &str) -> Fault {
    fault(ErrorCode::InvalidParameterException, message)
}

/// What may take the place of a store's id in statements that know none.
const PLACEHOLDER: &str = "$EDS_ID";

/// A statement over one store.
fn over(statement: &str, store: Uuid) -> String {
    statement.replace(PLACEHOLDER, &store.to_string())
}
