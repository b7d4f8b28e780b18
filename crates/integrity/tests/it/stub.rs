//! What `aws cloudtrail validate-logs` is answered with: the bucket of a test, `DescribeTrails`,
//! `GetTrailStatus` and `ListPublicKeys`.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use integrity::digest::{PublicKey, Stamp};
use serde_json::json;
use testkit::BucketServer;

use crate::bucket::{ACCOUNT, Bucket, NAME};

/// What the server answers from.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) bucket: Bucket,
    pub(crate) keys: Vec<(PublicKey, Stamp, Stamp)>,
    /// What `GetTrailStatus` says of the newest digest.
    pub(crate) latest_digest: Stamp,
}

/// Serves until the test's process ends; gives the URL.
pub(crate) fn serve(world: World) -> String {
    let chain = &world.bucket.chain;
    let trail = json!({
        "Name": chain.id.trail,
        "S3BucketName": NAME,
        "S3KeyPrefix": chain.root.prefix,
        "HomeRegion": chain.id.home_region,
        "TrailARN": trail_arn(&world.bucket),
        "IsOrganizationTrail": false,
    });
    let key = |(key, from, until): &(PublicKey, Stamp, Stamp)| {
        json!({
            "Value": BASE64_STANDARD.encode(key.as_pkcs1()),
            "Fingerprint": key.fingerprint(),
            "ValidityStartTime": from.timestamp().as_second(),
            "ValidityEndTime": until.timestamp().as_second(),
        })
    };
    let keys: Vec<_> = world.keys.iter().map(key).collect();
    let latest = world.latest_digest.timestamp().as_second();
    let answers = BTreeMap::from([
        ("DescribeTrails", json!({"trailList": [trail]})),
        ("ListPublicKeys", json!({"PublicKeyList": keys})),
        ("GetTrailStatus", json!({"IsLogging": true, "LatestDigestDeliveryTime": latest})),
    ]);
    let object = |(key, it): (String, crate::bucket::Object)| {
        (key, (it.body, it.metadata.into_iter().collect()))
    };
    let objects = world.bucket.objects.into_iter().map(object).collect();
    BucketServer { bucket: NAME.to_owned(), objects, answers }.serve()
}

pub(crate) fn trail_arn(bucket: &Bucket) -> String {
    let id = &bucket.chain.id;
    format!("arn:aws:cloudtrail:{}:{ACCOUNT}:trail/{}", id.home_region, id.trail)
}
