//! The compaction processor: units that each turn one dense line at a time into bundles (dissertation
//! section 6.4.3): a 16-wide compare with zero, 16 conversions to FP16, selection, and the row index.
//!
//! What comes out is the [`packer`](crate::packer)'s; this is when.

use sim_core::Cycle;

use crate::params::Engine as Params;

/// The units, booked rather than ticked.
#[derive(Debug)]
pub struct Processor {
    /// When each unit may start its next line.
    free: Vec<Cycle>,
    latency: u64,
    interval: u64,
    next: usize,
    busy_cycles: u64,
}

impl Processor {
    /// Idle units.
    pub fn new(params: &Params) -> Self {
        Self {
            free: vec![Cycle(0); params.processors as usize],
            latency: params.processor_latency.into(),
            interval: params.processor_interval.into(),
            next: 0,
            busy_cycles: 0,
        }
    }

    /// Starts a line that is there at `ready`; returns when it is compacted. Lines go to the units in
    /// turn, which is the same as to the first free one, since all take equally long.
    pub fn start(&mut self, ready: Cycle) -> Cycle {
        let unit = self.next;
        self.next = (unit + 1) % self.free.len();
        let start = ready.max(self.free[unit]);
        self.free[unit] = start + self.interval;
        self.busy_cycles += self.interval;
        start + self.latency
    }

    /// Cycles for which units were taken, all of them together.
    pub fn busy_cycles(&self) -> u64 {
        self.busy_cycles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_for_a_unit_exactly_as_long_as_they_must() {
        let params =
            Params { processors: 2, processor_latency: 4, processor_interval: 3, ..Params::default() };
        let mut processor = Processor::new(&params);
        let done: Vec<u64> = (0..5).map(|_| processor.start(Cycle(10)).0).collect();
        assert_eq!(done, [14, 14, 17, 17, 20]);
        assert_eq!(processor.busy_cycles(), 15);
    }
}
