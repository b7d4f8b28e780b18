//! The two views of a record: its columns as CloudTrail Lake and as Athena show them, and the decoder that fills them.
