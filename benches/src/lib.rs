//! Micro-benchmarks that count instructions, so that a noisy machine measures as well as a quiet one.
//!
//! `cargo xtask instructions` runs every case of [`instructions::CASES`] under callgrind and prints the instructions
//! of one operation. The tests run each case with little work, so that none can rot.

pub mod instructions;
