//! Runs of the load tool against servers that live in the test: stalling, erring, moving slots, closing.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod report;
#[cfg(test)]
mod run;
#[cfg(test)]
mod stall;
