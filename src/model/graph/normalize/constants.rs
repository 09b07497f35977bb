//! Operators about constants and shapes, which are computed here, and those that do nothing.

use super::{Load, Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    proto,
    tensor::{Element, Numbers, Tensor, checked_elements},
};

impl<'a> Step<'_, 'a> {
    pub(super) fn constant(&mut self, load: Load<'_, 'a>) -> Made {
        let found = self.call.attributes.iter().find_map(|attribute| match (attribute.name, &attribute.value) {
            ("value" | "sparse_value", value) => Some(load(value)),
            ("value_float", proto::Value::Float(number)) => Some(Ok(Tensor::scalar(*number))),
            ("value_floats", proto::Value::Floats(numbers)) => {
                Some(Ok(Tensor::floats(vec![numbers.len()], numbers.clone())))
            }
            ("value_int", proto::Value::Int(number)) => Some(Ok(Tensor::ints(Element::Int64, vec![], vec![*number]))),
            ("value_ints", proto::Value::Ints(numbers)) => Some(Ok(Tensor::list(numbers))),
            _ => None,
        });
        let tensor = found.ok_or_else(|| self.refuse("has no value of a kind that is read"))??;
        Ok(vec![self.constant_of(tensor)])
    }

    pub(super) fn constant_of_shape(&mut self, load: Load<'_, 'a>) -> Made {
        let value = match self.call.attribute("value") {
            Some(value) => load(value)?,
            None => Tensor::floats(vec![1], vec![0.0]),
        };
        let shape = self.known(&self.call.input(0)?, "sizes")?;
        let shape: Option<Vec<usize>> = shape.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let shape = shape.ok_or_else(|| self.refuse("has a negative size"))?;
        let count = checked_elements(&shape)
            .ok_or_else(|| self.refuse(format!("makes the shape {shape:?}, which is too large")))?;
        self.builder.afford(self.call, count)?;
        let numbers = match value.numbers() {
            Numbers::Floats(numbers) => Numbers::Floats(vec![numbers.first().copied().unwrap_or(0.0); count]),
            Numbers::Ints(numbers) => Numbers::Ints(vec![numbers.first().copied().unwrap_or(0); count]),
        };
        Ok(vec![self.constant_of(Tensor::new(value.element(), shape, numbers))])
    }

    pub(super) fn constants(&mut self) -> Made {
        let input = self.call.input(0)?;
        let made = match self.call.operator {
            "Identity" => input,
            "Dropout" => return self.dropout(input),
            "Cast" => self.cast_to(&input)?,
            "CastLike" => {
                let to = self.builder.kind(&self.call.input(1)?).element;
                let made = self.cast(&input, to)?;
                match self.call.small(1) {
                    Some(small) => self.rounded_to(&made, small)?,
                    None => made,
                }
            }
            "Shape" => self.shape_of(&input)?,
            "Size" => {
                let elements = self.builder.kind(&input).elements() as i64;
                self.constant_of(Tensor::ints(Element::Int64, vec![], vec![elements]))
            }
            "Range" => self.range(&input)?,
            "EyeLike" => self.eye_like(&input)?,
            "NonZero" => self.non_zero(&input)?,
            "BlackmanWindow" | "HammingWindow" | "HannWindow" => self.window_of(&input)?,
            _ => self.compress(&input)?,
        };
        Ok(vec![made])
    }

    fn dropout(&mut self, input: Operand) -> Made {
        let nothing = self.call.optional(1).and_then(tensor).and_then(Tensor::as_floats) == Some(&[0.0]);
        if let (Some(training), false) = (self.call.optional(2), nothing)
            && self.builder.known_ints(self.call, training, "a mode")?.first() != Some(&0)
        {
            return Err(
                self.refuse("is in training mode and draws random numbers; export the model after model.eval()")
            );
        }
        if !self.call.uses(1) {
            return Ok(vec![input.clone(), input]);
        }
        // The mask keeps everything.
        let kind = self.builder.kind(&input);
        self.builder.afford(self.call, kind.elements())?;
        let mask = Tensor::ints(Element::Bool, kind.shape.clone(), vec![1; kind.elements()]);
        Ok(vec![input, self.constant_of(mask)])
    }

    fn cast_to(&mut self, input: &Operand) -> Result<Operand, GraphError> {
        let to = self.call.int("to").unwrap_or_else(|| match self.call.text("to") {
            Some("FLOAT" | "FLOAT16" | "DOUBLE") => 1,
            Some("INT64") => 7,
            Some("INT32") => 6,
            Some("BOOL") => 9,
            _ => 0,
        });
        self.cast_to_number(input, to)
    }

    fn shape_of(&mut self, input: &Operand) -> Result<Operand, GraphError> {
        let shape: Vec<i64> = self.shape(input).iter().map(|&dim| dim as i64).collect();
        let rank = shape.len() as i64;
        let place = |at: i64| if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank) as usize;
        let (start, end) = (place(self.call.int("start").unwrap_or(0)), place(self.call.int("end").unwrap_or(rank)));
        Ok(self.list(shape.get(start..end).unwrap_or_default()))
    }

    fn range(&mut self, start: &Operand) -> Result<Operand, GraphError> {
        let (limit, delta) = (self.call.input(1)?, self.call.input(2)?);
        let refuse = || self.refuse("has bounds that depend on the input, or no numbers");
        let (Some(start), Some(limit), Some(delta)) = (tensor(start), tensor(&limit), tensor(&delta)) else {
            return Err(refuse());
        };
        let made = match (start.numbers(), limit.numbers(), delta.numbers()) {
            (Numbers::Ints(a), Numbers::Ints(b), Numbers::Ints(d)) => {
                let (&[a], &[b], &[d]) = (&a[..], &b[..], &d[..]) else { return Err(refuse()) };
                let span = i128::from(b) - i128::from(a);
                let count = if d == 0 { return Err(refuse()) } else { (span as f64 / d as f64).ceil().max(0.0) };
                let count = self.count(count)?;
                let numbers = (0..count as i64).map(|i| a.wrapping_add(i.wrapping_mul(d))).collect();
                Tensor::ints(start.element(), vec![count], numbers)
            }
            (Numbers::Floats(a), Numbers::Floats(b), Numbers::Floats(d)) => {
                let (&[a], &[b], &[d]) = (&a[..], &b[..], &d[..]) else { return Err(refuse()) };
                let count = self.count(((f64::from(b) - f64::from(a)) / f64::from(d)).ceil().max(0.0))?;
                Tensor::floats(vec![count], (0..count).map(|i| a + i as f32 * d).collect())
            }
            _ => return Err(refuse()),
        };
        Ok(self.constant_of(made))
    }

    fn count(&mut self, count: f64) -> Result<usize, GraphError> {
        if !(0.0..=1e9).contains(&count) {
            return Err(self.refuse("makes too many numbers"));
        }
        self.builder.afford(self.call, count as usize)?;
        Ok(count as usize)
    }

    fn eye_like(&mut self, input: &Operand) -> Result<Operand, GraphError> {
        let kind = self.builder.kind(input);
        let &[rows, columns] = &kind.shape[..] else { return Err(self.refuse("takes no matrix")) };
        let element = match self.call.int("dtype") {
            Some(number) => Element::from_onnx(number).map_err(|what| self.refuse(format!("makes {what}")))?,
            None => kind.element,
        };
        self.builder.afford(self.call, rows * columns)?;
        let k = self.call.int("k").unwrap_or(0);
        let on = |at: usize| i64::from((at % columns) as i64 - (at / columns) as i64 == k);
        let ones: Vec<i64> = (0..rows * columns).map(on).collect();
        let tensor = if element.is_float() {
            Tensor::floats(kind.shape, ones.into_iter().map(|x| x as f32).collect())
        } else {
            Tensor::ints(element, kind.shape, ones)
        };
        Ok(self.constant_of(tensor))
    }

    fn non_zero(&mut self, input: &Operand) -> Result<Operand, GraphError> {
        let tensor = tensor(input).ok_or_else(|| self.refuse("makes a tensor whose shape depends on the input"))?;
        let found: Vec<usize> = match tensor.numbers() {
            Numbers::Floats(numbers) => (0..numbers.len()).filter(|&at| numbers[at] != 0.0).collect(),
            Numbers::Ints(numbers) => (0..numbers.len()).filter(|&at| numbers[at] != 0).collect(),
        };
        let strides = crate::model::graph::tensor::strides(tensor.shape());
        let rows = strides.iter().zip(tensor.shape());
        let numbers: Vec<i64> =
            rows.flat_map(|(stride, dim)| found.iter().map(move |at| (at / stride % dim) as i64)).collect();
        let shape = vec![tensor.shape().len(), found.len()];
        Ok(self.constant_of(Tensor::ints(Element::Int64, shape, numbers)))
    }

    /// The weights of a signal's pieces.
    fn window_of(&mut self, size: &Operand) -> Result<Operand, GraphError> {
        let size = self.known(size, "a size")?.first().copied().unwrap_or(0);
        let count = self.count(size as f64)?;
        let turns = if self.call.int("periodic").unwrap_or(1) != 0 { size } else { size - 1 };
        let turn = |at: usize| std::f64::consts::TAU * at as f64 / turns as f64;
        let weight = |at: usize| match self.call.operator {
            _ if turns == 0 => 1.0,
            "HannWindow" => 0.5 - 0.5 * turn(at).cos(),
            "HammingWindow" => 25.0 / 46.0 - 21.0 / 46.0 * turn(at).cos(),
            _ => 0.42 - 0.5 * turn(at).cos() + 0.08 * (2.0 * turn(at)).cos(),
        };
        let window = Tensor::floats(vec![count], (0..count).map(|at| weight(at) as f32).collect());
        let window = self.constant_of(window);
        self.cast_to_number(&window, self.call.int("output_datatype").unwrap_or(1))
    }

    /// With a constant condition: some slices along an axis.
    fn compress(&mut self, input: &Operand) -> Result<Operand, GraphError> {
        let condition = self.known(&self.call.input(1)?, "conditions")?;
        let kept: Vec<i64> = (0..condition.len()).filter(|&at| condition[at] != 0).map(|at| at as i64).collect();
        let shape = self.shape(input);
        let (input, axis) = match self.call.int("axis") {
            Some(axis) => (input.clone(), self.axis(axis, shape.len())?),
            None => (self.reshaped(input, &[shape.iter().product()])?, 0),
        };
        let kept = self.list(&kept);
        self.apply(Operator::Gather, Attributes::of([("axis", (axis as i64).into())]), &[&input, &kept])
    }
}
