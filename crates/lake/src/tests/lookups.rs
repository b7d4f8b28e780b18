//! What lookups find, compared with a naive scan of everything that was ever said.

use std::cmp::Reverse;

use jiff::SignedDuration;
use log::Position;
use proptest::{collection::vec, prelude::*};
use record::Category;
use testkit::SeededRandom;

use super::house::{Call, House, account, by, catch_up, everything, ids, places, round, start};
use crate::{Key, Lake, Lookup, Place, Row};

/// The specification: filter everything, sort, take.
fn naive(calls: &[Call], lookup: &Lookup, now: jiff::Timestamp) -> Vec<Place> {
    let place = |number: usize, call: &Call| Place {
        event_time_us: call.time.as_microsecond(),
        position: Position(number as u64),
    };
    let mut found: Vec<Place> = calls
        .iter()
        .enumerate()
        .filter(|(number, call)| {
            call.account == lookup.account
                && lookup.region.as_deref().is_none_or(|it| it == call.region)
                && (lookup.categories.is_empty() || lookup.categories.contains(&call.category))
                && lookup.attribute.as_ref().is_none_or(|it| call.has(it.key, &it.value))
                && lookup.from.is_none_or(|it| call.time >= it)
                && lookup.to.is_none_or(|it| call.time <= it)
                && call.time >= now - SignedDuration::from_hours(90 * 24)
                && (*number as u64) < lookup.before.0
                && lookup.after.is_none_or(|it| place(*number, call) < it)
        })
        .map(|(number, call)| place(number, call))
        .collect();
    found.sort_by_key(|it| Reverse(*it));
    found.truncate(lookup.limit);
    found
}

fn random_lookup(random: &SeededRandom, calls: &[Call]) -> Lookup {
    let pick = |of: u64| usize::try_from(random.below(of)).unwrap();
    let key = Key::ALL[pick(8)];
    let value = match key {
        Key::AccessKeyId => random.one_of(&["AKIA1", "AKIA3"]).to_owned(),
        Key::EventId => format!("id-{}", random.below(calls.len() as u64 + 2)),
        Key::EventName => random.one_of(&["GetObject", "AssumeRole", "Nothing"]).to_owned(),
        Key::EventSource => random.one_of(&["s3.amazonaws.com", "x"]).to_owned(),
        Key::ReadOnly => random.one_of(&["true", "false", "maybe"]).to_owned(),
        Key::ResourceName => {
            random.one_of(&["plans", "reader", "k-1", "arn:aws:s3:::plans", "none"]).to_owned()
        }
        Key::ResourceType => random.one_of(&["AWS::S3::Bucket", "AWS::KMS::Key", "x"]).to_owned(),
        Key::Username => random.one_of(&["alice", "bob", "carol"]).to_owned(),
    };
    let time = |random: &SeededRandom| {
        (random.below(3) == 0)
            .then(|| start() - SignedDuration::from_secs(random.below(86_400).cast_signed()))
    };
    let some_place = (random.below(3) == 0 && !calls.is_empty()).then(|| {
        let number = pick(calls.len() as u64);
        Place {
            event_time_us: calls[number].time.as_microsecond(),
            position: Position(number as u64),
        }
    });
    Lookup {
        account: account(1 + random.below(4)),
        region: (random.below(2) == 0).then(|| "us-east-1".to_owned()),
        categories: [vec![], vec![Category::Management], vec![Category::Data]][pick(3)].clone(),
        attribute: (random.below(4) > 0).then(|| by(key, &value).unwrap()),
        from: time(random),
        to: time(random),
        before: Position(random.below(2 * calls.len() as u64 + 1)),
        after: some_place,
        limit: 1 + pick(60),
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(usize),
    Flush,
    Lookup,
    Reopen,
    Upkeep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..120).prop_map(Step::Add),
        4 => Just(Step::Flush),
        6 => Just(Step::Lookup),
        1 => Just(Step::Reopen),
        2 => Just(Step::Upkeep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_lookup_finds_what_a_scan_of_everything_finds(
        seed in any::<u64>(),
        steps in vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(seed, &steps));
    }
}

async fn compare(seed: u64, steps: &[Step]) {
    let house = House::new(seed);
    let mut lake = house.open().await.unwrap();
    let mut calls: Vec<Call> = Vec::new();
    for step in steps {
        match *step {
            Step::Add(count) => {
                let from = calls.len();
                calls.extend((0..count).map(|it| Call::random(&house.random, from + it)));
                house.add(&calls[from..]);
                catch_up(&lake).await.unwrap();
            }
            Step::Flush => lake.flush().await.unwrap(),
            Step::Lookup => {
                for _ in 0..10 {
                    check(&house, &lake, &calls).await;
                }
            }
            Step::Reopen => {
                drop(lake);
                lake = house.open().await.unwrap();
                catch_up(&lake).await.unwrap();
            }
            Step::Upkeep => round(&lake).await.unwrap(),
        }
    }
    check(&house, &lake, &calls).await;
}

async fn check(house: &House, lake: &Lake, calls: &[Call]) {
    let lookup = random_lookup(&house.random, calls);
    let found = lake.lookup(lookup.clone()).await.unwrap();
    assert_eq!(places(&found), naive(calls, &lookup, start()), "{lookup:?}");
    for row in &found {
        let number = usize::try_from(row.place.position.0).unwrap();
        assert_eq!(row.record, calls[number].record());
        assert_eq!(row.evidence, log::Evidence::Proxy);
        assert_eq!(row.marks, log::Marks::CLAIMED);
    }
}

#[tokio::test]
async fn pages_neither_lose_nor_repeat_while_records_arrive() {
    for seed in 0..20 {
        let house = House::new(seed);
        let lake = house.open().await.unwrap();
        let mut calls: Vec<Call> = (0..300).map(|it| Call::random(&house.random, it)).collect();
        house.add(&calls);
        catch_up(&lake).await.unwrap();
        let mut lookup = everything(account(1));
        lookup.before = *lake.visible().borrow();
        let expected = naive(&calls, &lookup, start());
        lookup.limit = 7;
        let mut found = Vec::new();
        loop {
            let page = lake.lookup(lookup.clone()).await.unwrap();
            found.extend(places(&page));
            if page.len() < lookup.limit {
                break;
            }
            lookup.after = page.last().map(|it| it.place);
            let from = calls.len();
            calls.extend((0..9).map(|it| Call::random(&house.random, from + it)));
            house.add(&calls[from..]);
            catch_up(&lake).await.unwrap();
            match house.random.below(4) {
                0 => lake.flush().await.unwrap(),
                1 => round(&lake).await.unwrap(),
                _ => {}
            }
        }
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[tokio::test]
async fn row_groups_of_many_pages_are_read_rightly() {
    let mut house = House::new(3);
    house.settings.row_group_rows = 1 << 16;
    let lake = house.open().await.unwrap();
    let mut calls: Vec<Call> = (0..25_000).map(|it| Call::random(&house.random, it)).collect();
    // Records that fill pages, and one that does not fit into any.
    calls[20_000].id = "x".repeat(100_000);
    house.add(&calls);
    catch_up(&lake).await.unwrap();
    lake.flush().await.unwrap();
    for _ in 0..60 {
        check(&house, &lake, &calls).await;
    }
    let mut lookup = everything(calls[20_000].account);
    lookup.attribute = by(Key::EventId, &calls[20_000].id);
    let rows = lake.lookup(lookup).await.unwrap();
    assert_eq!(
        rows.iter().map(|it| it.record.clone()).collect::<Vec<_>>(),
        [calls[20_000].record()]
    );
}

async fn found(lake: &Lake, lookup: Lookup) -> Vec<String> {
    ids(&lake.lookup(lookup).await.unwrap())
}

#[tokio::test]
async fn newest_come_first_and_equal_times_are_ordered_by_position() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    let mut calls = ["a", "b", "c"].map(Call::new);
    calls[0].time = start() + SignedDuration::from_secs(1);
    house.add(&calls);
    catch_up(&lake).await.unwrap();
    assert_eq!(found(&lake, everything(account(1))).await, ["a", "c", "b"]);
    lake.flush().await.unwrap();
    assert_eq!(found(&lake, everything(account(1))).await, ["a", "c", "b"]);
}

#[tokio::test]
async fn both_ends_of_a_time_range_are_in_it() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    let mut calls = ["a", "b", "c"].map(Call::new);
    for (second, call) in (0..).zip(&mut calls) {
        call.time = start() + SignedDuration::from_secs(second);
    }
    house.add(&calls);
    catch_up(&lake).await.unwrap();
    for _ in 0..2 {
        let mut lookup = everything(account(1));
        lookup.from = Some(calls[1].time);
        assert_eq!(found(&lake, lookup.clone()).await, ["c", "b"]);
        lookup.to = Some(calls[1].time);
        assert_eq!(found(&lake, lookup.clone()).await, ["b"]);
        lookup.from = Some(calls[1].time + SignedDuration::from_nanos(1));
        assert!(found(&lake, lookup).await.is_empty());
        lake.flush().await.unwrap();
    }
}

#[tokio::test]
async fn an_event_id_is_found_in_tail_and_table() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    house.add(&[Call::new("a"), Call::new("b")]);
    catch_up(&lake).await.unwrap();
    lake.flush().await.unwrap();
    let mut other = Call::new("a");
    other.category = Category::Data;
    house.add(&[other, Call::new("c")]);
    catch_up(&lake).await.unwrap();
    let positions = |rows: Vec<Row>| rows.iter().map(|it| it.place.position.0).collect::<Vec<_>>();
    assert_eq!(positions(lake.get(account(1), "a").await.unwrap()), [2, 0]);
    assert!(lake.get(account(2), "a").await.unwrap().is_empty());
    assert!(lake.get(account(1), "d").await.unwrap().is_empty());
}

#[tokio::test]
async fn records_older_than_the_retention_are_not_shown() {
    let mut house = House::new(1);
    house.settings.retention_days_by_category = [("Data".to_owned(), 2)].into();
    let lake = house.open().await.unwrap();
    let mut calls = ["a", "b", "c", "d"].map(Call::new);
    calls[1].category = Category::Data;
    calls[2].time = start() - SignedDuration::from_hours(89 * 24);
    calls[3].time = start() - SignedDuration::from_hours(91 * 24);
    house.add(&calls);
    catch_up(&lake).await.unwrap();
    assert_eq!(found(&lake, everything(account(1))).await, ["b", "a", "c"]);
    house.advance(2 * 86_400 + 1);
    assert_eq!(found(&lake, everything(account(1))).await, ["a"]);
    lake.flush().await.unwrap();
    assert_eq!(found(&lake, everything(account(1))).await, ["a"]);
}
