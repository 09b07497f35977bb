//! From ONNX's operators, of every version, to the canonical ones.
//!
//! An operator that is a sum of simpler ones is taken apart here, once, so that no backend has to know it.

mod arithmetic;
mod attention;
mod bits;
mod causal;
mod constants;
mod grid;
mod layout;
mod linear;
mod losses;
mod machine_learning;
mod moved;
mod ngrams;
#[cfg(test)]
mod operator_tests;
mod products;
mod quantized;
mod recurrent;
mod reduce;
mod regions;
mod resample;
mod sampling;
mod scatter;
mod small;
#[cfg(test)]
pub(super) mod tests;
mod training;
mod tree_ensemble;
mod trees;
mod unfold;
mod unique;
mod waves;
mod windows;

use super::{
    GraphError, Operand,
    build::Builder,
    call::Call,
    operators::{Attributes, Operator},
    proto,
    tensor::{Element, Tensor},
};

/// Reads a tensor that lies in an attribute.
type Load<'l, 'a> = &'l dyn Fn(&proto::Value<'a>) -> Result<Tensor, GraphError>;
type Made = Result<Vec<Operand>, GraphError>;

/// A node of ONNX's default domain.
pub(super) fn onnx<'a>(builder: &mut Builder, call: &Call<'a>, load: Load<'_, 'a>) -> Made {
    let mut step = Step { builder, call };
    match call.operator {
        "Constant" => step.constant(load),
        "ConstantOfShape" => step.constant_of_shape(load),
        "Identity" | "Dropout" | "Cast" | "CastLike" | "Shape" | "Size" | "Range" | "EyeLike" | "NonZero"
        | "Compress" | "BlackmanWindow" | "HammingWindow" | "HannWindow" => step.constants(),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Expand" | "Tile" | "Concat" | "Split"
        | "Slice" | "Gather" | "GatherElements" | "GatherND" | "Scatter" | "ScatterElements" | "ScatterND" | "Pad"
        | "OneHot" | "TopK" | "DepthToSpace" | "SpaceToDepth" | "ReverseSequence" | "Trilu" | "CenterCropPad" => {
            step.layout()
        }
        "Resize" | "Upsample" => step.sampling(),
        "Conv" | "ConvInteger" | "QLinearConv" | "ConvTranspose" | "MaxPool" | "AveragePool" | "LpPool"
        | "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => step.windows(),
        "Gemm"
        | "MatMul"
        | "MatMulInteger"
        | "QLinearMatMul"
        | "Einsum"
        | "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear" => step.linear(),
        "LSTM" | "GRU" | "RNN" => step.recurrent(),
        "Attention" => step.attention(),
        "RotaryEmbedding" => step.rotary_embedding(),
        "LinearAttention" => step.linear_attention(),
        "CausalConvWithState" => step.causal_conv(),
        "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "BitwiseNot" | "BitCast" => step.bits(),
        "CumProd" => step.cum_prod(),
        "Det" => step.determinant(),
        "DFT" => step.dft(),
        "STFT" => step.stft(),
        "MelWeightMatrix" => step.mel_weights(),
        "Col2Im" => step.col2im(),
        "MaxUnpool" => step.max_unpool(),
        "TensorScatter" => step.tensor_scatter(),
        "TfIdfVectorizer" => step.tf_idf(),
        "DeformConv" => step.deform_conv(),
        "RoiAlign" => step.roi_align(),
        "Unique" => step.unique(),
        "GridSample" => step.grid_sample(),
        "AffineGrid" => step.affine_grid(),
        "NegativeLogLikelihoodLoss" | "SoftmaxCrossEntropyLoss" => step.loss(),
        "Softmax"
        | "LogSoftmax"
        | "Hardmax"
        | "ArgMax"
        | "ArgMin"
        | "CumSum"
        | "BatchNormalization"
        | "InstanceNormalization"
        | "LayerNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "LRN" => step.along_axes(),
        "Bernoulli" | "RandomNormal" | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike" | "Multinomial" => {
            Err(step.refuse("draws random numbers; a proof is about one fixed function"))
        }
        "NonMaxSuppression" => Err(step.refuse(
            "makes a tensor whose size depends on what enters; export the model without it and select boxes from its outputs",
        )),
        "StringConcat" | "StringNormalizer" | "StringSplit" | "RegexFullMatch" => {
            Err(step.refuse("is about text, which cannot be proven"))
        }
        "ImageDecoder" => Err(step.refuse("unpacks a picture file; give the model the picture's numbers")),
        operator if operator.starts_with("Reduce") => step.reduce(),
        _ => step.arithmetic(),
    }
}

/// A node of the domain `ai.onnx.ml`: classical models are tensor operators as well.
pub(super) fn machine_learning<'a>(builder: &mut Builder, call: &Call<'a>, load: Load<'_, 'a>) -> Made {
    let mut step = Step { builder, call };
    if call.operator == "TreeEnsemble" { step.tree_ensemble(load) } else { step.machine_learning() }
}

/// A node of the domain `ai.onnx.preview.training`.
pub(super) fn training(builder: &mut Builder, call: &Call<'_>) -> Made {
    Step { builder, call }.training()
}

/// The scores of `ai.onnx.preview:FlexAttention`, between which and its weights the file may have a graph of its own.
pub(super) fn flex_scores(builder: &mut Builder, call: &Call<'_>) -> Result<Operand, GraphError> {
    Step { builder, call }.flex_scores()
}

/// The weights of such scores.
pub(super) fn flex_weights(builder: &mut Builder, call: &Call<'_>, scores: &Operand) -> Result<Operand, GraphError> {
    Step { builder, call }.flex_weights(scores)
}

/// The answer with such weights.
pub(super) fn flex_answer(builder: &mut Builder, call: &Call<'_>, weights: &Operand) -> Made {
    Step { builder, call }.flex_answer(weights)
}

/// One node on its way to canonical ones.
struct Step<'s, 'a> {
    builder: &'s mut Builder,
    call: &'s Call<'a>,
}

impl<'a> Step<'_, 'a> {
    fn refuse(&self, reason: impl Into<String>) -> GraphError {
        self.call.refuse(reason)
    }

    fn apply(
        &mut self,
        operator: Operator,
        attributes: Attributes,
        inputs: &[&Operand],
    ) -> Result<Operand, GraphError> {
        self.builder.apply(self.call, operator, attributes, inputs)
    }

    /// An operator without attributes.
    fn plain(&mut self, operator: Operator, inputs: &[&Operand]) -> Result<Operand, GraphError> {
        self.apply(operator, Attributes::none(), inputs)
    }

    /// The node as it is, with these attributes.
    fn keep(&mut self, operator: Operator, attributes: Attributes) -> Made {
        let inputs = self.call.inputs.clone();
        self.builder.node(self.call, operator, attributes, inputs, 1)
    }

    fn shape(&self, operand: &Operand) -> Vec<usize> {
        self.builder.shape(operand)
    }

    fn constant_of(&self, tensor: Tensor) -> Operand {
        self.builder.constant(tensor)
    }

    fn number(&self, number: f32) -> Operand {
        self.builder.constant(Tensor::scalar(number))
    }

    fn list(&self, numbers: &[i64]) -> Operand {
        self.builder.constant(Tensor::list(numbers))
    }

    /// The same numbers in another shape.
    fn reshaped(&mut self, operand: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        if self.shape(operand) == shape {
            return Ok(operand.clone());
        }
        let target: Vec<i64> = shape.iter().map(|&dim| dim as i64).collect();
        let target = self.list(&target);
        self.plain(Operator::Reshape, &[operand, &target])
    }

    fn transposed(&mut self, operand: &Operand, perm: &[usize]) -> Result<Operand, GraphError> {
        if perm.iter().copied().eq(0..perm.len()) {
            return Ok(operand.clone());
        }
        let perm: Vec<i64> = perm.iter().map(|&axis| axis as i64).collect();
        self.apply(Operator::Transpose, Attributes::of([("perm", perm.into())]), &[operand])
    }

    /// What lies between two places of an axis.
    fn between(&mut self, operand: &Operand, axis: usize, start: usize, end: usize) -> Result<Operand, GraphError> {
        if (start, end) == (0, self.shape(operand)[axis]) {
            return Ok(operand.clone());
        }
        let lists = [start, end, axis, 1].map(|number| self.list(&[number as i64]));
        self.plain(Operator::Slice, &[operand, &lists[0], &lists[1], &lists[2], &lists[3]])
    }

    fn joined(&mut self, pieces: &[&Operand], axis: usize) -> Result<Operand, GraphError> {
        match pieces {
            [only] => Ok((*only).clone()),
            _ => self.apply(Operator::Concat, Attributes::of([("axis", (axis as i64).into())]), pieces),
        }
    }

    /// The same numbers again and again, along axes of one element.
    fn expanded(&mut self, operand: &Operand, shape: &[usize]) -> Result<Operand, GraphError> {
        if self.shape(operand) == shape {
            return Ok(operand.clone());
        }
        let target: Vec<i64> = shape.iter().map(|&dim| dim as i64).collect();
        let target = self.list(&target);
        self.plain(Operator::Expand, &[operand, &target])
    }

    /// One 64-bit integer.
    fn integer(&self, number: i64) -> Operand {
        self.builder.constant(Tensor::ints(Element::Int64, vec![], vec![number]))
    }

    /// In another element type.
    fn cast(&mut self, operand: &Operand, to: Element) -> Result<Operand, GraphError> {
        if self.builder.kind(operand).element == to {
            return Ok(operand.clone());
        }
        if to.is_narrow() {
            return self.cast_narrow(operand, to);
        }
        self.apply(Operator::Cast, Attributes::of([("to", to.onnx().into())]), &[operand])
    }

    /// Integers that have to be known.
    fn known(&self, operand: &Operand, what: &str) -> Result<Vec<i64>, GraphError> {
        self.builder.known_ints(self.call, operand, what)
    }

    /// What later versions have as operand `index`, and earlier ones as an attribute.
    fn ints(&self, index: usize, name: &str) -> Result<Option<Vec<i64>>, GraphError> {
        match self.call.optional(index) {
            Some(operand) => self.known(operand, name).map(Some),
            None => Ok(self.call.ints(name).map(<[i64]>::to_vec)),
        }
    }

    /// An axis counted from the front.
    fn axis(&self, axis: i64, rank: usize) -> Result<usize, GraphError> {
        super::infer::axis(axis, rank).map_err(|reason| self.refuse(reason))
    }

    fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, GraphError> {
        axes.iter().map(|&axis| self.axis(axis, rank)).collect()
    }
}
