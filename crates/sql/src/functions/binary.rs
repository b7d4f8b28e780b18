//! Bytes: hex, base64, digests.
//!
//! Spec: Trino, "Binary functions and operators".

use std::{borrow::Cow, sync::Arc};

use aws_lc_rs::digest;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use datafusion::{
    arrow::{
        array::{Array as _, ArrayRef, AsArray as _, BinaryBuilder, StringBuilder},
        datatypes::DataType,
    },
    error::Result,
};
use md5::{Digest as _, Md5};

use super::scalar::{self, Call, Kind, Scalar, fixed, optional};

const BYTES: &[Kind] = &[Kind::Binary];

pub(super) const ALL: &[Scalar] = &[
    optional("from_base64", &[Kind::Text], 1, binary, |call| {
        from_text(call, "invalid base64", |it| BASE64_STANDARD.decode(it).ok())
    }),
    fixed("from_base64url", &[Kind::Text], binary, |call| {
        from_text(call, "invalid base64url", |it| BASE64_URL_SAFE.decode(it).ok())
    }),
    fixed("from_hex", &[Kind::Text], binary, |call| {
        from_text(call, "invalid hex", |it| hex::decode(it).ok())
    }),
    optional("from_utf8", &[Kind::Binary, Kind::Text], 1, scalar::text, |call| {
        to_text(call, |it| String::from_utf8_lossy(it).into_owned())
    }),
    fixed("md5", BYTES, binary, |call| to_bytes(call, |it| Md5::digest(it).to_vec())),
    fixed("sha1", BYTES, binary, |call| {
        to_bytes(call, |it| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, it).as_ref().to_vec())
    }),
    fixed("sha256", BYTES, binary, |call| {
        to_bytes(call, |it| digest::digest(&digest::SHA256, it).as_ref().to_vec())
    }),
    fixed("sha512", BYTES, binary, |call| {
        to_bytes(call, |it| digest::digest(&digest::SHA512, it).as_ref().to_vec())
    }),
    fixed("to_base64", BYTES, scalar::text, |call| to_text(call, |it| BASE64_STANDARD.encode(it))),
    fixed("to_base64url", BYTES, scalar::text, |call| {
        to_text(call, |it| BASE64_URL_SAFE.encode(it))
    }),
    fixed("to_hex", BYTES, scalar::text, |call| to_text(call, |it| hex::encode_upper(it))),
    fixed("to_utf8", &[Kind::Text], binary, |call| {
        from_text(call, "", |it| Some(it.as_bytes().to_vec()))
    }),
];

fn binary(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Binary)
}

fn from_text(
    call: &Call<'_>,
    wrong: &str,
    read: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<ArrayRef> {
    let text = call.text(0)?;
    let mut out = BinaryBuilder::new();
    for row in 0..call.rows {
        match text.get(row) {
            None => out.append_null(),
            Some(text) => {
                out.append_value(read(text).ok_or_else(|| call.fail(Cow::Borrowed(wrong)))?)
            }
        }
    }
    Ok(Arc::new(out.finish()))
}

fn to_bytes(call: &Call<'_>, make: impl Fn(&[u8]) -> Vec<u8>) -> Result<ArrayRef> {
    let bytes = call.array(0)?;
    let mut out = BinaryBuilder::new();
    for it in bytes.as_binary::<i32>() {
        out.append_option(it.map(&make));
    }
    Ok(Arc::new(out.finish()))
}

fn to_text(call: &Call<'_>, make: impl Fn(&[u8]) -> String) -> Result<ArrayRef> {
    let bytes = call.array(0)?;
    let mut out = StringBuilder::with_capacity(bytes.len(), bytes.len());
    for it in bytes.as_binary::<i32>() {
        out.append_option(it.map(&make));
    }
    Ok(Arc::new(out.finish()))
}
