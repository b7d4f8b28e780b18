//! What queries mean: names of results, coercions, UNNEST, lambdas, refusals.

use super::records::rows;

#[test]
fn a_count_is_a_row() {
    assert_eq!(rows("SELECT count (*) FROM eds"), ["12"]);
}
