//! Fuzz targets: each takes any bytes and panics if a promise is broken.
//!
//! The bodies stand here once and run in two ways: by libFuzzer (`cargo fuzz run --fuzz-dir tools/fuzz resp_request`;
//! with `--sanitizer none` a stable toolchain will do), and for seconds each by the `smoke` test of `tests/`, which
//! takes this file in and goes through [`TARGETS`]. A new target is a function, a row of [`TARGETS`], and a binary in `fuzz_targets/`.

pub mod gossip;
pub mod link;
pub mod membership;
pub mod resp;
pub mod transfer;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As libFuzzer's binary is called.
    pub name: &'static str,
    /// What panics if a promise is broken.
    pub body: fn(&[u8]),
    /// Good inputs to start from.
    pub seeds: &'static [&'static [u8]],
    /// Pieces that mean something, for mutations.
    pub tokens: &'static [&'static [u8]],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "resp_request",
        body: resp::request,
        seeds: resp::REQUEST_SEEDS,
        tokens: resp::REQUEST_TOKENS,
    },
    Target { name: "resp_reply", body: resp::reply, seeds: resp::REPLY_SEEDS, tokens: resp::REPLY_TOKENS },
    Target {
        name: "resp_number",
        body: resp::number,
        seeds: resp::NUMBER_SEEDS,
        tokens: resp::NUMBER_TOKENS,
    },
    Target {
        name: "gossip_open",
        body: gossip::open,
        seeds: gossip::OPEN_SEEDS,
        tokens: gossip::OPEN_TOKENS,
    },
    Target {
        name: "gossip_beacon",
        body: gossip::beacon,
        seeds: gossip::BEACON_SEEDS,
        tokens: gossip::BEACON_TOKENS,
    },
    Target { name: "link_frame", body: link::frame, seeds: link::FRAME_SEEDS, tokens: link::FRAME_TOKENS },
    Target {
        name: "link_handshake",
        body: link::handshake,
        seeds: link::HANDSHAKE_SEEDS,
        tokens: link::HANDSHAKE_TOKENS,
    },
    Target {
        name: "membership_datagram",
        body: membership::datagram,
        seeds: membership::DATAGRAM_SEEDS,
        tokens: membership::DATAGRAM_TOKENS,
    },
    Target {
        name: "transfer_import",
        body: transfer::import,
        seeds: transfer::IMPORT_SEEDS,
        tokens: transfer::IMPORT_TOKENS,
    },
];
