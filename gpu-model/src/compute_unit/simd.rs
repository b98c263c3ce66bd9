//! A SIMD unit, booked arithmetically.
//!
//! Wavefronts come to it with *runs* of dependent vector instructions. An instruction holds the unit for some
//! cycles, the next one of the same wavefront follows a latency later, and where several wavefronts are ready
//! the oldest goes first. Nothing else has a say, so nothing is ticked: whenever a run joins, the issues up to
//! the present are carried out, and those still to come are played through in advance, which tells when each
//! run is over. Issues fall into a rotation soon, of which whole rounds are then taken at once.

/// A run of vector instructions of one wavefront.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    slot: usize,
    /// Lower is older.
    age: u64,
    /// When its next instruction may issue.
    ready: u64,
    /// Instructions still to be issued.
    left: u64,
    /// `ready` at the beginning of the round.
    before: u64,
}

/// A SIMD unit and the runs on it.
#[derive(Clone, Debug)]
pub(super) struct Simd {
    /// Cycles for which an instruction holds the unit.
    hold: u64,
    /// Cycles from an instruction's issue to the issue of one that depends on it.
    latency: u64,
    booked: Booked,
    /// Scratch: what is still to come.
    ahead: Booked,
}

/// Runs, oldest wavefront first, and when the unit is free for the next instruction.
#[derive(Clone, Debug, Default)]
struct Booked {
    free: u64,
    runs: Vec<Run>,
}

impl Simd {
    /// An idle unit.
    pub(super) fn new(hold: u64, latency: u64) -> Self {
        Self { hold, latency, booked: Booked::default(), ahead: Booked::default() }
    }

    /// Adds a run of `count` instructions, of the wavefront of `slot`, that may begin at `ready`, later than
    /// `now`. Calls `over` with the slot of every run on the unit, and the cycle from which its wavefront may
    /// go on, as things stand.
    #[inline]
    pub(super) fn join(
        &mut self,
        now: u64,
        slot: usize,
        age: u64,
        ready: u64,
        count: u64,
        mut over: impl FnMut(usize, u64),
    ) {
        let Self { hold, latency, booked, ahead } = self;
        booked.play(*hold, *latency, now, |_, _| {});
        let run = Run { slot, age, ready, left: count, before: ready };
        let at = booked.runs.iter().position(|other| other.age > age).unwrap_or(booked.runs.len());
        booked.runs.insert(at, run);
        ahead.free = booked.free;
        ahead.runs.clone_from(&booked.runs);
        ahead.play(*hold, *latency, u64::MAX, |slot, issued| over(slot, issued + *latency));
    }
}

impl Booked {
    /// Carries out the issues up to and including cycle `until`; `over` is told of the last issue of each run
    /// that ends.
    #[inline]
    fn play(&mut self, hold: u64, latency: u64, until: u64, mut over: impl FnMut(usize, u64)) {
        // So many of the oldest keep the unit busy: the oldest is ready again when the others have had their turn.
        let rotation = latency.div_ceil(hold).max(1) as usize;
        while !self.runs.is_empty() {
            if let [run] = &mut self.runs[..] {
                // Nobody is in its way.
                let first = self.free.max(run.ready);
                if first > until {
                    return;
                }
                let apart = latency.max(hold);
                let issues = run.left.min(((until - first) / apart).saturating_add(1));
                let last = first + (issues - 1) * apart;
                self.free = last + hold;
                (run.ready, run.left) = (last + latency, run.left - issues);
                if run.left > 0 {
                    return;
                }
                over(run.slot, last);
                self.runs.clear();
                return;
            }
            let turns = rotation.min(self.runs.len());
            let begun = self.free;
            self.runs[..turns].iter_mut().for_each(|run| run.before = run.ready);
            let mut ended = false;
            for _ in 0..turns {
                let (now, at) = self.next_issue();
                if now > until {
                    return;
                }
                let run = &mut self.runs[at];
                (run.ready, run.left) = (now + latency, run.left - 1);
                self.free = now + hold;
                if run.left == 0 {
                    over(run.slot, now);
                    self.runs.remove(at);
                    ended = true;
                    break;
                }
            }
            if !ended {
                self.skip_rounds(turns, self.free - begun, hold, until);
            }
        }
    }

    /// The cycle of the next issue, and which run it is of. There is a run.
    #[inline]
    fn next_issue(&self) -> (u64, usize) {
        let earliest = self.runs.iter().fold(u64::MAX, |earliest, run| earliest.min(run.ready));
        let now = self.free.max(earliest);
        (now, self.runs.iter().position(|run| run.ready <= now).unwrap_or(0))
    }

    /// Takes whole rounds at once, if the last one, of `turns` issues in `round` cycles, was one of a rotation:
    /// it shifted all that takes part by its length, and the others cannot come in between.
    #[inline]
    fn skip_rounds(&mut self, turns: usize, round: u64, hold: u64, until: u64) {
        let alone = self.runs.len() == turns || round == turns as u64 * hold;
        let mut fewest = u64::MAX;
        for run in &self.runs[..turns] {
            if run.ready - run.before != round {
                return;
            }
            fewest = fewest.min(run.left);
        }
        let (next, _) = self.next_issue();
        if !alone || next > until {
            return;
        }
        let rounds = ((until - next) / round).min(fewest - 1);
        for run in &mut self.runs[..turns] {
            run.ready += rounds * round;
            run.left -= rounds;
        }
        self.free += rounds * round;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Issues instruction by instruction, cycle by cycle.
    fn ticked(hold: u64, latency: u64, joins: &[(u64, u64, u64)]) -> Vec<u64> {
        let (mut ready, mut left): (Vec<u64>, Vec<u64>) = joins.iter().map(|j| (j.1, j.2)).unzip();
        let mut over = vec![0; joins.len()];
        let (mut now, mut free) = (0, 0);
        while left.iter().any(|left| *left > 0) {
            let oldest =
                (0..joins.len()).filter(|&i| left[i] > 0 && ready[i] <= now).min_by_key(|&i| joins[i].0);
            if let Some(i) = oldest.filter(|_| free <= now) {
                (ready[i], left[i], free) = (now + latency, left[i] - 1, now + hold);
                over[i] = now + latency;
            }
            now += 1;
        }
        over
    }

    #[test]
    fn two_wavefronts_share_and_a_third_waits() {
        let mut simd = Simd::new(4, 5);
        let mut over = [0; 3];
        for (slot, age) in [(0, 0), (1, 1), (2, 2)] {
            simd.join(0, slot, age, 10, 3, |slot, at| over[slot] = at);
        }
        // 0 at 10, 18, 26; 1 at 14, 22, 30; 2 at 34 (its turn came when the oldest was over), 39, 44.
        assert_eq!(over, [31, 35, 49]);
    }

    #[test]
    fn a_run_may_begin_at_once_and_issue_every_cycle() {
        let mut over = 0;
        Simd::new(1, 1).join(0, 0, 0, 0, 5, |_, at| over = at);
        assert_eq!(over, 5);
    }

    proptest! {
        #[test]
        fn booking_equals_ticking(
            hold in 1u64..6, latency in 1u64..12,
            mut joins in prop::collection::vec((0u64..1_000, 0u64..300, 1u64..60), 1..7),
        ) {
            for (i, join) in joins.iter_mut().enumerate() {
                join.0 = join.0 * 8 + i as u64; // ages differ
            }
            joins.sort_by_key(|join| join.1);
            let mut simd = Simd::new(hold, latency);
            let mut over = vec![0; joins.len()];
            for (slot, &(age, ready, count)) in joins.iter().enumerate() {
                let now = ready.saturating_sub(1 + age % 3);
                let now = if slot > 0 { now.max(joins[slot - 1].1.saturating_sub(1)) } else { now };
                let now = now.min(ready.saturating_sub(1));
                simd.join(now, slot, age, ready, count, |slot, at| over[slot] = at);
            }
            prop_assert_eq!(over, ticked(hold, latency, &joins));
        }
    }
}
