//! Command-line programs.
