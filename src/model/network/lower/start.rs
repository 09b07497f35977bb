//! A whole graph: its inputs, its nodes one after the other, and its outputs.

use super::{Lowered, Lowering, MAX_AXIS, MAX_PORT, MAX_PORTS, MOST_SAMPLES, Wire, norm::Norms, same, units};
use crate::model::{
    LowerError, Model,
    graph::{Graph, Operand, ValueId},
    network::{
        plan::{Plan, Then, Work},
        quantize::{expected, input_range},
    },
    quantize::Calibration,
};
use std::{cell::RefCell, collections::HashMap};
use zkinfer_prover::network::Linear;

/// The plan of a model.
pub(in crate::model::network) fn lower(model: &Model, calibration: &Calibration) -> Lowered<Plan> {
    let graph = model.graph();
    expect_inputs(graph)?;
    expect_ports(graph)?;
    let width = graph.inputs().iter().map(|input| graph.value(input.value).kind.elements()).sum();
    let (mut samples, headroom) = expected(width, calibration);
    let mut first = 0;
    let signed = graph.inputs().iter().map(|input| {
        let own = first..first + graph.value(input.value).kind.elements();
        first = own.end;
        input_range(calibration, &samples, |sample| sample[own.clone()].to_vec()).0 < 0.0
    });
    let signed = signed.collect();
    let units = units::of_inputs(model, calibration);
    samples.truncate(MOST_SAMPLES);
    let lowering = lowered(graph, signed, units, (samples, headroom), None)?;
    same::compare(&lowering, model)?;
    Ok(lowering.plan)
}

/// The plan of a model from its shapes, and what is against proving it.
pub(in crate::model::network) fn sketch(model: &Model) -> Lowered<(Plan, Vec<String>)> {
    let graph = model.graph();
    expect_inputs(graph)?;
    let limits = expect_ports(graph).err().map(|error| error.to_string());
    let inputs = graph.inputs().len();
    let no_samples = (Vec::new(), 1.0);
    let limits = Some(limits.into_iter().collect());
    let lowering = lowered(graph, vec![false; inputs], vec![None; inputs], no_samples, limits)?;
    Ok((lowering.plan, lowering.limits.unwrap_or_default()))
}

/// A graph, input by input and node by node; in a sketch, with what is known against it.
fn lowered(
    graph: &Graph,
    signed: Vec<bool>,
    units: Vec<Option<Vec<f64>>>,
    (samples, headroom): (Vec<Vec<f64>>, f64),
    limits: Option<Vec<String>>,
) -> Lowered<Lowering<'_>> {
    let mut uses = HashMap::new();
    let read = graph.nodes().iter().flat_map(|node| &node.inputs).flatten().filter_map(|operand| match operand {
        Operand::Value(id) => Some(*id),
        Operand::Constant(_) => None,
    });
    read.chain(graph.outputs().iter().copied()).for_each(|id| *uses.entry(id).or_insert(0) += 1);
    let mut lowering = Lowering {
        graph,
        units: units.iter().cloned().enumerate().filter_map(|(at, units)| Some((at, units?))).collect(),
        plan: Plan { steps: Vec::new(), signed, units },
        wires: HashMap::new(),
        node: (String::new(), "Input"),
        loose: HashMap::new(),
        pending: HashMap::new(),
        norms: Norms::of(graph, &uses),
        hidden: HashMap::new(),
        seen: RefCell::new(vec![Vec::new(); samples.len()]),
        samples,
        headroom,
        uses,
        limits,
    };
    for input in graph.inputs() {
        lowering.input(input.value)?;
    }
    for at in 0..graph.nodes().len() {
        lowering.lower_at(at)?;
    }
    lowering.finish(graph.outputs())?;
    lowering.plan.prune();
    lowering.plan.fuse();
    lowering.plan.prune();
    Ok(lowering)
}

fn expect_inputs(graph: &Graph) -> Lowered<()> {
    match graph.inputs().is_empty() {
        true => Err(LowerError::Graph("it has no input: what it computes is a constant".into())),
        false => Ok(()),
    }
}

/// The public tensors are as many and as large as programs have them.
fn expect_ports(graph: &Graph) -> Lowered<()> {
    let (inputs, outputs) = (graph.inputs(), graph.outputs());
    if inputs.len() + outputs.len() > MAX_PORTS {
        let reason = format!("it has {} input and {} output tensors", inputs.len(), outputs.len());
        return Err(LowerError::Graph(format!("{reason}; at most {MAX_PORTS} in all are proven")));
    }
    let mut all = 0;
    for id in inputs.iter().map(|input| input.value).chain(outputs.iter().copied()) {
        let count = graph.value(id).kind.elements();
        all += count;
        if count > MAX_PORT || all > 2 * MAX_PORT {
            let name = &graph.value(id).name;
            let reason =
                format!("its tensor `{name}` has {count} numbers; at most {MAX_PORT} of one tensor are public");
            return Err(LowerError::Graph(format!("{reason}, and {} of all", 2 * MAX_PORT)));
        }
    }
    Ok(())
}

impl<'g> Lowering<'g> {
    fn input(&mut self, value: ValueId) -> Lowered<()> {
        let shape = self.graph.value(value).kind.shape.clone();
        self.node = (self.graph.value(value).name.clone(), "Input");
        let dims = match shape[..] {
            [1, c, h, w] if [c, h, w].iter().all(|d| *d <= MAX_AXIS) => vec![c as u32, h as u32, w as u32],
            _ => flat(shape.iter().product())
                .ok_or_else(|| LowerError::Graph(format!("its input has the shape {shape:?}; at most 2^22 numbers")))?,
        };
        let step = self.push(vec![], dims, Work::Input, Then::Nothing);
        self.wires.insert(value, Wire { step, shape, lazy: None });
        Ok(())
    }

    /// The outputs are the sums of a last dense layer, or the values of steps.
    fn finish(&mut self, outputs: &[ValueId]) -> Lowered<()> {
        let mut steps = Vec::new();
        for output in outputs {
            self.node = (self.name(*output).to_owned(), "Output");
            if !self.wires.contains_key(output) {
                let reason = format!("its output `{}` does not depend on its input", self.name(*output));
                return Err(LowerError::Graph(reason));
            }
            steps.push(self.settled(*output)?.step);
        }
        if let [step] = steps[..] {
            let last = &self.plan.steps[step];
            let dense =
                matches!(last.work, Work::Linear { op: Linear::Dense { .. }, .. }) && last.then == Then::Nothing;
            if dense && step + 1 == self.plan.steps.len() {
                return Ok(());
            }
        }
        for (step, output) in steps.into_iter().zip(outputs) {
            self.node = (self.name(*output).to_owned(), "Output");
            // An input with a zero point has another meaning than its integers say.
            let step = if self.plan.is_offset(step) { self.centered(step) } else { step };
            let dims = self.plan.steps[step].dims.clone();
            self.push(vec![step], dims, Work::Output, Then::Nothing);
        }
        Ok(())
    }
}

/// Dimensions for that many numbers in a row.
fn flat(n: usize) -> Option<Vec<u32>> {
    if n <= MAX_AXIS {
        return Some(vec![n as u32]);
    }
    let rows = (2..=64).find(|rows| n.is_multiple_of(*rows) && n / rows <= MAX_AXIS)?;
    Some(vec![rows as u32, (n / rows) as u32])
}
