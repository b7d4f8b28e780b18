//! URLs, and addresses within networks.
//!
//! Spec: Trino, "URL functions", "IP address functions".

use std::{borrow::Cow, net::IpAddr};

use datafusion::{arrow::array::ArrayRef, error::Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::scalar::{self, Call, Kind, Scalar, fixed};

const ONE: &[Kind] = &[Kind::Text];

/// What form encoding leaves as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

pub(super) const ALL: &[Scalar] = &[
    fixed("url_decode", ONE, scalar::text, |call| {
        let text = call.text(0)?;
        call.strings(|row| {
            let Some(text) = text.get(row) else { return Ok(None) };
            let spaced = text.replace('+', " ");
            Ok(Some(Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())))
        })
    }),
    fixed("url_encode", ONE, scalar::text, |call| {
        let text = call.text(0)?;
        call.strings(|row| {
            Ok(text.get(row).map(|it| {
                Cow::Owned(utf8_percent_encode(it, FORM).to_string().replace("%20", "+"))
            }))
        })
    }),
    fixed("url_extract_fragment", ONE, scalar::text, |call| {
        part(call, |it| it.fragment().map(str::to_owned))
    }),
    fixed("url_extract_host", ONE, scalar::text, |call| {
        part(call, |it| it.host_str().map(str::to_owned))
    }),
    fixed("url_extract_parameter", &[Kind::Text, Kind::Text], scalar::text, |call| {
        let (text, name) = (call.text(0)?, call.text(1)?);
        call.strings(|row| {
            let (Some(text), Some(name)) = (text.get(row), name.get(row)) else { return Ok(None) };
            let Ok(url) = Url::parse(text) else { return Ok(None) };
            let found = url.query_pairs().find(|(key, _)| key == name);
            Ok(found.map(|(_, value)| Cow::Owned(value.into_owned())))
        })
    }),
    fixed("url_extract_path", ONE, scalar::text, |call| {
        part(call, |it| Some(percent_decode_str(it.path()).decode_utf8_lossy().into_owned()))
    }),
    fixed("url_extract_port", ONE, scalar::bigint, |call| {
        let text = call.text(0)?;
        call.ints(|row| {
            Ok(text
                .get(row)
                .and_then(|it| Url::parse(it).ok())
                .and_then(|it| it.port())
                .map(i64::from))
        })
    }),
    fixed("url_extract_protocol", ONE, scalar::text, |call| {
        part(call, |it| Some(it.scheme().to_owned()))
    }),
    fixed("url_extract_query", ONE, scalar::text, |call| {
        part(call, |it| it.query().map(str::to_owned))
    }),
];

fn part(call: &Call<'_>, read: impl Fn(&Url) -> Option<String>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.strings(|row| {
        Ok(text
            .get(row)
            .and_then(|it| Url::parse(it).ok())
            .and_then(|it| read(&it))
            .map(Cow::Owned))
    })
}

/// `contains('10.0.0.0/8', address)`. A text that is no address lies in no network.
pub(super) fn network_contains(call: &Call<'_>) -> Result<ArrayRef> {
    let (network, address) = (call.text(0)?, call.text(1)?);
    call.booleans(|row| {
        let (Some(network), Some(address)) = (network.get(row), address.get(row)) else {
            return Ok(None);
        };
        let (base, length) = network.split_once('/').unwrap_or((network, ""));
        let base: IpAddr =
            base.parse().map_err(|_| call.fail(format_args!("invalid network '{network}'")))?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let length: u32 = if length.is_empty() {
            width
        } else {
            length
                .parse()
                .ok()
                .filter(|it| *it <= width)
                .ok_or_else(|| call.fail(format_args!("invalid network '{network}'")))?
        };
        let Ok(address) = address.parse::<IpAddr>() else { return Ok(Some(false)) };
        Ok(Some(match (base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - length;
                let cut = |it: u32| u64::from(it) >> shift;
                cut(base.to_bits()) == cut(address.to_bits())
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let cut = |it: u128| it.checked_shr(128 - length).unwrap_or(0);
                cut(base.to_bits()) == cut(address.to_bits())
            }
            _ => false,
        }))
    })
}
