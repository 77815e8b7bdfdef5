//! Both machines together: whatever is written meanwhile, and however messages are cut and delayed, the destination ends
//! with what the source has.

mod bench;
mod flow;
mod interleaving;
