//! Heads as strangers send them: what is read, and what is refused.

use proptest::prelude::*;

use super::*;

fn parse(text: &[u8]) -> Result<Option<RequestHead>, Refused> {
    parse_request(&mut BytesMut::from(text), &mut 0)
}

#[track_caller]
fn check(text: &str, expected: Result<Framing, Refused>) {
    let head = parse(text.as_bytes()).map(|it| it.expect("the head is complete").framing);
    assert_eq!(head, expected, "{text:?}");
}

#[test]
fn a_head_says_how_its_body_is_framed() {
    check("GET / HTTP/1.1\r\nHost: h\r\n\r\n", Ok(Framing::Empty));
    check("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", Ok(Framing::Length(5)));
    check("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", Ok(Framing::Empty));
    check("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n", Ok(Framing::Chunked));
    check("\r\nGET / HTTP/1.0\r\n\r\n", Ok(Framing::Empty));
}

#[test]
fn a_length_together_with_chunks_is_refused_in_either_order() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -1",
        "Content-Length:",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        check(&format!("PUT / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n"), Err(Refused::Framing));
    }
    check("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Err(Refused::Framing));
    for coding in ["gzip, chunked", "chunked, identity", "xchunked", "identity", "chunked;a=b"] {
        let text = format!("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {coding}\r\n\r\n");
        check(&text, Err(Refused::TransferCoding));
    }
}

#[test]
fn lines_that_can_be_read_in_two_ways_are_refused() {
    for lines in [
        "Host: h\r\nA: b\r\n c",
        "Host: h\r\nA: b\r\n\tc",
        "Host: h\r\nA : b",
        "Host: h\nA: b",
        "Host: h\r\nA: b\nB: c",
        "Host: h\r\nA: b\rB: c",
        "Host: h\r\nA",
        "Host: h\r\n: b",
        "Host: h\r\nA: b\0c",
        "Host: h\r\nA\0: b",
        "Host: h\r\n\u{e4}: b",
    ] {
        check(&format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n"), Err(Refused::Line));
    }
}

#[test]
fn a_request_has_one_host() {
    check("GET / HTTP/1.1\r\n\r\n", Err(Refused::Host));
    check("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Err(Refused::Host));
    check("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Err(Refused::Authority));
    check("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Err(Refused::Authority));
    check("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Framing::Empty));
}

#[test]
fn the_first_line_is_method_target_and_version() {
    for text in [
        "GET /\r\nHost: h\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / http/1.1\r\nHost: h\r\n\r\n",
        "G\u{e4}T / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        check(text, Err(Refused::Start));
    }
    check("GET / HTTP/2.0\r\nHost: h\r\n\r\n", Err(Refused::Version));
    check("GET / HTTP/1.2\r\nHost: h\r\n\r\n", Err(Refused::Version));
}

#[test]
fn the_connection_header_cannot_take_away_what_the_upstream_has_to_see() {
    for name in ["authorization", "X-Amz-Date", "host", "x-amz-target"] {
        let text = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nX-Amz-Date: b\r\nX-Amz-Target: c\r\n\
             Connection: keep-alive, {name}\r\n\r\n"
        );
        check(&text, Err(Refused::Connection));
    }
    check(
        "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
        Ok(Framing::Empty),
    );
}

#[test]
fn a_head_that_is_too_large_is_refused_before_it_is_complete() {
    let mut long = b"GET / HTTP/1.1\r\nHost: h\r\nA: ".to_vec();
    long.resize(HEAD_MAX, b'a');
    assert_eq!(parse(&long).unwrap_err(), Refused::TooLarge);
    let many = "a: b\r\n".repeat(LINES_MAX);
    check(&format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"), Err(Refused::TooLarge));
}

#[test]
fn expectations_other_than_continue_are_refused() {
    let head = |value: &str| {
        format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: {value}\r\n\r\n")
    };
    assert!(parse(head("100-Continue").as_bytes()).unwrap().unwrap().expects_continue);
    check(&head("200-ok"), Err(Refused::Expectation));
}

#[test]
fn what_travels_on_is_what_was_sent_but_for_this_hop() {
    let text = "GET /a%2Fb//c?x=%zz&y HTTP/1.1\r\nHOST: h:80\r\nx-B: 1\r\nConnection: close\r\n\
                X-a:  2 \r\nX-b: 3\r\nTE: trailers\r\n\r\n";
    let head = parse(text.as_bytes()).unwrap().unwrap();
    let mut written = BytesMut::new();
    head.raw.write_lines(&mut written);
    assert_eq!(written, "HOST: h:80\r\nx-B: 1\r\nX-a:  2 \r\nX-b: 3\r\n");
    assert_eq!(head.parts.uri.path_and_query().unwrap(), "/a%2Fb//c?x=%zz&y");
    assert_eq!(head.parts.headers["x-a"], "2");
    assert!(!head.keep_alive);
}

#[test]
fn an_answer_says_how_its_body_is_framed() {
    let check = |text: &str, method: Method, expected: Result<Framing, Refused>| {
        let mut input = BytesMut::from(text);
        let head = parse_response(&mut input, &mut 0, &method);
        assert_eq!(head.map(|it| it.expect("complete").framing), expected, "{text:?}");
    };
    check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Method::GET, Ok(Framing::Length(3)));
    check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Method::HEAD, Ok(Framing::Empty));
    check("HTTP/1.1 204\r\n\r\n", Method::PUT, Ok(Framing::Empty));
    check("HTTP/1.0 200 OK\r\n\r\n", Method::GET, Ok(Framing::UntilClose));
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(both, Method::GET, Err(Refused::Framing));
    check("HTTP/1.1 2000 OK\r\n\r\n", Method::GET, Err(Refused::Start));
    check("SSH-2.0-OpenSSH\r\n\r\n", Method::GET, Err(Refused::Start));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(text: Vec<u8>, line in 0_usize..3) {
        let first: &[u8] = [b"".as_slice(), b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n"][line];
        let text = [first, &text, b"\r\n\r\n"].concat();
        let _ = parse(&text);
        let _ = parse_response(&mut BytesMut::from(text.as_slice()), &mut 0, &Method::GET);
    }

    #[test]
    fn a_head_is_the_same_however_it_comes_in_packets(step in 1_usize..40) {
        let text = b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
        let (mut input, mut scanned) = (BytesMut::new(), 0);
        let mut found = None;
        for packet in text.chunks(step) {
            input.extend_from_slice(packet);
            if found.is_none() {
                found = parse_request(&mut input, &mut scanned).unwrap();
            }
        }
        prop_assert_eq!(found.unwrap().framing, Framing::Length(2));
        prop_assert_eq!(&input[..], b"ab");
    }
}
