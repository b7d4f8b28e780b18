//! The table behind the lake: its files, its bounds, its upkeep.

use std::time::Duration;

use jiff::SignedDuration;
use log::{EventLog as _, Frame, Kind, Position};
use record::Category;

use super::house::{Call, House, account, by, catch_up, everything, ids, round, start};
use crate::{Error, Key, Lake, Settings};

async fn count(lake: &Lake, number: u64) -> usize {
    lake.lookup(everything(account(number))).await.unwrap().len()
}

#[tokio::test]
async fn the_table_has_the_columns_and_ids_that_files_are_written_with() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    let ours = crate::columns::table_schema().unwrap();
    let table = lake.shared.table.lock().await;
    assert_eq!(table.schema().as_struct(), ours.as_struct());
}

#[tokio::test]
async fn a_batch_of_many_days_and_accounts_makes_few_files() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    let calls: Vec<_> = (0..3000)
        .map(|it| {
            let mut call = Call::new(&format!("id-{it}"));
            call.account = account(1 + it % 300);
            call.category = if it % 2 == 0 { Category::Data } else { Category::Management };
            let days = SignedDuration::from_hours(24 * (it % 1500).cast_signed());
            call.time = start() + SignedDuration::from_hours(24 * 300) - days;
            call
        })
        .collect();
    house.add(&calls);
    catch_up(&lake).await.unwrap();
    lake.flush().await.unwrap();
    let stats = lake.stats();
    assert_eq!(stats.table_rows, 3000);
    assert!(stats.table_files <= 2 * 14, "{} files", stats.table_files);
    for file in lake.shared.view().files.iter() {
        let label = crate::month::label(file.month);
        let folder = format!("category={}/eventmonth={label}/", file.category);
        assert!(file.url.contains(&folder), "{}", file.url);
    }
    assert_eq!(count(&lake, 1).await, 4);
}

#[tokio::test]
async fn small_files_become_one_and_the_old_ones_are_deleted() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    for number in 0..20 {
        house.add(&[Call::new(&format!("id-{number}"))]);
        catch_up(&lake).await.unwrap();
        lake.flush().await.unwrap();
    }
    assert_eq!(lake.stats().table_files, 20);
    round(&lake).await.unwrap();
    assert!(lake.stats().table_files < 8, "{} files", lake.stats().table_files);
    assert_eq!(count(&lake, 1).await, 20);
    // Enough commits later no snapshot names the old files.
    for number in 20..32 {
        house.add(&[Call::new(&format!("id-{number}"))]);
        catch_up(&lake).await.unwrap();
        lake.flush().await.unwrap();
        round(&lake).await.unwrap();
    }
    let names = house.store.names().await;
    let data = names.iter().filter(|it| it.ends_with(".parquet")).count();
    let metadata = names.len() - data;
    assert!(data < 20, "{data} data files");
    assert!(metadata < 60, "{metadata} metadata files");
    assert_eq!(count(&lake, 1).await, 32);
    let lake = house.open().await.unwrap();
    assert_eq!(count(&lake, 1).await, 32);
}

#[tokio::test]
async fn a_thousand_commits_leave_few_metadata_files() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    for number in 0..200 {
        house.add(&[Call::new(&format!("id-{number}"))]);
        catch_up(&lake).await.unwrap();
        lake.flush().await.unwrap();
        round(&lake).await.unwrap();
    }
    let names = house.store.names().await;
    assert!(names.len() < 90, "{} files", names.len());
    assert_eq!(count(&lake, 1).await, 200);
    let again = house.open().await.unwrap();
    assert_eq!(count(&again, 1).await, 200);
    assert_eq!(house.store.names().await.len(), names.len());
}

#[tokio::test]
async fn files_of_old_records_are_dropped_and_deleted() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    let mut future = Call::new("future");
    future.time = start() + SignedDuration::from_hours(24 * 365 * 100);
    house.add(&[Call::new("a"), future]);
    catch_up(&lake).await.unwrap();
    lake.flush().await.unwrap();
    assert_eq!(lake.stats().table_files, 2);
    house.advance(91 * 86_400);
    let later = start() + SignedDuration::from_hours(24 * 91);
    house.add(&[Call { time: later, arrival: later, ..Call::new("b") }]);
    catch_up(&lake).await.unwrap();
    lake.flush().await.unwrap();
    round(&lake).await.unwrap();
    assert_eq!(lake.stats().table_files, 2);
    // A record from a far future goes with the month after its arrival.
    house.advance(60 * 86_400);
    round(&lake).await.unwrap();
    assert_eq!(ids(&lake.lookup(everything(account(1))).await.unwrap()), ["b"]);
    assert_eq!(lake.stats().table_files, 1);
}

#[tokio::test]
async fn a_frame_that_is_no_record_stops_nothing() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    let broken = Frame { body: "{\"eventTime\":".into(), ..Call::new("x").frame() };
    let heartbeat = Frame { kind: Kind::Heartbeat, ..broken.clone() };
    house.log.add(vec![Call::new("a").frame(), broken, heartbeat, Call::new("b").frame()]);
    catch_up(&lake).await.unwrap();
    assert_eq!(lake.stats().unreadable, 1);
    assert_eq!(*lake.visible().borrow(), Position(4));
    lake.flush().await.unwrap();
    assert_eq!(ids(&lake.lookup(everything(account(1))).await.unwrap()), ["b", "a"]);
    assert_eq!(house.log.first(), Position(4));
}

#[tokio::test]
async fn a_log_that_ends_before_the_table_is_refused() {
    let house = House::new(1);
    let lake = house.open().await.unwrap();
    house.add(&[Call::new("a")]);
    catch_up(&lake).await.unwrap();
    lake.flush().await.unwrap();
    drop(lake);
    let mut components = house.components();
    components.log = super::memory_log::MemoryLog::new(Default::default());
    let opened = Lake::open(Settings::default(), components).await;
    assert!(matches!(opened, Err(Error::LogBehind { committed: Position(1), .. })));
}

/// Waits for real tasks, a little.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..2000 {
        if is_so().await {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("waited in vain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_become_visible_by_themselves_and_reach_the_table_with_age() {
    let house = House::new(1);
    let lake = Lake::open(house.settings.clone(), house.components()).await.unwrap();
    house.add(&[Call::new("a")]);
    lake.visible().wait_for(|it| *it == Position(1)).await.unwrap();
    assert_eq!(count(&lake, 1).await, 1);
    assert_eq!(lake.stats().tail_rows, 1);
    until(async || {
        house.advance(30);
        lake.stats().table_rows == 1
    })
    .await;
    assert_eq!(count(&lake, 1).await, 1);
    assert_eq!(lake.stats().tail_rows, 0);
    until(async || house.log.first() == Position(1)).await;
    lake.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tail_stays_within_its_bound_while_the_store_is_down() {
    let mut house = House::new(1);
    house.settings.tail_bytes = 400_000;
    house.settings.flush_bytes = 100_000;
    let lake = Lake::open(house.settings.clone(), house.components()).await.unwrap();
    house.fate.die_after(0);
    for batch in 0..200 {
        let calls: Vec<_> = (0..20).map(|it| Call::new(&format!("{batch}-{it}"))).collect();
        house.add(&calls);
        until(async || lake.pressure() >= 1.0 || lake.stats().lag == 0).await;
    }
    until(async || lake.pressure() >= 1.0).await;
    let stats = lake.stats();
    assert!(stats.tail_bytes < 500_000 + (5 << 20), "{stats:?}");
    assert!(stats.lag > 0, "{stats:?}");
    let waiting = tokio::time::timeout(Duration::from_millis(50), lake.wait_for_room()).await;
    assert!(waiting.is_err());
    house.fate.revive();
    until(async || {
        house.advance(30);
        lake.stats().lag == 0 && lake.pressure() < 1.0
    })
    .await;
    lake.wait_for_room().await;
    assert!(lake.stats().flush_failures > 0);
    let mut lookup = everything(account(1));
    lookup.attribute = by(Key::EventName, "CreateBucket");
    assert_eq!(lake.lookup(lookup).await.unwrap().len(), 4000);
    lake.close().await;
}
