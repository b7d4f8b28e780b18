//! HTTP/1.1, as strictly as it has to be spoken by someone who stands in the middle.
//!
//! Lives here: reading heads byte for byte (`head`), framing of bodies (`decode`, `encode`), the
//! caller's side of a connection (`server`). The upstream's side is in `upstream::exchange`.
//!
//! Written here and not taken from a library, because a proxy that is asked to be exact needs what
//! the libraries hide: the head as it was sent, in its order and spelling, to forward it unchanged;
//! every header of it, to refuse two that contradict each other; and the interim answers of the
//! upstream. One task moves a call from end to end, without a channel in between.
//!
//! Start at [`server::serve`] and [`head::parse_request`].
//! Spec: RFC 9110, RFC 9112. Where the RFC lets a recipient choose, the request is refused.

pub(crate) mod body;
pub mod decode;
pub(crate) mod encode;
pub mod head;
pub(crate) mod server;

/// Bytes of a head, at most. A longer one is refused with 431.
pub const HEAD_MAX: usize = 64 << 10;
/// Lines of a head, at most.
pub const LINES_MAX: usize = 256;
/// Room that is made for bytes of a head.
pub(crate) const HEAD_ROOM: usize = 4 << 10;
/// Room that is made for bytes of a body. Larger costs memory on every connection that sends one.
pub(crate) const BODY_ROOM: usize = 32 << 10;
