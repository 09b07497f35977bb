//! The Compact encoding. Numbers are big-endian; a text or a list has its length as 4 bytes before it.
//!
//! ```text
//! "zkic" ‖ version (1) ‖ form ‖ models ‖ bundles ‖ tree (recursive only)
//! form      1 bundle | 2 list | 3 chain | 4 tree
//! model     backend (1 ezkl, 2 native, 3 mock) ‖ version ‖ adapter id ‖ code hash ‖ vk digest ‖ 0, or 1 ‖ code ‖ schema
//!           ‖ SRS id ‖ TEST SRS (0/1) ‖ transferable (0/1) ‖ weights
//! bundle    number of its model (4) ‖ created at (8) ‖ statements ‖ proof
//! statement 0 | 1 ‖ chain id (8) ‖ registry ‖ submitter ‖ consumer ‖ job ‖ deadline (8);  then public values
//! tree      list of branches; a branch is 0 (the next bundle) or 1 ‖ list of branches
//! ```

use super::{
    EncodingError,
    flat::{BundleRow, Flat, Form, ModelRow, Shape, StatementRow},
};
use crate::proof::{
    Assignment, Context, PublicValues,
    bundle::{BackendName, MAX_STATEMENTS},
    structure::{MAX_BUNDLES, MAX_DEPTH, StructureError},
};
use alloy::primitives::{Address, B256, Bytes};

const MAGIC: &[u8; 4] = b"zkic";
const VERSION: u8 = 1;

pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

pub(super) fn write(flat: &Flat) -> Vec<u8> {
    let form = match flat.form {
        Form::Single => 1,
        Form::List { linked: false } => 2,
        Form::List { linked: true } => 3,
        Form::Tree(_) => 4,
    };
    let mut out = Writer([&MAGIC[..], &[VERSION, form]].concat());
    out.list(&flat.models, Writer::model);
    out.list(&flat.bundles, Writer::bundle);
    if let Form::Tree(shapes) = &flat.form {
        out.list(shapes, Writer::shape);
    }
    out.0
}

pub(super) fn read(bytes: &[u8]) -> Result<Flat, EncodingError> {
    let mut input = Reader { bytes, at: MAGIC.len() };
    if input.byte()? != VERSION {
        return Err(input.malformed("a version that this release does not read"));
    }
    let form = input.byte()?;
    let models = input.list(MAX_BUNDLES, Reader::model)?;
    let bundles = input.list(MAX_BUNDLES, Reader::bundle)?;
    let form = match form {
        1 => Form::Single,
        2 => Form::List { linked: false },
        3 => Form::List { linked: true },
        4 => Form::Tree(input.shapes(&mut 0, MAX_DEPTH)?),
        _ => return Err(input.malformed("an unknown form")),
    };
    match bytes.len() - input.at {
        0 => Ok(Flat { models, bundles, form }),
        rest => Err(EncodingError::Trailing(rest)),
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.extend_from_slice(bytes.as_ref());
    }

    /// Lengths are below 2^32: what is written is bounded by its bundles' own limits.
    fn len(&mut self, length: usize) {
        self.put((length as u32).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.put(bytes);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.len(items.len());
        items.iter().for_each(|item| write(self, item));
    }

    fn model(&mut self, row: &ModelRow) {
        let backend = match row.backend {
            BackendName::Ezkl => 1,
            BackendName::Native => 2,
            BackendName::Mock => 3,
        };
        self.put([backend]);
        self.bytes(row.backend_version.as_bytes());
        [row.adapter_id, row.model_code_hash, row.vk_digest].iter().for_each(|word| self.put(word));
        self.put([u8::from(row.model_code.is_some())]);
        if let Some(code) = &row.model_code {
            self.bytes(code);
        }
        self.bytes(&row.schema);
        self.put(row.srs_id);
        self.put([u8::from(row.test_srs), u8::from(row.transferable)]);
        self.bytes(row.weights.as_bytes());
    }

    fn bundle(&mut self, row: &BundleRow) {
        self.put(row.model.to_be_bytes());
        self.put(row.created_at_ms.to_be_bytes());
        self.list(&row.statements, Self::statement);
        self.bytes(&row.proof);
    }

    fn statement(&mut self, row: &StatementRow) {
        match row.context {
            Context::Offchain {} => self.put([0]),
            Context::Chain { chain_id, registry, assignment: a } => {
                self.put([1]);
                self.put(chain_id.to_be_bytes());
                [registry, a.submitter, a.consumer].iter().for_each(|address| self.put(address));
                self.put(a.job);
                self.put(a.deadline.to_be_bytes());
            }
        }
        self.bytes(row.public_values.as_bytes());
    }

    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Leaf(_) => self.put([0]),
            Shape::Inner(children) => {
                self.put([1]);
                self.list(children, Self::shape);
            }
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    const fn malformed(&self, problem: &'static str) -> EncodingError {
        EncodingError::Malformed { offset: self.at, problem }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], EncodingError> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.malformed("it ends too soon"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EncodingError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, EncodingError> {
        Ok(self.array::<1>()?[0])
    }

    fn flag(&mut self) -> Result<bool, EncodingError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed("a flag is neither 0 nor 1")),
        }
    }

    fn u32(&mut self) -> Result<u32, EncodingError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, EncodingError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn word(&mut self) -> Result<B256, EncodingError> {
        Ok(B256::new(self.array()?))
    }

    fn address(&mut self) -> Result<Address, EncodingError> {
        Ok(Address::new(self.array()?))
    }

    fn data(&mut self) -> Result<&'a [u8], EncodingError> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn text(&mut self) -> Result<String, EncodingError> {
        let text = std::str::from_utf8(self.data()?).map_err(|_| self.malformed("a text is not UTF-8"))?;
        Ok(text.to_owned())
    }

    /// Nothing is reserved for items that were only announced.
    fn list<T>(
        &mut self,
        limit: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, EncodingError>,
    ) -> Result<Vec<T>, EncodingError> {
        let length = self.u32()? as usize;
        if length > limit {
            return Err(self.malformed("a list is longer than it may be"));
        }
        (0..length).map(|_| read(self)).collect()
    }

    fn model(&mut self) -> Result<ModelRow, EncodingError> {
        let backend = match self.byte()? {
            1 => BackendName::Ezkl,
            2 => BackendName::Native,
            3 => BackendName::Mock,
            _ => return Err(self.malformed("an unknown backend")),
        };
        Ok(ModelRow {
            backend,
            backend_version: self.text()?,
            adapter_id: self.word()?,
            model_code_hash: self.word()?,
            vk_digest: self.word()?,
            model_code: if self.flag()? { Some(Bytes::copy_from_slice(self.data()?)) } else { None },
            schema: Bytes::copy_from_slice(self.data()?),
            srs_id: self.word()?,
            test_srs: self.flag()?,
            transferable: self.flag()?,
            weights: self.text()?,
        })
    }

    fn bundle(&mut self) -> Result<BundleRow, EncodingError> {
        Ok(BundleRow {
            model: self.u32()?,
            created_at_ms: self.u64()?,
            statements: self.list(MAX_STATEMENTS, Self::statement)?,
            proof: Bytes::copy_from_slice(self.data()?),
        })
    }

    fn statement(&mut self) -> Result<StatementRow, EncodingError> {
        let context = if self.flag()? {
            Context::Chain {
                chain_id: self.u64()?,
                registry: self.address()?,
                assignment: Assignment {
                    submitter: self.address()?,
                    consumer: self.address()?,
                    job: self.word()?,
                    deadline: self.u64()?,
                },
            }
        } else {
            Context::Offchain {}
        };
        let public_values = PublicValues::from_bytes(Bytes::copy_from_slice(self.data()?));
        Ok(StatementRow { context, public_values })
    }

    /// Recursion ends after `left` levels.
    fn shapes(&mut self, next: &mut u32, left: usize) -> Result<Vec<Shape>, EncodingError> {
        if left == 0 {
            return Err(StructureError::TooDeep.into());
        }
        self.list(MAX_BUNDLES, |input| {
            if input.flag()? {
                return Ok(Shape::Inner(input.shapes(next, left - 1)?));
            }
            *next += 1;
            Ok(Shape::Leaf(*next - 1))
        })
    }
}
