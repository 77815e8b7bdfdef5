//! Payloads: how values of an application become bytes in a septum, and values again.
//!
//! Whatever serde can serialize and deserialize is a payload, as JSON: any Redis client can read it, and a field that was
//! added later does not break readers that do not know it. [`Raw`] is bytes as they are.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that can be stored and sent.
///
/// ```
/// use mycorrhizal::{Payload, Raw};
///
/// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
/// struct Cart { items: Vec<String> }
///
/// let cart = Cart { items: vec!["apples".to_owned()] };
/// assert_eq!(cart.encode()?, br#"{"items":["apples"]}"#);
/// assert_eq!(Cart::decode(br#"{"items":["apples"],"since":7}"#)?, cart);
/// assert_eq!(Raw::from("as it is").encode()?, b"as it is");
/// # Ok::<(), mycorrhizal::PayloadError>(())
/// ```
pub trait Payload: Sized + Send + 'static {
    /// As bytes.
    ///
    /// # Errors
    /// The value cannot be written, for example a map whose keys are no strings.
    fn encode(&self) -> Result<Vec<u8>, PayloadError>;

    /// From bytes.
    ///
    /// # Errors
    /// The bytes are not those of such a value.
    fn decode(bytes: &[u8]) -> Result<Self, PayloadError>;
}

/// Why a value is no bytes, or bytes are no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The value cannot be written; nothing has changed.
    #[error("the value cannot be written as {kind}: {reason}")]
    LocalEncode {
        /// The type.
        kind: &'static str,
        /// Why not.
        reason: String,
    },
    /// What is stored, or was sent, is no such value.
    #[error("{len} bytes are no {kind}: {reason}")]
    PeerDecode {
        /// The type.
        kind: &'static str,
        /// How many bytes there are.
        len: usize,
        /// Why not.
        reason: String,
    },
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {
    fn encode(&self) -> Result<Vec<u8>, PayloadError> {
        let kind = std::any::type_name::<T>();
        let encoded = serde_json::to_vec(self);
        encoded.map_err(|error| PayloadError::LocalEncode { kind, reason: error.to_string() })
    }

    fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let (kind, len) = (std::any::type_name::<T>(), bytes.len());
        let decoded = serde_json::from_slice(bytes);
        decoded.map_err(|error| PayloadError::PeerDecode { kind, len, reason: error.to_string() })
    }
}

/// Bytes as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Raw(pub Vec<u8>);

impl Payload for Raw {
    fn encode(&self) -> Result<Vec<u8>, PayloadError> {
        Ok(self.0.clone())
    }

    fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        Ok(Self(bytes.to_vec()))
    }
}

impl<B: AsRef<[u8]> + ?Sized> From<&B> for Raw {
    fn from(bytes: &B) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl AsRef<[u8]> for Raw {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_value_says_so() {
        let error = u64::decode(b"\"seven\"").unwrap_err();
        assert!(error.to_string().starts_with("7 bytes are no u64: invalid type"), "{error}");
        let keys: std::collections::BTreeMap<(u8, u8), u8> = [((1, 2), 3)].into();
        assert!(matches!(keys.encode(), Err(PayloadError::LocalEncode { .. })));
        assert_eq!(Raw::decode(&[0, 255]).unwrap(), Raw(vec![0, 255]));
    }
}
