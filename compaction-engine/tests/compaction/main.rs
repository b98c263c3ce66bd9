//! The engine's pure parts: bundles, compaction, the SIB and the data search.

// Clippy allows it in test functions only, not in their helpers.
#![allow(clippy::unwrap_used)]

mod bundle;
mod columns;
mod inspect;
mod packer;
mod search;
mod sib;
mod vectors;
