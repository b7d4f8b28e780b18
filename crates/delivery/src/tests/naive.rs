//! The property: what is delivered is what a naive reader of the log would choose, once.

use proptest::prelude::*;
use serde_json::Value;

use super::house::{House, MINUTE, Mood, SECOND, everything, only};
use crate::Settings;

/// What can happen.
#[derive(Clone, Debug)]
enum Step {
    Record {
        region: usize,
        read: bool,
    },
    /// The trail gets other selectors.
    Select {
        trail: usize,
        choice: usize,
    },
    Log {
        trail: usize,
        on: bool,
    },
    Mood {
        trail: usize,
        well: bool,
    },
    Pass {
        seconds: u64,
    },
    Kill,
}

const TRAILS: [&str; 2] = ["first", "second"];
const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];
const CHOICES: [&str; 3] = ["All", "ReadOnly", "WriteOnly"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..REGIONS.len(), any::<bool>()).prop_map(|(region, read)| Step::Record { region, read }),
        1 => (0..TRAILS.len(), 0..CHOICES.len()).prop_map(|(trail, choice)| Step::Select { trail, choice }),
        1 => (0..TRAILS.len(), any::<bool>()).prop_map(|(trail, on)| Step::Log { trail, on }),
        1 => (0..TRAILS.len(), any::<bool>()).prop_map(|(trail, well)| Step::Mood { trail, well }),
        3 => (1..90_u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Kill),
    ]
}

/// Reads as the documentation does.
fn chooses(choice: usize, record: &str) -> bool {
    let record: Value = serde_json::from_str(record).unwrap();
    let reads = record["readOnly"] == Value::Bool(true);
    match CHOICES[choice] {
        "ReadOnly" => reads,
        "WriteOnly" => !reads,
        _ => true,
    }
}

async fn check(steps: Vec<Step>) {
    let mut house = House::with(Settings { file_bytes: 1_500, ..Settings::default() }).await;
    let mut now = [(0, true), (0, true)];
    let mut versions = TRAILS.map(|name| house.trail(name));
    let mut expected: [Vec<String>; 2] = Default::default();
    for version in &mut versions {
        version.selectors = everything();
        version.validation = false;
        house.publish(version.clone());
    }
    for step in steps {
        match step {
            Step::Record { region, read } => {
                let name = if read { "DescribeInstances" } else { "RunInstances" };
                let record = house.record(REGIONS[region], name).await;
                for ((choice, on), expected) in now.iter().zip(&mut expected) {
                    if *on && chooses(*choice, &record) {
                        expected.push(record.clone());
                    }
                }
            }
            Step::Select { trail, choice } => {
                now[trail].0 = choice;
                versions[trail].selectors = only(CHOICES[choice]);
                versions[trail].version += 1;
                versions[trail].from = house.end();
                house.publish(versions[trail].clone());
            }
            Step::Log { trail, on } => {
                now[trail].1 = on;
                versions[trail].is_logging = on;
                versions[trail].version += 1;
                versions[trail].from = house.end();
                house.publish(versions[trail].clone());
            }
            Step::Mood { trail, well } => {
                let mood = if well { Mood::Well } else { Mood::Code("SlowDown") };
                house.set_mood(&versions[trail].bucket, mood);
            }
            Step::Pass { seconds } => {
                house.pass(1, u32::try_from(seconds).unwrap() * SECOND).await;
            }
            Step::Kill => house.start().await,
        }
    }
    for version in &versions {
        house.set_mood(&version.bucket, Mood::Well);
    }
    house.pass(5, MINUTE).await;
    for (version, mut expected) in versions.iter().zip(expected) {
        expected.sort();
        assert_eq!(house.buckets.bucket(&version.bucket).records().await, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_delivered_is_what_a_naive_reader_chooses_once(
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
            .block_on(check(steps));
    }
}
