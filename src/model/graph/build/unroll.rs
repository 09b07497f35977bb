//! Graphs within nodes that run several times: one copy of their nodes for every run.

use super::{Frame, Scope, Walk, Wire, plan, stored};
use crate::model::graph::{
    GraphError, Operand,
    call::Call,
    infer, normalize,
    operators::{Attributes, Operator},
    proto,
    scope::Plan,
    tensor::{Element, Tensor},
};
use std::{cell::RefCell, collections::HashMap};

/// Runs that a loop may have.
const MAX_RUNS: i64 = 100_000;

/// A graph that runs, and in which order its nodes do.
pub(super) struct Body<'c, 'a> {
    graph: &'c proto::Graph<'a>,
    pub(super) outputs: Vec<&'a str>,
    plan: Plan,
}

/// The part of a scan's tensor that one run reads.
struct Scanned {
    operand: Operand,
    axis: usize,
    backwards: bool,
}

impl<'a> Walk<'_, 'a> {
    /// A loop whose number of runs is known.
    pub(super) fn unroll_loop(
        &mut self,
        call: &Call<'a>,
        given: Vec<Option<Wire>>,
        scope: &Scope<'_, 'a>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Wire>, GraphError> {
        let body = &body_of(call, "body")?;
        let refuse = || {
            call.refuse("runs for as long as the input decides; a proof is about one fixed graph. Export the model with a fixed number")
        };
        let mut given = given.into_iter();
        let (runs, condition) = (given.next().flatten(), given.next().flatten());
        let runs = match runs {
            Some(wire) => wire.number().ok_or_else(refuse)?,
            None => i64::MAX,
        };
        let mut goes_on = match condition {
            Some(wire) => wire.number().ok_or_else(refuse)? != 0,
            None => true,
        };
        let carried: Option<Vec<Wire>> = given.collect();
        let mut carried = carried.ok_or_else(|| call.refuse("lacks one of its operands"))?;
        let count = body.outputs.len().checked_sub(1 + carried.len());
        let count = count.ok_or_else(|| call.refuse("has a body with too few outputs"))?;
        let mut rows: Vec<Vec<Operand>> = vec![Vec::new(); count];
        let mut run = 0;
        while goes_on && run < runs {
            if run >= MAX_RUNS {
                return Err(call.refuse(format!("runs more than {MAX_RUNS} times")));
            }
            let scalar = |element, number| Tensor::ints(element, vec![], vec![number]);
            let mut given = vec![
                self.builder.constant(scalar(Element::Int64, run)).into(),
                self.builder.constant(scalar(Element::Bool, 1)).into(),
            ];
            given.append(&mut carried);
            let mut made = self.body(call, body, given, scope, frame)?.into_iter();
            goes_on = made.next().as_ref().and_then(Wire::number).ok_or_else(refuse)? != 0;
            carried = made.by_ref().take(body.outputs.len() - 1 - count).collect();
            push_rows(call, &mut rows, made)?;
            run += 1;
        }
        for rows in rows {
            carried.push(self.stacked(call, &rows, 0)?.into());
        }
        Ok(carried)
    }

    /// One run for every place of an axis.
    pub(super) fn unroll_scan(
        &mut self,
        call: &Call<'a>,
        scope: &Scope<'_, 'a>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Operand>, GraphError> {
        let body = &body_of(call, "body")?;
        if call.small.iter().any(Option::is_some) {
            return Err(call.refuse("scans floats of 8 or 4 bits, which is not read"));
        }
        // Before version 9 there were lengths first, and a batch around everything.
        let old = call.version < 9;
        if old && call.optional(0).is_some() {
            return Err(call.refuse("has lengths, which are not read"));
        }
        let first = usize::from(old);
        let operands = (first..call.inputs.len()).map(|at| call.input(at)).collect::<Result<Vec<_>, _>>()?;
        let operands = if old { self.without_batch(call, operands)? } else { operands };
        let scans = call.int("num_scan_inputs").and_then(|count| usize::try_from(count).ok());
        let states = scans.filter(|&scans| scans > 0).and_then(|scans| operands.len().checked_sub(scans));
        let states = states.ok_or_else(|| call.refuse("has no num_scan_inputs that fits"))?;
        let (mut carried, scanned) = (operands[..states].to_vec(), &operands[states..]);
        let count = body.outputs.len().checked_sub(states);
        let count = count.ok_or_else(|| call.refuse("has a body with too few outputs"))?;
        let number = |name: &str, at: usize| call.ints(name).and_then(|list| list.get(at)).copied().unwrap_or(0);
        let directions = if old { "directions" } else { "scan_input_directions" };
        let mut inputs = Vec::new();
        for (at, operand) in scanned.iter().enumerate() {
            let rank = self.builder.shape(operand).len();
            let axis = infer::axis(number("scan_input_axes", at), rank).map_err(|reason| call.refuse(reason))?;
            inputs.push(Scanned { operand: operand.clone(), axis, backwards: number(directions, at) != 0 });
        }
        let lengths: Vec<usize> = inputs.iter().map(|input| self.builder.shape(&input.operand)[input.axis]).collect();
        let runs = lengths[0];
        if lengths.iter().any(|&length| length != runs) || runs as i64 > MAX_RUNS {
            return Err(call.refuse(format!("scans axes of {lengths:?} numbers")));
        }
        let mut rows: Vec<Vec<Operand>> = vec![Vec::new(); count];
        for run in 0..runs {
            let mut given: Vec<Wire> = std::mem::take(&mut carried).into_iter().map(Wire::from).collect();
            for input in &inputs {
                given.push(self.row(call, input, if input.backwards { runs - 1 - run } else { run })?.into());
            }
            let mut made = self.body(call, body, given, scope, frame)?.into_iter();
            carried = made.by_ref().take(states).map(|wire| tensor_of(call, wire)).collect::<Result<_, _>>()?;
            push_rows(call, &mut rows, made)?;
        }
        for (at, mut rows) in rows.into_iter().enumerate() {
            if number("scan_output_directions", at) != 0 {
                rows.reverse();
            }
            carried.push(self.stacked(call, &rows, number("scan_output_axes", at))?);
        }
        if !old {
            return Ok(carried);
        }
        let with_batch = |made: Operand| {
            let shape = [&[1], &self.builder.shape(&made)[..]].concat();
            (made, shape)
        };
        let made: Vec<(Operand, Vec<usize>)> = carried.into_iter().map(with_batch).collect();
        made.iter().map(|(made, shape)| self.reshaped(call, made, shape)).collect()
    }

    /// Attention whose scores and weights go through graphs of the file's.
    pub(super) fn flex_attention(
        &mut self,
        call: &Call<'a>,
        scope: &Scope<'_, 'a>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Operand>, GraphError> {
        let mut made = normalize::flex_scores(&mut self.builder, call)?;
        for name in ["score_mod", "prob_mod"] {
            if name == "prob_mod" {
                made = normalize::flex_weights(&mut self.builder, call, &made)?;
            }
            if call.attribute(name).is_some() {
                let graph = &body_of(call, name)?;
                let results = self.body(call, graph, vec![made.into()], scope, frame)?;
                let first = results.into_iter().next();
                made = tensor_of(call, first.ok_or_else(|| call.refuse(format!("has a {name} without an output")))?)?;
            }
        }
        normalize::flex_answer(&mut self.builder, call, &made)
    }

    /// One run of a graph.
    pub(super) fn body(
        &mut self,
        call: &Call<'a>,
        body: &Body<'_, 'a>,
        given: Vec<Wire>,
        scope: &Scope<'_, 'a>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Wire>, GraphError> {
        let Body { graph, outputs, plan } = body;
        self.walk_over(graph.nodes.len())?;
        if graph.inputs.len() != given.len() {
            return Err(call.refuse(format!(
                "gives {} values to a graph that takes {}",
                given.len(),
                graph.inputs.len()
            )));
        }
        let wires: HashMap<&'a str, Wire> = graph.inputs.iter().map(|input| input.name).zip(given).collect();
        let inner = Scope { wires: RefCell::new(wires), stored: stored(graph), parent: Some(scope) };
        let frame = self.deeper(call, frame, frame.versions, frame.attributes)?;
        self.nodes(&graph.nodes, plan, outputs, &inner, &frame)
    }

    fn row(&mut self, call: &Call<'a>, input: &Scanned, at: usize) -> Result<Operand, GraphError> {
        let mut shape = self.builder.shape(&input.operand);
        shape.remove(input.axis);
        let place = self.builder.constant(Tensor::list(&[at as i64]));
        let attributes = Attributes::of([("axis", (input.axis as i64).into())]);
        let row = self.builder.apply(call, Operator::Gather, attributes, &[&input.operand, &place])?;
        self.reshaped(call, &row, &shape)
    }

    /// Tensors of one shape along a new axis.
    pub(super) fn stacked(&mut self, call: &Call<'a>, rows: &[Operand], axis: i64) -> Result<Operand, GraphError> {
        let first = rows.first().ok_or_else(|| call.refuse("gives out what no run makes"))?;
        let mut shape = self.builder.shape(first);
        let axis = infer::axis(axis, shape.len() + 1).map_err(|reason| call.refuse(reason))?;
        shape.insert(axis, 1);
        let rows = rows.iter().map(|row| self.reshaped(call, row, &shape)).collect::<Result<Vec<_>, _>>()?;
        if let [only] = &rows[..] {
            return Ok(only.clone());
        }
        let rows: Vec<&Operand> = rows.iter().collect();
        self.builder.apply(call, Operator::Concat, Attributes::of([("axis", (axis as i64).into())]), &rows)
    }

    fn without_batch(&mut self, call: &Call<'a>, operands: Vec<Operand>) -> Result<Vec<Operand>, GraphError> {
        let mut made = Vec::new();
        for operand in operands {
            let shape = self.builder.shape(&operand);
            let Some((1, shape)) = shape.split_first().map(|(&batch, shape)| (batch, shape)) else {
                return Err(call.refuse(format!("scans a tensor of shape {shape:?}, whose batch is not 1")));
            };
            made.push(self.reshaped(call, &operand, shape)?);
        }
        Ok(made)
    }

    pub(super) fn reshaped(
        &mut self,
        call: &Call<'a>,
        operand: &Operand,
        shape: &[usize],
    ) -> Result<Operand, GraphError> {
        if self.builder.shape(operand) == shape {
            return Ok(operand.clone());
        }
        let target: Vec<i64> = shape.iter().map(|&dim| dim as i64).collect();
        let target = self.builder.constant(Tensor::list(&target));
        self.builder.apply(call, Operator::Reshape, Attributes::none(), &[operand, &target])
    }
}

/// What must be a tensor: a row that is stacked, a state of a scan.
fn tensor_of(call: &Call<'_>, wire: Wire) -> Result<Operand, GraphError> {
    match wire {
        Wire::Tensor(operand, None) => Ok(operand),
        Wire::Tensor(_, Some(_)) => {
            Err(call.refuse("has a body that makes floats of 8 or 4 bits, which are not stacked"))
        }
        other => Err(call.refuse(format!("has a body that makes {} where a tensor is due", other.what()))),
    }
}

fn push_rows(call: &Call<'_>, rows: &mut [Vec<Operand>], made: impl Iterator<Item = Wire>) -> Result<(), GraphError> {
    for (rows, wire) in rows.iter_mut().zip(made) {
        rows.push(tensor_of(call, wire)?);
    }
    Ok(())
}

pub(super) fn body_of<'c, 'a>(call: &'c Call<'a>, name: &str) -> Result<Body<'c, 'a>, GraphError> {
    let Some(proto::Value::Graph(graph)) = call.attribute(name) else {
        return Err(call.refuse(format!("has no {name}")));
    };
    let outputs: Vec<&str> = graph.outputs.iter().map(|output| output.name).collect();
    let plan = plan(graph, &outputs)?;
    Ok(Body { graph, outputs, plan })
}
