//! The kernel of the simulation: time, clock domains, pending wake-ups, links, ids, counters and
//! parameters.
//!
//! A model is a set of *components*, each a plain struct that owns its state and is ticked when a
//! wake-up for it is due. Components talk only through [`link::Link`]s, whose messages and freed
//! slots become visible in a later cycle than the one that made them; therefore the order in which
//! the components of one cycle are ticked cannot change a result.
//!
//! This crate knows nothing of GPUs, memories or matrices.

pub mod clock;
pub mod link;
pub mod params;
pub mod port;
pub mod queue;
pub mod slab;
pub mod stats;
pub mod wheel;

/// Re-exported for the macros of [`params`].
pub use serde;

pub use clock::{ClockRatio, Cycle};
pub use link::Link;
pub use port::Port;
pub use queue::{Arrivals, TimedQueue};
pub use slab::{Id, Slab};
pub use stats::{Histogram, Mean, Timeline};
pub use wheel::{ComponentId, TickOrder, Wake, Wheel};
