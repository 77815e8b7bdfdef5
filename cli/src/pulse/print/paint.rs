//! Colours of a terminal, where there is one and nobody asked for none.

/// Whether colours are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    /// As escape sequences.
    On,
    /// Not at all.
    Off,
}

/// What a piece of text is, and so its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// An error.
    Bad,
    /// A number or truth value.
    Number,
    /// A string.
    Text,
    /// What only frames the rest.
    Faint,
    /// A heading.
    Strong,
    /// Nothing in particular.
    Plain,
}

impl Colours {
    /// Colours on a terminal, unless `NO_COLOR` is set to anything (<https://no-color.org>).
    pub(crate) fn for_terminal(is_terminal: bool) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_terminal && !unwanted { Self::On } else { Self::Off }
    }

    /// The text in its colour.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if self == Self::Off {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bad => "31",
            Paint::Number => "36",
            Paint::Text => "32",
            Paint::Faint => "90",
            Paint::Strong => "1",
            Paint::Plain => return text.to_owned(),
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
