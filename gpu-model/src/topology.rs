//! The wiring of the machine, as a graph: what is checked when a machine is built, and what the command draws.
//!
//! A [`Topology`] is read off the links of a [`Gpu`](crate::Gpu), which know who sends, who receives, how long a
//! message takes and how many there is room for. A link wired to the wrong component would not fail loudly: its
//! messages would arrive, and wake somebody else. Therefore all of them are compared with `FAMILIES`, the one
//! table of which kinds of component are joined by what, and with the place at which the machine keeps each link,
//! since that decides which component is handed it.
//!
//! How to add a family of links: a row in `FAMILIES`, and a line in the `each` of the machine's links.

use std::fmt;

use petgraph::Direction::{self, Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef, IntoNeighbors, Reversed, VisitMap, Visitable};
use sim_core::{ComponentId, Link};

/// A component of the machine, with its number among its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// Hands out the workgroups.
    Dispatcher,
    /// A compute unit.
    Cu(usize),
    /// A compute unit's vector cache.
    L1(usize),
    /// The crossbar's direction from the L1 caches to the L2 slices.
    RequestCrossbar,
    /// A slice of L2.
    L2(usize),
    /// The crossbar's direction from the L2 slices to the L1 caches.
    ResponseCrossbar,
    /// The compaction engine; it is there in dense modes too, with nothing to do.
    Engine,
    /// The controller of a DRAM channel.
    Controller(usize),
}

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "as in `Component`")]
pub enum Kind {
    Dispatcher,
    Cu,
    L1,
    RequestCrossbar,
    L2,
    ResponseCrossbar,
    Engine,
    Controller,
}

/// A link of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// What its family is called.
    pub name: &'static str,
    /// Who sends.
    pub sender: ComponentId,
    /// Who receives.
    pub receiver: ComponentId,
    /// Where the machine keeps it.
    pub place: Place,
    /// Cycles from sending to arrival.
    pub latency: u64,
    /// Messages that it holds, those under way included.
    pub capacity: usize,
}

/// Where the machine keeps a link among those of its family: it decides which component is handed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The link of the component of this number, where its kind has several.
    Of(usize),
    /// Between a DRAM channel and one of those that use it: its L2 slices, then the engine. Slice `s` is
    /// number `s / channels` of channel `s % channels`.
    Channel {
        /// The channel.
        channel: usize,
        /// The user's number within it.
        user: usize,
    },
}

/// Components and links of a machine.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Node `i` is the component of id `i`.
    graph: DiGraph<Component, Wire>,
}

/// Every family of links: name, senders and receivers.
///
/// A family has as many links as the more numerous side has components, and deals them out evenly: where one
/// side is a single component it has a link with each of the other side, and where both are equally many
/// the links join them in pairs. No other links exist.
const FAMILIES: &[(&str, Kind, Kind)] = &[
    ("dispatch", Kind::Dispatcher, Kind::Cu),
    ("completion", Kind::Cu, Kind::Dispatcher),
    ("compute unit to L1", Kind::Cu, Kind::L1),
    ("L1 hits to compute unit", Kind::L1, Kind::Cu),
    ("L1 fills to compute unit", Kind::L1, Kind::Cu),
    ("L1 to crossbar", Kind::L1, Kind::RequestCrossbar),
    ("crossbar to L2", Kind::RequestCrossbar, Kind::L2),
    ("L2 to crossbar", Kind::L2, Kind::ResponseCrossbar),
    ("crossbar to L1", Kind::ResponseCrossbar, Kind::L1),
    ("to memory", Kind::L2, Kind::Controller),
    ("to memory", Kind::Engine, Kind::Controller),
    ("from memory", Kind::Controller, Kind::L2),
    ("from memory", Kind::Controller, Kind::Engine),
    ("L2 to engine", Kind::L2, Kind::Engine),
    ("engine to L2", Kind::Engine, Kind::L2),
];

impl Topology {
    /// The graph of these components, the first of which has id 0, and of the links between them.
    pub(crate) fn new(components: &[Component], wires: &[Wire]) -> Self {
        let mut graph = DiGraph::with_capacity(components.len(), wires.len());
        for &component in components {
            graph.add_node(component);
        }
        for &wire in wires {
            graph.add_edge(node(wire.sender), node(wire.receiver), wire);
        }
        Self { graph }
    }

    /// Every component, in the order of their ids.
    pub fn components(&self) -> impl Iterator<Item = Component> {
        self.graph.node_weights().copied()
    }

    /// Every link with its sender and its receiver.
    pub fn links(&self) -> impl Iterator<Item = (Component, Component, &Wire)> {
        self.graph
            .edge_references()
            .map(|edge| (self.graph[edge.source()], self.graph[edge.target()], edge.weight()))
    }

    /// Checks the wiring; says what is wrong with it.
    ///
    /// Since no link leads from a component to itself and each takes a cycle or more, nothing that a component
    /// does comes back to it in less than two cycles.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (from, to, wire) in self.links() {
            check_ends(from, to, wire)?;
        }
        self.check_reach()?;
        self.check_counts()?;
        self.check_places()
    }

    /// Checks that what slice `s` asks memory for lies in the channel that it is wired to; `homes` has slice and
    /// channel of addresses, as requests are routed by.
    pub(crate) fn check_homes(&self, homes: impl IntoIterator<Item = (usize, usize)>) -> Result<(), String> {
        let mut wired = vec![None; self.count(Kind::L2)];
        for (from, to, _) in self.links() {
            if let (Component::L2(slice), Component::Controller(channel)) = (from, to) {
                wired[slice] = Some(channel);
            }
        }
        for (slice, channel) in homes {
            if wired.get(slice) != Some(&Some(channel)) {
                return Err(format!(
                    "{} holds addresses of {}, but is not wired to it",
                    Component::L2(slice),
                    Component::Controller(channel)
                ));
            }
        }
        Ok(())
    }

    /// Every component can be reached from the dispatcher, and reaches it back.
    fn check_reach(&self) -> Result<(), String> {
        let is_dispatcher = |&node: &NodeIndex| self.graph[node] == Component::Dispatcher;
        let Some(start) = self.graph.node_indices().find(is_dispatcher) else {
            return Err("there is no dispatcher".into());
        };
        let there = reached(&self.graph, start);
        let back = reached(Reversed(&self.graph), start);
        for node in self.graph.node_indices() {
            let component = self.graph[node];
            if !there.is_visited(&node) {
                return Err(format!("nothing that the dispatcher does reaches {component}"));
            }
            if !back.is_visited(&node) {
                return Err(format!("nothing that {component} does reaches the dispatcher"));
            }
        }
        Ok(())
    }

    /// Every component has the links that its kind must have.
    fn check_counts(&self) -> Result<(), String> {
        for &(name, from, to) in FAMILIES {
            let (senders, receivers) = (self.count(from), self.count(to));
            let links = senders.max(receivers);
            for (kind, number, direction, other) in
                [(from, senders, Outgoing, to), (to, receivers, Incoming, from)]
            {
                let is_of_kind = |node: &NodeIndex| self.graph[*node].kind() == kind;
                for node in self.graph.node_indices().filter(is_of_kind) {
                    let (needed, found) = (links / number, self.degree(node, direction, name, other));
                    if found != needed {
                        let way = if direction == Outgoing { "out of" } else { "into" };
                        let component = self.graph[node];
                        return Err(format!(
                            "{found} links \"{name}\" lead {way} {component}, where {needed} should"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Every link joins the components that are handed it.
    fn check_places(&self) -> Result<(), String> {
        let (slices, channels) = (self.count(Kind::L2), self.count(Kind::Controller));
        let is_handed = |component: Component, place: Place| match (place, component) {
            (Place::Of(number), component) => component.number().is_none_or(|i| i == number),
            (Place::Channel { channel, .. }, Component::Controller(i)) => i == channel,
            (Place::Channel { channel, user }, Component::L2(i)) => i == user * channels + channel,
            (Place::Channel { user, .. }, Component::Engine) => user == slices / channels,
            (Place::Channel { .. }, _) => false,
        };
        for (from, to, wire) in self.links() {
            if let Some(end) = [from, to].into_iter().find(|&end| !is_handed(end, wire.place)) {
                let Wire { name, place, .. } = wire;
                return Err(format!(
                    "link \"{name}\" from {from} to {to} is kept {place}, where {end} is not handed it"
                ));
            }
        }
        Ok(())
    }

    /// Links of a family between a component and those of a kind.
    fn degree(&self, node: NodeIndex, direction: Direction, name: &str, other: Kind) -> usize {
        let other_end = |source, target| if direction == Outgoing { target } else { source };
        self.graph
            .edges_directed(node, direction)
            .filter(|edge| edge.weight().name == name)
            .filter(|edge| self.graph[other_end(edge.source(), edge.target())].kind() == other)
            .count()
    }

    fn count(&self, kind: Kind) -> usize {
        self.components().filter(|component| component.kind() == kind).count()
    }
}

/// A link joins two components, of kinds that it may join, and takes time.
fn check_ends(from: Component, to: Component, wire: &Wire) -> Result<(), String> {
    let Wire { name, latency, .. } = *wire;
    if from == to {
        return Err(format!("link \"{name}\" leads from {from} to itself"));
    }
    if latency == 0 {
        return Err(format!("link \"{name}\" from {from} to {to} takes no time"));
    }
    if !FAMILIES.contains(&(name, from.kind(), to.kind())) {
        return Err(format!("link \"{name}\" must not lead from {from} to {to}"));
    }
    Ok(())
}

/// The components that a message can reach from `start`.
fn reached<G>(graph: G, start: NodeIndex) -> G::Map
where
    G: IntoNeighbors<NodeId = NodeIndex> + Visitable,
{
    let mut search = Dfs::new(graph, start);
    while search.next(graph).is_some() {}
    search.discovered
}

fn node(id: ComponentId) -> NodeIndex {
    NodeIndex::new(id.0 as usize)
}

impl Wire {
    /// What there is to know of `link`.
    pub(crate) fn of<T>(link: &Link<T>, place: Place) -> Self {
        Self {
            name: link.name(),
            sender: link.sender(),
            receiver: link.receiver(),
            place,
            latency: link.latency(),
            capacity: link.capacity(),
        }
    }
}

impl Component {
    /// What it is.
    pub fn kind(self) -> Kind {
        match self {
            Self::Dispatcher => Kind::Dispatcher,
            Self::Cu(_) => Kind::Cu,
            Self::L1(_) => Kind::L1,
            Self::RequestCrossbar => Kind::RequestCrossbar,
            Self::L2(_) => Kind::L2,
            Self::ResponseCrossbar => Kind::ResponseCrossbar,
            Self::Engine => Kind::Engine,
            Self::Controller(_) => Kind::Controller,
        }
    }

    /// Its number, where there may be several of its kind.
    pub fn number(self) -> Option<usize> {
        match self {
            Self::Cu(i) | Self::L1(i) | Self::L2(i) | Self::Controller(i) => Some(i),
            Self::Dispatcher | Self::RequestCrossbar | Self::ResponseCrossbar | Self::Engine => None,
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dispatcher => f.write_str("dispatcher"),
            Self::Cu(i) => write!(f, "compute unit {i}"),
            Self::L1(i) => write!(f, "L1 cache {i}"),
            Self::RequestCrossbar => f.write_str("request crossbar"),
            Self::L2(i) => write!(f, "L2 slice {i}"),
            Self::ResponseCrossbar => f.write_str("response crossbar"),
            Self::Engine => f.write_str("compaction engine"),
            Self::Controller(i) => write!(f, "memory controller {i}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(number) => write!(f, "as number {number}"),
            Self::Channel { channel, user } => write!(f, "as number {user} of channel {channel}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gpu;
    use crate::params::Machine;

    fn machine(cus: u32, slices: u32, channels: u32) -> Topology {
        let mut machine = Machine::default();
        machine.gpu.compute_units = cus;
        machine.gpu.l2.slices = slices;
        machine.gpu.dram.channels = channels;
        Gpu::new(&machine, None).unwrap().topology()
    }

    /// Parts of a machine, to be put together wrongly.
    fn parts(topology: &Topology) -> (Vec<Component>, Vec<Wire>) {
        (topology.components().collect(), topology.links().map(|(_, _, wire)| *wire).collect())
    }

    #[test]
    fn machines_of_all_shapes_are_wired_correctly() {
        let shapes = [(1, 1, 1), (1, 8, 1), (5, 8, 2), (36, 8, 8), (64, 16, 16), (3, 64, 32)];
        for (cus, slices, channels) in shapes {
            let topology = machine(cus, slices, channels);
            assert_eq!(topology.check(), Ok(()), "{cus} {slices} {channels}");
            let (cus, slices, channels) = (cus as usize, slices as usize, channels as usize);
            assert_eq!(topology.components().count(), 2 * cus + slices + channels + 4);
            assert_eq!(topology.links().count(), 7 * cus + 2 * 3 * slices + 2 * channels);
        }
    }

    /// What is said of the machine of 36 compute units, 8 slices and 8 channels after a change to it.
    fn complaint(change: impl FnOnce(&mut Vec<Component>, &mut Vec<Wire>)) -> String {
        let (mut components, mut wires) = parts(&machine(36, 8, 8));
        change(&mut components, &mut wires);
        Topology::new(&components, &wires).check().unwrap_err()
    }

    fn id(component: Component) -> ComponentId {
        let topology = machine(36, 8, 8);
        ComponentId(topology.components().position(|other| other == component).unwrap() as u32)
    }

    /// The link of this name and place.
    fn link<'a>(wires: &'a mut [Wire], name: &str, place: Place) -> &'a mut Wire {
        wires.iter_mut().find(|wire| wire.name == name && wire.place == place).unwrap()
    }

    #[test]
    fn a_link_joins_two_components_of_its_family_and_takes_time() {
        let cu = id(Component::Cu(3));
        assert_eq!(
            complaint(|_, wires| link(wires, "dispatch", Place::Of(3)).sender = cu),
            "link \"dispatch\" leads from compute unit 3 to itself"
        );
        assert_eq!(
            complaint(|_, wires| link(wires, "completion", Place::Of(3)).latency = 0),
            "link \"completion\" from compute unit 3 to dispatcher takes no time"
        );
        assert_eq!(
            complaint(|_, wires| link(wires, "L1 to crossbar", Place::Of(3)).receiver = cu),
            "link \"L1 to crossbar\" must not lead from L1 cache 3 to compute unit 3"
        );
        let place = Place::Channel { channel: 3, user: 0 };
        assert_eq!(
            complaint(|_, wires| link(wires, "to memory", place).sender = cu),
            "link \"to memory\" must not lead from compute unit 3 to memory controller 3"
        );
        assert_eq!(
            complaint(|_, wires| link(wires, "completion", Place::Of(3)).name = "complete"),
            "link \"complete\" must not lead from compute unit 3 to dispatcher"
        );
    }

    #[test]
    fn every_component_is_on_a_way_from_the_dispatcher_and_back() {
        assert_eq!(
            complaint(|components, _| components.push(Component::Controller(8))),
            "nothing that the dispatcher does reaches memory controller 8"
        );
        let controller = id(Component::Controller(3));
        assert_eq!(
            complaint(|_, wires| wires.retain(|wire| wire.sender != controller)),
            "nothing that memory controller 3 does reaches the dispatcher"
        );
        assert_eq!(Topology::new(&[Component::Cu(0)], &[]).check().unwrap_err(), "there is no dispatcher");
    }

    #[test]
    fn a_component_has_the_links_of_its_kind() {
        let (cu, l1) = (id(Component::Cu(3)), id(Component::L1(5)));
        let is_hits = |wire: &Wire| wire.name == "L1 hits to compute unit" && wire.sender == l1;
        assert_eq!(
            complaint(|_, wires| wires.retain(|wire| !is_hits(wire))),
            "0 links \"L1 hits to compute unit\" lead out of L1 cache 5, where 1 should"
        );
        assert_eq!(
            complaint(|_, wires| link(wires, "dispatch", Place::Of(4)).receiver = cu),
            "2 links \"dispatch\" lead into compute unit 3, where 1 should"
        );
        let double = |_: &mut Vec<Component>, wires: &mut Vec<Wire>| {
            let wire = *link(wires, "L2 to engine", Place::Of(0));
            wires.push(wire);
        };
        assert_eq!(complaint(double), "2 links \"L2 to engine\" lead out of L2 slice 0, where 1 should");
    }

    #[test]
    fn a_link_is_kept_where_its_components_are_handed_it() {
        let l1 = [3, 5].map(|i| id(Component::L1(i)));
        let cross = |_: &mut Vec<Component>, wires: &mut Vec<Wire>| {
            link(wires, "compute unit to L1", Place::Of(3)).receiver = l1[1];
            link(wires, "compute unit to L1", Place::Of(5)).receiver = l1[0];
        };
        assert_eq!(
            complaint(cross),
            "link \"compute unit to L1\" from compute unit 3 to L1 cache 5 is kept as number 3, where L1 cache 5 \
             is not handed it"
        );
        assert_eq!(
            complaint(|_, wires| link(wires, "crossbar to L2", Place::Of(6)).place = Place::Of(7)),
            "link \"crossbar to L2\" from request crossbar to L2 slice 6 is kept as number 7, where L2 slice 6 \
             is not handed it"
        );
        let [first, second] = [0, 1].map(|user| Place::Channel { channel: 2, user });
        assert_eq!(
            complaint(|_, wires| link(wires, "from memory", second).place = first),
            "link \"from memory\" from memory controller 2 to compaction engine is kept as number 0 of channel \
             2, where compaction engine is not handed it"
        );
    }

    #[test]
    fn addresses_must_lie_behind_the_wires() {
        let topology = machine(1, 4, 2);
        assert_eq!(topology.check_homes([(0, 0), (1, 1), (2, 0), (3, 1)]), Ok(()));
        let complaint = "L2 slice 2 holds addresses of memory controller 1, but is not wired to it";
        assert_eq!(topology.check_homes([(0, 0), (2, 1)]), Err(complaint.into()));
    }

    /// No link can be lost, doubled, bent at either end or swapped with another of its family unnoticed.
    #[test]
    fn no_miswired_link_goes_unnoticed() {
        let (components, wires) = parts(&machine(3, 4, 2));
        let refused = |wires: &[Wire]| {
            assert!(Topology::new(&components, wires).check().is_err(), "{wires:?}");
        };
        for (i, wire) in wires.iter().enumerate() {
            let mut lost = wires.clone();
            lost.remove(i);
            refused(&lost);
            refused(&[&wires[..], &[*wire]].concat());
            for other in (0..components.len()).map(|id| ComponentId(id as u32)) {
                for (sender, receiver) in [(other, wire.receiver), (wire.sender, other)] {
                    let mut bent = wires.clone();
                    bent[i] = Wire { sender, receiver, ..*wire };
                    if bent != wires {
                        refused(&bent);
                    }
                }
            }
            for (j, other) in wires.iter().enumerate().skip(i + 1).filter(|(_, o)| o.name == wire.name) {
                let mut swapped = wires.clone();
                (swapped[i].place, swapped[j].place) = (other.place, wire.place);
                refused(&swapped);
            }
        }
    }
}
