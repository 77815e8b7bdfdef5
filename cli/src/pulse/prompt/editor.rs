//! Puts the line editor together: keys, menu, history, completion, hints.

use std::path::Path;

use reedline::{
    ColumnarMenu, Emacs, KeyCode, KeyModifiers, MenuBuilder as _, Reedline, ReedlineEvent, ReedlineMenu,
    default_emacs_keybindings,
};

use crate::pulse::print::Colours;

use super::completer::TableCompleter;
use super::hint::SyntaxHinter;
use super::history;

const MENU: &str = "completions";

/// A line editor with Emacs keys.
pub(super) fn new(history: Option<&Path>, colours: Colours) -> Reedline {
    let mut keys = default_emacs_keybindings();
    let menu = || ReedlineEvent::Menu(MENU.into());
    keys.add_binding(
        KeyModifiers::NONE,
        KeyCode::Tab,
        ReedlineEvent::UntilFound(vec![menu(), ReedlineEvent::MenuNext]),
    );
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    let completions = ColumnarMenu::default().with_name(MENU).with_marker("").with_columns(4);
    Reedline::create()
        .with_history(history::open(history))
        .with_completer(Box::new(TableCompleter))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(completions)))
        .with_hinter(Box::new(SyntaxHinter))
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_ansi_colors(colours == Colours::On)
}
