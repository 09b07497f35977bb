//! Openings: what shows, to whoever is given them, which tensors the commitments of a statement hide.
//!
//! Only whoever made a witness has its opening; it is in no bundle, and nothing derives it again. Whoever has an opening knows
//! the tensors, and can show them to others. Without it nobody can say later what was committed.

use crate::proof::{TensorSchema, schema::Direction};
use alloy::primitives::{B256, I256};
use serde::{Deserialize, Serialize};
use std::{fmt, io};
use zeroize::Zeroizing;
use zkinfer_prover::{SampleSecrets, TensorSecret};

const FORMAT: &str = "zkinfer-openings";
const VERSION: u32 = 1;

/// The largest file of openings that is read, in bytes.
pub const MAX_OPENINGS_BYTES: usize = 1 << 30;

/// What opens one committed tensor. Secret; wiped from memory when dropped.
#[derive(Clone)]
pub struct TensorOpening {
    secret: TensorSecret,
    elements: Zeroizing<Vec<i64>>,
}

/// What opens the committed tensors of one statement; at least one of its sides. Secret.
#[derive(Clone, Debug)]
pub struct Opening {
    inputs: Option<TensorOpening>,
    outputs: Option<TensorOpening>,
}

/// The openings of a bundle's statements, in their order: what is written to a file. Secret.
///
/// They open commitments, not statements: the same commitments in a bundle for another context are opened too.
#[derive(Clone, Debug)]
pub struct Openings {
    model_id: B256,
    statements: Vec<Opening>,
}

/// Why a file holds no openings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningsError {
    /// Not JSON of this form. Says nothing of the content, which is secret.
    #[error("it is no file of openings, at line {line}, column {column}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1; 0 when the line is empty.
        column: usize,
    },
    /// Another format or version.
    #[error("its format is `{format}` version {version}; this release reads `{FORMAT}` version {VERSION}")]
    Version {
        /// What it says.
        format: String,
        /// What it says.
        version: u32,
    },
    /// Larger than [`MAX_OPENINGS_BYTES`].
    #[error("it has more than {MAX_OPENINGS_BYTES} bytes")]
    TooLarge,
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Nothing of the content.
impl fmt::Debug for TensorOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorOpening").finish_non_exhaustive()
    }
}

impl TensorOpening {
    /// An opening that somebody gave: whether it opens anything is for the check to say.
    #[must_use]
    pub fn new(secret: TensorSecret, elements: impl IntoIterator<Item = i64>) -> Self {
        Self { secret, elements: Zeroizing::new(elements.into_iter().collect()) }
    }

    /// What blinds the commitment.
    #[must_use]
    pub const fn secret(&self) -> &TensorSecret {
        &self.secret
    }

    /// The tensor: row-major integers, which the model's schema says the meaning of.
    #[must_use]
    pub fn elements(&self) -> &[i64] {
        &self.elements
    }

    /// The real numbers that the elements mean.
    #[must_use]
    pub fn reals(&self, tensor: &TensorSchema) -> Vec<f64> {
        let elements = self.elements.iter().enumerate();
        elements.map(|(index, &q)| tensor.dequantize(index, I256::unchecked_from(q))).collect()
    }
}

impl Opening {
    /// Of the sides that have a secret; `None` when none has.
    pub(crate) fn new(
        secrets: &SampleSecrets,
        inputs: impl IntoIterator<Item = i64>,
        outputs: impl IntoIterator<Item = i64>,
    ) -> Option<Self> {
        let inputs = secrets.inputs.clone().map(|secret| TensorOpening::new(secret, inputs));
        let outputs = secrets.outputs.clone().map(|secret| TensorOpening::new(secret, outputs));
        (inputs.is_some() || outputs.is_some()).then_some(Self { inputs, outputs })
    }

    /// Of the inputs or the outputs, if they are committed.
    #[must_use]
    pub const fn side(&self, direction: Direction) -> Option<&TensorOpening> {
        match direction {
            Direction::Input => self.inputs.as_ref(),
            Direction::Output => self.outputs.as_ref(),
        }
    }

    /// The secrets alone: with the same tensors they give the same commitments again.
    #[must_use]
    pub fn secrets(&self) -> SampleSecrets {
        let of = |side: &Option<TensorOpening>| side.as_ref().map(|opening| opening.secret.clone());
        SampleSecrets { inputs: of(&self.inputs), outputs: of(&self.outputs) }
    }
}

impl Openings {
    /// Of a model's statements, in the order of their bundle.
    #[must_use]
    pub const fn new(model_id: B256, statements: Vec<Opening>) -> Self {
        Self { model_id, statements }
    }

    /// The model whose statements they open.
    #[must_use]
    pub const fn model_id(&self) -> B256 {
        self.model_id
    }

    /// One per statement.
    #[must_use]
    pub fn statements(&self) -> &[Opening] {
        &self.statements
    }

    /// The file: JSON with its version. Secret: for files of mode 0600.
    ///
    /// # Errors
    /// None: serde_json refuses no value of these types.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, OpeningsError> {
        let of = |side: &Option<TensorOpening>| {
            side.as_ref().map(|opening| TensorFile {
                secret: Zeroizing::new(alloy::hex::encode(opening.secret.expose())),
                elements: opening.elements.clone(),
            })
        };
        let statements = self.statements.iter();
        let statements = statements.map(|one| StatementFile { inputs: of(&one.inputs), outputs: of(&one.outputs) });
        let file =
            File { format: FORMAT.into(), version: VERSION, model_id: self.model_id, statements: statements.collect() };
        let elements = |side: &Option<TensorFile>| side.as_ref().map_or(0, |tensor| tensor.elements.len());
        let count: usize = file.statements.iter().map(|one| elements(&one.inputs) + elements(&one.outputs)).sum();
        // Room for everything: a vector that grows leaves copies behind. An element has 20 characters at most.
        let mut json = Zeroizing::new(Vec::with_capacity(256 + 256 * file.statements.len() + 21 * count));
        serde_json::to_writer(&mut *json, &file).map_err(|error| malformed(&error))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Reads [`Openings::to_json`]. What it opens is not looked at.
    ///
    /// # Errors
    /// [`OpeningsError`].
    pub fn from_json(json: &[u8]) -> Result<Self, OpeningsError> {
        if json.len() > MAX_OPENINGS_BYTES {
            return Err(OpeningsError::TooLarge);
        }
        // The version first: what another one holds is not known here.
        let Head { format, version } = serde_json::from_slice(json).map_err(|error| malformed(&error))?;
        if format != FORMAT || version != VERSION {
            return Err(OpeningsError::Version { format, version });
        }
        let file: File = serde_json::from_slice(json).map_err(|error| malformed(&error))?;
        let none = OpeningsError::Malformed { line: 1, column: 0 };
        let of = |side: Option<TensorFile>| side.map(TensorFile::read).transpose();
        let mut statements = Vec::with_capacity(file.statements.len());
        for one in file.statements {
            let (inputs, outputs) = (of(one.inputs)?, of(one.outputs)?);
            if inputs.is_none() && outputs.is_none() {
                return Err(none);
            }
            statements.push(Opening { inputs, outputs });
        }
        if statements.is_empty() {
            return Err(none);
        }
        Ok(Self { model_id: file.model_id, statements })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`OpeningsError`].
    pub fn read(path: &std::path::Path) -> Result<Self, OpeningsError> {
        use io::Read;
        let file = std::fs::File::open(path)?;
        let room = file.metadata()?.len().min(MAX_OPENINGS_BYTES as u64);
        let mut json = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0) + 1));
        file.take(MAX_OPENINGS_BYTES as u64 + 1).read_to_end(&mut json)?;
        Self::from_json(&json)
    }
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    format: String,
    version: u32,
    model_id: B256,
    statements: Vec<StatementFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inputs: Option<TensorFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outputs: Option<TensorFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorFile {
    /// 64 hex digits.
    #[serde(serialize_with = "plain_text", deserialize_with = "secret_text")]
    secret: Zeroizing<String>,
    #[serde(serialize_with = "plain_numbers", deserialize_with = "secret_numbers")]
    elements: Zeroizing<Vec<i64>>,
}

impl TensorFile {
    fn read(self) -> Result<TensorOpening, OpeningsError> {
        let mut bytes = Zeroizing::new([0; 32]);
        alloy::hex::decode_to_slice(self.secret.as_bytes(), bytes.as_mut_slice())
            .map_err(|_| OpeningsError::Malformed { line: 1, column: 0 })?;
        Ok(TensorOpening { secret: TensorSecret::from_bytes(*bytes), elements: self.elements })
    }
}

fn plain_text<S: serde::Serializer>(text: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_str().serialize(serializer)
}

fn secret_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

fn plain_numbers<S: serde::Serializer>(numbers: &Zeroizing<Vec<i64>>, serializer: S) -> Result<S::Ok, S::Error> {
    numbers.as_slice().serialize(serializer)
}

fn secret_numbers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<Vec<i64>>, D::Error> {
    Vec::deserialize(deserializer).map(Zeroizing::new)
}

/// serde_json's own message may quote the file.
fn malformed(error: &serde_json::Error) -> OpeningsError {
    OpeningsError::Malformed { line: error.line(), column: error.column() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openings() -> Openings {
        let tensor =
            |byte, elements: &[i64]| TensorOpening::new(TensorSecret::from_bytes([byte; 32]), elements.to_vec());
        let both = Opening { inputs: Some(tensor(7, &[1, 65535])), outputs: Some(tensor(8, &[i64::MIN, 5, -1])) };
        let one = Opening { inputs: None, outputs: Some(tensor(9, &[])) };
        Openings::new(B256::repeat_byte(3), vec![both, one])
    }

    #[test]
    fn files_are_read_as_they_were_written() {
        let written = openings().to_json().unwrap();
        let read = Openings::from_json(&written).unwrap();
        assert_eq!(*read.to_json().unwrap(), *written);
        assert_eq!(read.model_id(), B256::repeat_byte(3));
        let outputs = read.statements()[0].side(Direction::Output).unwrap();
        assert_eq!((outputs.elements(), outputs.secret().expose()), (&[i64::MIN, 5, -1][..], &[8; 32]));
        assert!(read.statements()[1].side(Direction::Input).is_none());
        assert!(read.statements()[1].secrets().inputs.is_none());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let shown = format!("{:?}", openings());
        assert!(!shown.contains("65535") && !shown.contains("0707") && !shown.contains("[7"), "{shown}");
    }

    #[test]
    fn other_files_are_refused_without_quoting_them() {
        let written = String::from_utf8(openings().to_json().unwrap().to_vec()).unwrap();
        let changed = |from: &str, to: &str| {
            assert!(written.contains(from));
            Openings::from_json(written.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        assert!(matches!(changed("\"version\":1", "\"version\":2"), OpeningsError::Version { version: 2, .. }));
        assert!(matches!(changed(FORMAT, "else"), OpeningsError::Version { .. }));
        for (from, to) in [("65535", "\"pin 4711\""), ("0707", "07"), ("0707", "zz07"), ("\"elements\"", "\"more\"")] {
            let error = changed(from, to);
            assert!(matches!(error, OpeningsError::Malformed { .. }), "{error}");
            assert!(!error.to_string().contains("4711"), "{error}");
        }
        for none in [r#"[]"#, r#"[{}]"#] {
            let head = format!(r#"{{"format":"{FORMAT}","version":1,"modelId":"{}","statements":"#, B256::ZERO);
            assert!(Openings::from_json(format!("{head}{none}}}").as_bytes()).is_err(), "{none}");
        }
        assert!(Openings::from_json(&written.as_bytes()[..100]).is_err());
    }
}
