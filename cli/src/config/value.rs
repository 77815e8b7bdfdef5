//! The types of single settings.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Distance of the first core port from the plain port where nothing else is asked for.
const CORE_PORT_DISTANCE: u16 = 1000;

/// Where the per-core ports are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CorePorts {
    /// A thousand above the plain port; free ones where the plain port is a free one.
    #[default]
    Auto,
    /// None: cluster clients are not served.
    Off,
    /// Core `n` listens on this port + `n`; from 0, each takes a free one.
    From(u16),
}

impl CorePorts {
    /// The first core's port: `None` for off, `Some(0)` for free ones.
    #[must_use]
    pub fn base(self, plain_port: u16) -> Option<u16> {
        match self {
            Self::Off => None,
            Self::From(base) => Some(base),
            Self::Auto if plain_port == 0 => Some(0),
            Self::Auto => {
                let above = plain_port.checked_add(CORE_PORT_DISTANCE);
                Some(above.unwrap_or_else(|| plain_port - CORE_PORT_DISTANCE))
            }
        }
    }
}

impl FromStr for CorePorts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            base => base
                .parse()
                .map(Self::From)
                .map_err(|_| format!("`{text}` is neither a port (0 to 65535) nor `auto` nor `off`")),
        }
    }
}

impl fmt::Display for CorePorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("off"),
            Self::From(base) => base.fmt(f),
        }
    }
}

/// A password. Prints as `***`, in `Debug` too; only [`Secret::reveal`] gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The password itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// By way of an untyped value, because serde's own "expected a string" would quote what it found.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("expected a string in quotes")),
        }
    }
}

/// A setting that is one of a few words, the first of each row being the one that is printed.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal $(| $other:literal)*,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text.to_ascii_lowercase().as_str() {
                    $($word $(| $other)* => Ok(Self::$variant),)+
                    _ => Err(format!("`{text}` is none of {}", [$($word),+].join(", "))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }
    };
}

words! {
    /// What the CLUSTER commands publish.
    Endpoints {
        /// Every core as an endpoint of its own: no hops.
        Core = "core",
        /// One endpoint for the node: fewer connections.
        Node = "node",
    }
}

words! {
    /// Whether something is wanted.
    Switch {
        /// It is.
        On = "on" | "yes" | "true" | "1",
        /// It is not.
        Off = "off" | "no" | "false" | "0",
    }
}

words! {
    /// How severe an event must be to be logged; Redis's names are understood too.
    LogLevel {
        /// Nothing.
        Off = "off" | "nothing",
        /// What needs somebody to act.
        Error = "error",
        /// What may need somebody to act.
        Warn = "warn" | "warning",
        /// Starts, stops and changes of configuration.
        Info = "info" | "notice",
        /// Connections too.
        Debug = "debug" | "verbose",
        /// Everything.
        Trace = "trace",
    }
}

words! {
    /// Shape of a log line.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}
