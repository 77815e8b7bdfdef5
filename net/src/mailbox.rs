//! Mailboxes: bounded lock-free channels into a core.
//!
//! A mailbox only carries. Waking the core that owns it is a second step, [`crate::ring::RingWaker::wake`] from a
//! foreign thread or [`crate::ring::Ring::wake_peer`] from another core, taken once for all that was put in; and the
//! core looks into its mailboxes once more after it has announced its sleep (see [`crate::executor::Turn`]), so
//! that nothing lies unseen.
//!
//! Limits: the capacity, in messages. Errors: [`Full`] gives the message back; retry when the receiver has read.

use crossbeam_channel::TrySendError;
use std::fmt;

/// Makes the two ends of a channel.
#[derive(Debug)]
pub struct Mailbox;

impl Mailbox {
    /// A channel that holds up to `capacity` messages.
    pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        (Sender(sender), Receiver(receiver))
    }
}

/// Puts messages into a mailbox, from any thread.
#[derive(Debug)]
pub struct Sender<T>(crossbeam_channel::Sender<T>);

/// The message that found no room, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Full<T> {
    /// As many messages as fit wait to be read.
    NoRoom(T),
    /// The core that read the mailbox has ended.
    Gone(T),
}

impl<T> Full<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            Self::NoRoom(message) | Self::Gone(message) => message,
        }
    }
}

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoRoom(_) => "NoRoom",
            Self::Gone(_) => "Gone",
        })
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoRoom(_) => "the mailbox is full",
            Self::Gone(_) => "the core behind the mailbox has ended",
        })
    }
}

impl<T> std::error::Error for Full<T> {}

impl<T> Sender<T> {
    /// Puts `message` in, in order with all others of this sender.
    ///
    /// # Errors
    ///
    /// There is no room, or nobody reads any more: the message comes back.
    pub fn try_send(&self, message: T) -> Result<(), Full<T>> {
        self.0.try_send(message).map_err(|error| match error {
            TrySendError::Full(message) => Full::NoRoom(message),
            TrySendError::Disconnected(message) => Full::Gone(message),
        })
    }

    /// Messages that wait to be read.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no message waits to be read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Takes messages out. Held by the core that owns the mailbox.
#[derive(Debug)]
pub struct Receiver<T>(crossbeam_channel::Receiver<T>);

impl<T> Receiver<T> {
    /// The oldest message.
    pub fn try_recv(&self) -> Option<T> {
        self.0.try_recv().ok()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_gives_the_message_back() {
        let (sender, receiver) = Mailbox::bounded(2);
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(sender.clone().try_send(2), Ok(()));
        assert_eq!(sender.try_send(3), Err(Full::NoRoom(3)));
        assert_eq!(receiver.try_recv(), Some(1));
        assert_eq!(sender.try_send(3), Ok(()));
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Some(2), Some(3)));
        assert_eq!(receiver.try_recv(), None);
        assert!(receiver.is_empty());
    }

    #[test]
    fn a_mailbox_that_nobody_reads_says_so() {
        let (sender, receiver) = Mailbox::bounded(2);
        drop(receiver);
        assert_eq!(sender.try_send('a').map_err(Full::into_inner), Err('a'));
        assert_eq!(sender.try_send('b'), Err(Full::Gone('b')));
    }
}
