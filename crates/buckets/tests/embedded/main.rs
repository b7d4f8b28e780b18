//! The embedded S3 from outside: as real clients, the door and a crash find it.

#[cfg(test)]
mod clients;
#[cfg(test)]
mod common;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod protocol;
