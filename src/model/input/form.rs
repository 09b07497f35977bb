//! What a model takes, and files of every format read as that.

use super::{Input, InputError, MAX_INPUT_BYTES, array::Array, csv, json, npy, npz};
use crate::model::{ModelError, TensorInfo, graph::Element, read_bounded};
use std::path::Path;

/// A tensor that a model takes, as an input file has to give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputTensor {
    /// Name and shape.
    pub info: TensorInfo,
    /// What its numbers have to fit.
    pub element: Element,
    /// Whether its first axis, of size 1, is a batch: a file may have none, or N rows.
    pub batch: bool,
}

impl InputTensor {
    /// Its shape. A file cannot hold what does not fit into memory.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.info.shape.iter().map(|&dim| usize::try_from(dim).unwrap_or(usize::MAX)).collect()
    }

    /// For messages.
    pub(super) fn kind(&self) -> String {
        format!("{}, shape {:?}", self.element, self.info.shape)
    }
}

/// What a file holds: inferences, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// One per inference, at least one.
    pub inputs: Vec<Input>,
    /// What the user should know: sentences without a full stop.
    pub remarks: Vec<String>,
}

/// The inputs that a model takes: reads files of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputForm {
    tensors: Vec<InputTensor>,
    samples: bool,
}

/// Arrays as a file has them, and how they are told apart.
pub(super) enum Arrays {
    /// In the order of the model's tensors.
    Listed(Vec<Array>),
    /// By their names, in the file's order.
    Named(Vec<(String, Array)>),
}

impl InputForm {
    /// Of these tensors, in order.
    #[must_use]
    pub const fn new(tensors: Vec<InputTensor>) -> Self {
        Self { tensors, samples: false }
    }

    /// A flat list may also hold several inferences, one after the other, as calibration files do.
    #[must_use]
    pub fn samples(mut self) -> Self {
        self.samples = true;
        self
    }

    /// The tensors, in order.
    #[must_use]
    pub fn tensors(&self) -> &[InputTensor] {
        &self.tensors
    }

    /// Reads a file: `.npy` and `.npz` are known by their first bytes, CSV by its name; everything else is JSON.
    ///
    /// # Errors
    /// [`ModelError`] when it cannot be read, is too large, or holds no inputs of this form.
    pub fn read(&self, path: &Path) -> Result<Inputs, ModelError> {
        let bytes = read_bounded(path, MAX_INPUT_BYTES)?;
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let inputs = match bytes.as_slice() {
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => self.npy(&bytes),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => self.npz(&bytes),
            _ if is_csv => self.csv(&bytes),
            _ => self.json(&bytes),
        };
        Ok(inputs.map_err(|source| InputError::File { path: path.display().to_string(), source: Box::new(source) })?)
    }

    /// Reads JSON: EZKL's `{"input_data": [list per tensor]}`, whose other keys are ignored with a remark, or
    /// `{"name": list, …}`. A list is flat, or nested as the tensor's shape, or holds a list per inference.
    ///
    /// # Errors
    /// [`InputError`].
    pub fn json(&self, bytes: &[u8]) -> Result<Inputs, InputError> {
        let mut remarks = Vec::new();
        let arrays = json::read(bytes, &self.tensors, &mut remarks)?;
        self.assemble(arrays, remarks)
    }

    /// Reads NumPy's format for one array; for models of one input tensor.
    ///
    /// # Errors
    /// [`InputError`].
    pub fn npy(&self, bytes: &[u8]) -> Result<Inputs, InputError> {
        self.assemble(Arrays::Listed(vec![npy::read(bytes)?]), Vec::new())
    }

    /// Reads NumPy's archive: arrays with the names of the tensors, or `arr_0`, `arr_1`, … in their order.
    ///
    /// # Errors
    /// [`InputError`].
    pub fn npz(&self, bytes: &[u8]) -> Result<Inputs, InputError> {
        let mut remarks = Vec::new();
        let arrays = npz::read(bytes, &self.tensors, &mut remarks)?;
        self.assemble(arrays, remarks)
    }

    /// Reads a table whose first line names the columns, with one inference a line; for models whose tensors are rows of
    /// numbers. A column is `name` or `name[i]` of a tensor, else columns are taken in their order.
    ///
    /// # Errors
    /// [`InputError`].
    pub fn csv(&self, bytes: &[u8]) -> Result<Inputs, InputError> {
        let mut remarks = Vec::new();
        let arrays = csv::read(bytes, &self.tensors, &mut remarks)?;
        self.assemble(Arrays::Listed(arrays), remarks)
    }

    /// Puts arrays in the model's order and takes them apart into inferences.
    fn assemble(&self, arrays: Arrays, mut remarks: Vec<String>) -> Result<Inputs, InputError> {
        let arrays = self.in_order(arrays, &mut remarks)?;
        let mut rows: Vec<Vec<Vec<f64>>> = Vec::new();
        for (tensor, array) in self.tensors.iter().zip(arrays) {
            let found = array.inferences(tensor, self.samples)?;
            let several = rows.first().map_or(found.len(), Vec::len);
            if several != found.len() {
                let reason = format!("has {} inferences, the tensors before it have {several}", found.len());
                return Err(InputError::tensor(tensor, reason));
            }
            rows.push(found);
        }
        let count = rows.first().map_or(0, Vec::len);
        let mut columns: Vec<_> = rows.into_iter().map(Vec::into_iter).collect();
        // Every column has `count` lists of finite numbers.
        let inputs = (0..count).map(|_| Input { input_data: columns.iter_mut().filter_map(Iterator::next).collect() });
        Ok(Inputs { inputs: inputs.collect(), remarks })
    }

    fn in_order(&self, arrays: Arrays, remarks: &mut Vec<String>) -> Result<Vec<Array>, InputError> {
        let mut named = match arrays {
            Arrays::Listed(arrays) if arrays.len() == self.tensors.len() => return Ok(arrays),
            Arrays::Listed(arrays) => return Err(misses(&self.tensors, tensors(arrays.len()))),
            Arrays::Named(named) => named,
        };
        let mut ordered = Vec::with_capacity(self.tensors.len());
        for tensor in &self.tensors {
            let Some(at) = named.iter().position(|(name, _)| *name == tensor.info.name) else {
                return Err(misses(&self.tensors, format!("no `{}`", tensor.info.name)));
            };
            ordered.push(named.swap_remove(at).1);
        }
        remarks.extend(ignored(named.iter().map(|(name, _)| name.as_str())));
        Ok(ordered)
    }
}

/// How many tensors a file has, in words.
pub(super) fn tensors(count: usize) -> String {
    if count == 1 { "1 tensor".into() } else { format!("{count} tensors") }
}

/// The error that a file has `found`, with what is wanted.
pub(super) fn misses(tensors: &[InputTensor], found: String) -> InputError {
    /// Named in messages.
    const MOST: usize = 8;
    let all = tensors.iter().take(MOST).map(|tensor| format!("`{}` ({})", tensor.info.name, tensor.kind()));
    let more = tensors.len().checked_sub(MOST).filter(|&more| more > 0).map(|more| format!("{more} more"));
    InputError::Tensors { expected: all.chain(more).collect::<Vec<_>>().join(", "), found }
}

/// The remark that things of these names are ignored, if there are any.
pub(super) fn ignored<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names = shown(names);
    (!names.is_empty()).then(|| format!("ignored: {names}"))
}

/// Foreign names in a message: few, short, and without control characters.
pub(super) fn shown<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    const LENGTH: usize = 60;
    let mut names = names.map(|name| {
        let short: String = name.chars().take(LENGTH).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        format!("`{short}`{}", if name.chars().nth(LENGTH).is_some() { "…" } else { "" })
    });
    let mut text = names.by_ref().take(MOST).collect::<Vec<_>>().join(", ");
    let more = names.count();
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
