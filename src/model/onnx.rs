use super::{
    Input, InputForm, InputTensor, MAX_MODEL_BYTES, ModelError,
    graph::{self, Element, Graph, Numbers},
    read_regular,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, OnceLock},
};
use tract_onnx::prelude::*;

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

/// How a model's file is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Sizes of symbolic axes, by symbol; `input[axis]` names an axis without one. A first axis that is not named here
    /// is the batch, of size 1.
    pub dims: BTreeMap<String, u64>,
}

/// An ONNX model, read: a canonical graph with fixed shapes and finite weights. Cheap to clone.
#[derive(Clone)]
pub struct Model(Arc<Inner>);

struct Inner {
    hash: String,
    graph: Graph,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    operators: BTreeSet<String>,
    onnx: OnceLock<Vec<u8>>,
    runnable: OnceLock<Result<Arc<TypedRunnableModel>, String>>,
}

impl std::fmt::Debug for Model {
    /// Shapes and sizes; no weights.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("hash", &self.0.hash)
            .field("inputs", &self.0.inputs)
            .field("outputs", &self.0.outputs)
            .field("operators", &self.0.operators)
            .field("parameters", &self.parameters())
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Reads an ONNX file. Weights in other files are read from beside it.
    ///
    /// # Errors
    /// [`ModelError`] when it cannot be read, or is no model of the operators that are read, with finite numbers and shapes
    /// that are known.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::read_with(path, &ReadOptions::default())
    }

    /// As [`Model::read`], with sizes for symbolic axes.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn read_with(path: &Path, options: &ReadOptions) -> Result<Self, ModelError> {
        let bytes = read_regular(path, MAX_MODEL_BYTES)?;
        Self::load(&Arc::new(bytes), Some(path.parent().unwrap_or(Path::new("."))), options)
    }

    /// Reads the bytes of an ONNX file, which has all of its weights in it.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn from_onnx(bytes: Vec<u8>) -> Result<Self, ModelError> {
        Self::load(&Arc::new(bytes), None, &ReadOptions::default())
    }

    /// As [`Model::from_onnx`], with sizes for symbolic axes.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn from_onnx_with(bytes: &[u8], options: &ReadOptions) -> Result<Self, ModelError> {
        Self::load(&Arc::new(bytes.to_vec()), None, options)
    }

    fn load(bytes: &Arc<Vec<u8>>, folder: Option<&Path>, options: &ReadOptions) -> Result<Self, ModelError> {
        let dims = options.dims.iter().map(|(name, &size)| (name.clone(), usize::try_from(size).unwrap_or(usize::MAX)));
        let (graph, files) = graph::read(bytes, folder, &graph::Options { dims: dims.collect() })?;
        let info = |id: graph::ValueId| {
            let value = graph.value(id);
            let shape = value.kind.shape.iter().map(|&dim| dim as u64).collect();
            TensorInfo { name: value.name.clone(), shape }
        };
        let inputs = graph.inputs().iter().map(|input| info(input.value)).collect();
        let outputs = graph.outputs().iter().map(|&output| info(output)).collect();
        let operators = graph.source_operators().iter().cloned().collect();
        let hash = hash(bytes, &files, options);
        Ok(Self(Arc::new(Inner {
            hash,
            graph,
            inputs,
            outputs,
            operators,
            onnx: OnceLock::new(),
            runnable: OnceLock::new(),
        })))
    }

    /// The canonical graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// The canonical graph as an ONNX file of operator set 17, with all weights in it: what backends are given.
    #[must_use]
    pub fn canonical_onnx(&self) -> &[u8] {
        self.0.onnx.get_or_init(|| self.0.graph.to_onnx())
    }

    /// What it was read from, hex: BLAKE3 of the file; where it has weights in other files, or sizes of axes were given, of
    /// all of that.
    #[must_use]
    pub fn hash(&self) -> String {
        self.0.hash.clone()
    }

    /// The tensors that enter it.
    #[must_use]
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.0.inputs
    }

    /// What its input files have to be.
    #[must_use]
    pub fn input_form(&self) -> InputForm {
        let tensors = self.0.graph.inputs().iter().zip(&self.0.inputs).map(|(input, info)| {
            // A file whose first axis is 1 was exported with a sample that is a batch of one.
            let batch = input.batch || (info.shape.len() > 1 && info.shape[0] == 1);
            InputTensor { info: info.clone(), element: input.declared, batch }
        });
        InputForm::new(tensors.collect())
    }

    /// The tensors that leave it.
    #[must_use]
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.0.outputs
    }

    /// The ONNX operators in the file that its outputs depend on.
    #[must_use]
    pub fn operators(&self) -> &BTreeSet<String> {
        &self.0.operators
    }

    /// The number of floating-point weights in it.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.0.graph.parameters()
    }

    /// The sizes that symbolic axes have, by symbol.
    #[must_use]
    pub fn dims(&self) -> &[(String, usize)] {
        self.0.graph.bound()
    }

    /// What the user should know about how it was read.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        self.0.graph.remarks()
    }

    /// The names of its classes, where the file has them.
    #[must_use]
    pub fn labels(&self) -> Option<&[String]> {
        self.0.graph.labels()
    }

    /// Runs it in 32-bit floating point. Returns a flat list per output tensor.
    ///
    /// # Errors
    /// [`ModelError`] when the input does not fit or the model cannot be run.
    pub fn run(&self, input: &Input) -> Result<Vec<Vec<f32>>, ModelError> {
        input.check(self.inputs())?;
        let runnable = self.0.runnable.get_or_init(|| {
            let made = guarded(ModelError::Run, || self.optimized().map_err(run_error));
            made.map_err(|error| match error {
                ModelError::Run(reason) => reason,
                other => other.to_string(),
            })
        });
        let runnable = runnable.as_ref().map_err(|reason| ModelError::Run(reason.clone()))?;
        guarded(ModelError::Run, || {
            let tensors = self.tensors(input).map_err(run_error)?;
            let outputs = runnable.run(tensors).map_err(run_error)?;
            let flatten =
                |tensor: TValue| Ok(tensor.cast_to::<f32>()?.to_plain_array_view::<f32>()?.iter().copied().collect());
            outputs.into_iter().map(flatten).collect::<TractResult<_>>().map_err(run_error)
        })
    }

    /// The graph for tract.
    pub(super) fn typed(&self) -> TractResult<TypedModel> {
        tract_onnx::onnx().model_for_read(&mut self.canonical_onnx())?.into_typed()
    }

    fn optimized(&self) -> TractResult<Arc<TypedRunnableModel>> {
        self.typed()?.into_optimized()?.into_runnable()
    }

    /// An input as tract takes it.
    pub(super) fn tensors(&self, input: &Input) -> TractResult<TVec<TValue>> {
        let infos = self.0.graph.inputs().iter().zip(input.tensors());
        let tensors = infos.map(|(info, values)| {
            let kind = &self.0.graph.value(info.value).kind;
            let integers = || values.iter().map(|&x| x as i64).collect();
            let numbers = match kind.element {
                Element::Float32 => Numbers::Floats(values.iter().map(|&x| x as f32).collect()),
                _ => Numbers::Ints(integers()),
            };
            Ok(tract_tensor(kind.element, &kind.shape, &numbers)?.into_tvalue())
        });
        tensors.collect()
    }
}

fn tract_tensor(element: Element, shape: &[usize], numbers: &Numbers) -> TractResult<Tensor> {
    let kind = match element {
        Element::Float32 => DatumType::F32,
        Element::Int8 | Element::Int4 | Element::Int2 => DatumType::I8,
        Element::Int16 => DatumType::I16,
        Element::Int32 => DatumType::I32,
        Element::Int64 => DatumType::I64,
        Element::Uint8 | Element::Uint4 | Element::Uint2 => DatumType::U8,
        Element::Uint16 => DatumType::U16,
        Element::Uint32 => DatumType::U32,
        Element::Uint64 => DatumType::U64,
        Element::Bool => DatumType::Bool,
    };
    match numbers {
        Numbers::Floats(numbers) => Tensor::from_shape(shape, numbers),
        Numbers::Ints(numbers) => Ok(Tensor::from_shape(shape, numbers)?.cast_to_dt(kind)?.into_owned()),
    }
}

/// BLAKE3 of everything that decides what a model is.
fn hash(bytes: &[u8], files: &BTreeMap<String, Arc<Vec<u8>>>, options: &ReadOptions) -> String {
    let file = blake3::hash(bytes);
    if files.is_empty() && options.dims.is_empty() {
        return file.to_hex().to_string();
    }
    // Lengths before what has one, so that no two sets of parts give the same bytes.
    let mut all =
        blake3::Hasher::new_derive_key("zkinfer 2026-11 an ONNX model with files beside it or axes of given sizes");
    let mut part = |bytes: &[u8]| {
        all.update(&(bytes.len() as u64).to_le_bytes());
        all.update(bytes);
    };
    part(file.as_bytes());
    part(&(files.len() as u64).to_le_bytes());
    for (location, content) in files {
        part(location.as_bytes());
        part(blake3::hash(content).as_bytes());
    }
    for (symbol, size) in &options.dims {
        part(symbol.as_bytes());
        part(&size.to_le_bytes());
    }
    all.finalize().to_hex().to_string()
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
        Err(wrap(text.unwrap_or_else(|| "the executor panicked".into())))
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
        assert_eq!(model.hash(), blake3::hash(DIGITS).to_hex().to_string());
    }

    /// What backends are given is read as the same model.
    #[test]
    fn the_canonical_file_is_its_own_canonical_file() {
        let model = Model::from_onnx(DIGITS.to_vec()).unwrap();
        let again = Model::from_onnx(model.canonical_onnx().to_vec()).unwrap();
        assert_eq!(model.canonical_onnx(), again.canonical_onnx());
        let input = Input::new(vec![(0..64).map(|i| f64::from(i) / 64.0).collect()]).unwrap();
        assert_eq!(model.run(&input).unwrap(), again.run(&input).unwrap());
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

    /// A pipe that nobody writes to is not waited for, and a device without an end is not read.
    #[cfg(unix)]
    #[test]
    fn models_are_regular_files() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let name = std::ffi::CString::new(pipe.display().to_string()).unwrap();
        // SAFETY: a path that ends with a zero byte, and a mode.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
            let refused = Model::read(path).unwrap_err();
            assert!(matches!(refused, ModelError::NoFile { .. }), "{refused}");
            assert!(refused.to_string().contains(&path.display().to_string()), "{refused}");
        }
        let file = folder.path().join("model.onnx");
        std::fs::write(&file, DIGITS).unwrap();
        std::os::unix::fs::symlink(&file, folder.path().join("link")).unwrap();
        assert!(Model::read(&folder.path().join("link")).is_ok(), "a link to a file is a file");
    }

    #[test]
    fn inputs_of_the_wrong_length_are_refused() {
        let model = Model::from_onnx(DIGITS.to_vec()).unwrap();
        let short = Input::new(vec![vec![0.0; 63]]).unwrap();
        assert!(matches!(model.run(&short), Err(ModelError::InputLength { expected: 64, found: 63, .. })));
        assert_eq!(model.run(&Input::new(vec![vec![0.0; 64]]).unwrap()).unwrap()[0].len(), 10);
    }
}
