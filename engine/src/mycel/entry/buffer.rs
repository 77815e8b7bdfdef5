//! Growable values outside their entry.

/// Buffers double up to this length and grow by a quarter beyond it.
const DOUBLING_MAX_BYTES: usize = 1 << 20;

/// The value of an entry that outgrew it.
pub(super) struct Buffer {
    pub(super) bytes: Vec<u8>,
}

/// Replaces the content of a buffer, and the buffer with it when it is far too large or too small.
pub(super) fn overwrite(buffer: &mut Vec<u8>, bytes: &[u8]) {
    if buffer.capacity() < bytes.len() || buffer.capacity() / 2 > bytes.len() {
        *buffer = bytes.to_vec();
    } else {
        buffer.clear();
        buffer.extend_from_slice(bytes);
    }
}

/// Pads a buffer with zeros to `len`, if it is shorter.
pub(super) fn lengthen(buffer: &mut Vec<u8>, len: usize) {
    if len > buffer.len() {
        reserve(buffer, len);
        buffer.resize(len, 0);
    }
}

/// Makes room for `len` bytes and for edits to come.
pub(super) fn reserve(buffer: &mut Vec<u8>, len: usize) {
    if len > buffer.capacity() {
        let room = if len <= DOUBLING_MAX_BYTES { len * 2 } else { len + len / 4 };
        buffer.reserve_exact(room - buffer.len());
    }
}
