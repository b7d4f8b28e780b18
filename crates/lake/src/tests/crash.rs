//! The process dies, and power with it, at every step of flushes, merges and cleaning.

use std::collections::BTreeMap;

use super::house::{Call, House, account, catch_up, everything, round};
use crate::{Error, Lake};

/// What every record of the log must be after any number of crashes: there, once, with its bytes.
async fn check(lake: &Lake, calls: &[Call], context: &str) {
    let mut found = BTreeMap::new();
    for number in 1..=3 {
        for row in lake.lookup(everything(account(number))).await.unwrap() {
            let before = found.insert(row.place.position.0, row.record);
            assert!(before.is_none(), "{context}: {} is there twice", row.place.position);
        }
    }
    let kept = jiff::SignedDuration::from_hours(90 * 24);
    for (number, call) in calls.iter().enumerate() {
        let bytes = found.remove(&(number as u64));
        if call.time >= super::house::start() - kept {
            assert_eq!(bytes, Some(call.record()), "{context}: record {number}");
        }
    }
    assert!(found.is_empty(), "{context}: {found:?}");
}

/// Adds, flushes and tidies until it is done or dead.
async fn work(house: &House, lake: &Lake, calls: &mut Vec<Call>) -> Result<(), Error> {
    for _ in 0..4 {
        let from = calls.len();
        let count = 1 + usize::try_from(house.random.below(40)).unwrap();
        calls.extend((0..count).map(|it| Call::random(&house.random, from + it)));
        house.add(&calls[from..]);
        catch_up(lake).await?;
        if house.random.below(3) > 0 {
            lake.flush().await?;
        }
        if house.random.below(3) == 0 {
            round(lake).await?;
        }
    }
    Ok(())
}

async fn crash_again_and_again(seed: u64) {
    let house = House::new(seed);
    let mut calls = Vec::new();
    for life in 0..3 {
        let context = format!("seed {seed}, life {life}");
        let half_steps = 1 + house.random.below(160);
        house.fate.die_after(half_steps.cast_signed());
        // A process may die while it opens, too.
        if let Ok(lake) = house.open().await {
            let _dead = work(&house, &lake, &mut calls).await;
        }
        house.store.lose_power(|below| house.random.below(below)).await;
        house.fate.revive();
        let lake = house.open().await.unwrap_or_else(|error| panic!("{context}: {error:?}"));
        catch_up(&lake).await.unwrap();
        check(&lake, &calls, &context).await;
        if house.random.below(2) == 0 {
            lake.flush().await.unwrap();
            round(&lake).await.unwrap();
            check(&lake, &calls, &context).await;
        }
    }
}

/// How many seeds; more at night, by the environment.
fn seeds() -> u64 {
    std::env::var("TRAILMARK_SEEDS").map_or(60, |it| it.parse().unwrap())
}

#[tokio::test]
async fn no_record_is_lost_or_doubled_by_crashes() {
    for seed in 0..seeds() {
        crash_again_and_again(seed).await;
    }
}

#[tokio::test]
async fn no_record_is_lost_or_doubled_by_a_crash_at_any_step_of_a_flush() {
    let steps = {
        let house = House::new(7);
        let lake = house.open().await.unwrap();
        house.add(&(0..30).map(|it| Call::random(&house.random, it)).collect::<Vec<_>>());
        catch_up(&lake).await.unwrap();
        let before = house.fate.steps();
        lake.flush().await.unwrap();
        house.fate.steps() - before
    };
    assert!(steps > 10, "a flush has {steps} steps");
    for half_steps in 0..=2 * steps {
        let house = House::new(7);
        let lake = house.open().await.unwrap();
        let calls: Vec<_> = (0..30).map(|it| Call::random(&house.random, it)).collect();
        house.add(&calls);
        catch_up(&lake).await.unwrap();
        house.fate.die_after(half_steps);
        let flushed = lake.flush().await;
        assert_eq!(flushed.is_ok(), half_steps == 2 * steps);
        drop(lake);
        house.store.lose_power(|below| house.random.below(below)).await;
        house.fate.revive();
        let lake = house.open().await.unwrap();
        catch_up(&lake).await.unwrap();
        check(&lake, &calls, &format!("died after {half_steps} half steps")).await;
    }
}

#[tokio::test]
async fn a_flush_that_fails_once_succeeds_later_without_doubles() {
    for half_steps in 0..60 {
        let house = House::new(9);
        let lake = house.open().await.unwrap();
        let calls: Vec<_> = (0..30).map(|it| Call::random(&house.random, it)).collect();
        house.add(&calls);
        catch_up(&lake).await.unwrap();
        house.fate.die_after(half_steps);
        let _failed = lake.flush().await;
        // The disk works again, the process lives on.
        house.fate.revive();
        check(&lake, &calls, "after the failure").await;
        lake.flush().await.unwrap();
        assert_eq!(lake.stats().tail_rows, 0);
        assert_eq!(lake.stats().table_rows, 30);
        check(&lake, &calls, "after the next flush").await;
    }
}

#[tokio::test]
async fn a_failed_flush_or_merge_leaves_no_data_files_behind() {
    let mut failures = 0;
    for steps in 0..70 {
        let house = House::new(11);
        let lake = house.open().await.unwrap();
        let mut calls = Vec::new();
        for batch in 0..9 {
            calls.push(Call::new(&format!("id-{batch}")));
            house.add(&calls[batch..]);
            catch_up(&lake).await.unwrap();
            if batch == 8 {
                house.fate.fail_once_after(steps);
            }
            failures += u32::from(lake.flush().await.is_err());
        }
        failures += u32::from(round(&lake).await.is_err());
        house.fate.revive();
        for _ in 0..2 {
            lake.flush().await.unwrap();
            round(&lake).await.unwrap();
        }
        check(&lake, &calls, &format!("step {steps} failed")).await;
        let names = house.store.names().await;
        let here = names.iter().filter(|it| it.ends_with(".parquet")).count() as u64;
        // The merged ones are named by snapshots that are kept.
        assert_eq!(here, 9 + 1, "step {steps} failed: {names:?}");
    }
    assert!(failures > 20, "{failures} failures");
}
