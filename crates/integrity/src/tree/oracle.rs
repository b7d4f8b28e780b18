//! The recursive definitions of RFC 6962, as they read there: the measure of everything.

use std::{collections::HashMap, ops::Range, sync::Mutex};

use crate::tree::hash::Hash;

/// A list of leaf hashes, and the roots over its ranges that were computed already.
pub(crate) struct Oracle {
    leaves: Vec<Hash>,
    known: Mutex<HashMap<Range<usize>, Hash>>,
}

impl Oracle {
    pub(crate) fn new(leaves: Vec<Hash>) -> Self {
        Self { leaves, known: Mutex::default() }
    }

    /// `MTH(D[range])`.
    pub(crate) fn root(&self, range: Range<usize>) -> Hash {
        if let Some(known) = self.known.lock().unwrap().get(&range) {
            return *known;
        }
        let root = match range.len() {
            0 => Hash::empty(),
            1 => self.leaves[range.start],
            n => {
                let middle = range.start + split(n);
                Hash::node(&self.root(range.start..middle), &self.root(middle..range.end))
            }
        };
        self.known.lock().unwrap().insert(range, root);
        root
    }

    /// `PATH(m, D[range])`.
    pub(crate) fn path(&self, m: usize, range: Range<usize>) -> Vec<Hash> {
        if range.len() == 1 {
            return Vec::new();
        }
        let k = split(range.len());
        let (left, right) = (range.start..range.start + k, range.start + k..range.end);
        if m < k {
            [self.path(m, left), vec![self.root(right)]].concat()
        } else {
            [self.path(m - k, right), vec![self.root(left)]].concat()
        }
    }

    /// `PROOF(m, D[0..n])`.
    pub(crate) fn proof(&self, m: usize, n: usize) -> Vec<Hash> {
        if m == 0 || m == n { Vec::new() } else { self.subproof(m, 0..n, true) }
    }

    fn subproof(&self, m: usize, range: Range<usize>, is_known: bool) -> Vec<Hash> {
        if m == range.len() {
            return if is_known { Vec::new() } else { vec![self.root(range)] };
        }
        let k = split(range.len());
        let (left, right) = (range.start..range.start + k, range.start + k..range.end);
        if m <= k {
            [self.subproof(m, left, is_known), vec![self.root(right)]].concat()
        } else {
            [self.subproof(m - k, right, false), vec![self.root(left)]].concat()
        }
    }
}

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    let mut k = 1;
    while 2 * k < n {
        k *= 2;
    }
    k
}
