//! What is the same for every bucket: the answers to questions for settings that cannot be changed
//! here. They are those of a bucket of S3 that was just created, but for encryption: nothing is
//! encrypted here, so nothing is said to be.

use std::sync::Arc;

// Two shapes for each operation.
use s3s::S3ErrorCode;
use s3s::dto::*;

use super::{Facts, get, told::owner};
use crate::{
    error::{Fault, refuse},
    store::Store,
};

/// Answers a question about any bucket with what is the same for all, or with S3's "there is none".
macro_rules! stated {
    ($($name:ident($input:ty) -> $output:ty $answer:block)*) => {
        $(
            pub(super) async fn $name(
                store: &Arc<Store>,
                facts: &Facts,
                input: $input,
            ) -> Result<$output, Fault> {
                store.bucket(facts, &input.bucket)?;
                $answer
            }
        )*
    };
}

stated! {
    get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput)
        -> GetBucketAccelerateConfigurationOutput
    {
        Ok(GetBucketAccelerateConfigurationOutput::default())
    }

    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput {
        Err(refuse(
            S3ErrorCode::NoSuchCORSConfiguration,
            "The CORS configuration does not exist",
        ))
    }

    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput {
        Err(refuse(
            S3ErrorCode::ServerSideEncryptionConfigurationNotFoundError,
            "The server side encryption configuration was not found",
        ))
    }

    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput)
        -> GetBucketLifecycleConfigurationOutput
    {
        Err(refuse(
            S3ErrorCode::NoSuchLifecycleConfiguration,
            "The lifecycle configuration does not exist",
        ))
    }

    get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput {
        Ok(GetBucketLoggingOutput::default())
    }

    get_bucket_notification_configuration(GetBucketNotificationConfigurationInput)
        -> GetBucketNotificationConfigurationOutput
    {
        Ok(GetBucketNotificationConfigurationOutput::default())
    }

    get_bucket_ownership_controls(GetBucketOwnershipControlsInput)
        -> GetBucketOwnershipControlsOutput
    {
        let rule = OwnershipControlsRule {
            object_ownership: ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED),
        };
        let controls = OwnershipControls { rules: vec![rule] };
        Ok(GetBucketOwnershipControlsOutput { ownership_controls: Some(controls) })
    }

    get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput {
        Err(refuse(
            S3ErrorCode::ReplicationConfigurationNotFoundError,
            "The replication configuration was not found",
        ))
    }

    get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput {
        Ok(GetBucketRequestPaymentOutput {
            payer: Some(Payer::from_static(Payer::BUCKET_OWNER)),
        })
    }

    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput {
        Ok(GetBucketVersioningOutput::default())
    }

    get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput {
        Err(refuse(
            S3ErrorCode::NoSuchWebsiteConfiguration,
            "The specified bucket does not have a website configuration",
        ))
    }

    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput {
        // There are no ACLs to let anybody in; a bucket policy may.
        let all = PublicAccessBlockConfiguration {
            block_public_acls: Some(true),
            block_public_policy: Some(false),
            ignore_public_acls: Some(true),
            restrict_public_buckets: Some(false),
        };
        Ok(GetPublicAccessBlockOutput { public_access_block_configuration: Some(all) })
    }
}

pub(super) async fn get_bucket_acl(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetBucketAclInput,
) -> Result<GetBucketAclOutput, Fault> {
    let owner = owner(store.bucket(facts, &input.bucket)?.account);
    Ok(GetBucketAclOutput { grants: Some(full_control(&owner)), owner: Some(owner) })
}

pub(super) async fn get_object_acl(
    store: &Arc<Store>,
    facts: &Facts,
    input: GetObjectAclInput,
) -> Result<GetObjectAclOutput, Fault> {
    let owner = owner(store.bucket(facts, &input.bucket)?.account);
    get::find(store, &input.bucket, &input.key).await?;
    Ok(GetObjectAclOutput {
        grants: Some(full_control(&owner)),
        owner: Some(owner),
        ..Default::default()
    })
}

fn full_control(owner: &Owner) -> Vec<Grant> {
    let grantee = Grantee {
        display_name: None,
        email_address: None,
        id: owner.id.clone(),
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    let permission = Permission::from_static(Permission::FULL_CONTROL);
    vec![Grant { grantee: Some(grantee), permission: Some(permission) }]
}
