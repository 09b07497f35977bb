//! `ai.onnx.ml`: classical models, as sums and products.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};

impl Step<'_, '_> {
    pub(super) fn machine_learning(&mut self) -> Made {
        match self.call.operator {
            "Scaler" => self.scaler().map(|made| vec![made]),
            "Normalizer" => self.normalizer().map(|made| vec![made]),
            "Binarizer" => {
                let (x, threshold) = (self.call.input(0)?, self.number(self.call.float("threshold").unwrap_or(0.0)));
                let x = self.cast(&x, Element::Float32)?;
                let above = self.plain(Operator::Greater, &[&x, &threshold])?;
                Ok(vec![self.cast(&above, Element::Float32)?])
            }
            "ArrayFeatureExtractor" => self.features().map(|made| vec![made]),
            "LinearRegressor" => {
                let count = self.call.int("targets").unwrap_or(1);
                let scores = self.linear_scores(count)?;
                Ok(vec![self.post_transform(&scores)?])
            }
            "LinearClassifier" => self.linear_classifier(),
            "SVMRegressor" => self.svm_regressor().map(|made| vec![made]),
            "TreeEnsembleRegressor" | "TreeEnsembleClassifier" => self.trees(),
            "ZipMap" | "LabelEncoder" => Err(self.refuse(
                "makes names of classes, which are no numbers; give out what is before it (for skl2onnx: options={'zipmap': False})",
            )),
            _ => Err(self.refuse("of the domain ai.onnx.ml is not read; Hummingbird converts such models to tensor operators")),
        }
    }

    /// Rows of 32-bit floats.
    pub(super) fn rows(&mut self) -> Result<(Operand, usize, usize), GraphError> {
        let x = self.call.input(0)?;
        let (rows, columns) = match self.shape(&x)[..] {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            ref shape => return Err(self.refuse(format!("takes rows of features, not a tensor of shape {shape:?}"))),
        };
        let x = self.reshaped(&x, &[rows, columns])?;
        Ok((self.cast(&x, Element::Float32)?, rows, columns))
    }

    /// A list of floats, one for every one of `count`, or one for all of them.
    fn list_of(&self, name: &str, count: usize, default: f32) -> Result<Tensor, GraphError> {
        match self.call.floats(name) {
            None => Ok(Tensor::floats(vec![1], vec![default])),
            Some(list) if list.len() == 1 || list.len() == count => Ok(Tensor::floats(vec![list.len()], list.to_vec())),
            Some(list) => Err(self.refuse(format!("has {} numbers in `{name}` for {count} features", list.len()))),
        }
    }

    /// `(x - offset) * scale`.
    fn scaler(&mut self) -> Result<Operand, GraphError> {
        let (x, _, columns) = self.rows()?;
        let (offset, scale) = (self.list_of("offset", columns, 0.0)?, self.list_of("scale", columns, 1.0)?);
        let (offset, scale) = (self.constant_of(offset), self.constant_of(scale));
        let centred = self.plain(Operator::Sub, &[&x, &offset])?;
        self.plain(Operator::Mul, &[&centred, &scale])
    }

    fn normalizer(&mut self) -> Result<Operand, GraphError> {
        let (x, _, _) = self.rows()?;
        match self.call.text("norm").unwrap_or("MAX") {
            "L1" => self.unit(&x, 1, 1),
            "L2" => self.unit(&x, 1, 2),
            // Implementations differ about the sign.
            norm => Err(self.refuse(format!("has the norm {norm}, which is not read; L1 and L2 are"))),
        }
    }

    /// Picks features by their index along the last axis.
    fn features(&mut self) -> Result<Operand, GraphError> {
        let (x, indices) = (self.call.input(0)?, self.call.input(1)?);
        let indices = self.known(&indices, "indices")?;
        let shape = self.shape(&x);
        let axis = shape.len().checked_sub(1).ok_or_else(|| self.refuse("takes a single number"))?;
        let indices = self.axes(&indices, shape[axis])?.into_iter().map(|at| at as i64).collect::<Vec<_>>();
        let indices = self.list(&indices);
        let picked = self.apply(Operator::Gather, Attributes::of([("axis", (axis as i64).into())]), &[&x, &indices])?;
        // A list of features makes one row.
        if shape.len() > 1 { Ok(picked) } else { self.reshaped(&picked, &[1, self.shape(&picked)[0]]) }
    }

    /// `x W^T + b` with as many rows of `coefficients` as there are scores.
    fn linear_scores(&mut self, count: i64) -> Result<Operand, GraphError> {
        let (x, _, columns) = self.rows()?;
        let weights = self.call.floats("coefficients").ok_or_else(|| self.refuse("has no coefficients"))?.to_vec();
        let count = usize::try_from(count).unwrap_or(0);
        if count == 0 || count.checked_mul(columns) != Some(weights.len()) {
            return Err(
                self.refuse(format!("has {} coefficients for {count} scores of {columns} features", weights.len()))
            );
        }
        let bias = match self.call.floats("intercepts").filter(|list| !list.is_empty()) {
            Some(list) if list.len() == count => list.to_vec(),
            Some(list) => return Err(self.refuse(format!("has {} intercepts for {count} scores", list.len()))),
            None => vec![0.0; count],
        };
        self.gemm_with(&x, Tensor::floats(vec![count, columns], weights), Tensor::floats(vec![count], bias))
    }

    pub(super) fn gemm_with(&mut self, x: &Operand, weights: Tensor, bias: Tensor) -> Result<Operand, GraphError> {
        let (weights, bias) = (self.constant_of(weights), self.constant_of(bias));
        let attributes = Attributes::of([("alpha", 1.0.into()), ("beta", 1.0.into()), ("transB", 1.into())]);
        self.apply(Operator::Gemm, attributes, &[x, &weights, &bias])
    }

    pub(super) fn post_transform(&mut self, scores: &Operand) -> Result<Operand, GraphError> {
        match self.call.text("post_transform").unwrap_or("NONE") {
            "NONE" => Ok(scores.clone()),
            "LOGISTIC" => self.plain(Operator::Sigmoid, &[scores]),
            "SOFTMAX" => self.apply(Operator::Softmax, Attributes::of([("axis", 1.into())]), &[scores]),
            other => Err(self.refuse(format!("has the post_transform {other}, which is not read"))),
        }
    }

    /// How many classes a classifier names.
    pub(super) fn classes(&self) -> usize {
        let lists = ["classlabels_strings", "classlabels_int64s", "classlabels_ints"];
        let count = |name: &&str| {
            self.call.texts(name).map(|list| list.len()).or_else(|| self.call.ints(name).map(<[i64]>::len))
        };
        lists.iter().filter_map(count).max().unwrap_or(0)
    }

    /// A label, then scores.
    fn linear_classifier(&mut self) -> Made {
        let classes = self.classes();
        let (_, _, columns) = self.rows()?;
        let given = self.call.floats("coefficients").map_or(0, <[f32]>::len) / columns.max(1);
        let scores = self.linear_scores(given as i64)?;
        let scores =
            if given == 1 && classes == 2 { self.both_classes(&scores)? } else { self.post_transform(&scores)? };
        self.with_label(scores)
    }

    /// A single score speaks for the second of two classes.
    pub(super) fn both_classes(&mut self, score: &Operand) -> Result<Operand, GraphError> {
        let second = self.post_transform(score)?;
        let first = match self.call.text("post_transform").unwrap_or("NONE") {
            "LOGISTIC" => {
                let one = self.number(1.0);
                self.plain(Operator::Sub, &[&one, &second])?
            }
            "NONE" => self.plain(Operator::Neg, &[score])?,
            other => return Err(self.refuse(format!("has one score for two classes and the post_transform {other}"))),
        };
        self.apply(Operator::Concat, Attributes::of([("axis", 1.into())]), &[&first, &second])
    }

    /// Labels that are integers can be computed; names were left out before.
    pub(super) fn with_label(&mut self, scores: Operand) -> Made {
        let attributes = Attributes::of([("axis", 1.into()), ("keepdims", 0.into()), ("select_last_index", 0.into())]);
        if !self.call.uses(0) {
            return Ok(vec![scores.clone(), scores]);
        }
        let best = self.apply(Operator::ArgMax, attributes, &[&scores])?;
        let labels = self.call.ints("classlabels_int64s").or_else(|| self.call.ints("classlabels_ints"));
        let labels = labels.ok_or_else(|| self.refuse("makes a label that is a name, and somebody reads it"))?.to_vec();
        let labels = self.list(&labels);
        let label = self.apply(Operator::Gather, Attributes::of([("axis", 0.into())]), &[&labels, &best])?;
        Ok(vec![label, scores])
    }

    /// With a linear kernel, whose support vectors add up to one vector of weights.
    fn svm_regressor(&mut self) -> Result<Operand, GraphError> {
        let kernel = self.call.text("kernel_type").unwrap_or("LINEAR");
        if kernel != "LINEAR" || self.call.flag("one_class") {
            return Err(self.refuse(format!("has the kernel {kernel}, or one class; a linear kernel is read")));
        }
        let (x, _, columns) = self.rows()?;
        let coefficients = self.call.floats("coefficients").unwrap_or_default();
        let weights: Vec<f32> =
            match self.call.floats("support_vectors").filter(|_| self.call.int("n_supports").unwrap_or(0) > 0) {
                Some(vectors) if vectors.len() == coefficients.len() * columns => {
                    let sum = |at: usize| {
                        let terms = vectors.chunks_exact(columns.max(1)).zip(coefficients);
                        terms.map(|(vector, c)| f64::from(vector[at]) * f64::from(*c)).sum::<f64>() as f32
                    };
                    (0..columns).map(sum).collect()
                }
                None if coefficients.len() == columns => coefficients.to_vec(),
                _ => return Err(self.refuse("has coefficients that do not fit its features")),
            };
        let rho = self.call.floats("rho").and_then(|rho| rho.first()).copied().unwrap_or(0.0);
        let scores =
            self.gemm_with(&x, Tensor::floats(vec![1, columns], weights), Tensor::floats(vec![1], vec![rho]))?;
        self.post_transform(&scores)
    }
}
