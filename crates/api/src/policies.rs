//! Resource policies of event data stores and channels.
//!
//! Lives here: the operations on them, and which actions a policy of which resource may speak of.
//! Lives elsewhere: what a policy means (`wire`), who asks it (`stores`, `channels`).
//!
//! Spec: CloudTrail API Reference, the operations named as the files here; CloudTrail User Guide,
//! "AWS CloudTrail resource-based policy examples".

mod delete_resource_policy;
mod get_resource_policy;
mod put_resource_policy;

use catalog::{ChannelArn, EventDataStore, LakeRefusal, StoreArn, StoreStatus};
use serde_json::json;
use wire::shapes::cloudtrail::ErrorCode;

pub(crate) use self::{
    delete_resource_policy::delete_resource_policy, get_resource_policy::get_resource_policy,
    put_resource_policy::put_resource_policy,
};
use crate::{
    channels::CHANNEL_ACTIONS,
    fault::{Fault, fault},
    stores::{STORE_ACTIONS, Use, refused},
    trails::{Asked, organizations::Organization},
};

/// A resource that can have a policy.
struct Resource {
    arn: String,
    /// The actions that a policy of it may speak of.
    actions: &'static [&'static str],
    /// The policy by which delegated administrators use it, if it is an organization's.
    delegated: Option<String>,
}

impl Asked<'_> {
    /// The resource of an ARN, which the caller may change.
    ///
    /// # Errors
    /// `ResourceARNNotValidException`, `ResourceNotFoundException`,
    /// `ResourceTypeNotSupportedException`; `OperationNotPermittedException` for a store that waits
    /// for its end.
    async fn find_resource(&self, text: &str) -> Result<Resource, Fault> {
        self.stores()?;
        let missing =
            || fault(ErrorCode::ResourceNotFoundException, &format!("Resource not found: {text}"));
        if let Ok(arn) = StoreArn::parse(text) {
            let store = self.find_store(text, Use::Change).await.map_err(|it| {
                if it.code == ErrorCode::EventDataStoreNotFoundException.as_str()
                    || it.code == ErrorCode::EventDataStoreARNInvalidException.as_str()
                {
                    return missing();
                }
                it
            })?;
            if store.status == StoreStatus::PendingDeletion {
                let inactive = refused(&LakeRefusal::StoreInactive(arn.to_string()));
                return Err(fault(ErrorCode::OperationNotPermittedException, &inactive.message));
            }
            let organization = self.organization().await?;
            let delegated = organization.and_then(|it| delegated_policy(&store, &it));
            return Ok(Resource { arn: arn.to_string(), actions: STORE_ACTIONS, delegated });
        }
        if let Ok(arn) = ChannelArn::parse(text) {
            self.find_channel(text).await.map_err(|_| missing())?;
            let arn = arn.to_string();
            return Ok(Resource { arn, actions: CHANNEL_ACTIONS, delegated: None });
        }
        let is_of_other_kind = [":trail/", ":dashboard/"].iter().any(|it| text.contains(it));
        if text.starts_with("arn:") && text.contains(":cloudtrail:") && is_of_other_kind {
            let message = format!("The resource {text} cannot have a policy.");
            return Err(fault(ErrorCode::ResourceTypeNotSupportedException, &message));
        }
        let message = format!("The ARN {text} is not valid.");
        Err(fault(ErrorCode::ResourceARNNotValidException, &message))
    }
}

/// The policy that says what delegated administrators may do with an organization's store. Nobody
/// puts it: it is so for every one.
fn delegated_policy(store: &EventDataStore, organization: &Organization) -> Option<String> {
    let is_its = store.settings.organization.as_ref() == Some(&organization.id);
    if !is_its || organization.delegated.is_empty() {
        return None;
    }
    let roots = organization
        .delegated
        .iter()
        .map(|it| format!("arn:{}:iam::{it}:root", catalog::partition(&store.arn.region)));
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "DelegatedAdminAccess",
            "Effect": "Allow",
            "Principal": { "AWS": roots.collect::<Vec<_>>() },
            "Action": STORE_ACTIONS,
            "Resource": store.arn.to_string(),
        }],
    });
    Some(policy.to_string())
}

fn not_found(arn: &str) -> Fault {
    let message = format!("The resource {arn} has no policy.");
    fault(ErrorCode::ResourcePolicyNotFoundException, &message)
}
