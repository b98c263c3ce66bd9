//! The graph: nodes are operators, edges the tensors that they hand on.

use std::collections::HashMap;

use petgraph::Direction::Incoming;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::operator::Operator;
use super::shape::Shape;
use crate::layer::LayerError;

/// A network, operator by operator. Every node's inputs are there before it, so there is no cycle, and nodes
/// in the order of their addition are in topological order: [`Graph::nodes`].
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// An edge carries the place among its consumer's inputs.
    operators: DiGraph<Node, usize>,
    by_name: HashMap<String, NodeId>,
}

/// A node of a [`Graph`], good for that graph only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(NodeIndex);

/// An operator in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Name, unique in its graph.
    pub name: String,
    /// What it does.
    pub operator: Operator,
    /// Shape of its output.
    pub shape: Shape,
    /// Whether its output has the zeros of a ReLU, as far as operators between let them through. (A pixel
    /// that is largest in its window is zero less often; the graph does not know by how much.)
    pub zeros: bool,
}

impl Graph {
    /// Adds an operator to the graph that takes the outputs of `inputs`, in this order.
    ///
    /// Refuses a name that is taken and inputs that do not fit, saying what was found and what expected.
    ///
    /// # Panics
    /// Where a node of `inputs` belongs to another, larger graph.
    pub fn add(&mut self, name: &str, operator: Operator, inputs: &[NodeId]) -> Result<NodeId, LayerError> {
        let error = |message| LayerError { layer: name.to_owned(), message };
        if self.by_name.contains_key(name) {
            return Err(error("the name is taken by an earlier node".into()));
        }
        let shapes: Vec<&Shape> = inputs.iter().map(|&input| &self.node(input).shape).collect();
        let shape =
            operator.infer(&shapes).map_err(|message| error(format!("{}: {message}", operator.name())))?;
        let zeros: Vec<bool> = inputs.iter().map(|&input| self.node(input).zeros).collect();
        let zeros = operator.keeps_zeros(&zeros, shapes.first() == Some(&&shape));
        let node = Node { name: name.to_owned(), operator, shape, zeros };
        let id = NodeId(self.operators.add_node(node));
        for (place, input) in inputs.iter().enumerate() {
            self.operators.add_edge(input.0, id.0, place);
        }
        self.by_name.insert(name.to_owned(), id);
        Ok(id)
    }

    /// The node `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.operators[id.0]
    }

    /// The node called `name`.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// All nodes, in the order of their addition: each after its inputs.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.operators.node_indices().map(NodeId)
    }

    /// The nodes whose outputs `id` takes, in its order.
    pub fn inputs(&self, id: NodeId) -> Vec<NodeId> {
        let mut inputs: Vec<(usize, NodeId)> = self
            .operators
            .edges_directed(id.0, Incoming)
            .map(|edge| (*edge.weight(), NodeId(edge.source())))
            .collect();
        inputs.sort_unstable();
        inputs.into_iter().map(|(_, input)| input).collect()
    }
}
