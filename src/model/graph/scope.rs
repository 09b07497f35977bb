//! Which nodes of a file's graph its outputs need, and in which order.

use super::{GraphError, proto};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

/// The nodes that some outputs need, each after those that it reads, otherwise in the file's order; and which of its own outputs
/// somebody reads.
#[derive(Debug)]
pub(super) struct Plan(pub(super) Vec<(usize, Vec<bool>)>);

/// Where every name of a graph comes from.
#[derive(Debug)]
pub(super) struct Names<'g, 'a> {
    nodes: &'g [proto::Node<'a>],
    producers: HashMap<&'a str, usize>,
}

impl<'g, 'a> Names<'g, 'a> {
    /// Checks that every name is made once. `given` are the names that exist before any node.
    pub(super) fn new(
        nodes: &'g [proto::Node<'a>],
        given: impl Iterator<Item = &'a str>,
        what: &str,
    ) -> Result<Self, GraphError> {
        let twice = |name: &str| GraphError::Graph(format!("the name `{name}` is given to two tensors of {what}"));
        let mut seen = HashSet::new();
        for name in given {
            if !seen.insert(name) {
                return Err(twice(name));
            }
        }
        let mut producers = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            for &output in node.outputs.iter().filter(|output| !output.is_empty()) {
                if seen.contains(output) || producers.insert(output, index).is_some() {
                    return Err(twice(output));
                }
            }
        }
        Ok(Self { nodes, producers })
    }

    /// What `outputs` need.
    pub(super) fn plan(&self, outputs: impl Iterator<Item = &'a str>) -> Result<Plan, GraphError> {
        let mut used: HashSet<&'a str> = HashSet::new();
        let mut live = vec![false; self.nodes.len()];
        let mut todo: Vec<&'a str> = outputs.collect();
        while let Some(name) = todo.pop() {
            if !used.insert(name) {
                continue;
            }
            if let Some(&index) = self.producers.get(name)
                && !std::mem::replace(&mut live[index], true)
            {
                reads(&self.nodes[index], &mut |name| todo.push(name));
            }
        }
        let used = |index: usize| self.nodes[index].outputs.iter().map(|output| used.contains(output)).collect();
        Ok(Plan(self.sorted(&live)?.into_iter().map(|index| (index, used(index))).collect()))
    }

    fn sorted(&self, live: &[bool]) -> Result<Vec<usize>, GraphError> {
        let mut waits = vec![0usize; self.nodes.len()];
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut ready = BinaryHeap::new();
        let members = || (0..live.len()).filter(|&index| live[index]);
        for index in members() {
            let mut sources = HashSet::new();
            reads(&self.nodes[index], &mut |name| sources.extend(self.producers.get(name).copied()));
            waits[index] = sources.len();
            sources.into_iter().for_each(|source| readers[source].push(index));
            if waits[index] == 0 {
                ready.push(Reverse(index));
            }
        }
        let mut order = Vec::new();
        while let Some(Reverse(index)) = ready.pop() {
            order.push(index);
            for &reader in &readers[index] {
                waits[reader] -= 1;
                if waits[reader] == 0 {
                    ready.push(Reverse(reader));
                }
            }
        }
        match members().find(|&index| waits[index] > 0) {
            None => Ok(order),
            Some(index) => {
                let node = &self.nodes[index];
                let text = format!(
                    "the nodes form a cycle: {} (node `{}`) waits for its own result",
                    node.operator,
                    node.label()
                );
                Err(GraphError::Graph(text))
            }
        }
    }
}

/// Every name that a node reads, also from within the graphs that it holds.
fn reads<'a>(node: &proto::Node<'a>, found: &mut impl FnMut(&'a str)) {
    // Subgraphs are as deep as the decoder admits, so this ends.
    let mut inner: Vec<&proto::Node<'a>> = vec![node];
    while let Some(node) = inner.pop() {
        node.inputs.iter().filter(|name| !name.is_empty()).for_each(|&name| found(name));
        for attribute in &node.attributes {
            if let proto::Value::Graph(graph) = &attribute.value {
                inner.extend(&graph.nodes);
                graph.outputs.iter().for_each(|output| found(output.name));
            }
        }
    }
}
