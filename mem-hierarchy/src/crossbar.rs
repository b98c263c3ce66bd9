//! The crossbar between L1 caches and L2 slices, one for each direction.
//!
//! A cycle has one round or several. In each, every input moves at most one message, and so does every
//! output; an output that several inputs want serves them round robin.

use sim_core::{Cycle, Link, Wake, Wheel};

/// One direction of the crossbar.
#[derive(Debug)]
pub struct Crossbar {
    /// Rounds of a cycle: messages that each input and each output may move.
    rounds: u32,
    /// Input that each output prefers next.
    preferred: Vec<usize>,
    /// Input that each output serves in this cycle, with its distance from the preferred one.
    chosen: Vec<Option<(usize, usize)>>,
}

impl Crossbar {
    /// A crossbar with `outputs` outputs and `rounds` rounds a cycle.
    pub fn new(outputs: usize, rounds: u32) -> Self {
        Self { rounds, preferred: vec![0; outputs], chosen: vec![None; outputs] }
    }

    /// Moves what can be moved; `route` tells a message's output.
    pub fn tick<T>(
        &mut self,
        now: Cycle,
        inputs: &mut [Link<T>],
        outputs: &mut [Link<T>],
        route: impl Fn(&T) -> usize,
        wheel: &mut Wheel,
    ) -> Wake {
        for _ in 0..self.rounds {
            if !self.round(now, inputs, outputs, &route, wheel) {
                return Wake::Idle;
            }
        }
        Wake::Next
    }

    /// One round; whether another one may move more. Where full outputs are all that hold messages up, it
    /// may not: they wake the crossbar when a slot becomes free.
    fn round<T>(
        &mut self,
        now: Cycle,
        inputs: &mut [Link<T>],
        outputs: &mut [Link<T>],
        route: &impl Fn(&T) -> usize,
        wheel: &mut Wheel,
    ) -> bool {
        let mut waiting = 0;
        for (input, link) in inputs.iter().enumerate() {
            let Some(message) = link.peek(now) else { continue };
            waiting += 1;
            let output = route(message);
            let preferred = self.preferred[output];
            let distance =
                if input >= preferred { input - preferred } else { input + inputs.len() - preferred };
            if self.chosen[output].is_none_or(|(best, _)| distance < best) {
                self.chosen[output] = Some((distance, input));
            }
        }
        if waiting == 0 {
            return false;
        }
        let (mut granted, mut blocked) = (0, 0);
        let mut more = false;
        for (output, chosen) in self.chosen.iter_mut().enumerate() {
            let Some((_, input)) = chosen.take() else { continue };
            if !outputs[output].has_room(now, wheel) {
                blocked += 1;
                continue;
            }
            if let Some(message) = inputs[input].take(now, wheel) {
                outputs[output].send(message, now, wheel);
                self.preferred[output] = if input + 1 == inputs.len() { 0 } else { input + 1 };
                granted += 1;
                more |= inputs[input].peek(now).is_some();
            }
        }
        granted > 0 && (more || waiting > granted + blocked)
    }
}
