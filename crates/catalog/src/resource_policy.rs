//! Policies of resources, by ARN: who else may use an event data store or a channel.

use sqlx::Row as _;

use crate::{Catalog, Error};

impl Catalog {
    /// The policy of a resource, as it was put.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn resource_policy(&self, arn: &str) -> Result<Option<String>, Error> {
        let row = sqlx::query("SELECT policy FROM resource_policies WHERE resource = $1")
            .bind(arn)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|it| it.try_get("policy")).transpose()?)
    }

    /// Gives a resource a policy, in place of the one that it has. The caller has made sure of the
    /// resource.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn put_resource_policy(&self, arn: &str, policy: &str) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO resource_policies (resource, policy) VALUES ($1, $2) \
             ON CONFLICT (resource) DO UPDATE SET policy = excluded.policy",
        )
        .bind(arn)
        .bind(policy)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes the policy of a resource away. Whether it had one.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn delete_resource_policy(&self, arn: &str) -> Result<bool, Error> {
        let done = sqlx::query("DELETE FROM resource_policies WHERE resource = $1")
            .bind(arn)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
