//! The canonical bytes of a graph with its weights, for proving keys: big-endian, every list a count of four bytes and
//! its entries. Secret.

use zeroize::Zeroizing;

use super::{Elements, Graph, Layer, Linear, Parameters, Products, Stack, Table};
use crate::circuit::Committed;
use crate::encoding::Reader;
use crate::error::{EncodingError, KeyError};
use crate::network::gadget::{Gadget, Slope};

/// Most layers.
const MAX_LAYERS: u32 = super::MAX_LAYERS as u32;
/// Most axes of a layer.
const MAX_AXES: u32 = 3;

fn u32s(out: &mut Vec<u8>, values: &[u32]) {
    values.iter().for_each(|v| out.extend(v.to_be_bytes()));
}

fn list(out: &mut Vec<u8>, values: &[u32]) {
    u32s(out, &[values.len() as u32]);
    u32s(out, values);
}

/// Tag, then the parameters.
fn gadget(out: &mut Vec<u8>, gadget: Gadget) {
    match gadget {
        Gadget::Input => out.push(0),
        Gadget::Requantize { shift } => out.extend([1, shift]),
        Gadget::Relu { shift } => out.extend([2, shift]),
        Gadget::Clamp { shift, lo, hi } => {
            out.extend([3, shift]);
            out.extend(lo.to_be_bytes());
            out.extend(hi.to_be_bytes());
        }
        Gadget::Max { inputs } => out.extend([4, inputs]),
        Gadget::Divide { by } => {
            out.push(5);
            out.extend(by.to_be_bytes());
        }
        Gadget::Product { shift } => out.extend([6, shift]),
        Gadget::Function { table, bytes } => out.extend([7, table, bytes]),
        Gadget::Copy => out.push(8),
        Gadget::Interpolate { table, slope, signed, shift } => {
            let slope = match slope {
                Slope::Rising => 0,
                Slope::Falling => 1,
                Slope::Signed => 2,
            };
            out.extend([9, table, slope, u8::from(signed[0]) | u8::from(signed[1]) << 1, shift]);
        }
        Gadget::Compare => out.push(10),
        Gadget::Choose { signed } => out.extend([11, signed.into()]),
        Gadget::Constant { signed } => out.extend([12, signed.into()]),
        Gadget::UnsignedProduct { shift } => out.extend([13, shift]),
        Gadget::Score { shift } => out.extend([14, shift]),
        Gadget::Reciprocal => out.push(15),
        Gadget::Variance { width, shift } => {
            out.push(16);
            u32s(out, &[width]);
            out.push(shift);
        }
        Gadget::Falling { table } => out.extend([19, table]),
        Gadget::InverseRoot { log } => out.extend([17, log]),
        Gadget::RootAbove { log } => out.extend([18, log]),
    }
}

fn elements(out: &mut Vec<u8>, elements: &Elements) {
    // At most 1024 layers.
    u32s(out, &[elements.from as u32]);
    list(out, &elements.indices);
}

fn parameters(out: &mut Vec<u8>, parameters: &Parameters) {
    u32s(out, &[parameters.biases.len() as u32, parameters.weights.len() as u32]);
    parameters.biases.iter().for_each(|b| out.extend(b.to_be_bytes()));
    parameters.weights.iter().for_each(|w| out.extend(w.to_be_bytes()));
}

/// No gadget.
const NONE: u8 = 0xff;

fn linear(out: &mut Vec<u8>, op: Linear) {
    match op {
        Linear::Dense { outputs } => {
            out.push(0);
            u32s(out, &[outputs]);
        }
        Linear::Conv { channels, kernel, stride, padding, groups } => {
            out.push(1);
            u32s(out, &[channels, kernel, stride, padding, groups]);
        }
        Linear::Rows { outputs } => {
            out.push(2);
            u32s(out, &[outputs]);
        }
    }
}

fn steps(out: &mut Vec<u8>, steps: &[(u8, u32); 3]) {
    for (axis, stride) in steps {
        out.push(*axis);
        u32s(out, &[*stride]);
    }
}

fn products(out: &mut Vec<u8>, products: &Products) {
    for stack in [&products.left, &products.right] {
        // At most 1024 layers.
        u32s(out, &[stack.from as u32]);
        steps(out, &stack.steps);
        list(out, &stack.first);
    }
    u32s(out, &products.sizes);
    list(out, &products.dims);
    steps(out, &products.steps);
    out.push(products.causal.into());
    u32s(out, &[products.scale.map_or(u32::MAX, |by| by as u32)]);
    gadget(out, products.activation);
}

/// Layers are at most 1024.
fn layer(out: &mut Vec<u8>, layer: &Layer) {
    let at = |from: usize| from as u32;
    match layer {
        Layer::Input { dims } => {
            out.push(0);
            list(out, dims);
        }
        Layer::Linear { from, op, parameters, activation, plus } => {
            out.push(1);
            u32s(out, &[at(*from), plus.map_or(u32::MAX, |(from, _)| at(from))]);
            out.extend(plus.map(|(_, log)| log));
            linear(out, *op);
            match activation {
                None => out.push(NONE),
                Some(activation) => gadget(out, *activation),
            }
            self::parameters(out, parameters);
        }
        Layer::MaxPool { from, window } => {
            out.push(2);
            u32s(out, &[at(*from), *window]);
        }
        Layer::MeanPool { from, window } => {
            out.push(3);
            u32s(out, &[at(*from), *window]);
        }
        Layer::Activation { from, activation } => {
            out.push(4);
            u32s(out, &[at(*from)]);
            gadget(out, *activation);
        }
        Layer::Mul { from, shift } => {
            out.push(5);
            u32s(out, &from.map(at));
            out.push(*shift);
        }
        Layer::MatMul { from, activation } => {
            out.push(6);
            u32s(out, &from.map(at));
            gadget(out, *activation);
        }
        Layer::Products(of) => {
            out.push(23);
            products(out, of);
        }
        Layer::Gather { from, dims, indices } => {
            out.push(7);
            u32s(out, &[at(*from)]);
            list(out, dims);
            list(out, indices);
        }
        Layer::Output { from } => {
            out.push(21);
            u32s(out, &[at(*from)]);
        }
        Layer::Join { from, dims, indices } => {
            out.push(22);
            list(out, &from.iter().map(|from| at(*from)).collect::<Vec<_>>());
            list(out, dims);
            list(out, indices);
        }
        Layer::Add { from, activation } => {
            out.push(8);
            u32s(out, &from.map(at));
            gadget(out, *activation);
        }
        Layer::Compare { from, dims } => {
            out.push(9);
            from.iter().for_each(|e| elements(out, e));
            list(out, dims);
        }
        Layer::Choose { from, dims, signed } => {
            out.extend([10, u8::from(*signed)]);
            from.iter().for_each(|e| elements(out, e));
            list(out, dims);
        }
        Layer::Constant { dims, values, signed } => {
            out.extend([11, u8::from(*signed)]);
            list(out, dims);
            parameters(out, values);
        }
        Layer::MulUnsigned { from, shift } => {
            out.push(12);
            u32s(out, &from.map(at));
            out.push(*shift);
        }
        Layer::Variances { from, shift } => {
            out.push(17);
            u32s(out, &[at(*from)]);
            out.push(*shift);
        }
        Layer::InverseRoots { variances, log } => {
            out.push(18);
            u32s(out, &[at(*variances)]);
            out.push(*log);
        }
        Layer::RootBounds { roots } => {
            out.push(19);
            u32s(out, &[at(*roots)]);
        }
        Layer::Normalize { from, roots, shift } => {
            out.push(20);
            u32s(out, &[at(*from), at(*roots)]);
            out.push(*shift);
        }
        Layer::Scores { from } => {
            out.push(13);
            u32s(out, &[at(*from)]);
        }
        Layer::OfDistance { scores, log, activation } => {
            out.push(14);
            u32s(out, &[at(*scores)]);
            out.push(*log);
            gadget(out, *activation);
        }
        Layer::Reciprocals { scores, from } => {
            out.push(15);
            u32s(out, &[at(*scores), at(*from)]);
        }
        Layer::ScaleRows { from, by, shift } => {
            out.push(16);
            u32s(out, &[at(*from), at(*by)]);
            out.push(*shift);
        }
    }
}

impl Graph {
    /// Bytes that the encoding takes at most.
    fn capacity(&self) -> usize {
        let of = |layer: &Layer| match layer {
            Layer::Linear { parameters, .. } => 64 + 4 * parameters.biases.len() + 2 * parameters.weights.len(),
            Layer::Gather { dims, indices, .. } => 64 + 4 * (dims.len() + indices.len()),
            Layer::Join { from, dims, indices } => 64 + 4 * (from.len() + dims.len() + indices.len()),
            Layer::Compare { from, .. } => 64 + 4 * from.iter().map(|e| e.indices.len()).sum::<usize>(),
            Layer::Choose { from, .. } => 64 + 4 * from.iter().map(|e| e.indices.len()).sum::<usize>(),
            Layer::Constant { values, .. } => 64 + 4 * values.biases.len(),
            Layer::Products(_) => 192,
            _ => 64,
        };
        16 + 1029 * self.functions.len() + self.layers.iter().map(of).sum::<usize>()
    }

    /// The canonical bytes: flags of committed ports, tables, layers. Secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Exact capacity: a growing vector would leave copies of the secret behind.
        let mut out = Zeroizing::new(Vec::with_capacity(self.capacity()));
        out.push(u8::from(self.committed.inputs) | u8::from(self.committed.outputs) << 1);
        // At most 253 tables and 1024 layers.
        out.push(self.functions.len() as u8);
        for function in &self.functions {
            match function {
                Table::Values(values) => {
                    out.push(0);
                    values.iter().for_each(|v| out.extend(v.to_be_bytes()));
                }
                Table::Samples(samples) => {
                    out.push(1);
                    samples.iter().for_each(|v| out.extend(v.to_be_bytes()));
                }
            }
        }
        out.extend((self.layers.len() as u32).to_be_bytes());
        self.layers.iter().for_each(|l| layer(&mut out, l));
        out
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a graph.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(bytes);
        let flags = reader.u8()?;
        if flags > 3 {
            return Err(EncodingError::Flags(flags).into());
        }
        let mut tables = Vec::new();
        for _ in 0..reader.u8()? {
            tables.push(reader.table()?);
        }
        let count = reader.u32()?;
        if count > MAX_LAYERS {
            return Err(EncodingError::Bound.into());
        }
        let layers = (0..count).map(|_| reader.layer()).collect::<Result<Vec<_>, _>>()?;
        reader.end()?;
        let committed = Committed { inputs: flags & 1 != 0, outputs: flags & 2 != 0 };
        Ok(Self::with_functions(layers, tables).map_err(KeyError::from)?.with_committed(committed))
    }
}

type Read<T> = Result<T, EncodingError>;

impl Reader<'_> {
    /// Words whose bytes are there: nothing is allocated for others.
    fn u32_list(&mut self, max: u32) -> Read<Vec<u32>> {
        let count = self.u32()?;
        if count > max {
            return Err(EncodingError::Bound);
        }
        let words = self.slice(4 * count as usize)?.as_chunks::<4>().0;
        Ok(words.iter().map(|w| u32::from_be_bytes(*w)).collect())
    }

    fn bit(&mut self) -> Read<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(EncodingError::Flags(other)),
        }
    }

    fn elements(&mut self) -> Read<Elements> {
        Ok(Elements { from: self.source()?, indices: self.u32_list(u32::MAX)? })
    }

    fn parameters(&mut self) -> Read<Parameters> {
        let (rows, weights) = (self.u32()? as usize, self.u32()? as usize);
        let biases = self.slice(rows.saturating_mul(4))?.as_chunks::<4>().0;
        let biases = biases.iter().map(|b| i32::from_be_bytes(*b)).collect();
        let weights = self.slice(weights.saturating_mul(2))?.as_chunks::<2>().0;
        let weights = weights.iter().map(|w| i16::from_be_bytes(*w)).collect();
        Ok(Parameters { weights, biases })
    }

    fn table(&mut self) -> Read<Table> {
        Ok(match self.bit()? {
            false => {
                let mut values = [0i16; 256];
                for v in &mut values {
                    *v = i16::from_be_bytes(self.bytes()?);
                }
                Table::Values(values)
            }
            true => {
                let mut samples = [0i32; 257];
                for v in &mut samples {
                    *v = i32::from_be_bytes(self.bytes()?);
                }
                Table::Samples(samples)
            }
        })
    }

    fn source(&mut self) -> Read<usize> {
        let from = self.u32()?;
        if from < MAX_LAYERS { Ok(from as usize) } else { Err(EncodingError::Bound) }
    }

    fn sources(&mut self) -> Read<[usize; 2]> {
        Ok([self.source()?, self.source()?])
    }

    fn gadget(&mut self) -> Read<Gadget> {
        let tag = self.u8()?;
        self.gadget_of(tag)?.ok_or(EncodingError::Flags(tag))
    }

    /// `None` for the tag that says so.
    fn gadget_of(&mut self, tag: u8) -> Read<Option<Gadget>> {
        let i32 = |r: &mut Self| Ok(i32::from_be_bytes(r.bytes()?));
        Ok(Some(match tag {
            0 => Gadget::Input,
            1 => Gadget::Requantize { shift: self.u8()? },
            2 => Gadget::Relu { shift: self.u8()? },
            3 => Gadget::Clamp { shift: self.u8()?, lo: i32(self)?, hi: i32(self)? },
            4 => Gadget::Max { inputs: self.u8()? },
            5 => Gadget::Divide { by: self.u16()? },
            6 => Gadget::Product { shift: self.u8()? },
            7 => Gadget::Function { table: self.u8()?, bytes: self.u8()? },
            8 => Gadget::Copy,
            9 => {
                let table = self.u8()?;
                let slope = match self.u8()? {
                    0 => Slope::Rising,
                    1 => Slope::Falling,
                    2 => Slope::Signed,
                    other => return Err(EncodingError::Flags(other)),
                };
                let flags = self.u8()?;
                if flags > 3 {
                    return Err(EncodingError::Flags(flags));
                }
                let signed = [flags & 1 != 0, flags & 2 != 0];
                Gadget::Interpolate { table, slope, signed, shift: self.u8()? }
            }
            10 => Gadget::Compare,
            11 => Gadget::Choose { signed: self.bit()? },
            12 => Gadget::Constant { signed: self.bit()? },
            13 => Gadget::UnsignedProduct { shift: self.u8()? },
            14 => Gadget::Score { shift: self.u8()? },
            15 => Gadget::Reciprocal,
            16 => Gadget::Variance { width: self.u32()?, shift: self.u8()? },
            19 => Gadget::Falling { table: self.u8()? },
            17 => Gadget::InverseRoot { log: self.u8()? },
            18 => Gadget::RootAbove { log: self.u8()? },
            NONE => return Ok(None),
            other => return Err(EncodingError::Flags(other)),
        }))
    }

    fn linear(&mut self) -> Read<Linear> {
        match self.u8()? {
            0 => Ok(Linear::Dense { outputs: self.u32()? }),
            1 => Ok(Linear::Conv {
                channels: self.u32()?,
                kernel: self.u32()?,
                stride: self.u32()?,
                padding: self.u32()?,
                groups: self.u32()?,
            }),
            2 => Ok(Linear::Rows { outputs: self.u32()? }),
            other => Err(EncodingError::Flags(other)),
        }
    }

    /// A layer, or none.
    fn maybe(&mut self) -> Read<Option<usize>> {
        match self.u32()? {
            u32::MAX => Ok(None),
            from if from < MAX_LAYERS => Ok(Some(from as usize)),
            _ => Err(EncodingError::Bound),
        }
    }

    fn steps(&mut self) -> Read<[(u8, u32); 3]> {
        Ok([(self.u8()?, self.u32()?), (self.u8()?, self.u32()?), (self.u8()?, self.u32()?)])
    }

    fn stack(&mut self) -> Read<Stack> {
        Ok(Stack { from: self.source()?, steps: self.steps()?, first: self.u32_list(MAX_AXES)? })
    }

    fn products(&mut self) -> Read<Products> {
        Ok(Products {
            left: self.stack()?,
            right: self.stack()?,
            sizes: [self.u32()?, self.u32()?, self.u32()?, self.u32()?],
            dims: self.u32_list(MAX_AXES)?,
            steps: self.steps()?,
            causal: self.bit()?,
            scale: self.maybe()?,
            activation: self.gadget()?,
        })
    }

    fn layer(&mut self) -> Read<Layer> {
        Ok(match self.u8()? {
            0 => Layer::Input { dims: self.u32_list(MAX_AXES)? },
            1 => {
                let (from, plus) = (self.source()?, self.maybe()?);
                let plus = match plus {
                    Some(from) => Some((from, self.u8()?)),
                    None => None,
                };
                let op = self.linear()?;
                let tag = self.u8()?;
                let activation = self.gadget_of(tag)?;
                Layer::Linear { from, op, parameters: self.parameters()?, activation, plus }
            }
            2 => Layer::MaxPool { from: self.source()?, window: self.u32()? },
            3 => Layer::MeanPool { from: self.source()?, window: self.u32()? },
            4 => Layer::Activation { from: self.source()?, activation: self.gadget()? },
            5 => Layer::Mul { from: self.sources()?, shift: self.u8()? },
            6 => Layer::MatMul { from: self.sources()?, activation: self.gadget()? },
            7 => Layer::Gather {
                from: self.source()?,
                dims: self.u32_list(MAX_AXES)?,
                indices: self.u32_list(u32::MAX)?,
            },
            21 => Layer::Output { from: self.source()? },
            23 => Layer::Products(Box::new(self.products()?)),
            22 => {
                let from = self.u32_list(MAX_LAYERS)?;
                if from.iter().any(|layer| *layer >= MAX_LAYERS) {
                    return Err(EncodingError::Bound);
                }
                Layer::Join {
                    from: from.into_iter().map(|layer| layer as usize).collect(),
                    dims: self.u32_list(MAX_AXES)?,
                    indices: self.u32_list(u32::MAX)?,
                }
            }
            8 => Layer::Add { from: self.sources()?, activation: self.gadget()? },
            9 => Layer::Compare { from: [self.elements()?, self.elements()?], dims: self.u32_list(MAX_AXES)? },
            10 => {
                let signed = self.bit()?;
                let from = Box::new([self.elements()?, self.elements()?, self.elements()?]);
                Layer::Choose { from, dims: self.u32_list(MAX_AXES)?, signed }
            }
            11 => {
                let signed = self.bit()?;
                Layer::Constant { dims: self.u32_list(MAX_AXES)?, values: self.parameters()?, signed }
            }
            12 => Layer::MulUnsigned { from: self.sources()?, shift: self.u8()? },
            13 => Layer::Scores { from: self.source()? },
            17 => Layer::Variances { from: self.source()?, shift: self.u8()? },
            18 => Layer::InverseRoots { variances: self.source()?, log: self.u8()? },
            19 => Layer::RootBounds { roots: self.source()? },
            20 => Layer::Normalize { from: self.source()?, roots: self.source()?, shift: self.u8()? },
            14 => Layer::OfDistance { scores: self.source()?, log: self.u8()?, activation: self.gadget()? },
            15 => Layer::Reciprocals { scores: self.source()?, from: self.source()? },
            16 => Layer::ScaleRows { from: self.source()?, by: self.source()?, shift: self.u8()? },
            other => return Err(EncodingError::Flags(other)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::graph::samples::graphs;
    use proptest::prelude::*;

    #[test]
    fn graphs_have_one_encoding() {
        for graph in graphs() {
            let bytes = graph.to_bytes();
            assert!(bytes.len() <= graph.capacity());
            assert_eq!(Graph::from_bytes(&bytes).unwrap(), graph);
            for cut in (0..bytes.len()).step_by(3) {
                assert!(Graph::from_bytes(&bytes[..cut]).is_err(), "{cut}");
            }
            assert!(Graph::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    proptest! {
        /// Whatever is read has exactly the bytes that it was read from.
        #[test]
        fn changed_bytes_are_refused_or_canonical(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            which in any::<prop::sample::Index>(),
        ) {
            let graphs = graphs();
            let mut bytes = graphs[which.index(graphs.len())].to_bytes().to_vec();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(graph) = Graph::from_bytes(&bytes) {
                prop_assert_eq!(&graph.to_bytes()[..], &bytes[..]);
            }
        }

        #[test]
        fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Graph::from_bytes(&bytes).is_err());
        }
    }
}
