//! What the ring counts.

use std::cell::Cell;

/// A reading of a ring's counters. Totals since the ring was made, unless a line says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingStats {
    /// Connections accepted.
    pub accepts: u64,
    /// Times that accepting backed off, because descriptors or memory had run out.
    pub accept_back_offs: u64,
    /// Connections made to peers.
    pub connects: u64,
    /// Connections that a peer, the network or this machine refused, or that ran out of time.
    pub connect_failures: u64,
    /// Receive completions that carried bytes.
    pub receives: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Sends completed, each of all that a connection had to send.
    pub sends: u64,
    /// Bytes handed to the kernel by completed sends.
    pub sent_bytes: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Datagrams dropped because they did not fit into a receive buffer, or told no sender.
    pub datagrams_unreadable: u64,
    /// Times that receiving datagrams backed off after an error.
    pub datagram_receive_errors: u64,
    /// Datagrams handed to the network.
    pub datagrams_sent: u64,
    /// Datagrams dropped before the kernel saw them, because too many were under way.
    pub datagrams_overflowed: u64,
    /// Datagrams that the kernel refused: no way to the peer, no room, an address of another family.
    pub datagram_send_errors: u64,
    /// Times that a receive ended because the kernel had no buffer.
    pub buffer_shortages: u64,
    /// System calls of the ring.
    pub enters: u64,
    /// Wake-ups received from other threads and cores.
    pub wakes: u64,
    /// Connections that exist now, lingering ones included.
    pub connections: u64,
    /// Operations that the kernel has now.
    pub operations_in_flight: u64,
    /// Zero-copy sends whose memory the network may still read now.
    pub zero_copy_pending: u64,
    /// Receive buffers lent to readers now.
    pub buffers_lent: u64,
    /// Receive buffers that circulate now.
    pub buffers_in_use: u64,
}

/// The counters that are not kept elsewhere.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepts: Cell<u64>,
    pub(super) accept_back_offs: Cell<u64>,
    pub(super) connects: Cell<u64>,
    pub(super) connect_failures: Cell<u64>,
    pub(super) receives: Cell<u64>,
    pub(super) received_bytes: Cell<u64>,
    pub(super) sends: Cell<u64>,
    pub(super) sent_bytes: Cell<u64>,
    pub(super) datagrams_received: Cell<u64>,
    pub(super) datagrams_unreadable: Cell<u64>,
    pub(super) datagram_receive_errors: Cell<u64>,
    pub(super) datagrams_sent: Cell<u64>,
    pub(super) datagrams_overflowed: Cell<u64>,
    pub(super) datagram_send_errors: Cell<u64>,
    pub(super) buffer_shortages: Cell<u64>,
    pub(super) wakes: Cell<u64>,
}

/// Adds to a counter.
pub(super) fn add(counter: &Cell<u64>, more: u64) {
    counter.set(counter.get().wrapping_add(more));
}
