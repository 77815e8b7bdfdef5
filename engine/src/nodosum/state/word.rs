//! Small enums as the words that commands take and reply with.

/// Gives each variant its word.
macro_rules! words {
    ($name:ident: $($variant:ident $word:literal),+) => {
        impl $name {
            /// Its word, as commands take it and reply with it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::nodosum::state::UnknownWord;

            /// From its word, in any case of letters.
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $(_ if word.eq_ignore_ascii_case($word) => Ok(Self::$variant),)+
                    _ => Err(crate::nodosum::state::UnknownWord),
                }
            }
        }
    };
}

pub(super) use words;

/// A word stands for nothing that there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no such word")]
pub struct UnknownWord;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodosum::state::{Health, Presence, Standing};

    #[test]
    fn a_word_stands_for_what_it_is_of_however_it_is_written() {
        for health in [Health::Passing, Health::Warning, Health::Critical] {
            assert_eq!(health.word().to_uppercase().parse(), Ok(health));
        }
        for presence in [Presence::Present, Presence::Absent] {
            assert_eq!(presence.word().parse(), Ok(presence));
        }
        for standing in [Standing::Active, Standing::Draining] {
            assert_eq!(standing.word().parse(), Ok(standing));
        }
        assert_eq!("".parse::<Health>(), Err(UnknownWord));
    }
}
