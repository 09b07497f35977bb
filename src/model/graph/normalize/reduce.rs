//! Operators along axes: sums, maxima, softmax, normalizations.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};

impl Step<'_, '_> {
    pub(super) fn reduce(&mut self) -> Made {
        let x = self.call.input(0)?;
        let rank = self.shape(&x).len();
        let given = self.ints(1, "axes")?.filter(|axes| !axes.is_empty());
        let axes = match given {
            Some(axes) => self.axes(&axes, rank)?,
            None if self.call.flag("noop_with_empty_axes") => vec![],
            None => (0..rank).collect(),
        };
        let keep = self.call.int("keepdims").unwrap_or(1) != 0;
        let made = match self.call.operator {
            "ReduceSum" => self.reduced(Operator::ReduceSum, &x, &axes, keep)?,
            "ReduceMean" => self.reduced(Operator::ReduceMean, &x, &axes, keep)?,
            "ReduceMax" => self.reduced(Operator::ReduceMax, &x, &axes, keep)?,
            "ReduceMin" => self.reduced(Operator::ReduceMin, &x, &axes, keep)?,
            "ReduceProd" => self.reduced(Operator::ReduceProd, &x, &axes, keep)?,
            "ReduceL1" => {
                let size = self.plain(Operator::Abs, &[&x])?;
                self.reduced(Operator::ReduceSum, &size, &axes, keep)?
            }
            "ReduceSumSquare" => self.sum_of_squares(&x, &axes, keep)?,
            "ReduceL2" => {
                let sum = self.sum_of_squares(&x, &axes, keep)?;
                self.plain(Operator::Sqrt, &[&sum])?
            }
            "ReduceLogSum" => {
                let sum = self.reduced(Operator::ReduceSum, &x, &axes, keep)?;
                self.plain(Operator::Log, &[&sum])?
            }
            "ReduceLogSumExp" => self.log_sum_exp(&x, &axes, keep)?,
            _ => return Err(self.refuse("is not one that is read")),
        };
        Ok(vec![made])
    }

    pub(super) fn reduced(
        &mut self,
        operator: Operator,
        x: &Operand,
        axes: &[usize],
        keep: bool,
    ) -> Result<Operand, GraphError> {
        if axes.is_empty() {
            return Ok(x.clone());
        }
        if self.builder.kind(x).element == Element::Bool {
            // Truth values are reduced as numbers: operator set 17 does not have it.
            let numbers = self.cast(x, Element::Uint8)?;
            let made = self.reduced(operator, &numbers, axes, keep)?;
            return self.cast(&made, Element::Bool);
        }
        let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        let mut attributes = Attributes::of([("keepdims", i64::from(keep).into())]);
        if operator == Operator::ReduceSum {
            let axes = self.list(&axes);
            return self.apply(operator, attributes, &[x, &axes]);
        }
        attributes.set("axes", axes);
        self.apply(operator, attributes, &[x])
    }

    fn sum_of_squares(&mut self, x: &Operand, axes: &[usize], keep: bool) -> Result<Operand, GraphError> {
        let square = self.plain(Operator::Mul, &[x, x])?;
        self.reduced(Operator::ReduceSum, &square, axes, keep)
    }

    /// With the greatest taken out first, as every implementation does, so that no exponential overflows.
    fn log_sum_exp(&mut self, x: &Operand, axes: &[usize], keep: bool) -> Result<Operand, GraphError> {
        let most = self.reduced(Operator::ReduceMax, x, axes, true)?;
        let below = self.plain(Operator::Sub, &[x, &most])?;
        let powers = self.plain(Operator::Exp, &[&below])?;
        let sum = self.reduced(Operator::ReduceSum, &powers, axes, true)?;
        let log = self.plain(Operator::Log, &[&sum])?;
        let made = self.plain(Operator::Add, &[&log, &most])?;
        let shape = self.shape(x);
        let left: Vec<usize> = (0..shape.len()).filter(|at| !axes.contains(at)).map(|at| shape[at]).collect();
        if keep { Ok(made) } else { self.reshaped(&made, &left) }
    }

    pub(super) fn along_axes(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        match self.call.operator {
            "Softmax" | "LogSoftmax" | "Hardmax" => self.softmax(&x, &shape).map(|made| vec![made]),
            "ArgMax" | "ArgMin" => {
                let axis = self.axis(self.call.int("axis").unwrap_or(0), shape.len())? as i64;
                let int = |name, default: i64| self.call.int(name).unwrap_or(default).into();
                let attributes = Attributes::of([
                    ("axis", axis.into()),
                    ("keepdims", int("keepdims", 1)),
                    ("select_last_index", int("select_last_index", 0)),
                ]);
                self.keep(if self.call.operator == "ArgMax" { Operator::ArgMax } else { Operator::ArgMin }, attributes)
            }
            "CumSum" => {
                let axis = self.known(&self.call.input(1)?, "an axis")?.first().copied().unwrap_or(0);
                let axis = self.axis(axis, shape.len())? as i64;
                let axis = self.constant_of(Tensor::ints(Element::Int64, vec![], vec![axis]));
                let int = |name| self.call.int(name).unwrap_or(0).into();
                let attributes = Attributes::of([("exclusive", int("exclusive")), ("reverse", int("reverse"))]);
                Ok(vec![self.apply(Operator::CumSum, attributes, &[&x, &axis])?])
            }
            "LayerNormalization" => self.layer_normalization(&x, &shape),
            "BatchNormalization" => self.batch_normalization(),
            "InstanceNormalization" => {
                let epsilon = self.call.float("epsilon").unwrap_or(1e-5);
                self.keep(Operator::InstanceNormalization, Attributes::of([("epsilon", epsilon.into())]))
            }
            "LRN" => {
                let size = self.call.int("size").ok_or_else(|| self.refuse("has no size"))?;
                let float = |name, default: f32| self.call.float(name).unwrap_or(default).into();
                let attributes = Attributes::of([
                    ("size", size.into()),
                    ("alpha", float("alpha", 1e-4)),
                    ("beta", float("beta", 0.75)),
                    ("bias", float("bias", 1.0)),
                ]);
                self.keep(Operator::LRN, attributes)
            }
            _ => self.normalization(&x, &shape).map(|made| vec![made]),
        }
    }

    /// Before version 13 all axes from `axis` on were one.
    fn softmax(&mut self, x: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let operator: Operator = self.call.operator.parse().map_err(|()| self.refuse("is not one that is read"))?;
        let joined = self.call.version < 13;
        let axis = self.call.int("axis").unwrap_or(if joined { 1 } else { -1 });
        // One axis beyond the last is an empty row.
        let axis = if joined && axis == shape.len() as i64 { shape.len() } else { self.axis(axis, shape.len())? };
        let along = |axis: usize| Attributes::of([("axis", (axis as i64).into())]);
        if !joined || axis + 1 == shape.len() {
            return self.apply(operator, along(axis), &[x]);
        }
        let flat = [shape[..axis].iter().product(), shape[axis..].iter().product()];
        let rows = self.reshaped(x, &flat)?;
        let made = self.apply(operator, along(1), &[&rows])?;
        self.reshaped(&made, shape)
    }

    fn batch_normalization(&mut self) -> Made {
        if self.call.flag("training_mode") {
            return self.trained_normalization();
        }
        if (1..5).any(|index| self.call.uses(index)) {
            return Err(self.refuse("is in training mode; export the model after model.eval()"));
        }
        if self.call.version < 9 && self.call.int("spatial") == Some(0) {
            return Err(self.refuse("has statistics for every position, which are not read"));
        }
        let epsilon = self.call.float("epsilon").unwrap_or(1e-5);
        self.keep(Operator::BatchNormalization, Attributes::of([("epsilon", epsilon.into())]))
    }

    /// With the batch's own statistics, of which it also gives a running mean and variance.
    fn trained_normalization(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        let &[_, channels, ..] = &shape[..] else { return Err(self.refuse("takes a tensor without channels")) };
        let axes: Vec<usize> = (0..shape.len()).filter(|&axis| axis != 1).collect();
        let along = [&[channels][..], &vec![1; shape.len() - 2]].concat();
        let mean = self.reduced(Operator::ReduceMean, &x, &axes, true)?;
        let centred = self.plain(Operator::Sub, &[&x, &mean])?;
        let square = self.plain(Operator::Mul, &[&centred, &centred])?;
        let variance = self.reduced(Operator::ReduceMean, &square, &axes, true)?;
        let epsilon = self.number(self.call.float("epsilon").unwrap_or(1e-5));
        let sum = self.plain(Operator::Add, &[&variance, &epsilon])?;
        let deviation = self.plain(Operator::Sqrt, &[&sum])?;
        let unit = self.plain(Operator::Div, &[&centred, &deviation])?;
        let (scale, bias) =
            (self.reshaped(&self.call.input(1)?, &along)?, self.reshaped(&self.call.input(2)?, &along)?);
        let scaled = self.plain(Operator::Mul, &[&unit, &scale])?;
        let mut made = vec![self.plain(Operator::Add, &[&scaled, &bias])?];
        let momentum = self.call.float("momentum").unwrap_or(0.9);
        for (index, found) in [(3, mean), (4, variance)] {
            let (kept, new) = (self.number(momentum), self.number(1.0 - momentum));
            let found = self.reshaped(&found, &[channels])?;
            let before = self.plain(Operator::Mul, &[&self.call.input(index)?, &kept])?;
            let part = self.plain(Operator::Mul, &[&found, &new])?;
            made.push(self.plain(Operator::Add, &[&before, &part])?);
        }
        Ok(made)
    }

    fn normalization(&mut self, x: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        match self.call.operator {
            "RMSNormalization" => self.rms_normalization(x, shape),
            "GroupNormalization" => self.group_normalization(x, shape),
            "LpNormalization" => {
                let axis = self.axis(self.call.int("axis").unwrap_or(-1), shape.len())?;
                self.unit(x, axis, self.call.int("p").unwrap_or(2))
            }
            _ => {
                let axes = self.call.ints("axes").unwrap_or(&[0, 2, 3]).to_vec();
                let axes = self.axes(&axes, shape.len())?;
                let centred = self.centred(x, &axes)?;
                self.scaled_by_deviation(&centred, &axes, 1e-9)
            }
        }
    }

    fn centred(&mut self, x: &Operand, axes: &[usize]) -> Result<Operand, GraphError> {
        let mean = self.reduced(Operator::ReduceMean, x, axes, true)?;
        self.plain(Operator::Sub, &[x, &mean])
    }

    /// `x / sqrt(mean(x^2) + epsilon)`.
    fn scaled_by_deviation(&mut self, x: &Operand, axes: &[usize], epsilon: f32) -> Result<Operand, GraphError> {
        let deviation = self.deviation(x, axes, epsilon)?;
        self.plain(Operator::Div, &[x, &deviation])
    }

    fn deviation(&mut self, x: &Operand, axes: &[usize], epsilon: f32) -> Result<Operand, GraphError> {
        let square = self.plain(Operator::Mul, &[x, x])?;
        let (mean, epsilon) = (self.reduced(Operator::ReduceMean, &square, axes, true)?, self.number(epsilon));
        let sum = self.plain(Operator::Add, &[&mean, &epsilon])?;
        self.plain(Operator::Sqrt, &[&sum])
    }

    /// `x` divided by its length of order 1 or 2 along an axis; zeros stay zeros.
    pub(super) fn unit(&mut self, x: &Operand, axis: usize, order: i64) -> Result<Operand, GraphError> {
        let length = if order == 1 {
            let size = self.plain(Operator::Abs, &[x])?;
            self.reduced(Operator::ReduceSum, &size, &[axis], true)?
        } else {
            let sum = self.sum_of_squares(x, &[axis], true)?;
            self.plain(Operator::Sqrt, &[&sum])?
        };
        let least = self.number(1e-30);
        let length = self.plain(Operator::Max, &[&length, &least])?;
        self.plain(Operator::Div, &[x, &length])
    }

    /// Mean and inverse deviation may be given out too.
    fn layer_normalization(&mut self, x: &Operand, shape: &[usize]) -> Made {
        let axis = self.axis(self.call.int("axis").unwrap_or(-1), shape.len())?;
        let axes: Vec<usize> = (axis..shape.len()).collect();
        let mean = self.reduced(Operator::ReduceMean, x, &axes, true)?;
        let centred = self.plain(Operator::Sub, &[x, &mean])?;
        let deviation = self.deviation(&centred, &axes, self.call.float("epsilon").unwrap_or(1e-5))?;
        let unit = self.plain(Operator::Div, &[&centred, &deviation])?;
        let mut made = self.plain(Operator::Mul, &[&unit, &self.call.input(1)?])?;
        if let Some(bias) = self.call.optional(2) {
            made = self.plain(Operator::Add, &[&made, bias])?;
        }
        let inverse = if self.call.uses(2) { self.plain(Operator::Reciprocal, &[&deviation])? } else { deviation };
        Ok(vec![made, mean, inverse])
    }

    fn rms_normalization(&mut self, x: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let axis = self.axis(self.call.int("axis").unwrap_or(-1), shape.len())?;
        let axes: Vec<usize> = (axis..shape.len()).collect();
        let unit = self.scaled_by_deviation(x, &axes, self.call.float("epsilon").unwrap_or(1e-5))?;
        self.plain(Operator::Mul, &[&unit, &self.call.input(1)?])
    }

    /// Scales and biases are per group before version 21, per channel since.
    fn group_normalization(&mut self, x: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        let groups =
            self.call.int("num_groups").and_then(|groups| usize::try_from(groups).ok()).filter(|&groups| groups > 0);
        let (Some(groups), &[batch, channels, ref space @ ..]) = (groups, shape) else {
            return Err(self.refuse("has no groups or channels"));
        };
        if channels % groups != 0 {
            return Err(self.refuse("has channels that do not divide into its groups"));
        }
        let rows = self.reshaped(x, &[batch, groups, shape[1..].iter().product::<usize>() / groups])?;
        let centred = self.centred(&rows, &[2])?;
        let unit = self.scaled_by_deviation(&centred, &[2], self.call.float("epsilon").unwrap_or(1e-5))?;
        let per_group = self.call.version < 21;
        let ones = vec![1; if per_group { 1 } else { space.len() }];
        let along = [&[if per_group { groups } else { channels }][..], &ones].concat();
        let (scale, bias) =
            (self.reshaped(&self.call.input(1)?, &along)?, self.reshaped(&self.call.input(2)?, &along)?);
        let unit = if per_group { unit } else { self.reshaped(&unit, shape)? };
        let scaled = self.plain(Operator::Mul, &[&unit, &scale])?;
        let made = self.plain(Operator::Add, &[&scaled, &bias])?;
        self.reshaped(&made, shape)
    }
}
