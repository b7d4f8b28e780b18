//! The keeper on the real log.
