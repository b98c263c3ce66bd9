//! Ports: so many messages a cycle, booked rather than ticked.

use crate::Cycle;

/// A port that sends at most `width` messages a cycle, in the order in which they are booked.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    width: u32,
    /// The cycle for which messages are being booked, and how many have been.
    cycle: Cycle,
    booked: u32,
}

impl Port {
    /// An idle port.
    pub fn new(width: u32) -> Self {
        assert!(width > 0, "a port that sends nothing");
        Self { width, cycle: Cycle(0), booked: 0 }
    }

    /// Books the first place at or after `ready`; returns its cycle.
    #[inline]
    pub fn book(&mut self, ready: Cycle) -> Cycle {
        if self.cycle < ready {
            (self.cycle, self.booked) = (ready, 0);
        } else if self.booked == self.width {
            (self.cycle, self.booked) = (self.cycle + 1, 0);
        }
        self.booked += 1;
        self.cycle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_has_as_many_places_as_the_port_is_wide() {
        let mut port = Port::new(2);
        let cycles = [5, 5, 5, 3, 9, 9].map(|ready| port.book(Cycle(ready)).0);
        assert_eq!(cycles, [5, 5, 6, 6, 9, 9]);
    }
}
