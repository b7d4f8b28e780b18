//! The table as another engine sees and changes it: PyIceberg of the tests' Python environment.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use record::Category;

use super::house::{Call, House, account, catch_up, everything, ids, round};
use crate::{Lake, Store};

fn python(house: &House, folder: &Path, more: &[&str]) -> serde_json::Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let venv = std::env::var_os("TRAILMARK_VENV").map_or_else(|| root.join(".venv"), PathBuf::from);
    let script = root.join("tools/iceberg_table.py");
    let mut command = Command::new(venv.join("bin/python"));
    let output = command.arg(script).arg(house.catalog()).arg(folder).args(more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn open(house: &House, folder: &Path) -> Lake {
    let mut components = house.components();
    components.store = Store::local(folder).unwrap();
    Lake::open_idle(house.settings.clone(), components).await.unwrap().0
}

async fn add(house: &House, lake: &Lake, from: usize, count: usize) {
    let calls: Vec<_> = (from..from + count)
        .map(|it| Call {
            category: if it % 3 == 0 { Category::Data } else { Category::Management },
            ..Call::new(&format!("id-{it:03}"))
        })
        .collect();
    house.add(&calls);
    catch_up(lake).await.unwrap();
    lake.flush().await.unwrap();
}

#[tokio::test]
async fn other_engines_read_the_same_rows() {
    let house = House::new(1);
    let folder = tempfile::tempdir().unwrap();
    let lake = open(&house, folder.path()).await;
    for batch in 0..9 {
        add(&house, &lake, batch * 10, 10).await;
    }
    let before = python(&house, folder.path(), &[]);
    assert_eq!(before["rows"], 90);
    assert_eq!(before["files"], 18);
    assert_eq!(before["management"], 60);
    round(&lake).await.unwrap();
    let after = python(&house, folder.path(), &[]);
    assert_eq!(after["rows"], 90);
    assert_eq!(after["files"], 4);
    assert_eq!(after["ids"], before["ids"]);
}

#[tokio::test]
async fn rows_that_another_engine_deletes_are_gone_here_too() {
    let house = House::new(1);
    let folder = tempfile::tempdir().unwrap();
    let lake = open(&house, folder.path()).await;
    add(&house, &lake, 0, 10).await;
    let left = python(&house, folder.path(), &["--delete", "eventid == 'id-004'"]);
    assert_eq!(left["rows"], 9);
    // The next commit finds that the table has changed, and goes on from there.
    add(&house, &lake, 10, 10).await;
    let found = ids(&lake.lookup(everything(account(1))).await.unwrap());
    assert_eq!(found.len(), 19);
    assert!(!found.contains(&"id-004".to_owned()));
    assert_eq!(python(&house, folder.path(), &[])["rows"], 19);
    let lake = open(&house, folder.path()).await;
    catch_up(&lake).await.unwrap();
    assert_eq!(ids(&lake.lookup(everything(account(1))).await.unwrap()), found);
}
