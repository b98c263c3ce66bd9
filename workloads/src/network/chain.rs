//! Building a graph whose operators mostly follow one another.

use super::graph::{Graph, NodeId};
use super::operator::{Linear, Operator};
use super::shape::Shape;
use crate::layer::LayerError;

/// A graph and the node that the next operator follows.
pub(super) struct Chain {
    pub(super) graph: Graph,
    pub(super) end: NodeId,
}

impl Chain {
    /// A graph of an input only, called "input".
    pub(super) fn from_input(sizes: &[u32]) -> Result<Self, LayerError> {
        let mut graph = Graph::default();
        let end = graph.add("input", Operator::Input(Shape::new(sizes)), &[])?;
        Ok(Self { graph, end })
    }

    /// A graph of an input of square RGB images.
    pub(super) fn from_images(batch: u32, side: u32) -> Result<Self, LayerError> {
        Self::from_input(&[batch, 3, side, side])
    }

    /// Adds `operator` behind the end.
    pub(super) fn then(&mut self, name: &str, operator: Operator) -> Result<&mut Self, LayerError> {
        self.end = self.graph.add(name, operator, &[self.end])?;
        Ok(self)
    }

    /// Adds a fully connected layer behind the end, with biases.
    pub(super) fn then_linear(
        &mut self,
        name: &str,
        inputs: u32,
        outputs: u32,
    ) -> Result<&mut Self, LayerError> {
        self.then(name, Operator::Linear(Linear { inputs, outputs, bias: true }))
    }
}
