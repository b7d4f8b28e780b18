//! The text of a log file, decoded to every column of both views and passed over with filters: what
//! is skipped is never trusted, so that rows are the same however little of them is wanted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use views::{Decoder, Filter, Test, Text, View};

fuzz_target!(|text: &str| {
    for view in [View::Lake, View::Athena] {
        let columns: Vec<_> = (0..view.columns().len()).collect();
        let mut all = Decoder::new(view, &columns, Vec::new());
        let faults = read(&mut all, text);
        let batch = all.take().expect("columns are as long as each other");

        // No column: every record is a row, and every fault outside of members is found again.
        let mut none = Decoder::new(view, &[], Vec::new());
        assert!(read(&mut none, text) <= faults);
        assert_eq!(none.rows(), batch.num_rows());

        // A filter that every record meets which has the member.
        let test = Test::Between(None, None);
        let filter = Filter { path: vec!["eventName"], test };
        let mut some = Decoder::new(view, &[0, 1], vec![filter]);
        read(&mut some, text);
        assert!(some.rows() <= batch.num_rows());
        some.take().expect("columns are as long as each other");
    }
});

/// Reads all of a text in small portions; gives the number of faults.
fn read(decoder: &mut Decoder, text: &str) -> u64 {
    let mut text = Text::new(text);
    let mut rows = 0;
    loop {
        rows += 3;
        if !decoder.fill(&mut text, rows) {
            return text.faulty();
        }
    }
}
