//! The lake as a whole, on a log in memory and on stores that fail and forget.

mod crash;
mod engines;
mod house;
mod lookups;
mod memory_log;
mod table;
