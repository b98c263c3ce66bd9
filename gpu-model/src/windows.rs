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
//! its mail for the others, and word of when it has next something to do. Time in which nobody has is skipped. A
//! thread that is late finds its group run by another.

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

/// Looks at a group before a thread that has done its own takes it over: some microseconds.
const PATIENCE: u32 = 200;
/// Looks at whether the others are done before a thread goes to sleep: some tens of microseconds.
const SPINS: u32 = 2_000;

/// What the groups share: their mail, and how far they are.
pub(crate) struct Meeting {
    groups: usize,
    /// By window parity, sender and receiver.
    mail: [Vec<Mutex<Mail>>; 2],
    /// By window parity and group: when the group, or one that it has written to, has something to do.
    next: [Vec<AtomicU64>; 2],
    /// Windows of each group that a thread has begun.
    begun: Vec<AtomicUsize>,
    /// Windows that are done, of all groups together.
    done: AtomicUsize,
    over: AtomicBool,
    /// Workgroups complete at the end of a window, for each window that completed some, until they are reported.
    complete: Mutex<Vec<(u64, Cycle)>>,
    /// Threads that have given up spinning, and what they sleep on.
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
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
            begun: (0..groups).map(|_| AtomicUsize::new(0)).collect(),
            done: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            complete: Mutex::default(),
            sleepers: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// The window that is being run.
    fn window(&self) -> usize {
        self.done.load(Ordering::SeqCst) / self.groups
    }

    /// Whether the caller is the one to run `group` through `window`.
    fn claim(&self, group: usize, window: usize) -> bool {
        let (begun, more) = (&self.begun[group], window + 1);
        begun.compare_exchange(window, more, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// The same for a group whose own thread is given a little time to come first.
    fn claim_late(&self, group: usize, window: usize) -> bool {
        for _ in 0..PATIENCE {
            if self.begun[group].load(Ordering::SeqCst) != window {
                return false;
            }
            std::hint::spin_loop();
        }
        self.claim(group, window)
    }

    /// Notes that a group is through a window.
    fn finish(&self) {
        if (self.done.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(self.groups) {
            self.wake_sleepers();
        }
    }

    /// Waits until every group is through `window`. A thread that has spun for longer than a window should take
    /// goes to sleep: the others are short of processors, and get its own.
    fn wait(&self, window: usize) {
        let is_over = || self.window() > window || self.is_over();
        for _ in 0..SPINS {
            if is_over() {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while !is_over() {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    fn wake_sleepers(&self) {
        // A thread that counts itself after this look sees what the caller has done before it: all is in one order.
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.sleep.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_all();
        }
    }

    fn complete(&self) -> MutexGuard<'_, Vec<(u64, Cycle)>> {
        self.complete.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the run for all groups.
    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.wake_sleepers();
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
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

/// Ends the run where a thread panics, so that the others do not wait for it.
struct EndOnPanic<'a>(&'a Meeting);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end();
        }
    }
}

/// Runs groups window after window until nobody has anything to do any more: what each thread does, beside the
/// others. Thread `own` runs group `own`, and any group whose thread is late, so that a thread which is kept from
/// running holds nobody up. `memory` holds contents where results are verified, which takes one group with everything
/// in it. Thread 0 calls `progress` with the workgroups complete and the end of the window in which they became so many.
///
/// An error is the address of a sparse read that the engine cannot serve.
pub(crate) fn work<K: Kernel>(
    groups: &[Mutex<Group<K>>],
    own: usize,
    run: &Run<'_, K>,
    memory: Option<&mut dyn Memory>,
    progress: &mut dyn FnMut(u64, Cycle),
) -> Result<(), u64> {
    let meeting = &run.meeting;
    let _guard = EndOnPanic(meeting);
    let mut shared = Shared { kernel: run.kernel, memory: memory.map(|memory| memory as &mut dyn Memory) };
    let mut report = || {
        if own == 0 {
            meeting.complete().drain(..).for_each(|(complete, at)| progress(complete, at));
        }
    };
    while !meeting.is_over() {
        let window = meeting.window();
        for step in 0..groups.len() {
            let group = (own + step) % groups.len();
            let mine =
                if step == 0 { meeting.claim(group, window) } else { meeting.claim_late(group, window) };
            if mine {
                let mut group = groups[group].lock().unwrap_or_else(PoisonError::into_inner);
                group.run(run, window, &mut shared).inspect_err(|_| meeting.end())?;
                meeting.finish();
            }
        }
        meeting.wait(window);
        report();
    }
    report();
    Ok(())
}

/// Parts of the machine that run together.
pub(crate) struct Group<K: Kernel> {
    number: usize,
    pub(crate) cores: Vec<(usize, Core<K>)>,
    /// When each core has something to do: what tells whether it is run, all together.
    core_next: Vec<Cycle>,
    pub(crate) sides: Vec<MemorySide>,
    pub(crate) front_end: Option<FrontEnd>,
    /// The end of the latest window.
    end: Cycle,
    /// Workgroups complete then, in the group that has the front end.
    complete: u64,
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
const ENGINE_SIDE_IN_CORES: usize = 12;

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
            end: Cycle(0),
            complete: 0,
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

    /// Runs through a window; ends the run where nobody has anything to do any more.
    fn run(&mut self, run: &Run<'_, K>, window: usize, shared: &mut Shared<'_, K>) -> Result<(), u64> {
        let meeting = &run.meeting;
        let (before, after) = (window % 2, (window + 1) % 2);
        let begin = meeting.begin(before).max(self.end);
        if begin == Cycle::NEVER {
            meeting.end();
            return Ok(());
        }
        let end = begin + run.window;
        self.end = end;
        self.receive(run, before);
        let mut post = self.post(run, after);
        self.run_cores(run, begin, end, shared, &mut post);
        self.run_sides(run, end, &mut post)?;
        self.run_front_end(run, begin, end, &mut post);
        meeting.next[after][self.number].store(post.next.0, Ordering::SeqCst);
        if let Some(front_end) = &self.front_end
            && front_end.dispatcher().complete() > self.complete
        {
            self.complete = front_end.dispatcher().complete();
            meeting.complete().push((self.complete, end));
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
        Post { mail, next: Cycle::NEVER }
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
            let next = self.core_next[place];
            if next >= end && run.order != TickOrder::Everything {
                post.next = post.next.min(next);
                continue;
            }
            let (number, core) = &mut self.cores[place];
            core.run(begin, end, run.order, shared);
            self.core_next[place] = core.next();
            post.next = post.next.min(self.core_next[place]);
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
            post.next = post.next.min(side.next());
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
        post.next = post.next.min(front_end.next());
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
}

/// What a group sends in a window.
struct Post<'a> {
    /// By receiver.
    mail: Vec<MutexGuard<'a, Mail>>,
    /// When the first message arrives, or a part that sends has something to do again.
    next: Cycle,
}

impl Post<'_> {
    /// The letter to a group, to which a message is added that arrives at `at`.
    fn to(&mut self, group: usize, at: Cycle) -> &mut Mail {
        self.next = self.next.min(at);
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
