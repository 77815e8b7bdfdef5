//! The blocking twin of a septum.

use std::time::Duration;

use futures_lite::future::block_on;
use mycorrhizal_net::resp::Value;

use super::{Answer, Batch, Countable, Scan, Septum, SetOptions, TimeToLive};
use crate::hypha::Payload;
use crate::hypha::call::CallError;

/// The blocking twin of [`Septum`]: the same calls, for threads that are no tasks.
pub struct BlockingSeptum<T>(Septum<T>);

impl<T> Clone for BlockingSeptum<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Payload> BlockingSeptum<T> {
    pub(super) fn new(septum: Septum<T>) -> Self {
        Self(septum)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// See [`Septum::scan`]; its steps are those of [`Scan::wait_next`].
    #[must_use]
    pub fn scan(&self) -> Scan {
        self.0.scan()
    }

    /// The blocking twin of [`Septum::batch`].
    pub fn batch(&self, batch: Batch<T>) -> Vec<Result<Answer<T>, CallError>> {
        block_on(self.0.batch(batch))
    }
}

/// Blocking twins of async calls: same arguments, same result.
macro_rules! blocking {
    ($bound_of_values:path: $($name:ident $(<$($generic:ident: $bound:path),*>)?
        ($($arg:ident: $kind:ty),*) -> $output:ty;)*) => {
        impl<T: $bound_of_values> BlockingSeptum<T> {
            $(
                #[doc = concat!("The blocking twin of [`Septum::", stringify!($name), "`].")]
                ///
                /// # Errors
                /// As there.
                pub fn $name $(<$($generic: $bound),*>)? (&self, $($arg: $kind),*) -> Result<$output, CallError> {
                    block_on(self.0.$name($($arg),*))
                }
            )*
        }
    };
}

blocking! { Payload:
    get<K: AsRef<[u8]>>(key: K) -> Option<T>;
    set<K: AsRef<[u8]>>(key: K, value: &T) -> ();
    set_with<K: AsRef<[u8]>>(key: K, value: &T, options: SetOptions) -> bool;
    delete<K: AsRef<[u8]>>(key: K) -> bool;
    exists<K: AsRef<[u8]>>(key: K) -> bool;
    expire<K: AsRef<[u8]>>(key: K, after: Duration) -> bool;
    time_to_live<K: AsRef<[u8]>>(key: K) -> TimeToLive;
    get_many<K: AsRef<[u8]>>(keys: &[K]) -> Vec<Option<T>>;
    set_many<K: AsRef<[u8]>>(pairs: &[(K, T)]) -> ();
    execute<A: AsRef<[u8]>>(args: &[A]) -> Value;
    len() -> u64;
    is_empty() -> bool;
    clear() -> ();
}

blocking! { Countable:
    increment<K: AsRef<[u8]>>(key: K, by: i64) -> i64;
}
