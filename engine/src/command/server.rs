//! Placeholder until the group lands.

pub(super) const COMMANDS: &[super::Command] = &[];
