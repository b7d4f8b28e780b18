//! Bodies in frames, as they should be and as they should not.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::executor::block_on;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use proptest::prelude::*;

use crate::{
    answer::BoxError,
    auth::{AuthError, BodyFault, Failure},
    sigv4::{
        Claim, Expected, Key, Secret, Settings, Verification, Verified, Verifier, View, recognise,
        signer::{SECRET, Sign, mac},
    },
};

/// A body under construction.
struct Build {
    sign: Sign,
    signed: bool,
    previous: String,
    body: Vec<u8>,
}

const DATA: &[u8] = b"the data of three chunks, more or less";

impl Build {
    fn new(mode: &str, decoded_length: usize, trailer: Option<&str>) -> Self {
        let mut sign = Sign::get("s3")
            .payload(mode)
            .header("x-amz-decoded-content-length", &decoded_length.to_string());
        sign.method = "PUT";
        if let Some(trailer) = trailer {
            sign = sign.header("x-amz-trailer", trailer);
        }
        let previous = sign.signature("");
        Self { sign, signed: !mode.contains("UNSIGNED"), previous, body: Vec::new() }
    }

    fn next_signature(&mut self, what: &str, rest: &str) -> String {
        let text =
            format!("{what}\n{}\n{}\n{}\n{rest}", self.sign.date, self.sign.scope(), self.previous);
        self.previous = hex::encode(mac(&self.sign.signing_key(), text.as_bytes()));
        self.previous.clone()
    }

    /// The line that begins a chunk.
    fn size_line(&mut self, data: &[u8]) -> String {
        let size = format!("{:x}", data.len());
        if !self.signed {
            return size;
        }
        let rest = format!("{}\n{}", sha256(b""), sha256(data));
        let signature = self.next_signature("AWS4-HMAC-SHA256-PAYLOAD", &rest);
        format!("{size};chunk-signature={signature}")
    }

    fn chunk(mut self, data: &[u8]) -> Self {
        let line = self.size_line(data);
        self = self.raw(line.as_bytes()).raw(b"\r\n").raw(data);
        if data.is_empty() { self } else { self.raw(b"\r\n") }
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.body.extend_from_slice(bytes);
        self
    }

    fn trailer(mut self, name: &str, value: &str) -> Self {
        self = self.raw(format!("{name}:{value}\r\n").as_bytes());
        if self.signed {
            let hash = sha256(format!("{name}:{value}\n").as_bytes());
            let signature = self.next_signature("AWS4-HMAC-SHA256-TRAILER", &hash);
            self = self.raw(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
        }
        self
    }

    fn verified(&self) -> Result<Verified, AuthError> {
        let request = self.sign.parts();
        let Claim::V4(claim) = recognise(&request)? else { panic!("not a claim") };
        let secret = Secret::new(SECRET.to_owned().into());
        let key = Key { secret: &secret, session: None };
        let expected = Expected { service: "s3", own: true, protocol_in_path: false };
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let verifier = Verifier::new(Settings::default());
        match verifier.verify(&request, &claim, Some(key), expected, now)? {
            Verification::Verified(verified) => Ok(verified),
            Verification::AwaitsBody(_) => panic!("chunks are declared"),
        }
    }

    fn decoded(&self) -> Result<Bytes, AuthError> {
        let body = Bytes::from(self.body.clone());
        self.verified()?.check(body, View::Decoded).map(|(decoded, _)| decoded)
    }
}

fn sha256(data: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, data))
}

#[track_caller]
fn check(build: &Build, expected: Result<&[u8], Failure>) {
    let result = build.decoded();
    // Reading it piece by piece says the same.
    for view in [View::Raw, View::Decoded] {
        let streamed = build.verified().and_then(|it| stream(&it, &build.body, 7, view));
        assert_eq!(streamed.is_ok(), result.is_ok(), "{view:?}");
    }
    match (result, expected) {
        (Ok(decoded), Ok(data)) => assert_eq!(decoded, data),
        (Err(error), Err(failure)) => assert_eq!(error.failure(), failure, "{error}"),
        (result, expected) => panic!("{result:?}, expected {expected:?}"),
    }
}

/// What is left of a body that streams in frames of `size`.
fn stream(verified: &Verified, body: &[u8], size: usize, view: View) -> Result<Bytes, AuthError> {
    let frames = body.chunks(size).map(Bytes::copy_from_slice).collect();
    let guarded = verified.guard(Frames(frames), view)?;
    block_on(guarded.collect()).map(http_body_util::Collected::to_bytes).map_err(auth_error)
}

fn auth_error(error: BoxError) -> AuthError {
    *error.downcast().expect("only authentication fails here")
}

/// A body in given frames, of unknown length.
struct Frames(std::collections::VecDeque<Bytes>);

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }
}

const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
const UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

fn signed() -> Build {
    Build::new(SIGNED, DATA.len(), None)
}

fn unsigned(length: usize) -> Build {
    Build::new(UNSIGNED_TRAILER, length, None)
}

#[test]
fn signed_chunks_of_any_size_are_read() {
    check(&signed().chunk(DATA).chunk(b"").raw(b"\r\n"), Ok(DATA));
    let mut build = signed();
    for byte in DATA {
        build = build.chunk(&[*byte]);
    }
    check(&build.chunk(b"").raw(b"\r\n"), Ok(DATA));
    check(&Build::new(SIGNED, 0, None).chunk(b"").raw(b"\r\n"), Ok(b""));
}

#[test]
fn a_last_chunk_that_is_missing_is_noticed() {
    check(&signed().chunk(DATA), Err(Failure::IncompleteBody));
    check(&signed().chunk(DATA).chunk(b""), Err(Failure::IncompleteBody));
    check(&signed(), Err(Failure::IncompleteBody));
    check(&unsigned(DATA.len()).chunk(DATA), Err(Failure::IncompleteBody));
}

#[test]
fn a_size_is_up_to_sixteen_digits_and_nothing_else() {
    for size in ["+1", "0x1", " 1", "1 ", "00000000000000001", "-1", "", "g", "1;", "１"] {
        let build = unsigned(1).raw(format!("{size}\r\na\r\n0\r\n\r\n").as_bytes());
        let error = build.decoded().unwrap_err();
        assert!(
            matches!(error.failure(), Failure::ChunkSize | Failure::IncompleteBody),
            "{size}: {error}"
        );
    }
    check(&unsigned(1).raw(b"0000000000000001\r\na\r\n0\r\n\r\n"), Ok(b"a"));
    check(&unsigned(10).raw(b"A\r\n0123456789\r\n0\r\n\r\n"), Ok(b"0123456789"));
}

#[test]
fn the_sizes_add_up_to_the_announced_length() {
    for (length, failure) in [(3, Failure::ChunkSize), (5, Failure::IncompleteBody)] {
        check(&unsigned(length).chunk(b"abcd").chunk(b"").raw(b"\r\n"), Err(failure));
    }
    let huge = unsigned(4).raw(b"ffffffffffffffff\r\nabcd\r\n0\r\n\r\n");
    check(&huge, Err(Failure::ChunkSize));
}

#[test]
fn nothing_follows_the_end() {
    for more in [&b"\r\n"[..], b"x", b"0\r\n\r\n"] {
        let build = signed().chunk(DATA).chunk(b"").raw(b"\r\n").raw(more);
        check(&build, Err(Failure::IncompleteBody));
    }
}

#[test]
fn a_line_ends_in_cr_lf() {
    for (end, data_end) in [("\n", "\r\n"), ("\r\n", "\n"), ("\r\r\n", "\r\n"), ("\r\n", "x\r\n")] {
        let build = unsigned(1).raw(format!("1{end}a{data_end}0\r\n\r\n").as_bytes());
        check(&build, Err(Failure::IncompleteBody));
    }
}

#[test]
fn a_line_without_end_is_not_kept() {
    let build = unsigned(1).raw(&vec![b'0'; 1 << 20]);
    check(&build, Err(Failure::IncompleteBody));
    let build = unsigned(0).raw(b"0\r\n").raw(&vec![b'a'; 1 << 20]);
    check(&build, Err(Failure::IncompleteBody));
}

#[test]
fn a_chunk_carries_its_signature_and_no_other_extension() {
    check(&signed().raw(b"1\r\na\r\n0\r\n\r\n"), Err(Failure::IncompleteBody));
    check(&unsigned(1).raw(b"1;x=y\r\na\r\n0\r\n\r\n"), Err(Failure::IncompleteBody));
    let with = format!("1;chunk-signature={}\r\na\r\n0\r\n\r\n", "0".repeat(64));
    check(&unsigned(1).raw(with.as_bytes()), Err(Failure::IncompleteBody));
    let upper = String::from_utf8(signed().chunk(DATA).body).unwrap();
    let upper = upper.replace("chunk-signature", "Chunk-Signature");
    check(&signed().raw(upper.as_bytes()), Err(Failure::IncompleteBody));
}

#[test]
fn chunks_that_change_places_are_noticed() {
    let (one, two) = DATA.split_at(19);
    let good = signed().chunk(one).chunk(two).chunk(b"").raw(b"\r\n");
    check(&good, Ok(DATA));
    let first = signed().chunk(one).body.len();
    let both = signed().chunk(one).chunk(two).body.len();
    let (body, end) = good.body.split_at(both);
    let (one, two) = body.split_at(first);
    let swapped = signed().raw(two).raw(one).raw(end);
    check(&swapped, Err(Failure::WrongSignature));
    let without = signed().raw(one).raw(end);
    let error = without.decoded().unwrap_err();
    assert!(matches!(error, AuthError::Body(BodyFault::Incomplete)));
}

#[test]
fn the_last_chunk_is_verified_too() {
    let build = signed().chunk(DATA);
    let line = format!("0;chunk-signature={}\r\n\r\n", "0".repeat(64));
    check(&build.raw(line.as_bytes()), Err(Failure::WrongSignature));
}

#[test]
fn each_checksum_is_compared() {
    for (name, value) in [
        ("crc32", BASE64_STANDARD.encode(0xCBF4_3926_u32.to_be_bytes())),
        ("crc32c", BASE64_STANDARD.encode(0xE306_9283_u32.to_be_bytes())),
        ("crc64nvme", BASE64_STANDARD.encode(0xAE8B_1486_0A79_9888_u64.to_be_bytes())),
        ("sha1", of(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
        ("sha256", of(&digest::SHA256)),
        ("sha512", of(&digest::SHA512)),
    ] {
        let trailer = format!("x-amz-checksum-{name}");
        for mode in [SIGNED_TRAILER, UNSIGNED_TRAILER] {
            let build = |value: &str| {
                Build::new(mode, 9, Some(&trailer))
                    .chunk(b"1234")
                    .chunk(b"56789")
                    .chunk(b"")
                    .trailer(&trailer, value)
                    .raw(b"\r\n")
            };
            check(&build(&value), Ok(b"123456789"));
            check(&build("AAAAAA=="), Err(Failure::Checksum));
            check(&build(""), Err(Failure::Checksum));
        }
    }
}

/// The hash of the digits, as a trailer holds it.
fn of(algorithm: &'static digest::Algorithm) -> String {
    BASE64_STANDARD.encode(digest::digest(algorithm, b"123456789"))
}

#[test]
fn trailers_are_those_announced() {
    let trailer = "x-amz-checksum-crc32";
    let crc = "y/Q5Jg==";
    let build = |announced: Option<&str>| {
        Build::new(UNSIGNED_TRAILER, 9, announced).chunk(b"123456789").chunk(b"")
    };
    check(&build(Some(trailer)).trailer(trailer, crc).raw(b"\r\n"), Ok(b"123456789"));
    check(&build(None).raw(b"\r\n"), Ok(b"123456789"));
    let wrong = Err(Failure::Trailer);
    check(&build(Some(trailer)).raw(b"\r\n"), wrong);
    check(&build(None).trailer(trailer, crc).raw(b"\r\n"), wrong);
    check(&build(Some("x-amz-checksum-crc32c")).trailer(trailer, crc).raw(b"\r\n"), wrong);
    let twice = build(Some(trailer)).trailer(trailer, crc).trailer(trailer, crc).raw(b"\r\n");
    check(&twice, wrong);
    check(&build(Some(trailer)).raw(b"no colon\r\n\r\n"), wrong);
    check(&build(Some(trailer)).trailer("x-amz-trailer-signature", "00").raw(b"\r\n"), wrong);
}

#[test]
fn signed_trailers_need_their_signature_at_the_end() {
    let (trailer, crc) = ("x-amz-checksum-crc32", "y/Q5Jg==");
    let build = || Build::new(SIGNED_TRAILER, 9, Some(trailer)).chunk(b"123456789").chunk(b"");
    let line = format!("{trailer}:{crc}\r\n");
    check(&build().raw(line.as_bytes()).raw(b"\r\n"), Err(Failure::Trailer));
    let forged = format!("{line}x-amz-trailer-signature:{}\r\n\r\n", "0".repeat(64));
    check(&build().raw(forged.as_bytes()), Err(Failure::WrongSignature));
    let late = build().trailer(trailer, crc).raw(b"x-amz-meta-a:1\r\n\r\n");
    check(&late, Err(Failure::IncompleteBody));
}

#[test]
fn an_announcement_that_cannot_be_kept_is_refused_before_the_body() {
    let refuse = |build: Build, failure| {
        let error = build.verified().map(|_| ()).unwrap_err();
        assert_eq!(error.failure(), failure);
    };
    refuse(Build::new(SIGNED, 1, Some("x-amz-checksum-crc32")), Failure::TrailerName);
    refuse(Build::new(UNSIGNED_TRAILER, 1, Some("a,a")), Failure::TrailerName);
    refuse(Build::new(UNSIGNED_TRAILER, 1, Some("a b")), Failure::TrailerName);
    refuse(Build::new(UNSIGNED_TRAILER, 1, Some("x-amz-trailer-signature")), Failure::TrailerName);
    let many = (0..9).map(|at| format!("t{at}")).collect::<Vec<_>>().join(",");
    refuse(Build::new(UNSIGNED_TRAILER, 1, Some(&many)), Failure::TrailerName);
    for length in ["", "-1", "1.0", "99999999999999999999", "0x10"] {
        let mut build = unsigned(1);
        build.sign = build.sign.header("x-amz-decoded-content-length", length);
        refuse(build, Failure::DecodedLength);
    }
}

#[test]
fn a_made_up_signature_is_refused_in_every_payload_mode() {
    for mode in [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, "UNSIGNED-PAYLOAD"] {
        let mut build = Build::new(mode, 1, None);
        build.sign.secret = "guess";
        let error = build.verified().map(|_| ()).unwrap_err();
        assert_eq!(error.failure(), Failure::WrongSignature, "{mode}");
    }
}

#[test]
fn a_body_known_to_be_empty_is_refused_at_once() {
    let verified = signed().verified().unwrap();
    let error = verified.guard(crate::answer::empty(), View::Raw).map(|_| ()).unwrap_err();
    assert_eq!(error.failure(), Failure::IncompleteBody);
}

#[test]
fn a_decoded_body_knows_its_length_and_ends_in_its_trailers() {
    let trailer = "x-amz-checksum-crc32";
    let build = Build::new(SIGNED_TRAILER, 9, Some(trailer))
        .chunk(b"123456789")
        .chunk(b"")
        .trailer(trailer, "y/Q5Jg==")
        .raw(b"\r\n");
    let verified = build.verified().unwrap();
    let body = Frames(build.body.chunks(3).map(Bytes::copy_from_slice).collect());
    let mut guarded = verified.guard(body, View::Decoded).unwrap();
    let (mut left, mut trailers) = (9, None);
    assert_eq!(guarded.size_hint().exact(), Some(left));
    while let Some(frame) = block_on(guarded.frame()) {
        match frame.unwrap().into_data() {
            Ok(data) => {
                left -= data.len() as u64;
                assert_eq!(guarded.size_hint().exact(), Some(left));
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    assert_eq!(left, 0);
    assert_eq!(trailers.unwrap()[trailer], "y/Q5Jg==");
}

proptest! {
    #[test]
    fn however_a_body_is_cut_into_frames_it_reads_the_same(
        data in proptest::collection::vec(any::<u8>(), 0..300),
        chunk in 1_usize..100,
        frame in 1_usize..120,
    ) {
        let mut build = Build::new(SIGNED, data.len(), None);
        for data in data.chunks(chunk) {
            build = build.chunk(data);
        }
        build = build.chunk(b"").raw(b"\r\n");
        let verified = build.verified().unwrap();
        prop_assert_eq!(stream(&verified, &build.body, frame, View::Decoded).unwrap(), data);
        prop_assert_eq!(stream(&verified, &build.body, frame, View::Raw).unwrap(), build.body);
    }

    #[test]
    fn a_body_that_is_not_verified_never_comes_through_whole(
        at in any::<proptest::sample::Index>(),
        bit in 0_u8..8,
        frame in 1_usize..200,
    ) {
        let mut build = signed().chunk(&DATA[..20]).chunk(&DATA[20..]).chunk(b"").raw(b"\r\n");
        let at = at.index(build.body.len());
        build.body[at] ^= 1 << bit;
        let verified = build.verified().unwrap();
        for (view, whole) in [(View::Raw, build.body.len()), (View::Decoded, DATA.len())] {
            let frames = build.body.chunks(frame).map(Bytes::copy_from_slice).collect();
            let mut guarded = verified.guard(Frames(frames), view).unwrap();
            let (mut passed, mut failed) = (0, false);
            while let Some(frame) = block_on(guarded.frame()) {
                match frame {
                    Ok(frame) => passed += frame.into_data().map_or(0, |data| data.len()),
                    Err(_) => failed = true,
                }
            }
            // Hexadecimal digits of a size may change their case.
            if !(failed || build.decoded().is_ok()) || (failed && passed >= whole) {
                prop_assert!(false, "{view:?} passed {passed} of {whole}");
            }
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        body in proptest::collection::vec(any::<u8>(), 0..400),
        length in 0_usize..100,
    ) {
        drop(unsigned(length).raw(&body).decoded());
    }
}
