//! Whose word about a caller's address is believed.
//!
//! Lives here: [`Network`], and the rule by which `X-Forwarded-For` is read. A stranger may write
//! any address into it, so only what trusted peers added counts.

use std::{fmt, net::IpAddr};

use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// A range of addresses in CIDR notation, such as `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(into = "String", try_from = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a [`Network`]. Reads on from "The network …".
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidNetwork {
    /// No address stands before the slash.
    #[error("does not begin with an IP address")]
    Address,
    /// What stands behind the slash is no number of bits of that address.
    #[error("does not end in a number of bits")]
    Prefix,
}

impl Network {
    /// Whether the address lies in the network. An IPv4 address mapped into IPv6 counts as itself.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The caller's address as the trusted peers tell it: the last entry of `X-Forwarded-For` that none
/// of them is. `None` when there is none, or when what stands there is no address.
#[must_use]
pub fn forwarded_for(headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let mut last = None;
    for value in headers.get_all("x-forwarded-for").into_iter().rev() {
        for entry in value.to_str().ok()?.rsplit(',') {
            let address = address(entry.trim())?.to_canonical();
            last = Some(address);
            if !trusted.iter().any(|it| it.contains(address)) {
                return last;
            }
        }
    }
    last
}

/// An address, as proxies write it: with or without brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|it: std::net::SocketAddr| it.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork::Address)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| InvalidNetwork::Prefix)?,
            None => bits,
        };
        if prefix > bits { Err(InvalidNetwork::Prefix) } else { Ok(Self { address, prefix }) }
    }
}

impl From<Network> for String {
    fn from(it: Network) -> Self {
        it.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_network_holds_the_addresses_that_share_its_prefix() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.6"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::/0", "::1", "1.2.3.4"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
        ] {
            assert!(network(text).contains(inside.parse().unwrap()), "{inside} in {text}");
            assert!(!network(text).contains(outside.parse().unwrap()), "{outside} in {text}");
        }
    }

    #[test]
    fn a_network_that_is_none_is_refused() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "host/8", "10.0.0.0/-1"] {
            assert!(Network::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[track_caller]
    fn check(values: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let found = forwarded_for(&headers, &[network("10.0.0.0/8")]);
        assert_eq!(found, expected.map(|it| it.parse().unwrap()));
    }

    #[test]
    fn the_last_address_that_is_not_a_trusted_peer_is_the_callers() {
        check(&["203.0.113.7"], Some("203.0.113.7"));
        check(&["1.1.1.1, 203.0.113.7, 10.0.0.3"], Some("203.0.113.7"));
        check(&["1.1.1.1", "203.0.113.7", "10.0.0.3"], Some("203.0.113.7"));
        check(&["[2001:db8::1]:443"], Some("2001:db8::1"));
        check(&["203.0.113.7:8080"], Some("203.0.113.7"));
        check(&["10.0.0.4, 10.0.0.3"], Some("10.0.0.4"));
    }

    #[test]
    fn what_is_no_address_hides_everything_before_it() {
        check(&["203.0.113.7, unknown"], None);
        check(&["203.0.113.7, unknown, 10.0.0.3"], None);
        check(&[], None);
    }
}
