//! Results as files for a bucket: comma-separated values, compressed, in files of bounded size.

use std::{fmt::Debug, io::Write as _};

use bytes::Bytes;
use catalog::{DeliveryState, Query};
use flate2::{Compression, write::GzEncoder};
use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::{Error, results::Row};

/// Bytes of a file, compressed, at which the next is begun.
const FILE_BYTES: usize = 32 << 20;

/// Takes results of queries to where their owners want them.
pub trait ResultPlace: Debug + Send + Sync {
    /// Writes the files of a result, then the one that signs them. What went wrong is the state.
    fn deliver<'a>(
        &'a self,
        query: &'a Query,
        result: Csv,
        complete: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryState>>;
}

/// The files of a result.
#[derive(Debug)]
pub struct Csv {
    header: Vec<u8>,
    files: Vec<Bytes>,
    open: GzEncoder<Vec<u8>>,
}

impl Csv {
    /// A result with a line of labels at the head of each file.
    ///
    /// # Errors
    /// Never: memory takes all.
    pub(crate) fn new(labels: &[String]) -> Result<Self, Error> {
        let mut header = Vec::new();
        line(&mut header, labels.iter().map(|it| Some(it.as_str())));
        let open = begin(&header)?;
        Ok(Self { header, files: Vec::new(), open })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Never: memory takes all.
    pub(crate) fn add(&mut self, row: &Row) -> Result<(), Error> {
        let mut text = Vec::new();
        line(&mut text, row.iter().map(Option::as_deref));
        self.open.write_all(&text).map_err(Error::Result)?;
        if self.open.get_ref().len() >= FILE_BYTES {
            let full = std::mem::replace(&mut self.open, begin(&self.header)?);
            self.files.push(full.finish().map_err(Error::Result)?.into());
        }
        Ok(())
    }

    /// The files, at least one.
    ///
    /// # Errors
    /// Never: memory takes all.
    pub fn files(mut self) -> Result<Vec<Bytes>, Error> {
        self.files.push(self.open.finish().map_err(Error::Result)?.into());
        Ok(self.files)
    }
}

fn begin(header: &[u8]) -> Result<GzEncoder<Vec<u8>>, Error> {
    let mut open = GzEncoder::new(Vec::new(), Compression::default());
    open.write_all(header).map_err(Error::Result)?;
    Ok(open)
}

/// A line; a text is quoted where it must be, and null is nothing.
fn line<'a>(to: &mut Vec<u8>, cells: impl Iterator<Item = Option<&'a str>>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            to.push(b',');
        }
        let cell = cell.unwrap_or_default();
        if cell.contains(['"', ',', '\n', '\r']) {
            to.push(b'"');
            to.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
            to.push(b'"');
        } else {
            to.extend_from_slice(cell.as_bytes());
        }
    }
    to.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn every_file_has_the_labels_and_each_row_is_in_one() {
        let mut csv = Csv::new(&["a".to_owned(), "b,c".to_owned()]).unwrap();
        csv.add(&vec![Some("x\"y".to_owned()), None]).unwrap();
        let files = csv.files().unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*files[0]).read_to_string(&mut text).unwrap();
        assert_eq!((files.len(), text.as_str()), (1, "a,\"b,c\"\n\"x\"\"y\",\n"));
    }
}
