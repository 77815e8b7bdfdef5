//! Numbers as Redis reads and prints them.
//!
//! | function | Redis | accepts |
//! |---|---|---|
//! | [`parse_i64`] | `string2ll` | the one way to write an `i64`: no plus, space or leading zero |
//! | [`parse_f64`] | `string2d` | what `strtod` reads from first to last byte, but NaN and out of range |
//! | [`LongDouble`] | `string2ld`, `ld2string` | the same, in the range of a `long double` |
//! | [`Decimal`] | `ll2string` | |
//! | [`FloatText`] | `addReplyDouble` of 7.2 (`fpconv_dtoa`) | shortest digits that read back the same |

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod decimal;
mod float;
mod literal;
mod long_double;
mod natural;
#[cfg(test)]
mod tests;

pub use decimal::{Decimal, parse_i64};
pub use float::{FloatText, parse_f64};
pub use long_double::LongDouble;
