//! IAM policies, as an operator stores them, and those of buckets, as anybody puts them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::iam::{BucketPolicy, Context, Policy, Principal, Request};

fuzz_target!(|text: &str| {
    let _ = Policy::parse(text);
    if let Ok(policy) = BucketPolicy::parse(text, "box") {
        let arn = "arn:aws:iam::111122223333:user/ann";
        let context = Context::default().with("aws:PrincipalArn", arn);
        let request = Request {
            action: "s3:GetObject",
            resource: "arn:aws:s3:::box/key",
            context: &context,
        };
        let _ = policy.decide(Principal::Aws { account: "111122223333", arn }, &request);
        let _ = policy.is_public();
    }
});
