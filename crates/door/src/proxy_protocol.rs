//! The PROXY protocol: a trusted peer says whom it speaks for.
//!
//! Lives here: reading the header that stands before everything else on a connection, in its text
//! and its binary form. Never panics, whatever the bytes.
//! Lives elsewhere: whether the peer is trusted (`network`); a stranger's header is no header.
//!
//! Spec: "The PROXY protocol", versions 1 and 2, by HAProxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// No such header: the first request, or a handshake.
    Other,
    /// More bytes are needed to tell.
    Hungry,
    /// A header of that many bytes.
    Header {
        /// Bytes of the header.
        length: usize,
        /// Whom the peer speaks for; `None` when it speaks for itself, as in a health check.
        source: Option<IpAddr>,
    },
}

/// The header begins as one and goes on as none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the PROXY header is malformed")]
pub struct Malformed;

/// Reads the first bytes of a connection.
///
/// # Errors
/// When a header begins and is malformed: what follows cannot be told from it.
pub fn read(input: &[u8]) -> Result<Start, Malformed> {
    if begins(input, SIGNATURE_2) {
        return if input.len() < 16 { Ok(Start::Hungry) } else { binary(input) };
    }
    if begins(input, SIGNATURE_1) {
        return text(input);
    }
    Ok(Start::Other)
}

/// Whether `input` begins with `signature`, or might once more of it is there.
fn begins(input: &[u8], signature: &[u8]) -> bool {
    !input.is_empty() && input.iter().zip(signature).all(|(one, other)| one == other)
}

/// `PROXY TCP4 203.0.113.7 10.0.0.1 56324 443` and a line's end, at most 107 bytes.
fn text(input: &[u8]) -> Result<Start, Malformed> {
    let line = input.get(..TEXT_MAX).unwrap_or(input);
    let Some(end) = memchr::memmem::find(line, b"\r\n") else {
        return if input.len() < TEXT_MAX { Ok(Start::Hungry) } else { Err(Malformed) };
    };
    let line = line.get(..end).and_then(|it| str::from_utf8(it).ok()).ok_or(Malformed)?;
    let length = end + 2;
    let words: Vec<&str> = line.split(' ').collect();
    let source = match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", "TCP4", source, destination, ports @ ..] if are_ports(ports) => {
            let _: Ipv4Addr = destination.parse().map_err(|_| Malformed)?;
            Some(IpAddr::V4(source.parse().map_err(|_| Malformed)?))
        }
        ["PROXY", "TCP6", source, destination, ports @ ..] if are_ports(ports) => {
            let _: Ipv6Addr = destination.parse().map_err(|_| Malformed)?;
            Some(IpAddr::V6(source.parse().map_err(|_| Malformed)?))
        }
        _ => return Err(Malformed),
    };
    Ok(Start::Header { length, source })
}

fn are_ports(words: &[&str]) -> bool {
    words.len() == 2 && words.iter().all(|it| it.parse::<u16>().is_ok())
}

/// Signature, version and command, family, length, addresses, extensions.
fn binary(input: &[u8]) -> Result<Start, Malformed> {
    let (head, rest) = input.split_at_checked(16).ok_or(Malformed)?;
    let [.., command, family, high, low] = head else { return Err(Malformed) };
    let size = usize::from(u16::from_be_bytes([*high, *low]));
    if size > BINARY_MAX {
        return Err(Malformed);
    }
    let Some(body) = rest.get(..size) else { return Ok(Start::Hungry) };
    let source = match (command, family >> 4) {
        // LOCAL: the peer speaks for itself.
        (0x20, _) => None,
        (0x21, 1) => {
            let source: [u8; 4] =
                body.get(..4).and_then(|it| it.try_into().ok()).ok_or(Malformed)?;
            body.get(..12).ok_or(Malformed)?;
            Some(IpAddr::from(source))
        }
        (0x21, 2) => {
            let source: [u8; 16] =
                body.get(..16).and_then(|it| it.try_into().ok()).ok_or(Malformed)?;
            body.get(..36).ok_or(Malformed)?;
            Some(IpAddr::from(source))
        }
        // Unspecified, or a local socket.
        (0x21, 0 | 3) => None,
        _ => return Err(Malformed),
    };
    Ok(Start::Header { length: 16 + size, source })
}

const SIGNATURE_1: &[u8] = b"PROXY ";
const SIGNATURE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const TEXT_MAX: usize = 107;
/// Addresses and extensions, of which we read none.
const BINARY_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: Result<Start, Malformed>) {
        assert_eq!(read(input), expected);
    }

    fn header(length: usize, source: Option<&str>) -> Result<Start, Malformed> {
        Ok(Start::Header { length, source: source.map(|it| it.parse().unwrap()) })
    }

    fn binary_header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE_2.to_vec();
        bytes.extend_from_slice(&[command, family]);
        bytes.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn the_text_form_names_the_source() {
        let line = b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\nGET / HTTP/1.1\r\n";
        check(line, header(43, Some("203.0.113.7")));
        check(b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", header(32, Some("2001:db8::1")));
        check(b"PROXY UNKNOWN\r\n", header(15, None));
        check(b"PROXY TCP4 203.0", Ok(Start::Hungry));
        check(b"PRO", Ok(Start::Hungry));
    }

    #[test]
    fn the_binary_form_names_the_source() {
        let v4 = binary_header(0x21, 0x11, &[203, 0, 113, 7, 10, 0, 0, 1, 0, 1, 0, 2]);
        check(&v4, header(28, Some("203.0.113.7")));
        check(&v4[..20], Ok(Start::Hungry));
        check(&v4[..3], Ok(Start::Hungry));
        check(&binary_header(0x20, 0, &[]), header(16, None));
        check(&binary_header(0x21, 0x11, &[1, 2, 3]), Err(Malformed));
        check(&binary_header(0x31, 0x11, &[0; 12]), Err(Malformed));
    }

    #[test]
    fn a_malformed_header_is_refused_and_anything_else_is_none() {
        for text in [
            "PROXY TCP4 203.0.113.7 10.0.0.1 56324\r\n",
            "PROXY TCP4 host 10.0.0.1 1 2\r\n",
            "PROXY TCP4 1.2.3.4 10.0.0.1 1 99999\r\n",
            "PROXY TCP9 1.2.3.4 10.0.0.1 1 2\r\n",
        ] {
            check(text.as_bytes(), Err(Malformed));
        }
        check(&[b"PROXY ".to_vec(), vec![b'x'; 200]].concat(), Err(Malformed));
        check(b"GET / HTTP/1.1\r\n", Ok(Start::Other));
        check(b"\r\nGET / HTTP/1.1\r\n", Ok(Start::Other));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(signature in 0_usize..3, rest: Vec<u8>) {
            let start: &[u8] = [b"".as_slice(), SIGNATURE_1, SIGNATURE_2][signature];
            if let Ok(Start::Header { length, .. }) = read(&[start, &rest].concat()) {
                prop_assert!(length <= start.len() + rest.len());
            }
        }
    }
}
