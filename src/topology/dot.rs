//! The machine in Graphviz's language: a node a component and an edge a link.

use gpu_model::topology::{Component, Kind, Place, Wire};

use super::{Drawn, describe};

/// The machine in Graphviz's language. Every edge has its name, latency and capacity as attributes and as a
/// tooltip; the first link of each family shows them.
pub(super) fn dot(drawn: &Drawn) -> String {
    let mut lines = vec![
        "digraph machine {".into(),
        format!("  graph [label=\"{}\", labelloc=t, fontsize=40];", escaped(&drawn.title())),
        "  graph [fontname=\"sans-serif\", rankdir=LR, newrank=true, nodesep=0.22, ranksep=2.5];".into(),
        "  node [shape=box, style=filled, fontname=\"sans-serif\"];".into(),
        "  edge [arrowsize=0.6, color=gray40, fontname=\"sans-serif\"];".into(),
        "  { rank=same; request_crossbar; response_crossbar; }".into(),
    ];
    for array in 0..drawn.arrays() {
        lines.push(format!("  subgraph cluster_{array} {{ label=\"shader array {array}\"; fontsize=18;"));
        lines.extend(
            drawn.topology.components().filter(|&c| drawn.array(c) == Some(array)).map(|c| node(drawn, c)),
        );
        lines.push("  }".into());
    }
    lines.extend(drawn.topology.components().filter(|&c| drawn.array(c).is_none()).map(|c| node(drawn, c)));
    lines.extend(drawn.topology.links().map(|(from, to, wire)| edge(from, to, wire)));
    lines.push("}\n".into());
    lines.join("\n")
}

fn node(drawn: &Drawn, component: Component) -> String {
    let label = [vec![component.to_string()], drawn.facts(component.kind())].concat().join("\n");
    let (colour, style) = match component.kind() {
        Kind::Dispatcher => ("gray92", ""),
        Kind::Cu => ("#e3eefb", ""),
        Kind::L1 | Kind::L2 => ("#dcefdf", ""),
        Kind::RequestCrossbar | Kind::ResponseCrossbar => ("gray92", ""),
        Kind::Engine => ("#fdebd3", ", style=\"filled,dashed\""),
        Kind::Controller => ("#ece3f5", ""),
    };
    format!("    {} [label=\"{}\", fillcolor=\"{colour}\"{style}];", id(component), escaped(&label))
}

fn edge(from: Component, to: Component, wire: &Wire) -> String {
    let Wire { name, latency, capacity, .. } = wire;
    let text = describe(wire);
    let label = match wire.place {
        Place::Of(0) | Place::Channel { channel: 0, user: 0 } => format!("label=\"{text}\", "),
        _ => String::new(),
    };
    let style = if [from, to].contains(&Component::Engine) { "style=dashed, " } else { "" };
    // Messages go down and answers come back up: only the way down decides what is drawn above what.
    let constraint = if from.kind() > to.kind() { "constraint=false, " } else { "" };
    format!(
        "  {} -> {} [{label}{style}{constraint}tooltip=\"{text}\", name=\"{name}\", latency={latency}, \
         capacity={capacity}];",
        id(from),
        id(to)
    )
}

fn id(component: Component) -> String {
    component.to_string().replace(' ', "_")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use gpu_model::params::Machine;

    use super::*;

    fn mi6() -> Drawn {
        Drawn::new(Machine::default()).unwrap()
    }

    #[test]
    fn every_component_is_a_node_and_every_link_an_edge() {
        let drawn = mi6();
        let dot = dot(&drawn);
        let nodes =
            dot.lines().filter(|line| line.contains(" [label=") && line.contains("fillcolor=")).count();
        let edges: Vec<&str> = dot.lines().filter(|line| line.contains(" -> ")).collect();
        assert_eq!((nodes, edges.len()), (92, 316));
        assert_eq!(
            (nodes, edges.len()),
            (drawn.topology.components().count(), drawn.topology.links().count())
        );
        assert_eq!(dot.matches("subgraph cluster_").count(), 9);
        for ((from, to, wire), edge) in drawn.topology.links().zip(edges) {
            assert!(edge.starts_with(&format!("  {} -> {} [", id(from), id(to))), "{edge}");
            assert!(
                edge.contains(&format!("latency={}, capacity={}]", wire.latency, wire.capacity)),
                "{edge}"
            );
        }
    }

    #[test]
    fn a_shader_array_holds_its_compute_units_and_their_caches() {
        let dot = dot(&mi6());
        let array = dot.split("subgraph cluster_8").nth(1).unwrap().split('}').next().unwrap();
        let names = array.lines().skip(1).filter_map(|line| line.split_whitespace().next());
        let expected: Vec<String> = ["compute_unit", "L1_cache"]
            .iter()
            .flat_map(|name| (32..36).map(move |i| format!("{name}_{i}")))
            .collect();
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_engine_is_marked_and_names_are_escaped() {
        let mut machine = Machine::default();
        machine.gpu.name = "a \"b\"".into();
        let dot = dot(&Drawn::new(machine).unwrap());
        assert!(dot.contains(r#"label="a \"b\": 36 compute units"#), "{dot}");
        let is_of_engine =
            |line: &&str| line.contains(" -> compaction_engine") || line.contains("  compaction_engine ");
        assert!(dot.lines().filter(is_of_engine).all(|line| line.contains("dashed")), "{dot}");
        assert_eq!(dot.lines().filter(is_of_engine).count(), 1 + 2 * (8 + 8));
    }
}
