//! Recurrent networks, unrolled: one step after the other, as products of matrices and activations. The number of steps is
//! a shape, so it is known.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};

/// What a cell bends its numbers with.
#[derive(Clone, Copy)]
enum Activation {
    Plain(Operator),
    /// With one attribute of this name.
    One(Operator, &'static str, f32),
    HardSigmoid(f32, f32),
    /// `alpha * x + beta`.
    Affine(f32, f32),
    /// `alpha * tanh(beta * x)`.
    ScaledTanh(f32, f32),
}

/// The sizes of a recurrent network.
struct Sizes {
    steps: usize,
    batch: usize,
    hidden: usize,
    gates: usize,
}

/// One direction of a recurrent network.
struct Cell {
    /// What the input gives the gates of every step: one `[batch, gates * hidden]` per step.
    fed: Vec<Operand>,
    /// Recurrent weights of every gate: `[hidden, hidden]`.
    weights: Vec<Operand>,
    /// Biases of the recurrent side, of every gate. Those of the input's side are in `fed`.
    biases: Vec<Option<Operand>>,
    peepholes: Vec<Operand>,
    activations: Vec<Activation>,
    clip: Option<f32>,
    /// Which rows of the batch a step is part of: `[batch, 1]`, or all of them.
    masks: Vec<Option<Operand>>,
}

/// What a step hands on; nothing is zero.
#[derive(Clone, Default)]
struct State {
    hidden: Option<Operand>,
    cell: Option<Operand>,
}

impl Step<'_, '_> {
    pub(super) fn recurrent(&mut self) -> Made {
        let batch_first = self.call.flag("layout");
        let mut x = self.call.input(0)?;
        if batch_first {
            x = self.transposed_if(&x, &[1, 0, 2])?;
        }
        let sizes = self.recurrent_sizes(&x)?;
        let directions: &[bool] = match self.call.text("direction").unwrap_or("forward") {
            "forward" => &[false],
            "reverse" => &[true],
            "bidirectional" => &[false, true],
            other => return Err(self.refuse(format!("has the direction `{other}`"))),
        };
        let (mut all, mut last, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        for (index, &reverse) in directions.iter().enumerate() {
            let cell = self.cell(&x, &sizes, index, directions.len())?;
            let mut state = State {
                hidden: self.initial(5, index, &sizes, batch_first)?,
                cell: self.initial(6, index, &sizes, batch_first)?,
            };
            let mut outputs = vec![None; sizes.steps];
            let order: Vec<usize> = if reverse { (0..sizes.steps).rev().collect() } else { (0..sizes.steps).collect() };
            for at in order {
                let next = self.advance(&cell, at, &state)?;
                let output = next.hidden.as_ref().map(|output| self.masked(&cell, at, output, None)).transpose()?;
                outputs[at] = output;
                state = State {
                    hidden: self.kept(&cell, at, next.hidden, state.hidden)?,
                    cell: self.kept(&cell, at, next.cell, state.cell)?,
                };
            }
            let outputs: Vec<Operand> = outputs.into_iter().flatten().collect();
            all.push(self.stacked(&outputs, &[1, 1, sizes.batch, sizes.hidden], 0)?);
            last.extend(state.hidden);
            cells.extend(state.cell);
        }
        let all: Vec<&Operand> = all.iter().collect();
        let mut made = vec![self.joined(&all, 1)?, self.stacked(&last, &[1, sizes.batch, sizes.hidden], 0)?];
        if self.call.operator == "LSTM" {
            made.push(self.stacked(&cells, &[1, sizes.batch, sizes.hidden], 0)?);
        }
        if batch_first {
            made[0] = self.transposed(&made[0].clone(), &[2, 0, 1, 3])?;
            for state in made.iter_mut().skip(1) {
                *state = self.transposed(&state.clone(), &[1, 0, 2])?;
            }
        }
        Ok(made)
    }

    fn recurrent_sizes(&self, x: &Operand) -> Result<Sizes, GraphError> {
        let gates = match self.call.operator {
            "LSTM" => 4,
            "GRU" => 3,
            _ => 1,
        };
        let (shape, weights, recurrent) =
            (self.shape(x), self.shape(&self.call.input(1)?), self.shape(&self.call.input(2)?));
        let (&[steps, batch, features], &[_, rows, columns], &[_, same, hidden]) =
            (&shape[..], &weights[..], &recurrent[..])
        else {
            return Err(self.refuse("takes an input and weights of three axes"));
        };
        if steps == 0 || hidden == 0 || rows != gates * hidden || same != rows || columns != features {
            return Err(self.refuse(format!(
                "has an input of shape {shape:?} and weights of shapes {weights:?} and {recurrent:?}, which do not fit"
            )));
        }
        Ok(Sizes { steps, batch, hidden, gates })
    }

    /// One direction's part of operand `index`, without the axis of directions.
    fn part(&mut self, index: usize, direction: usize, axis: i64) -> Result<Option<Operand>, GraphError> {
        let Some(operand) = self.call.optional(index).cloned() else { return Ok(None) };
        let at = self.constant_of(Tensor::ints(Element::Int64, vec![], vec![direction as i64]));
        let attributes = Attributes::of([("axis", axis.into())]);
        let known = usize::try_from(axis).ok().and_then(|axis| self.shape(&operand).get(axis).copied());
        if known.is_none_or(|directions| directions <= direction) {
            return Err(self.refuse(format!("has an operand {index} for fewer directions than it has")));
        }
        self.apply(Operator::Gather, attributes, &[&operand, &at]).map(Some)
    }

    fn initial(
        &mut self,
        index: usize,
        direction: usize,
        sizes: &Sizes,
        batch_first: bool,
    ) -> Result<Option<Operand>, GraphError> {
        let state = self.part(index, direction, batch_first.into())?;
        if state.as_ref().is_some_and(|state| self.shape(state) != [sizes.batch, sizes.hidden]) {
            return Err(self.refuse("has an initial state that does not fit its weights"));
        }
        Ok(state)
    }

    fn cell(&mut self, x: &Operand, sizes: &Sizes, direction: usize, directions: usize) -> Result<Cell, GraphError> {
        let &Sizes { steps, batch, hidden, gates } = sizes;
        let features = self.shape(x)[2];
        let missing = self.refuse("lacks its weights");
        let (weights, recurrent) = (self.part(1, direction, 0)?, self.part(2, direction, 0)?);
        let (Some(weights), Some(recurrent)) = (weights, recurrent) else { return Err(missing) };
        let rows = self.reshaped(x, &[steps * batch, features])?;
        let turned = self.transposed(&weights, &[1, 0])?;
        let mut fed = self.plain(Operator::MatMul, &[&rows, &turned])?;
        let mut biases = vec![None; gates];
        if let Some(both) = self.part(3, direction, 0)? {
            if self.shape(&both) != [2 * gates * hidden] {
                return Err(self.refuse("has biases that do not fit its weights"));
            }
            let sides = self.split_evenly(&both, 0, 2)?;
            fed = self.plain(Operator::Add, &[&fed, &sides[0]])?;
            biases = self.split_evenly(&sides[1], 0, gates)?.into_iter().map(Some).collect();
        }
        let fed = self.split_evenly(&fed, 0, steps)?;
        let mut weights = Vec::new();
        for gate in self.split_evenly(&recurrent, 0, gates)? {
            weights.push(self.transposed(&gate, &[1, 0])?);
        }
        let peepholes = match self.part(7, direction, 0)? {
            Some(all) => self.split_evenly(&all, 0, 3)?,
            None => Vec::new(),
        };
        let activations = self.activations(direction, directions)?;
        let clip = self.call.float("clip");
        Ok(Cell { fed, weights, biases, peepholes, activations, clip, masks: self.masks(sizes)? })
    }

    /// Sequences may be shorter than the tensor; their lengths are constant.
    fn masks(&mut self, sizes: &Sizes) -> Result<Vec<Option<Operand>>, GraphError> {
        let Some(lengths) = self.call.optional(4).cloned() else { return Ok(vec![None; sizes.steps]) };
        let lengths = self.known(&lengths, "lengths of sequences")?;
        if lengths.len() != sizes.batch || lengths.iter().any(|&n| n < 0 || n as usize > sizes.steps) {
            return Err(self.refuse(format!("has the lengths of sequences {lengths:?}, which do not fit its input")));
        }
        Ok((0..sizes.steps as i64)
            .map(|at| {
                let inside: Vec<i64> = lengths.iter().map(|&n| i64::from(at < n)).collect();
                let whole = inside.iter().all(|&flag| flag == 1);
                (!whole).then(|| self.constant_of(Tensor::ints(Element::Bool, vec![sizes.batch, 1], inside)))
            })
            .collect())
    }

    /// `new` where the step is part of the sequence, else `old`, or zero.
    fn masked(&mut self, cell: &Cell, at: usize, new: &Operand, old: Option<&Operand>) -> Result<Operand, GraphError> {
        let Some(mask) = &cell.masks[at] else { return Ok(new.clone()) };
        let zero = self.number(0.0);
        self.plain(Operator::Where, &[mask, new, old.unwrap_or(&zero)])
    }

    fn kept(
        &mut self,
        cell: &Cell,
        at: usize,
        new: Option<Operand>,
        old: Option<Operand>,
    ) -> Result<Option<Operand>, GraphError> {
        new.map(|new| self.masked(cell, at, &new, old.as_ref())).transpose()
    }

    fn advance(&mut self, cell: &Cell, at: usize, state: &State) -> Result<State, GraphError> {
        let gates = self.split_evenly(&cell.fed[at], 1, cell.weights.len())?;
        match self.call.operator {
            "LSTM" => self.lstm(cell, &gates, state),
            "GRU" => self.gru(cell, &gates, state),
            _ => {
                let sum = self.gate(cell, 0, &gates[0], state.hidden.as_ref())?;
                Ok(State { hidden: Some(self.bent(cell, 0, &sum)?), cell: None })
            }
        }
    }

    /// `fed + hidden * weights + bias`.
    fn gate(
        &mut self,
        cell: &Cell,
        gate: usize,
        fed: &Operand,
        hidden: Option<&Operand>,
    ) -> Result<Operand, GraphError> {
        match self.remembered(cell, gate, hidden)? {
            Some(remembered) => self.plain(Operator::Add, &[fed, &remembered]),
            None => Ok(fed.clone()),
        }
    }

    /// `hidden * weights + bias`, or nothing when that is zero.
    fn remembered(
        &mut self,
        cell: &Cell,
        gate: usize,
        hidden: Option<&Operand>,
    ) -> Result<Option<Operand>, GraphError> {
        let product = hidden.map(|hidden| self.plain(Operator::MatMul, &[hidden, &cell.weights[gate]])).transpose()?;
        match (product, &cell.biases[gate]) {
            (Some(product), Some(bias)) => self.plain(Operator::Add, &[&product, bias]).map(Some),
            (product, bias) => Ok(product.or_else(|| bias.clone())),
        }
    }

    /// Gates in the order update, reset, hidden.
    fn gru(&mut self, cell: &Cell, fed: &[Operand], state: &State) -> Result<State, GraphError> {
        let hidden = state.hidden.as_ref();
        let update = self.gate(cell, 0, &fed[0], hidden)?;
        let update = self.bent(cell, 0, &update)?;
        let reset = self.gate(cell, 1, &fed[1], hidden)?;
        let reset = self.bent(cell, 0, &reset)?;
        let sum = if self.call.flag("linear_before_reset") {
            match self.remembered(cell, 2, hidden)? {
                Some(remembered) => {
                    let part = self.plain(Operator::Mul, &[&reset, &remembered])?;
                    self.plain(Operator::Add, &[&fed[2], &part])?
                }
                None => fed[2].clone(),
            }
        } else {
            let part = hidden.map(|hidden| self.plain(Operator::Mul, &[&reset, hidden])).transpose()?;
            self.gate(cell, 2, &fed[2], part.as_ref())?
        };
        let fresh = self.bent(cell, 1, &sum)?;
        let one = self.number(1.0);
        let rest = self.plain(Operator::Sub, &[&one, &update])?;
        let mut made = self.plain(Operator::Mul, &[&rest, &fresh])?;
        if let Some(hidden) = hidden {
            let kept = self.plain(Operator::Mul, &[&update, hidden])?;
            made = self.plain(Operator::Add, &[&made, &kept])?;
        }
        Ok(State { hidden: Some(made), cell: None })
    }

    /// Gates in the order input, output, forget, cell; peepholes input, output, forget.
    fn lstm(&mut self, cell: &Cell, fed: &[Operand], state: &State) -> Result<State, GraphError> {
        let (hidden, before) = (state.hidden.as_ref(), state.cell.as_ref());
        let input = self.gate(cell, 0, &fed[0], hidden)?;
        let input = self.peeped(cell, 0, input, before)?;
        let input = self.bent(cell, 0, &input)?;
        let forget = if self.call.flag("input_forget") {
            let one = self.number(1.0);
            self.plain(Operator::Sub, &[&one, &input])?
        } else {
            let forget = self.gate(cell, 2, &fed[2], hidden)?;
            let forget = self.peeped(cell, 2, forget, before)?;
            self.bent(cell, 0, &forget)?
        };
        let fresh = self.gate(cell, 3, &fed[3], hidden)?;
        let fresh = self.bent(cell, 1, &fresh)?;
        let mut made = self.plain(Operator::Mul, &[&input, &fresh])?;
        if let Some(before) = before {
            let kept = self.plain(Operator::Mul, &[&forget, before])?;
            made = self.plain(Operator::Add, &[&kept, &made])?;
        }
        let output = self.gate(cell, 1, &fed[1], hidden)?;
        let output = self.peeped(cell, 1, output, Some(&made))?;
        let output = self.bent(cell, 0, &output)?;
        let shown = self.activated(cell.activations[2], &made)?;
        Ok(State { hidden: Some(self.plain(Operator::Mul, &[&output, &shown])?), cell: Some(made) })
    }

    fn peeped(
        &mut self,
        cell: &Cell,
        gate: usize,
        sum: Operand,
        seen: Option<&Operand>,
    ) -> Result<Operand, GraphError> {
        let (Some(weights), Some(seen)) = (cell.peepholes.get(gate), seen) else { return Ok(sum) };
        let part = self.plain(Operator::Mul, &[seen, weights])?;
        self.plain(Operator::Add, &[&sum, &part])
    }

    /// A gate's sum, clipped and bent by the activation of this number.
    fn bent(&mut self, cell: &Cell, activation: usize, sum: &Operand) -> Result<Operand, GraphError> {
        let clipped = match cell.clip {
            Some(bound) => {
                let (low, high) = (self.number(-bound), self.number(bound));
                self.plain(Operator::Clip, &[sum, &low, &high])?
            }
            None => sum.clone(),
        };
        self.activated(cell.activations[activation], &clipped)
    }

    fn activated(&mut self, activation: Activation, x: &Operand) -> Result<Operand, GraphError> {
        match activation {
            Activation::Plain(operator) => self.plain(operator, &[x]),
            Activation::One(operator, name, alpha) => {
                self.apply(operator, Attributes::of([(name, alpha.into())]), &[x])
            }
            Activation::HardSigmoid(alpha, beta) => {
                let attributes = Attributes::of([("alpha", alpha.into()), ("beta", beta.into())]);
                self.apply(Operator::HardSigmoid, attributes, &[x])
            }
            Activation::Affine(alpha, beta) => {
                let (alpha, beta) = (self.number(alpha), self.number(beta));
                let scaled = self.plain(Operator::Mul, &[x, &alpha])?;
                self.plain(Operator::Add, &[&scaled, &beta])
            }
            Activation::ScaledTanh(alpha, beta) => {
                let (alpha, beta) = (self.number(alpha), self.number(beta));
                let scaled = self.plain(Operator::Mul, &[x, &beta])?;
                let bent = self.plain(Operator::Tanh, &[&scaled])?;
                self.plain(Operator::Mul, &[&bent, &alpha])
            }
        }
    }

    /// A direction's activations. Their numbers are given in their order, to those that take some.
    fn activations(&self, direction: usize, directions: usize) -> Result<Vec<Activation>, GraphError> {
        let usual: &[&str] = match self.call.operator {
            "LSTM" => &["Sigmoid", "Tanh", "Tanh"],
            "GRU" => &["Sigmoid", "Tanh"],
            _ => &["Tanh"],
        };
        let count = usual.len();
        let names = self
            .call
            .texts("activations")
            .unwrap_or_else(|| (0..directions).flat_map(|_| usual.iter().map(|&name| name.to_owned())).collect());
        if names.len() != count * directions {
            return Err(self.refuse(format!("has {} activations where it takes {}", names.len(), count * directions)));
        }
        let mut alphas = self.call.floats("activation_alpha").unwrap_or_default().iter().copied();
        let mut betas = self.call.floats("activation_beta").unwrap_or_default().iter().copied();
        let mut all = Vec::new();
        for name in &names {
            let mut alpha = |default: f32| alphas.next().unwrap_or(default);
            let mut beta = |default: f32| betas.next().unwrap_or(default);
            all.push(match name.to_ascii_lowercase().as_str() {
                "relu" => Activation::Plain(Operator::Relu),
                "tanh" => Activation::Plain(Operator::Tanh),
                "sigmoid" => Activation::Plain(Operator::Sigmoid),
                "softsign" => Activation::Plain(Operator::Softsign),
                "softplus" => Activation::Plain(Operator::Softplus),
                "elu" => Activation::One(Operator::Elu, "alpha", alpha(1.0)),
                "leakyrelu" => Activation::One(Operator::LeakyRelu, "alpha", alpha(0.01)),
                "thresholdedrelu" => Activation::One(Operator::ThresholdedRelu, "alpha", alpha(1.0)),
                "hardsigmoid" => Activation::HardSigmoid(alpha(0.2), beta(0.5)),
                "affine" => Activation::Affine(alpha(1.0), beta(0.0)),
                "scaledtanh" => Activation::ScaledTanh(alpha(1.0), beta(1.0)),
                _ => return Err(self.refuse(format!("has the activation `{name}`, which ONNX does not have"))),
            });
        }
        Ok(all[direction * count..][..count].to_vec())
    }

    /// Pieces of the same size along an axis that they divide.
    fn split_evenly(&mut self, operand: &Operand, axis: usize, count: usize) -> Result<Vec<Operand>, GraphError> {
        if count == 1 {
            return Ok(vec![operand.clone()]);
        }
        let dim = self.shape(operand).get(axis).copied().unwrap_or(0);
        let sizes = self.list(&vec![(dim / count) as i64; count]);
        let attributes = Attributes::of([("axis", (axis as i64).into())]);
        self.builder.node(self.call, Operator::Split, attributes, vec![Some(operand.clone()), Some(sizes)], count)
    }

    /// Every operand in this shape, joined along an axis.
    fn stacked(&mut self, parts: &[Operand], shape: &[usize], axis: usize) -> Result<Operand, GraphError> {
        let shaped: Vec<Operand> = parts.iter().map(|part| self.reshaped(part, shape)).collect::<Result<_, _>>()?;
        self.joined(&shaped.iter().collect::<Vec<_>>(), axis)
    }

    fn transposed_if(&mut self, x: &Operand, perm: &[usize]) -> Result<Operand, GraphError> {
        if self.shape(x).len() != perm.len() {
            return Err(self.refuse("takes an input of three axes"));
        }
        self.transposed(x, perm)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::graph::{Operator, Options, read, testing::File};

    fn operators(file: File) -> Result<Vec<Operator>, String> {
        let graph = read(&file.bytes().into(), None, &Options::default()).map_err(|error| error.to_string())?.0;
        Ok(graph.nodes().iter().map(|node| node.operator).collect())
    }

    fn file(operator: &str, gates: usize) -> File {
        File::of(14)
            .floats("x", &["3", "1", "2"])
            .weights("w", &[1, gates * 4, 2], &vec![0.5; gates * 8])
            .weights("r", &[1, gates * 4, 4], &vec![0.25; gates * 16])
            .node(operator, &["x", "w", "r"], "y")
            .output("y")
    }

    #[test]
    fn every_step_is_there() {
        for (operator, gates, products) in [("RNN", 1, 2), ("GRU", 3, 6), ("LSTM", 4, 8)] {
            let made = operators(file(operator, gates)).unwrap();
            // One product for all inputs, one per gate for every step but the first, which remembers nothing.
            assert_eq!(made.iter().filter(|&&op| op == Operator::MatMul).count(), 1 + products, "{operator}");
        }
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let error = operators(file("GRU", 4)).unwrap_err();
        assert!(error.contains("GRU") && error.contains("do not fit"), "{error}");
    }
}
