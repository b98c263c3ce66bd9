//! The dispatcher: hands workgroups to compute units as their resources become free.

use sim_core::{Cycle, TimedQueue};

use crate::compute_unit::{Completion, DispatchMessage};
use crate::kernel::Resources;
use crate::params::Gpu as Params;

/// Vector registers are allocated in blocks of this many.
const VGPR_GRANULARITY: u32 = 4;

/// What a compute unit has left.
#[derive(Clone, Debug)]
struct Free {
    slots: Vec<u32>,
    vgprs: Vec<u32>,
    lds_bytes: u32,
    next_simd: u32,
}

/// The dispatcher.
#[derive(Debug)]
pub struct Dispatcher {
    interval: u64,
    completion: u64,
    /// From here to a compute unit.
    latency: u64,
    cus_per_array: usize,
    /// When the first workgroup reaches each shader array.
    array_begins: Vec<Option<Cycle>>,
    needs: Resources,
    free: Vec<Free>,
    workgroups: u64,
    next: u64,
    complete: u64,
    next_cu: usize,
    busy_until: Cycle,
    first_dispatch: Option<Cycle>,
    last_completion: Cycle,
}

impl Dispatcher {
    /// A dispatcher with `workgroups` to hand out; an error where not even an empty compute unit can
    /// hold one.
    pub fn new(params: &Params, workgroups: u64, needs: Resources) -> Result<Self, String> {
        let needs = in_whole_blocks(needs);
        let empty = Free::of_empty_unit(params);
        if empty.place(&needs).is_none() {
            return Err(format!(
                "a workgroup of {} wavefronts with {} vector registers each and {} bytes of LDS does not fit a \
                 compute unit ({} SIMDs of {} wavefronts and {} registers, {} bytes of LDS)",
                needs.wavefronts,
                needs.vgprs,
                needs.lds_bytes,
                params.cu.simds,
                params.cu.wavefronts,
                params.cu.vgprs,
                empty.lds_bytes,
            ));
        }
        Ok(Self {
            interval: params.dispatch.interval.into(),
            completion: params.dispatch.completion.into(),
            latency: params.dispatch.latency.into(),
            cus_per_array: params.cus_per_array as usize,
            array_begins: vec![None; params.compute_units.div_ceil(params.cus_per_array) as usize],
            needs,
            free: vec![empty; params.compute_units as usize],
            workgroups,
            next: 0,
            complete: 0,
            next_cu: 0,
            busy_until: Cycle(0),
            first_dispatch: None,
            last_completion: Cycle(0),
        })
    }

    /// Workgroups with such `needs` that the machine holds at a time; 0 where not even one fits.
    pub fn resident(params: &Params, needs: Resources) -> u64 {
        let needs = in_whole_blocks(needs);
        let mut free = Free::of_empty_unit(params);
        let places = std::iter::from_fn(|| free.place(&needs).inspect(|first| free.take(&needs, *first)));
        // A workgroup without wavefronts takes nothing: no number of them fills a unit.
        let limit = (params.cu.simds * params.cu.wavefronts) as usize;
        places.take(limit).count() as u64 * u64::from(params.compute_units)
    }

    /// Takes completions, each with its compute unit, and dispatches the next workgroup if it is time and some
    /// compute unit has room; when to come back. `dispatch` is told when a message reaches which compute unit.
    pub fn tick(
        &mut self,
        now: Cycle,
        completions: &mut TimedQueue<(usize, Completion)>,
        dispatch: impl FnOnce(Cycle, usize, DispatchMessage),
    ) -> Cycle {
        while let Some((_, (cu, done))) = completions.take(now) {
            self.free[cu].release(&self.needs, done.first_simd);
            self.complete += 1;
            self.last_completion = now;
            self.busy_until = self.busy_until.max(now) + self.completion;
        }
        let next_completion = completions.next_arrival();
        if self.next == self.workgroups {
            return next_completion;
        }
        if self.busy_until > now {
            return self.busy_until.min(next_completion);
        }
        let count = self.free.len();
        let place = (0..count)
            .map(|i| (self.next_cu + i) % count)
            .find_map(|cu| Some((cu, self.free[cu].place(&self.needs)?)));
        let Some((cu, first_simd)) = place else { return next_completion };
        self.free[cu].take(&self.needs, first_simd);
        let arrival = now + self.latency;
        let array_begins = *self.array_begins[cu / self.cus_per_array].get_or_insert(arrival);
        dispatch(arrival, cu, DispatchMessage { workgroup: self.next, first_simd, array_begins });
        self.first_dispatch.get_or_insert(now);
        self.next += 1;
        self.next_cu = (cu + 1) % count;
        self.busy_until = now + self.interval;
        if self.next == self.workgroups { next_completion } else { self.busy_until.min(next_completion) }
    }

    /// Whether every workgroup is complete.
    pub fn is_done(&self) -> bool {
        self.complete == self.workgroups
    }

    /// Workgroups complete so far.
    pub fn complete(&self) -> u64 {
        self.complete
    }

    /// When the word of the newest completion came.
    pub fn last_completion(&self) -> Cycle {
        self.last_completion
    }

    /// Cycles from the first dispatch to the last completion.
    pub fn cycles(&self) -> u64 {
        self.last_completion.since(self.first_dispatch.unwrap_or_default())
    }

    /// What the dispatcher waits for; `None` where it is done.
    pub fn waiting_for(&self) -> Option<String> {
        (!self.is_done()).then(|| {
            format!("{} of {} workgroups dispatched, {} complete", self.next, self.workgroups, self.complete)
        })
    }
}

/// Vector registers as they are allocated.
fn in_whole_blocks(needs: Resources) -> Resources {
    Resources { vgprs: needs.vgprs.next_multiple_of(VGPR_GRANULARITY), ..needs }
}

impl Free {
    fn of_empty_unit(params: &Params) -> Self {
        Self {
            slots: vec![params.cu.wavefronts; params.cu.simds as usize],
            vgprs: vec![params.cu.vgprs; params.cu.simds as usize],
            lds_bytes: u32::try_from(params.cu.lds.size.0).unwrap_or(u32::MAX),
            next_simd: 0,
        }
    }

    /// The SIMD for a workgroup's first wavefront, the others following round robin; `None` where the
    /// workgroup does not fit.
    fn place(&self, needs: &Resources) -> Option<u32> {
        let simds = self.slots.len() as u32;
        if self.lds_bytes < needs.lds_bytes {
            return None;
        }
        (0..simds).map(|i| (self.next_simd + i) % simds).find(|first| {
            (0..self.slots.len()).all(|simd| {
                let wavefronts = self.wavefronts_on(simd, *first, needs);
                self.slots[simd] >= wavefronts && self.vgprs[simd] >= wavefronts * needs.vgprs
            })
        })
    }

    fn wavefronts_on(&self, simd: usize, first_simd: u32, needs: &Resources) -> u32 {
        let simds = self.slots.len() as u32;
        let distance = (simd as u32 + simds - first_simd) % simds;
        (needs.wavefronts + simds - 1 - distance) / simds
    }

    fn take(&mut self, needs: &Resources, first: u32) {
        for simd in 0..self.slots.len() {
            let wavefronts = self.wavefronts_on(simd, first, needs);
            self.slots[simd] -= wavefronts;
            self.vgprs[simd] -= wavefronts * needs.vgprs;
        }
        self.lds_bytes -= needs.lds_bytes;
        self.next_simd = (first + needs.wavefronts) % self.slots.len() as u32;
    }

    fn release(&mut self, needs: &Resources, first: u32) {
        for simd in 0..self.slots.len() {
            let wavefronts = self.wavefronts_on(simd, first, needs);
            self.slots[simd] += wavefronts;
            self.vgprs[simd] += wavefronts * needs.vgprs;
        }
        self.lds_bytes += needs.lds_bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_limit_the_wavefronts_of_a_simd() {
        // The APP SDK kernel: 76 registers, so three wavefronts a SIMD of 256 registers.
        let needs = Resources { wavefronts: 1, vgprs: 76, lds_bytes: 4096 };
        let mut free = Free { slots: vec![10; 4], vgprs: vec![256; 4], lds_bytes: 65_536, next_simd: 0 };
        let mut placed = Vec::new();
        while let Some(first) = free.place(&needs) {
            free.take(&needs, first);
            placed.push(first);
        }
        assert_eq!(placed, [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
        // The next in turn is SIMD 0, but only SIMD 2 has room.
        free.release(&needs, 2);
        assert_eq!(free.place(&needs), Some(2));
    }

    #[test]
    fn a_machine_holds_as_many_workgroups_as_its_compute_units_together() {
        let params = Params::default();
        let needs = Resources { wavefronts: 1, vgprs: 76, lds_bytes: 4096 };
        assert_eq!(Dispatcher::resident(&params, needs), 36 * 4 * 3);
        assert_eq!(Dispatcher::resident(&params, Resources { lds_bytes: 32 << 10, ..needs }), 36 * 2);
        assert_eq!(Dispatcher::resident(&params, Resources { vgprs: 300, ..needs }), 0);
    }

    #[test]
    fn a_workgroup_that_cannot_fit_is_an_error() {
        let params = Params::default();
        let needs = Resources { wavefronts: 1, vgprs: 300, lds_bytes: 0 };
        assert!(Dispatcher::new(&params, 1, needs).is_err());
    }
}
