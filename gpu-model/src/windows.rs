//! How the parts of the machine are run: each by itself for a window of time, on one thread or several.
//!
//! Cores, memory sides and the front end talk only by messages that take some cycles. In a *window* no longer
//! than the shortest of these ways, nothing that a part does can reach another one, so each part runs through
//! the window by itself, and what it has sent is handed over at the window's end (conservative simulation with
//! lookahead: Chandy and Misra, 1979; barrier windows as in Fujimoto, *Parallel discrete event simulation*, 1990).
//! Messages are put in order by what is in them ([`Arrivals`](sim_core::Arrivals)), never by who ran first. So
//! neither the number of threads nor the order of parts has any influence on a result; and on one thread too the
//! simulation gains, because a part's state stays in the host's caches for a whole window.
//!
//! Parts are dealt out to [`Group`]s, one a thread. Groups meet once a window, at a [`Meeting`], where each has left
//! its mail for the others, and word of when it has next something to do. Time in which nobody has is skipped.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use mem_hierarchy::address::AddressMap;
use mem_hierarchy::request::{L2Request, L2Response};
use mem_hierarchy::translation::Page;
use sim_core::{Cycle, TickOrder};

use crate::compute_unit::{Completion, DispatchMessage, Shared};
use crate::core::Core;
use crate::front_end::FrontEnd;
use crate::kernel::{Kernel, Memory};
use crate::memory_side::MemorySide;
use crate::params::Gpu as Params;

/// Cycles of a window: no message between parts takes less. Requests to the shared TLB are answered in two windows.
pub(crate) fn length(params: &Params) -> u64 {
    let request = params.l1.tag_latency + params.crossbar.latency;
    let response = params.l2.latency + params.crossbar.latency - 1;
    let to_l1 = params.cu.vmem.issue_latency + params.cu.vmem.pipeline_latency;
    let translation = if params.translation.enabled { params.translation.l2_latency / 2 } else { u32::MAX };
    let ways = [request, response, to_l1, translation, params.dispatch.latency];
    u64::from(ways.into_iter().min().unwrap_or(1).max(1))
}

/// Messages from one group to another, each with the cycle of its arrival.
#[derive(Default)]
struct Mail {
    requests: Vec<(Cycle, usize, L2Request)>,
    responses: Vec<(Cycle, usize, L2Response)>,
    dispatched: Vec<(Cycle, usize, DispatchMessage)>,
    complete: Vec<(Cycle, usize, Completion)>,
    /// Pages missed, each with the cycle of the miss.
    untranslated: Vec<(Cycle, usize, Page)>,
    translated: Vec<(Cycle, usize, Page)>,
}

/// Where the parts are.
#[derive(Debug)]
pub(crate) struct Places {
    /// Group, and place in it, of each core.
    cores: Vec<(usize, usize)>,
    /// Group, side in it, and place in that, of each slice.
    slices: Vec<(usize, usize, usize)>,
}

/// Looks at whether the others are there before a group goes to sleep: some tens of microseconds.
const SPINS: u32 = 2_000;

/// What the groups share: their mail and the times at which they go on.
pub(crate) struct Meeting {
    groups: usize,
    /// By window parity, sender and receiver.
    mail: [Vec<Mutex<Mail>>; 2],
    /// By window parity and group: when the group, or one that it has written to, has something to do.
    next: [Vec<AtomicU64>; 2],
    arrived: AtomicUsize,
    meetings: AtomicUsize,
    over: AtomicBool,
    /// Groups that have given up spinning, and what they sleep on.
    sleepers: Mutex<usize>,
    wake: Condvar,
}

impl Meeting {
    pub(crate) fn new(groups: usize) -> Self {
        let mail = || (0..groups * groups).map(|_| Mutex::default()).collect();
        let next = || (0..groups).map(|_| AtomicU64::new(0)).collect();
        Self {
            groups,
            mail: [mail(), mail()],
            next: [next(), next()],
            arrived: AtomicUsize::new(0),
            meetings: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            sleepers: Mutex::new(0),
            wake: Condvar::new(),
        }
    }

    /// Waits until every group is here; false where the run is over.
    fn wait(&self) -> bool {
        let meeting = self.meetings.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.groups {
            self.arrived.store(0, Ordering::Relaxed);
            self.meetings.store(meeting + 1, Ordering::SeqCst);
            self.wake_sleepers();
        } else {
            self.wait_for_others(|| {
                self.meetings.load(Ordering::SeqCst) > meeting || self.over.load(Ordering::SeqCst)
            });
        }
        !self.over.load(Ordering::SeqCst)
    }

    /// Spins for about as long as a window takes at most. Then the others are short of processors, and get this one.
    fn wait_for_others(&self, done: impl Fn() -> bool) {
        for _ in 0..SPINS {
            if done() {
                return;
            }
            std::hint::spin_loop();
        }
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        *sleepers += 1;
        while !done() {
            sleepers = self.wake.wait(sleepers).unwrap_or_else(PoisonError::into_inner);
        }
        *sleepers -= 1;
    }

    fn wake_sleepers(&self) {
        if *self.sleepers.lock().unwrap_or_else(PoisonError::into_inner) > 0 {
            self.wake.notify_all();
        }
    }

    /// Ends the run for all groups.
    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.wake_sleepers();
    }

    fn mail(&self, parity: usize, from: usize, to: usize) -> MutexGuard<'_, Mail> {
        let mail = &self.mail[parity][from * self.groups + to];
        mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first cycle in which anybody has something to do.
    fn begin(&self, parity: usize) -> Cycle {
        let next = self.next[parity].iter().map(|next| next.load(Ordering::Acquire));
        next.min().map_or(Cycle::NEVER, Cycle)
    }
}

/// Ends the run where a group panics, so that the others do not wait for it.
struct EndOnPanic<'a>(&'a Meeting);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end();
        }
    }
}

/// Parts of the machine that run on one thread.
pub(crate) struct Group<K: Kernel> {
    number: usize,
    pub(crate) cores: Vec<(usize, Core<K>)>,
    /// When each core has something to do: what tells whether it is run, all together.
    core_next: Vec<Cycle>,
    pub(crate) sides: Vec<MemorySide>,
    pub(crate) front_end: Option<FrontEnd>,
}

/// What a run of all groups has in common.
pub(crate) struct Run<'a, K> {
    pub(crate) kernel: &'a K,
    pub(crate) map: AddressMap,
    pub(crate) window: u64,
    /// From a workgroup's end to the dispatcher.
    pub(crate) completion_latency: u64,
    pub(crate) order: TickOrder,
    pub(crate) places: Places,
    pub(crate) meeting: Meeting,
}

/// What keeps a core as busy as the memory side with the engine on, in cores: measured on the quickstart.
const ENGINE_SIDE_IN_CORES: usize = 18;

impl<K: Kernel> Group<K> {
    /// Deals out the parts to `groups` groups, and tells where they are.
    pub(crate) fn deal(
        cores: Vec<Core<K>>,
        sides: Vec<MemorySide>,
        front_end: FrontEnd,
        groups: usize,
    ) -> (Vec<Self>, Places) {
        let empty = |number| Self {
            number,
            cores: Vec::new(),
            core_next: Vec::new(),
            sides: Vec::new(),
            front_end: None,
        };
        let mut all: Vec<Self> = (0..groups).map(empty).collect();
        let mut places = Places { cores: Vec::new(), slices: Vec::new() };
        // The work of each group so far, in cores.
        let mut load = vec![0; groups];
        let whole = sides.len() == 1;
        let share = |i: usize, of: usize| i * groups / of;
        let mut slices = Vec::new();
        let side_count = sides.len();
        for (i, side) in sides.into_iter().enumerate() {
            let group = share(i, side_count);
            load[group] += if whole { ENGINE_SIDE_IN_CORES * cores.len() / 36 } else { 0 };
            let at = all[group].sides.len();
            slices.extend(side.part().slices().enumerate().map(|(local, slice)| (slice, (group, at, local))));
            all[group].sides.push(side);
        }
        slices.sort_unstable();
        places.slices = slices.into_iter().map(|(_, place)| place).collect();
        for (number, core) in cores.into_iter().enumerate() {
            let least = (0..groups).min_by_key(|group| load[*group]).unwrap_or(0);
            load[least] += 1;
            places.cores.push((least, all[least].cores.len()));
            all[least].cores.push((number, core));
            all[least].core_next.push(Cycle::NEVER);
        }
        all[0].front_end = Some(front_end);
        (all, places)
    }

    /// Runs window after window until nobody has anything to do any more. `memory` holds contents where results are
    /// verified, which takes a group that has all cores. `progress` is called with the
    /// workgroups complete and the end of the window in which they became so many.
    ///
    /// An error is the address of a sparse read that the engine cannot serve.
    pub(crate) fn run(
        &mut self,
        run: &Run<'_, K>,
        memory: Option<&mut dyn Memory>,
        progress: &mut dyn FnMut(u64, Cycle),
    ) -> Result<(), u64> {
        let Run { kernel, meeting, .. } = run;
        let _guard = EndOnPanic(meeting);
        let mut shared = Shared { kernel: *kernel, memory: memory.map(|memory| memory as &mut dyn Memory) };
        let (mut parity, mut reported) = (0, 0);
        let mut end = Cycle(0);
        while meeting.wait() {
            let begin = meeting.begin(parity).max(end);
            if begin == Cycle::NEVER {
                break;
            }
            end = begin + run.window;
            self.receive(run, parity);
            parity = 1 - parity;
            let mut post = self.post(run, parity);
            self.run_cores(run, begin, end, &mut shared, &mut post);
            if let Err(address) = self.run_sides(run, end, &mut post) {
                meeting.end();
                return Err(address);
            }
            self.run_front_end(run, begin, end, &mut post);
            let next = post.earliest.min(self.next());
            meeting.next[parity][self.number].store(next.0, Ordering::Release);
            if let Some(front_end) = &self.front_end
                && front_end.dispatcher().complete() > reported
            {
                reported = front_end.dispatcher().complete();
                progress(reported, end);
            }
        }
        Ok(())
    }

    /// Hands the mail of the last window to the parts.
    fn receive(&mut self, run: &Run<'_, K>, parity: usize) {
        let Run { places, meeting, .. } = run;
        for from in 0..meeting.groups {
            let mut mail = meeting.mail(parity, from, self.number);
            for (at, slice, request) in mail.requests.drain(..) {
                let (_, side, place) = places.slices[slice];
                self.sides[side].receive(at, place, request);
            }
            for (at, slice, response) in mail.responses.drain(..) {
                let place = places.cores[usize::from(response.cu)].1;
                self.cores[place].1.receive(at, slice, response);
                self.core_next[place] = self.core_next[place].min(at);
            }
            for (at, core, message) in mail.dispatched.drain(..) {
                let place = places.cores[core].1;
                self.cores[place].1.dispatch(at, message);
                self.core_next[place] = self.core_next[place].min(at);
            }
            for (at, core, page) in mail.translated.drain(..) {
                let place = places.cores[core].1;
                self.cores[place].1.translated(at, page);
                self.core_next[place] = self.core_next[place].min(at);
            }
            if let Some(front_end) = &mut self.front_end {
                mail.complete.drain(..).for_each(|(at, core, done)| front_end.complete(at, core, done));
                mail.untranslated.drain(..).for_each(|(at, core, page)| front_end.missed(at, core, page));
            }
        }
    }

    /// An empty letter to each group.
    fn post<'m>(&self, run: &'m Run<'_, K>, parity: usize) -> Post<'m> {
        let to = 0..run.meeting.groups;
        let mail = to.map(|to| run.meeting.mail(parity, self.number, to)).collect();
        Post { mail, earliest: Cycle::NEVER }
    }

    fn run_cores(
        &mut self,
        run: &Run<'_, K>,
        begin: Cycle,
        end: Cycle,
        shared: &mut Shared<'_, K>,
        post: &mut Post<'_>,
    ) {
        let count = self.cores.len();
        for i in 0..count {
            let place = in_order(i, count, begin, run.order);
            if self.core_next[place] >= end && run.order != TickOrder::Everything {
                continue;
            }
            let (number, core) = &mut self.cores[place];
            core.run(begin, end, run.order, shared);
            self.core_next[place] = core.next();
            for (at, request) in core.out.to_l2.drain(..) {
                let slice = run.map.slice(request.line);
                post.to(run.places.slices[slice].0, at).requests.push((at, slice, request));
            }
            for (at, done) in core.out.complete.drain(..) {
                let at = at + run.completion_latency;
                post.to(0, at).complete.push((at, *number, done));
            }
            for (at, page) in core.out.untranslated.drain(..) {
                post.to(0, at).untranslated.push((at, *number, page));
            }
        }
    }

    fn run_sides(&mut self, run: &Run<'_, K>, end: Cycle, post: &mut Post<'_>) -> Result<(), u64> {
        for side in &mut self.sides {
            side.run(end, run.order, |at, slice, response| {
                let (to, _) = run.places.cores[usize::from(response.cu)];
                post.to(to, at).responses.push((at, slice, response));
            })?;
        }
        Ok(())
    }

    fn run_front_end(&mut self, run: &Run<'_, K>, begin: Cycle, end: Cycle, post: &mut Post<'_>) {
        let Some(front_end) = &mut self.front_end else { return };
        let group_of = |core: usize| run.places.cores[core].0;
        front_end.settle(end, |at, core, page| {
            post.to(group_of(core), at).translated.push((at, core, page));
        });
        front_end.run(begin, end, run.order, |at, core, message| {
            post.to(group_of(core), at).dispatched.push((at, core, message));
        });
    }

    /// The latest cycle in which a part did something.
    pub(crate) fn now(&self) -> Cycle {
        let cores = self.cores.iter().map(|(_, core)| core.now());
        let sides = self.sides.iter().map(MemorySide::now);
        cores.chain(sides).chain(self.front_end.iter().map(FrontEnd::now)).max().unwrap_or_default()
    }

    /// Who waits for what.
    pub(crate) fn waiting(&self) -> Vec<(String, String)> {
        let dispatcher = self.front_end.iter().filter_map(|f| f.dispatcher().waiting_for());
        let dispatcher = dispatcher.map(|what| ("dispatcher".to_string(), what));
        let cores = self.cores.iter().flat_map(|(number, core)| core.waiting(*number));
        dispatcher.chain(cores).chain(self.sides.iter().flat_map(MemorySide::waiting)).collect()
    }

    /// When any part has something to do.
    fn next(&self) -> Cycle {
        let cores = self.core_next.iter().copied();
        let sides = self.sides.iter().map(MemorySide::next);
        let front_end = self.front_end.iter().map(FrontEnd::next);
        cores.chain(sides).chain(front_end).min().unwrap_or(Cycle::NEVER)
    }
}

/// What a group sends in a window.
struct Post<'a> {
    /// By receiver.
    mail: Vec<MutexGuard<'a, Mail>>,
    /// When the first message arrives.
    earliest: Cycle,
}

impl Post<'_> {
    /// The letter to a group, to which a message is added that arrives at `at`.
    fn to(&mut self, group: usize, at: Cycle) -> &mut Mail {
        self.earliest = self.earliest.min(at);
        &mut self.mail[group]
    }
}

fn in_order(i: usize, count: usize, now: Cycle, order: TickOrder) -> usize {
    match order {
        TickOrder::Ascending | TickOrder::Everything => i,
        TickOrder::Descending => count - 1 - i,
        TickOrder::Shuffled(seed) => (i + (seed.wrapping_mul(now.0 + 1) % count as u64) as usize) % count,
    }
}
