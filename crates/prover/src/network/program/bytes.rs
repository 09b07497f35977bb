//! The canonical bytes of a program (N1): big-endian, every list a count and its entries, fields of
//! fixed width; "none" is all ones.

use super::{
    Access, Form, Gate, Kind, LinearOp, Lookup, Mode, Monomial, Parts, Port, ProductOp, Program, PublicHat, Relation,
    Tensor, Term, Var, bounds,
};
use crate::encoding::Reader;
use crate::error::{EncodingError, ProgramError};

/// Largest encoding that is read.
pub const MAX_BYTES: usize = 98_304;

/// What stands for a missing index.
const NONE: u8 = 0xff;
/// Tags of public hats.
const GEOMETRIC: u8 = 0;
const INDEXED: u8 = 1;

/// A list with a count of one byte; longer ones are out of bounds and never encoded.
fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(items.len() as u8);
    each(out, items, write);
}

/// A list with a count of two bytes.
fn long_list<T>(out: &mut Vec<u8>, items: &[T], write: impl FnMut(&mut Vec<u8>, &T)) {
    out.extend((items.len() as u16).to_be_bytes());
    each(out, items, write);
}

fn each<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    items.iter().for_each(|item| write(out, item));
}

fn u32s(out: &mut Vec<u8>, values: &[u32]) {
    values.iter().for_each(|v| out.extend(v.to_be_bytes()));
}

fn form(out: &mut Vec<u8>, form: &Form) {
    list(out, &form.terms, |out, (column, coefficient)| {
        out.push(*column);
        out.extend(coefficient.to_be_bytes());
    });
    out.extend(form.constant.to_be_bytes());
}

fn kind(out: &mut Vec<u8>, kind: &Kind) {
    u32s(out, &[kind.lo, kind.hi]);
    list(out, &kind.views, form);
    list(out, &kind.gates, |out, gate| [&gate.a, &gate.b, &gate.c].into_iter().for_each(|f| form(out, f)));
    list(out, &kind.lookups, |out, lookup| {
        out.push(lookup.id);
        form(out, &lookup.input);
        form(out, &lookup.output);
    });
    out.extend([kind.value.unwrap_or(NONE), kind.reads]);
}

fn monomial(out: &mut Vec<u8>, m: &Monomial) {
    u32s(out, &[m.alpha, m.chi, m.theta]);
}

fn access(out: &mut Vec<u8>, a: &Access) {
    out.extend(a.tensor.to_be_bytes());
    out.extend([a.view, a.view2.unwrap_or(NONE)]);
    out.extend(a.coefficient.to_be_bytes());
    monomial(out, &a.monomial);
    each(out, &a.offsets, |out, o| out.extend(o.to_be_bytes()));
    let (s, t) = a.triangle.unwrap_or((NONE, NONE));
    out.extend([s, t]);
    list(out, &a.vars, |out, v| {
        u32s(out, &[v.size]);
        monomial(out, &v.weight);
        let (target, stride) = v.target.unwrap_or((NONE, 0));
        out.push(target);
        u32s(out, &[stride]);
    });
}

fn indices(out: &mut Vec<u8>, vars: &[(u32, Monomial, u32)]) {
    list(out, vars, |out, (size, weight, stride)| {
        u32s(out, &[*size]);
        monomial(out, weight);
        u32s(out, &[*stride]);
    });
}

fn term(out: &mut Vec<u8>, t: &Term) {
    let mode = match t.mode {
        Mode::Value => 0,
        Mode::Power => 1,
        Mode::Geometric => 2,
    };
    out.extend([t.port, mode]);
    out.extend(t.coefficient.to_be_bytes());
    monomial(out, &t.monomial);
    monomial(out, &t.base);
    u32s(out, &[t.first]);
    indices(out, &t.vars);
}

fn public_hat(out: &mut Vec<u8>, hat: &PublicHat) {
    match hat {
        PublicHat::Geometric { start, count, step, monomial: first, sums } => {
            out.push(GEOMETRIC);
            u32s(out, &[*start, *count]);
            monomial(out, step);
            monomial(out, first);
            list(out, sums, |out, (size, weight)| {
                u32s(out, &[*size]);
                monomial(out, weight);
            });
        }
        PublicHat::Indexed { start, stride, port, monomial: weight, first, vars } => {
            out.push(INDEXED);
            u32s(out, &[*start, *stride]);
            out.push(*port);
            monomial(out, weight);
            u32s(out, &[*first]);
            indices(out, vars);
        }
    }
}

impl Program {
    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let p = &self.parts;
        let mut out = vec![p.limbs, p.operands, p.lookups, p.reads, p.tables];
        u32s(&mut out, &[p.blocks, p.hat_end, p.product_end, p.positions]);
        list(&mut out, &p.kinds, kind);
        long_list(&mut out, &p.tensors, |out, t| {
            out.push(t.kind);
            u32s(out, &[t.base]);
            list(out, &t.dims, |out, d| u32s(out, &[*d]));
        });
        list(&mut out, &p.ports, |out, port| {
            out.extend([port.flags, port.width]);
            u32s(out, &[port.count]);
            out.extend(port.min.to_be_bytes());
            out.extend(port.max.to_be_bytes());
        });
        long_list(&mut out, &p.relations, |out, r| {
            long_list(out, &r.accesses, access);
            list(out, &r.terms, term);
        });
        long_list(&mut out, &p.linear_ops, |out, op| {
            long_list(out, &op.z, access);
            list(out, &op.terms, term);
            u32s(out, &[op.segment.0, op.segment.1]);
            long_list(out, &op.hats, access);
            list(out, &op.public_hats, public_hat);
        });
        long_list(&mut out, &p.product_ops, |out, op| {
            long_list(out, &op.z, access);
            u32s(out, &[op.segment.0, op.segment.1]);
            long_list(out, &op.left, access);
            long_list(out, &op.right, access);
        });
        out
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    /// The bytes are too long, are not canonical, or break a bound of [`bounds`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        if bytes.len() > MAX_BYTES {
            return Err(ProgramError::Bound { what: "program bytes", got: bytes.len() as u64, max: MAX_BYTES as u64 });
        }
        let mut reader = Reader::new(bytes);
        let parts = reader.parts()?;
        reader.end()?;
        Self::new(parts)
    }
}

type Read<T> = Result<T, EncodingError>;

fn optional(byte: u8) -> Option<u8> {
    (byte != NONE).then_some(byte)
}

impl Reader<'_> {
    fn list<T>(&mut self, max: usize, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = usize::from(self.u8()?);
        self.counted(count, max, &mut read)
    }

    fn long_list<T>(&mut self, max: usize, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = usize::from(self.u16()?);
        self.counted(count, max, &mut read)
    }

    /// Entries are read one by one: no allocation beyond the bytes that are there.
    fn counted<T>(&mut self, count: usize, max: usize, read: &mut impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        if count > max {
            return Err(EncodingError::Bound);
        }
        let mut out = Vec::new();
        for _ in 0..count {
            out.push(read(self)?);
        }
        Ok(out)
    }

    fn i64(&mut self) -> Read<i64> {
        Ok(i64::from_be_bytes(self.bytes()?))
    }

    fn form(&mut self) -> Read<Form> {
        Ok(Form { terms: self.list(bounds::MAX_TERMS, |r| Ok((r.u8()?, r.i64()?)))?, constant: self.i64()? })
    }

    fn kind(&mut self) -> Read<Kind> {
        Ok(Kind {
            lo: self.u32()?,
            hi: self.u32()?,
            views: self.list(bounds::MAX_VIEWS, Self::form)?,
            gates: self.list(bounds::MAX_GATES, |r| Ok(Gate { a: r.form()?, b: r.form()?, c: r.form()? }))?,
            lookups: self
                .list(bounds::MAX_LOOKUPS, |r| Ok(Lookup { id: r.u8()?, input: r.form()?, output: r.form()? }))?,
            value: optional(self.u8()?),
            reads: self.u8()?,
        })
    }

    fn monomial(&mut self) -> Read<Monomial> {
        Ok(Monomial { alpha: self.u32()?, chi: self.u32()?, theta: self.u32()? })
    }

    fn access(&mut self, tensors: &[Tensor]) -> Read<Access> {
        let tensor = self.u16()?;
        let axes = tensors.get(usize::from(tensor)).ok_or(EncodingError::Bound)?.dims.len();
        Ok(Access {
            tensor,
            view: self.u8()?,
            view2: optional(self.u8()?),
            coefficient: self.i64()?,
            monomial: self.monomial()?,
            offsets: (0..axes).map(|_| Ok(i32::from_be_bytes(self.bytes()?))).collect::<Read<_>>()?,
            triangle: match (optional(self.u8()?), optional(self.u8()?)) {
                (None, None) => None,
                (Some(s), Some(t)) => Some((s, t)),
                _ => return Err(EncodingError::Bound),
            },
            vars: self.list(bounds::MAX_VARS, |r| {
                let (size, weight) = (r.u32()?, r.monomial()?);
                let target = match (optional(r.u8()?), r.u32()?) {
                    (None, 0) => None,
                    (None, _) => return Err(EncodingError::Bound),
                    (Some(target), stride) => Some((target, stride)),
                };
                Ok(Var { size, weight, target })
            })?,
        })
    }

    fn accesses(&mut self, tensors: &[Tensor]) -> Read<Vec<Access>> {
        self.long_list(bounds::MAX_ACCESSES, |r| r.access(tensors))
    }

    fn indices(&mut self) -> Read<Vec<(u32, Monomial, u32)>> {
        self.list(bounds::MAX_VARS, |r| Ok((r.u32()?, r.monomial()?, r.u32()?)))
    }

    fn term(&mut self) -> Read<Term> {
        Ok(Term {
            port: self.u8()?,
            mode: match self.u8()? {
                0 => Mode::Value,
                1 => Mode::Power,
                2 => Mode::Geometric,
                other => return Err(EncodingError::Flags(other)),
            },
            coefficient: self.i64()?,
            monomial: self.monomial()?,
            base: self.monomial()?,
            first: self.u32()?,
            vars: self.indices()?,
        })
    }

    fn terms(&mut self) -> Read<Vec<Term>> {
        self.list(bounds::MAX_CONSTRAINT_TERMS, Self::term)
    }

    fn public_hat(&mut self) -> Read<PublicHat> {
        match self.u8()? {
            GEOMETRIC => Ok(PublicHat::Geometric {
                start: self.u32()?,
                count: self.u32()?,
                step: self.monomial()?,
                monomial: self.monomial()?,
                sums: self.list(bounds::MAX_VARS, |r| Ok((r.u32()?, r.monomial()?)))?,
            }),
            INDEXED => Ok(PublicHat::Indexed {
                start: self.u32()?,
                stride: self.u32()?,
                port: self.u8()?,
                monomial: self.monomial()?,
                first: self.u32()?,
                vars: self.indices()?,
            }),
            other => Err(EncodingError::Flags(other)),
        }
    }

    fn parts(&mut self) -> Read<Parts> {
        let mut p = Parts {
            limbs: self.u8()?,
            operands: self.u8()?,
            lookups: self.u8()?,
            reads: self.u8()?,
            tables: self.u8()?,
            blocks: self.u32()?,
            hat_end: self.u32()?,
            product_end: self.u32()?,
            positions: self.u32()?,
            kinds: self.list(bounds::MAX_KINDS, Self::kind)?,
            tensors: self.long_list(bounds::MAX_TENSORS, |r| {
                Ok(Tensor { kind: r.u8()?, base: r.u32()?, dims: r.list(bounds::MAX_AXES, Self::u32)? })
            })?,
            ports: self.list(bounds::MAX_PORTS, |r| {
                Ok(Port { flags: r.u8()?, width: r.u8()?, count: r.u32()?, min: r.i64()?, max: r.i64()? })
            })?,
            ..Parts::default()
        };
        let tensors = &p.tensors;
        p.relations = self.long_list(bounds::MAX_CONSTRAINTS, |r| {
            Ok(Relation { accesses: r.accesses(tensors)?, terms: r.terms()? })
        })?;
        p.linear_ops = self.long_list(bounds::MAX_CONSTRAINTS, |r| {
            Ok(LinearOp {
                z: r.accesses(tensors)?,
                terms: r.terms()?,
                segment: (r.u32()?, r.u32()?),
                hats: r.accesses(tensors)?,
                public_hats: r.list(bounds::MAX_CONSTRAINT_TERMS, Self::public_hat)?,
            })
        })?;
        p.product_ops = self.long_list(bounds::MAX_CONSTRAINTS, |r| {
            Ok(ProductOp {
                z: r.accesses(tensors)?,
                segment: (r.u32()?, r.u32()?),
                left: r.accesses(tensors)?,
                right: r.accesses(tensors)?,
            })
        })?;
        Ok(p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::graph::samples;
    use proptest::prelude::*;

    #[test]
    fn programs_have_one_encoding() {
        for program in samples::programs() {
            let bytes = program.to_bytes();
            assert_eq!(Program::from_bytes(&bytes).unwrap(), program);
            for cut in 0..bytes.len() {
                assert!(Program::from_bytes(&bytes[..cut]).is_err(), "{cut}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(matches!(Program::from_bytes(&longer), Err(ProgramError::Encoding(EncodingError::Trailing))));
            assert!(bytes.len() < MAX_BYTES);
        }
        assert!(Program::from_bytes(&vec![0; MAX_BYTES + 1]).is_err());
    }

    proptest! {
        /// Whatever is read has exactly the bytes that it was read from, and nothing panics on it.
        #[test]
        fn changed_bytes_are_refused_or_canonical(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            which in 0usize..5,
        ) {
            let programs = samples::programs();
            let mut bytes = programs[which % programs.len()].to_bytes();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(program) = Program::from_bytes(&bytes) {
                prop_assert_eq!(program.to_bytes(), bytes);
                let _ = program.check(&crate::network::Fixed::default());
            }
        }

        #[test]
        fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Program::from_bytes(&bytes).is_err());
        }
    }
}
