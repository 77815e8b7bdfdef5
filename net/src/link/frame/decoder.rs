//! From received bytes, however they were cut, to frames.

use super::{FrameError, LENGTH_BYTES, ReceivedFrame, access};

/// A buffer larger than this is freed when its frame was read.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Finds the frames in what a connection receives. A frame that lies whole in what was received is read there; one
/// that does not is gathered in a buffer that grows with what arrives, up to the frame's length: an announcement
/// costs nothing.
///
/// ```
/// use mycorrhizal_net::link::frame::{FRAME_BYTES_MAX, Frame, FrameDecoder, ReceivedFrame};
///
/// let mut received = Vec::new();
/// Frame::Ping(7).encode(&mut received, FRAME_BYTES_MAX).unwrap();
/// let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
/// for chunk in received.chunks(5) {
///     let mut rest = chunk;
///     while let Some(frame) = decoder.next(&mut rest).unwrap() {
///         assert!(matches!(frame, ReceivedFrame::Ping(nonce) if *nonce == 7));
///     }
/// }
/// assert!(decoder.is_between_frames());
/// ```
#[derive(Debug)]
pub struct FrameDecoder {
    frame_bytes_max: usize,
    /// The frame that is being gathered, from its length on.
    gathered: Vec<u8>,
    /// The last frame that was handed out lies in `gathered`.
    read: bool,
}

impl FrameDecoder {
    /// A decoder at the start of a frame. It refuses what announces more than `frame_bytes_max`.
    #[must_use]
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, gathered: Vec::new(), read: false }
    }

    /// Takes bytes off the front of `input` up to the end of a frame, and reads that. `Ok(None)`: all were taken, and
    /// more are needed.
    ///
    /// # Errors
    ///
    /// The frame is too large, empty or broken. The decoder is then of no further use.
    pub fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'s ReceivedFrame>, FrameError> {
        self.forget_read();
        if self.gathered.is_empty() {
            if let Some(archive) = self.whole(input)? {
                return access(archive).map(Some);
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        if !self.gather(input)? {
            return Ok(None);
        }
        self.read = true;
        access(self.gathered.get(LENGTH_BYTES..).unwrap_or_default()).map(Some)
    }

    /// True if no frame has begun that has not ended: a good moment for the peer to close.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.read || self.gathered.is_empty()
    }

    /// Memory that is held for a frame that has not come in full.
    #[must_use]
    pub fn reserved_bytes(&self) -> usize {
        self.gathered.capacity()
    }

    /// The archive at the front of `input`, if all of it is there.
    fn whole<'i>(&self, input: &mut &'i [u8]) -> Result<Option<&'i [u8]>, FrameError> {
        let Some((length, rest)) = input.split_first_chunk() else { return Ok(None) };
        let Some((archive, rest)) = rest.split_at_checked(self.length(*length)?) else { return Ok(None) };
        *input = rest;
        Ok(Some(archive))
    }

    /// Moves what belongs to the frame from `input`; true when it is complete.
    fn gather(&mut self, input: &mut &[u8]) -> Result<bool, FrameError> {
        self.take(input, LENGTH_BYTES);
        let Some(length) = self.gathered.first_chunk() else { return Ok(false) };
        let bytes = LENGTH_BYTES + self.length(*length)?;
        self.take(input, bytes);
        Ok(self.gathered.len() == bytes)
    }

    /// Moves bytes from `input` until `bytes` are gathered.
    fn take(&mut self, input: &mut &[u8], bytes: usize) {
        let wanted = bytes.saturating_sub(self.gathered.len());
        let (taken, rest) = input.split_at_checked(wanted).unwrap_or((*input, &[]));
        *input = rest;
        if self.gathered.capacity() - self.gathered.len() < taken.len() {
            // Twice what is there, but not past the end of the frame.
            let room = taken.len().max(self.gathered.len()).min(wanted);
            self.gathered.reserve_exact(room);
        }
        self.gathered.extend_from_slice(taken);
    }

    fn length(&self, length: [u8; LENGTH_BYTES]) -> Result<usize, FrameError> {
        match u32::from_le_bytes(length) as usize {
            0 => Err(FrameError::PeerFrameEmpty),
            announced if announced > self.frame_bytes_max => {
                Err(FrameError::PeerFrameTooLarge { announced, max: self.frame_bytes_max })
            }
            announced => Ok(announced),
        }
    }

    fn forget_read(&mut self) {
        if std::mem::take(&mut self.read) {
            self.gathered.clear();
            self.gathered.shrink_to(KEPT_BYTES_MAX);
        }
    }
}
