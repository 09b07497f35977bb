//! Windows that slide: convolutions and pooling. Everything that ONNX lets be left out is written.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor, checked_elements},
};

/// Where a window goes.
struct Window {
    strides: Vec<i64>,
    dilations: Vec<i64>,
    pads: Vec<i64>,
}

impl Step<'_, '_> {
    pub(super) fn windows(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        if shape.len() < 3 {
            return Err(self.refuse(format!("takes a tensor of shape {shape:?}, without axes to slide along")));
        }
        match self.call.operator {
            "Conv" => self.conv(Operator::Conv, &shape, 1),
            "ConvInteger" if self.call.optional(3).is_some_and(|zero| self.builder.kind(zero).elements() > 1) => {
                self.conv_with_zero_points(&x, &shape)
            }
            "ConvInteger" => self.conv(Operator::ConvInteger, &shape, 1),
            "QLinearConv" => self.conv(Operator::QLinearConv, &shape, 3),
            "ConvTranspose" => self.conv_transpose(&shape),
            "GlobalAveragePool" => self.keep(Operator::GlobalAveragePool, Attributes::none()),
            "GlobalMaxPool" => self.keep(Operator::GlobalMaxPool, Attributes::none()),
            "GlobalLpPool" => {
                let axes: Vec<i64> = (2..shape.len() as i64).collect();
                let powers = self.powers(&x)?;
                let axes = self.list(&axes);
                let sum =
                    self.apply(Operator::ReduceSum, Attributes::of([("keepdims", 1.into())]), &[&powers, &axes])?;
                Ok(vec![self.root(&sum)?])
            }
            "LpPool" => self.lp_pool(&x, &shape),
            _ => self.pool(&shape),
        }
    }

    /// The kernel's sizes: an attribute, or the weights'.
    fn kernel(&self, weights: Option<&Operand>) -> Result<Vec<i64>, GraphError> {
        let of_weights = || weights.map(|weights| self.shape(weights).iter().skip(2).map(|&dim| dim as i64).collect());
        let kernel = self.call.ints("kernel_shape").map(<[i64]>::to_vec).or_else(of_weights);
        kernel.ok_or_else(|| self.refuse("has no kernel_shape"))
    }

    fn window(&self, shape: &[usize], kernel: &[i64]) -> Result<Window, GraphError> {
        let n = shape.len() - 2;
        let ones = || vec![1; n];
        let strides = self.call.ints("strides").map_or_else(ones, <[i64]>::to_vec);
        let dilations = self.call.ints("dilations").map_or_else(ones, <[i64]>::to_vec);
        let given = self.call.ints("pads").map_or_else(|| vec![0; 2 * n], <[i64]>::to_vec);
        let lengths = [kernel.len(), strides.len(), dilations.len(), given.len() / 2] == [n; 4];
        let sane = |list: &[i64]| list.iter().all(|number| (1..=1 << 30).contains(number));
        let padding = given.iter().all(|pad| (0..=1 << 30).contains(pad));
        if !lengths
            || !given.len().is_multiple_of(2)
            || !sane(kernel)
            || !sane(&strides)
            || !sane(&dilations)
            || !padding
        {
            return Err(self.refuse(format!("has a kernel, strides, dilations or pads that do not fit {n} axes")));
        }
        let pads = match self.call.text("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" | "" => given,
            "VALID" => vec![0; 2 * n],
            side @ ("SAME_UPPER" | "SAME_LOWER") => {
                let mut pads = vec![0; 2 * n];
                for at in 0..n {
                    let dim = shape[2 + at] as i64;
                    let steps = (dim + strides[at] - 1) / strides[at];
                    let reach = dilations[at] * (kernel[at] - 1) + 1;
                    let all = ((steps - 1) * strides[at] + reach - dim).max(0);
                    let less = all / 2;
                    let before = if side == "SAME_UPPER" { less } else { all - less };
                    (pads[at], pads[n + at]) = (before, all - before);
                }
                pads
            }
            other => return Err(self.refuse(format!("has the auto_pad `{other}`"))),
        };
        Ok(Window { strides, dilations, pads })
    }

    fn conv(&mut self, operator: Operator, shape: &[usize], weights: usize) -> Made {
        let kernel = self.kernel(Some(&self.call.input(weights)?))?;
        let Window { strides, dilations, pads } = self.window(shape, &kernel)?;
        let attributes = Attributes::of([
            ("kernel_shape", kernel.into()),
            ("strides", strides.into()),
            ("dilations", dilations.into()),
            ("pads", pads.into()),
            ("group", self.call.int("group").unwrap_or(1).into()),
        ]);
        self.keep(operator, attributes)
    }

    fn conv_transpose(&mut self, shape: &[usize]) -> Made {
        let kernel = self.kernel(Some(&self.call.input(1)?))?;
        let Window { strides, dilations, mut pads } = self.window(shape, &kernel)?;
        let n = kernel.len();
        let mut extra = self.call.ints("output_padding").map_or_else(|| vec![0; n], <[i64]>::to_vec);
        if extra.len() != n {
            return Err(self.refuse("has an output_padding that does not fit"));
        }
        let auto = self.call.text("auto_pad").unwrap_or("NOTSET");
        let wanted: Option<Vec<i64>> = match self.call.ints("output_shape") {
            // Some files give it with batch and channels.
            Some(sizes) if sizes.len() == n + 2 => Some(sizes[2..].to_vec()),
            Some(sizes) if sizes.len() == n => Some(sizes.to_vec()),
            Some(_) => return Err(self.refuse("has an output_shape that does not fit")),
            None if auto.starts_with("SAME") => Some((0..n).map(|at| shape[2 + at] as i64 * strides[at]).collect()),
            None => None,
        };
        if let Some(wanted) = wanted {
            for at in 0..n {
                let full = (shape[2 + at] as i64 - 1) * strides[at] + extra[at] + dilations[at] * (kernel[at] - 1) + 1;
                let all = full - wanted[at];
                // More than there is can only be added at the end.
                extra[at] += (-all).max(0);
                let all = all.max(0);
                let before = if auto == "SAME_UPPER" { all / 2 } else { all - all / 2 };
                (pads[at], pads[n + at]) = (before, all - before);
            }
        }
        let attributes = Attributes::of([
            ("kernel_shape", kernel.into()),
            ("strides", strides.into()),
            ("dilations", dilations.into()),
            ("pads", pads.into()),
            ("output_padding", extra.into()),
            ("group", self.call.int("group").unwrap_or(1).into()),
        ]);
        self.keep(Operator::ConvTranspose, attributes)
    }

    /// A zero point for every channel of the result: as floats, which are exact as far as sums stay below 2^24.
    fn conv_with_zero_points(&mut self, x: &Operand, shape: &[usize]) -> Made {
        let weights = self.call.input(1)?;
        let kernel = self.kernel(Some(&weights))?;
        let Window { strides, dilations, pads } = self.window(shape, &kernel)?;
        let all = self.shape(&weights);
        if all.iter().skip(1).product::<usize>() > 256 {
            return Err(
                self.refuse("has a zero point for every channel and more than 256 weights for each, which is not read")
            );
        }
        let mut lifted = Vec::new();
        for (operand, zero, along) in [(x, 2, vec![]), (&weights, 3, [&[all[0]], &vec![1; all.len() - 1][..]].concat())]
        {
            let number = self.cast(operand, Element::Float32)?;
            lifted.push(match self.call.optional(zero).cloned() {
                Some(zero) => {
                    let zero = self.cast(&zero, Element::Float32)?;
                    let zero = self.reshaped(&zero, &along)?;
                    self.plain(Operator::Sub, &[&number, &zero])?
                }
                None => number,
            });
        }
        let attributes = Attributes::of([
            ("kernel_shape", kernel.into()),
            ("strides", strides.into()),
            ("dilations", dilations.into()),
            ("pads", pads.into()),
            ("group", self.call.int("group").unwrap_or(1).into()),
        ]);
        let made = self.apply(Operator::Conv, attributes, &[&lifted[0], &lifted[1]])?;
        Ok(vec![self.cast(&made, Element::Int32)?])
    }

    fn pool(&mut self, shape: &[usize]) -> Made {
        let mut attributes = self.pool_attributes(shape)?;
        if self.call.operator == "MaxPool" {
            if !self.call.uses(1) {
                return self.keep(Operator::MaxPool, attributes);
            }
            attributes.set("storage_order", self.call.int("storage_order").unwrap_or(0));
            let inputs = self.call.inputs.clone();
            return self.builder.node(self.call, Operator::MaxPool, attributes, inputs, 2);
        }
        let padded = self.call.int("count_include_pad").unwrap_or(0);
        // Operator set 17 has no dilations here.
        let dilated = attributes.ints("dilations").is_some_and(|list| list.iter().any(|&dilation| dilation != 1));
        if dilated {
            return self.dilated_average(shape, attributes, padded != 0);
        }
        attributes.take_ints("dilations");
        attributes.set("count_include_pad", padded);
        self.keep(Operator::AveragePool, attributes)
    }

    fn pool_attributes(&self, shape: &[usize]) -> Result<Attributes, GraphError> {
        let kernel = self.kernel(None)?;
        let Window { strides, dilations, mut pads } = self.window(shape, &kernel)?;
        let mut up = self.call.flag("ceil_mode");
        // Where padding does not count, a window that sticks out is one with more padding.
        if up && self.call.operator != "LpPool" && !self.call.flag("count_include_pad") {
            pads = grown(shape, &kernel, &Window { strides: strides.clone(), dilations: dilations.clone(), pads });
            up = false;
        }
        let mut attributes = Attributes::of([
            ("kernel_shape", kernel.into()),
            ("strides", strides.into()),
            ("pads", pads.into()),
            ("dilations", dilations.into()),
        ]);
        if up {
            attributes.set("ceil_mode", 1);
        }
        Ok(attributes)
    }

    /// Sums divided by how many numbers there were. Padding counts where it is asked for, but not what a window beyond it sees.
    fn dilated_average(&mut self, shape: &[usize], mut attributes: Attributes, padded: bool) -> Made {
        let kernel = self.kernel(None)?;
        let window = self.window(shape, &kernel)?;
        let (own, mut all) = (window.pads.clone(), attributes.ints("pads").unwrap_or_default().to_vec());
        if attributes.int("ceil_mode").unwrap_or(0) != 0 {
            all = grown(shape, &kernel, &window);
            attributes.remove("ceil_mode");
        }
        attributes.set("pads", all.clone());
        let sums = self.dilated_sums(&self.call.input(0)?, shape, attributes.clone())?;
        let n = kernel.len();
        let mut space: Vec<usize> = shape[2..].to_vec();
        if padded {
            space = (0..n).map(|at| space[at] + (own[at] + own[n + at]) as usize).collect();
            let rest = all.iter().zip(&own).map(|(all, own)| all - own).collect::<Vec<i64>>();
            attributes.set("pads", rest);
        }
        let ones_shape = [&[1, 1], &space[..]].concat();
        let count = checked_elements(&ones_shape).ok_or_else(|| self.refuse("has too much padding"))?;
        self.builder.afford(self.call, count)?;
        let ones = self.constant_of(Tensor::floats(ones_shape.clone(), vec![1.0; count]));
        let counts = self.dilated_sums(&ones, &ones_shape, attributes)?;
        Ok(vec![self.plain(Operator::Div, &[&sums, &counts])?])
    }

    /// `(sum |x|^p)^(1/p)`: the sum is an average times the window's size.
    fn lp_pool(&mut self, x: &Operand, shape: &[usize]) -> Made {
        let mut attributes = self.pool_attributes(shape)?;
        let size: i64 = self.kernel(None)?.iter().product();
        let powers = self.powers(x)?;
        if attributes.ints("dilations").is_some_and(|list| list.iter().any(|&dilation| dilation != 1)) {
            let sum = self.dilated_sums(&powers, shape, attributes)?;
            return Ok(vec![self.root(&sum)?]);
        }
        attributes.take_ints("dilations");
        attributes.set("count_include_pad", 1);
        let (mean, size) = (self.apply(Operator::AveragePool, attributes, &[&powers])?, self.number(size as f32));
        let sum = self.plain(Operator::Mul, &[&mean, &size])?;
        Ok(vec![self.root(&sum)?])
    }

    /// What windows with gaps add up to: a convolution of every channel with ones.
    fn dilated_sums(
        &mut self,
        x: &Operand,
        shape: &[usize],
        mut attributes: Attributes,
    ) -> Result<Operand, GraphError> {
        if attributes.int("ceil_mode").unwrap_or(0) != 0 {
            return Err(self.refuse("has dilations and counts padding beyond the tensor, which is not read"));
        }
        let channels = shape[1];
        let kernel: Vec<usize> = self.kernel(None)?.iter().map(|&dim| dim as usize).collect();
        let weights = [&[channels, 1], &kernel[..]].concat();
        let count = checked_elements(&weights).ok_or_else(|| self.refuse("has a window that is too large"))?;
        self.builder.afford(self.call, count)?;
        let weights = self.constant_of(Tensor::floats(weights, vec![1.0; count]));
        attributes.set("group", channels as i64);
        self.apply(Operator::Conv, attributes, &[x, &weights])
    }

    fn p(&self) -> f32 {
        // A float in version 1.
        self.call.int("p").map_or_else(|| self.call.float("p").unwrap_or(2.0), |p| p as f32)
    }

    fn powers(&mut self, x: &Operand) -> Result<Operand, GraphError> {
        match self.p() {
            2.0 => self.plain(Operator::Mul, &[x, x]),
            p => {
                let (size, p) = (self.plain(Operator::Abs, &[x])?, self.number(p));
                self.plain(Operator::Pow, &[&size, &p])
            }
        }
    }

    fn root(&mut self, sum: &Operand) -> Result<Operand, GraphError> {
        match self.p() {
            1.0 => Ok(sum.clone()),
            2.0 => self.plain(Operator::Sqrt, &[sum]),
            p => {
                let inverse = self.number(1.0 / p);
                self.plain(Operator::Pow, &[sum, &inverse])
            }
        }
    }
}

/// Pads at the end with which a window that sticks out is one that fits.
fn grown(shape: &[usize], kernel: &[i64], window: &Window) -> Vec<i64> {
    let Window { strides, dilations, pads } = window;
    let (n, mut grown) = (kernel.len(), pads.clone());
    for at in 0..n {
        let reach = dilations[at] * (kernel[at] - 1) + 1;
        let dim = shape[2 + at] as i64;
        let room = (dim + pads[at] + pads[n + at] - reach).max(0);
        let mut steps = (room + strides[at] - 1) / strides[at];
        // A last window in the padding alone is left out.
        if steps * strides[at] >= dim + pads[at] {
            steps -= 1;
        }
        grown[n + at] = pads[n + at].max(steps * strides[at] + reach - dim - pads[at]);
    }
    grown
}
