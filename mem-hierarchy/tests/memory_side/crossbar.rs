//! A crossbar between links: everything arrives once, in order, no more a cycle than the ports move, and
//! nobody is passed over.

use std::collections::BTreeMap;

use mem_hierarchy::crossbar::Crossbar;
use proptest::prelude::*;
use sim_core::{ComponentId, Cycle, Link, TickOrder, Wake, Wheel};

const SENDER: ComponentId = ComponentId(0);
const CROSSBAR: ComponentId = ComponentId(1);
const RECEIVER: ComponentId = ComponentId(2);

/// A message: number, input, output.
type Message = (usize, usize, usize);

struct Ports {
    inputs: usize,
    outputs: usize,
    rounds: u32,
    /// Room in front of and behind the crossbar.
    room: usize,
    /// The receiver takes one message of each output in every so many cycles.
    takes_every: u64,
}

/// Cycle of arrival by message, in order of arrival by output. Messages enter as soon as there is room.
fn run(ports: &Ports, messages: &[(usize, usize)], order: TickOrder) -> Vec<Vec<(u64, Message)>> {
    let mut crossbar = Crossbar::new(ports.outputs, ports.rounds);
    let links = |count, from, to, latency| -> Vec<Link<Message>> {
        (0..count).map(|_| Link::new("link", from, to, latency, ports.room)).collect()
    };
    let mut inputs = links(ports.inputs, SENDER, CROSSBAR, 1);
    let mut outputs = links(ports.outputs, CROSSBAR, RECEIVER, 3);
    let mut waiting: Vec<Vec<Message>> = vec![Vec::new(); ports.inputs];
    for (i, (input, output)) in messages.iter().enumerate().rev() {
        waiting[*input].push((i, *input, *output));
    }
    let mut arrived = vec![Vec::new(); ports.outputs];
    let mut wheel = Wheel::new(3);
    wheel.schedule(SENDER, Cycle(1));
    let mut due = Vec::new();
    while wheel.advance(order, &mut due) {
        let now = wheel.now();
        for &id in &due {
            if id == SENDER {
                for (link, waiting) in inputs.iter_mut().zip(&mut waiting) {
                    while !waiting.is_empty() && link.has_room(now, &mut wheel) {
                        link.send(waiting.pop().expect("not empty"), now, &mut wheel);
                    }
                }
            } else if id == CROSSBAR {
                match crossbar.tick(now, &mut inputs, &mut outputs, |message| message.2, &mut wheel) {
                    Wake::Next => wheel.schedule(CROSSBAR, now + 1),
                    Wake::At(at) => wheel.schedule(CROSSBAR, at),
                    Wake::Idle => {}
                }
            } else {
                for (link, arrived) in outputs.iter_mut().zip(&mut arrived) {
                    if link.peek(now).is_none() {
                        continue;
                    }
                    if now.0.is_multiple_of(ports.takes_every) {
                        arrived.extend(link.take(now, &mut wheel).map(|message| (now.0, message)));
                    }
                    wheel.schedule(RECEIVER, now + 1);
                }
            }
        }
    }
    assert!(inputs.iter().chain(&outputs).all(Link::is_empty), "messages left");
    arrived
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_arrives_once_and_in_order(
        inputs in 1usize..7, outputs in 1usize..5, rounds in 1u32..4, room in 1usize..6, takes_every in 1u64..4,
        messages in prop::collection::vec((0usize..7, 0usize..5), 1..150),
    ) {
        let messages: Vec<(usize, usize)> = messages.iter().map(|(i, o)| (i % inputs, o % outputs)).collect();
        let ports = Ports { inputs, outputs, rounds, room, takes_every };
        let arrived = run(&ports, &messages, TickOrder::Ascending);
        let mut seen = BTreeMap::new();
        for (output, arrived) in arrived.iter().enumerate() {
            let mut newest = vec![None; inputs];
            for (_, (i, input, to)) in arrived {
                prop_assert_eq!((messages[*i], *to), ((*input, output), output));
                prop_assert_eq!(seen.insert(*i, output), None);
                // Messages of one input to one output keep their order.
                prop_assert!(newest[*input].is_none_or(|newest| newest < *i));
                newest[*input] = Some(*i);
            }
        }
        prop_assert_eq!(seen.len(), messages.len());
        for order in [TickOrder::Descending, TickOrder::Shuffled(5), TickOrder::Everything] {
            prop_assert_eq!(&run(&ports, &messages, order), &arrived, "{:?}", order);
        }
    }
}

#[test]
fn an_output_serves_its_inputs_in_turn() {
    // Given four inputs that all want output 0, and room enough.
    let ports = Ports { inputs: 4, outputs: 2, rounds: 1, room: 64, takes_every: 1 };
    let messages: Vec<(usize, usize)> = (0..40).map(|i| (i % 4, 0)).collect();
    let arrived = &run(&ports, &messages, TickOrder::Ascending)[0];
    let inputs: Vec<usize> = arrived.iter().map(|(_, (_, input, _))| *input).collect();
    assert_eq!(inputs, (0..40).map(|i| i % 4).collect::<Vec<usize>>());
    // One a cycle, from the first on: sent in cycle 1, there in 2, through in 5.
    let cycles: Vec<u64> = arrived.iter().map(|(at, _)| *at).collect();
    assert_eq!(cycles, (5..45).collect::<Vec<u64>>());
}

#[test]
fn two_rounds_move_two_messages_a_port_and_cycle() {
    // Given a receiver that takes one a cycle, the crossbar's part is done in half the time; seen by two
    // outputs of one input.
    let messages: Vec<(usize, usize)> = (0..20).map(|i| (0, i % 2)).collect();
    let last = |rounds| {
        let ports = Ports { inputs: 1, outputs: 2, rounds, room: 64, takes_every: 1 };
        let arrived = run(&ports, &messages, TickOrder::Ascending);
        arrived.iter().flatten().map(|(at, _)| *at).max()
    };
    assert_eq!((last(1), last(2)), (Some(5 + 19), Some(5 + 9)));
}
