//! A walk over the keys of a septum.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_lite::{Stream, stream};
use mycorrhizal_net::resp::Value;

use crate::hypha::call::{CallError, Door};

/// Keys asked for at once.
const PAGE_KEYS: usize = 256;

/// A walk over the keys of a septum, on all nodes, a page at a time. A key that is there from the beginning to the end of
/// the walk is met at least once; one that comes or goes meanwhile may be met or not; one may be met twice.
///
/// ```
/// # use mycorrhizal::Hypha;
/// # let hypha = Hypha::builder().start()?;
/// # futures_lite::future::block_on(async {
/// let carts = hypha.septum::<String>("0");
/// carts.set_many(&[("cart:1", "a".to_owned()), ("cart:2", "b".to_owned())]).await?;
/// let mut scan = carts.scan().matching("cart:*");
/// let mut keys = Vec::new();
/// while let Some(key) = scan.next().await {
///     keys.push(key?);
/// }
/// assert_eq!(keys.len(), 2);
/// # Ok::<(), mycorrhizal::CallError>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scan {
    door: Door,
    septum: Arc<str>,
    pattern: Option<Vec<u8>>,
    page: VecDeque<Vec<u8>>,
    /// Where it goes on; none: it is over.
    cursor: Option<Vec<u8>>,
}

impl Scan {
    pub(super) fn new(door: Door, septum: Arc<str>) -> Self {
        Self { door, septum, pattern: None, page: VecDeque::new(), cursor: Some(b"0".to_vec()) }
    }

    /// Only keys that match a pattern, as KEYS takes it: `cart:*`.
    #[must_use]
    pub fn matching(self, pattern: impl AsRef<[u8]>) -> Self {
        Self { pattern: Some(pattern.as_ref().to_vec()), ..self }
    }

    /// The next key; `None` when the walk is over. After an error it goes on where it was.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, CallError>> {
        loop {
            if let Some(key) = self.page.pop_front() {
                return Some(Ok(key));
            }
            let cursor = self.cursor.clone()?;
            if let Err(error) = self.turn_page(&cursor).await {
                return Some(Err(error));
            }
        }
    }

    /// The blocking twin of [`Scan::next`].
    pub fn wait_next(&mut self) -> Option<Result<Vec<u8>, CallError>> {
        futures_lite::future::block_on(self.next())
    }

    /// The keys as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Vec<u8>, CallError>> + Send {
        stream::unfold(self, |mut scan| async move {
            let key = scan.next().await?;
            Some((key, scan))
        })
    }

    async fn turn_page(&mut self, cursor: &[u8]) -> Result<(), CallError> {
        let count = PAGE_KEYS.to_string();
        let mut args: Vec<&[u8]> = vec![b"SCAN", cursor, b"COUNT", count.as_bytes()];
        if let Some(pattern) = &self.pattern {
            args.extend([&b"MATCH"[..], pattern]);
        }
        let reply = self.door.run(&self.septum, &args).await?;
        let Some([Value::Bulk(next), keys]) = reply.as_values() else {
            return Err(CallError::Unexpected(reply));
        };
        let keys = keys.as_values().unwrap_or_default().iter();
        self.page.extend(keys.filter_map(Value::as_bytes).map(<[u8]>::to_vec));
        self.cursor = (next != b"0").then(|| next.clone());
        Ok(())
    }
}
