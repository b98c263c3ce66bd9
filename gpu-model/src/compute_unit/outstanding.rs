//! What a wavefront has outstanding: LDS and scalar accesses, whose end is known from the start, and vector
//! memory instructions, whose lines come back one by one.

use std::collections::VecDeque;

use sim_core::Cycle;

use crate::instruction::VectorAccess;

/// LDS and scalar accesses of a wavefront, in order.
#[derive(Debug, Default)]
pub(super) struct Accesses {
    /// When each run is done, and how many accesses it counts.
    runs: VecDeque<(Cycle, u32)>,
    count: u32,
}

impl Accesses {
    /// Adds a run of accesses that is done at `done`, in order behind those before it.
    #[inline]
    pub(super) fn push(&mut self, done: Cycle, count: u32) {
        let done = self.runs.back().map_or(done, |(newest, _)| done.max(*newest));
        self.runs.push_back((done, count));
        self.count += count;
    }

    /// When at most `limit` accesses are outstanding; `None` where that is so at `now`. A run counts until
    /// its last access is done.
    #[inline]
    pub(super) fn until(&mut self, now: Cycle, limit: u32) -> Option<Cycle> {
        if self.count <= limit {
            return None;
        }
        while let Some(&(_, count)) = self.runs.front().filter(|(done, _)| *done <= now) {
            self.runs.pop_front();
            self.count -= count;
        }
        let mut outstanding = self.count;
        let mut until = None;
        for (done, count) in &self.runs {
            if outstanding <= limit {
                break;
            }
            outstanding -= count;
            until = Some(*done);
        }
        until
    }
}

/// A vector memory instruction in flight.
#[derive(Debug)]
pub(super) struct VectorOp {
    pub(super) tag: u32,
    pub(super) lines: u32,
    /// Lines of which it is not known yet when they arrive.
    pub(super) lines_left: u32,
    /// When the last of the others arrives.
    pub(super) done: Cycle,
    /// The addresses, where its data are to be looked at on arrival.
    pub(super) loads_from: Option<Box<VectorAccess>>,
}

/// Vector memory instructions of a wavefront in flight, oldest first.
#[derive(Debug, Default)]
pub(super) struct VectorOps {
    ops: VecDeque<VectorOp>,
    /// Number of the oldest of them since the wavefront's start.
    first: u32,
}

impl VectorOps {
    /// Adds an instruction; returns its number.
    pub(super) fn push(&mut self, op: VectorOp) -> u32 {
        self.ops.push_back(op);
        self.first.wrapping_add(self.ops.len() as u32 - 1)
    }

    /// The instruction of which `number` holds the lowest bits, as `mask` tells.
    #[inline]
    pub(super) fn get_mut(&mut self, number: u32, mask: u32) -> &mut VectorOp {
        &mut self.ops[(number.wrapping_sub(self.first) & mask) as usize]
    }

    /// Takes the oldest instruction, if it is complete at `now`.
    #[inline]
    pub(super) fn retire(&mut self, now: Cycle) -> Option<VectorOp> {
        self.ops.front().filter(|op| op.lines_left == 0 && op.done <= now)?;
        self.first = self.first.wrapping_add(1);
        self.ops.pop_front()
    }

    /// When at most `limit` instructions are in flight, as they retire in order; never as long as that is not
    /// known.
    #[inline]
    pub(super) fn until(&self, limit: u32) -> Cycle {
        let over = self.ops.len().saturating_sub(limit as usize);
        let end = |op: &VectorOp| if op.lines_left > 0 { Cycle::NEVER } else { op.done };
        self.ops.iter().take(over).map(end).max().unwrap_or(Cycle(0))
    }

    pub(super) fn len(&self) -> u32 {
        self.ops.len() as u32
    }

    /// The oldest instruction.
    pub(super) fn oldest(&self) -> Option<&VectorOp> {
        self.ops.front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_counters_open_exactly_when_the_access_is_done() {
        let mut accesses = Accesses::default();
        accesses.push(Cycle(10), 2);
        accesses.push(Cycle(8), 1); // in order: not done before the first
        assert_eq!(accesses.until(Cycle(0), 0), Some(Cycle(10)));
        assert_eq!(accesses.until(Cycle(0), 3), None);
        assert_eq!(accesses.until(Cycle(0), 1), Some(Cycle(10)));
        assert_eq!(accesses.until(Cycle(9), 0), Some(Cycle(10)));
        assert_eq!(accesses.until(Cycle(10), 0), None);
    }

    #[test]
    fn vector_instructions_retire_in_order() {
        let mut ops = VectorOps::default();
        let op =
            |lines_left, done| VectorOp { tag: 0, lines: 1, lines_left, done: Cycle(done), loads_from: None };
        ops.push(op(1, 0));
        let second = ops.push(op(0, 20));
        assert_eq!(ops.until(1), Cycle::NEVER);
        assert_eq!(ops.until(2), Cycle(0));
        let oldest = ops.get_mut(second.wrapping_sub(1), 0xff);
        (oldest.lines_left, oldest.done) = (0, Cycle(30));
        assert_eq!((ops.until(1), ops.until(0)), (Cycle(30), Cycle(30)));
        assert!(ops.retire(Cycle(29)).is_none());
        assert!(ops.retire(Cycle(30)).is_some() && ops.retire(Cycle(30)).is_some() && ops.len() == 0);
    }
}
