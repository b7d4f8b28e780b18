//! How long verifying takes. Run by hand, optimised:
//! `cargo test --release -p trailmark-wire timing -- --ignored --nocapture`.

use std::{hint::black_box, time::Instant};

use super::{botocore::Fixtures, *};

#[test]
#[ignore = "measures"]
fn verifying_takes_microseconds() {
    let fixtures = Fixtures::read();
    let verifier = Verifier::new(Settings::default());
    for name in [
        "cloudtrail.lookup_events over http with AKIA",
        "s3.list_objects_v2 over http with ASIA",
        "s3.put_object over https with AKIA",
        "presigned s3.get_object with AKIA",
    ] {
        let case = fixtures.cases.iter().find(|case| case.name == name).unwrap();
        let (request, body) = (case.parts().unwrap(), Bytes::from(case.body()));
        let now: Timestamp = fixtures.now.parse().unwrap();
        let run = || {
            let Claim::V4(claim) = recognise(&request).unwrap() else { panic!("a claim") };
            let key = fixtures.key(&claim.credential.access_key_id);
            let expected = Expected { service: &case.service, own: true, protocol_in_path: false };
            let verification = verifier.verify(&request, &claim, key, expected, now).unwrap();
            verification.with_body(body.clone(), View::Decoded).unwrap()
        };
        let mut times: Vec<_> = (0..20_000)
            .map(|_| {
                let start = Instant::now();
                black_box(run());
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{name}: median {:?}, p99 {:?}", times[10_000], times[19_800]);
    }
}

#[test]
#[ignore = "measures"]
fn deciding_takes_microseconds() {
    use crate::iam::{Context, Policy, READ_ONLY_ACCESS, Request, evaluate};
    let policy = Policy::parse(READ_ONLY_ACCESS).unwrap();
    let context = Context::default().with("aws:username", "ann");
    for action in ["athena:GetDatabase", "s3:PutObject"] {
        let request = Request { action, resource: "arn:aws:s3:::bucket/key", context: &context };
        let start = Instant::now();
        for _ in 0..10_000 {
            black_box(evaluate([&policy], black_box(&request)));
        }
        println!("{action}: {:?}", start.elapsed() / 10_000);
    }
}
