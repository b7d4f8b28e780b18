//! The Trino layer on DataFusion: what CloudTrail Lake and Athena accept, with their semantics.
