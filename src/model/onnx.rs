use super::{Input, MAX_MODEL_BYTES, ModelError, read_bounded};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};
use tract_onnx::{pb, prelude::*};

/// A tensor that enters or leaves a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorInfo {
    /// As in the ONNX graph.
    pub name: String,
    /// Row-major, every dimension fixed.
    pub shape: Vec<u64>,
}

impl TensorInfo {
    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().fold(1usize, |n, &dim| n.saturating_mul(usize::try_from(dim).unwrap_or(usize::MAX)))
    }
}

/// An ONNX model that loaded, with fixed shapes and finite weights.
pub struct Model {
    bytes: Vec<u8>,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    operators: BTreeSet<String>,
    parameters: u64,
    runnable: Arc<TypedRunnableModel>,
}

impl std::fmt::Debug for Model {
    /// Shapes and sizes; no weights.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("bytes", &self.bytes.len())
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .field("operators", &self.operators)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Reads an ONNX file.
    ///
    /// # Errors
    /// [`ModelError`] when it cannot be read, is no model, has a NaN weight or a shape that is not fixed.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_onnx(read_bounded(path, MAX_MODEL_BYTES)?)
    }

    /// Loads the bytes of an ONNX file. Weights in other files are not followed.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn from_onnx(bytes: Vec<u8>) -> Result<Self, ModelError> {
        // Parsers of ONNX panic on some malformed files; a model is untrusted input.
        let loaded = guarded(ModelError::NotOnnx, || load(&bytes));
        let Loaded { inputs, outputs, operators, parameters, runnable } = loaded?;
        Ok(Self { bytes, inputs, outputs, operators, parameters, runnable })
    }

    /// The file's bytes.
    #[must_use]
    pub fn as_onnx(&self) -> &[u8] {
        &self.bytes
    }

    /// BLAKE3 of the file, hex.
    #[must_use]
    pub fn hash(&self) -> String {
        blake3::hash(&self.bytes).to_hex().to_string()
    }

    /// The tensors that enter it.
    #[must_use]
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    /// The tensors that leave it.
    #[must_use]
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// The ONNX operators in it.
    #[must_use]
    pub const fn operators(&self) -> &BTreeSet<String> {
        &self.operators
    }

    /// The number of floating-point weights in it.
    #[must_use]
    pub const fn parameters(&self) -> u64 {
        self.parameters
    }

    /// Runs it in 32-bit floating point. Returns a flat list per output tensor.
    ///
    /// # Errors
    /// [`ModelError`] when the input does not fit or the model cannot be run.
    pub fn run(&self, input: &Input) -> Result<Vec<Vec<f32>>, ModelError> {
        input.check(&self.inputs)?;
        guarded(ModelError::Run, || {
            let tensors = self.inputs.iter().zip(input.tensors()).map(|(info, values)| {
                let shape: Vec<usize> = info.shape.iter().map(|&dim| dim as usize).collect();
                let values: Vec<f32> = values.iter().map(|&x| x as f32).collect();
                Ok(Tensor::from_shape(&shape, &values)?.into_tvalue())
            });
            let outputs = self.runnable.run(tensors.collect::<TractResult<_>>().map_err(run_error)?);
            let flatten =
                |tensor: TValue| Ok(tensor.cast_to::<f32>()?.to_plain_array_view::<f32>()?.iter().copied().collect());
            outputs.map_err(run_error)?.into_iter().map(flatten).collect::<TractResult<_>>().map_err(run_error)
        })
    }
}

struct Loaded {
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    operators: BTreeSet<String>,
    parameters: u64,
    runnable: Arc<TypedRunnableModel>,
}

fn load(bytes: &[u8]) -> Result<Loaded, ModelError> {
    let parser = tract_onnx::onnx();
    let proto = parser.proto_model_for_read(&mut &*bytes).map_err(not_onnx)?;
    let graph = proto.graph.as_ref().ok_or_else(|| ModelError::NotOnnx("it has no graph".into()))?;
    let parameters = check_weights(&parser, graph)?;
    let operators = graph.node.iter().map(|node| node.op_type.clone()).collect();
    let output_names: Vec<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let model = parser.model_for_proto_model(&proto).map_err(not_onnx)?;
    let typed = model.into_typed().map_err(not_onnx)?;
    let info = |name: String, fact: &TypedFact| match fact.shape.as_concrete() {
        Some(shape) => Ok(TensorInfo { name, shape: shape.iter().map(|&dim| dim as u64).collect() }),
        None => Err(ModelError::SymbolicShape { tensor: name, shape: format!("{:?}", fact.shape) }),
    };
    let mut inputs = Vec::new();
    for (index, outlet) in typed.input_outlets().map_err(not_onnx)?.iter().enumerate() {
        let name = typed.node(outlet.node).name.clone();
        inputs.push(info(name, typed.input_fact(index).map_err(not_onnx)?)?);
    }
    let mut outputs = Vec::new();
    for (index, name) in output_names.into_iter().enumerate() {
        outputs.push(info(name, typed.output_fact(index).map_err(not_onnx)?)?);
    }
    let runnable = typed.into_optimized().and_then(|model| model.into_runnable()).map_err(not_onnx)?;
    Ok(Loaded { inputs, outputs, operators, parameters, runnable })
}

/// Counts the floating-point weights and refuses those that are not finite.
fn check_weights(parser: &tract_onnx::Onnx, graph: &pb::GraphProto) -> Result<u64, ModelError> {
    let constants = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.t.as_ref());
    let mut parameters = 0;
    for proto in graph.initializer.iter().chain(constants) {
        let tensor = tract_onnx::tensor::load_tensor(&*parser.provider, proto, None).map_err(not_onnx)?;
        if !tensor.datum_type().is_float() {
            continue;
        }
        let floats = tensor.cast_to::<f32>().map_err(not_onnx)?;
        let floats = floats.to_plain_array_view::<f32>().map_err(not_onnx)?;
        if let Some((index, &value)) = floats.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(ModelError::NotFinite { tensor: proto.name.clone(), index, value });
        }
        parameters += floats.len() as u64;
    }
    Ok(parameters)
}

fn not_onnx(error: impl std::fmt::Display) -> ModelError {
    ModelError::NotOnnx(format!("{error:#}"))
}

fn run_error(error: TractError) -> ModelError {
    ModelError::Run(format!("{error:#}"))
}

/// Turns a panic inside `work` into an error.
pub(super) fn guarded<T>(
    wrap: impl FnOnce(String) -> ModelError,
    work: impl FnOnce() -> Result<T, ModelError>,
) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(wrap(text.unwrap_or_else(|| "the parser panicked".into())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &[u8] = include_bytes!("../../models/digits/digits.onnx");

    /// The digits model with another first weight: its raw bytes lie uncompressed in the file.
    fn with_weight(value: f32) -> Vec<u8> {
        let proto = tract_onnx::onnx().proto_model_for_read(&mut &*DIGITS).unwrap();
        let raw = &proto.graph.as_ref().unwrap().initializer[0].raw_data;
        let at = DIGITS.windows(64).position(|window| window == &raw[..64]).unwrap();
        let mut changed = DIGITS.to_vec();
        changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
        changed
    }

    #[test]
    fn the_digits_model_is_what_its_page_says() {
        let model = Model::from_onnx(DIGITS.to_vec()).unwrap();
        assert_eq!(model.inputs(), [TensorInfo { name: "image".into(), shape: vec![1, 64] }]);
        assert_eq!(model.outputs(), [TensorInfo { name: "logits".into(), shape: vec![1, 10] }]);
        assert_eq!(model.parameters(), 64 * 32 + 32 + 32 * 10 + 10);
        assert!(model.operators().contains("Gemm"));
    }

    #[test]
    fn what_is_no_model_is_refused() {
        for bytes in [&b""[..], b"not onnx", &DIGITS[..DIGITS.len() / 2], &[0xff; 100]] {
            assert!(matches!(Model::from_onnx(bytes.to_vec()), Err(ModelError::NotOnnx(_))));
        }
        assert!(matches!(Model::from_onnx(with_weight(f32::NAN)), Err(ModelError::NotFinite { index: 0, .. })));
        assert!(matches!(Model::from_onnx(with_weight(f32::INFINITY)), Err(ModelError::NotFinite { .. })));
        assert!(Model::from_onnx(with_weight(0.25)).is_ok());
        assert!(matches!(Model::read(Path::new("missing.onnx")), Err(ModelError::Io { .. })));
    }

    #[test]
    fn inputs_of_the_wrong_length_are_refused() {
        let model = Model::from_onnx(DIGITS.to_vec()).unwrap();
        let short = Input::new(vec![vec![0.0; 63]]).unwrap();
        assert!(matches!(model.run(&short), Err(ModelError::InputLength { expected: 64, found: 63, .. })));
        assert_eq!(model.run(&Input::new(vec![vec![0.0; 64]]).unwrap()).unwrap()[0].len(), 10);
    }
}
