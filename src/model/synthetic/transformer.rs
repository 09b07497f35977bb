//! Transformers with seeded random weights: the shapes of models that the world runs, without what they learnt.

use super::{Graph, float, floats, int, ints, uniform};

/// The shape of a stack of transformer blocks, as PyTorch exports them (operator set 20). Its input are `tokens` vectors of
/// `width` numbers, shape `[1, tokens, width]`: embeddings, so that no table of words is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transformer {
    /// Blocks, one after the other.
    pub blocks: usize,
    /// Vectors that are read at once.
    pub tokens: usize,
    /// Channels; a multiple of `heads`.
    pub width: usize,
    /// Heads of the attention.
    pub heads: usize,
    /// Channels between the two dense layers behind the attention.
    pub hidden: usize,
    /// What surrounds attention and dense layers.
    pub kind: Stack,
}

/// The two families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// As in BERT: every token sees all, norms behind the sums, GELU by `erf`; the output is the mean of the tokens.
    Encoder,
    /// As in GPT-2: no token sees those behind it, norms before what reads them, GELU by `tanh`; the outputs are all tokens.
    Decoder,
}

impl Transformer {
    /// The blocks of all-MiniLM-L6-v2: 10.6 million parameters.
    #[must_use]
    pub const fn minilm_l6(tokens: usize) -> Self {
        Self { blocks: 6, tokens, width: 384, heads: 12, hidden: 1536, kind: Stack::Encoder }
    }

    /// The blocks of GPT-2 small: 85 million parameters.
    #[must_use]
    pub const fn gpt2_small(tokens: usize) -> Self {
        Self { blocks: 12, tokens, width: 768, heads: 12, hidden: 3072, kind: Stack::Decoder }
    }

    /// The file: weights uniform with the variance that keeps that of what they read, scales of norms about 1.
    #[must_use]
    pub fn to_onnx(self, seed: u64) -> Vec<u8> {
        let shape = [1, self.tokens as i64, self.width as i64];
        let mut builder = Builder { shape: self, graph: Graph::new(20, &shape), draw: Box::new(uniform(seed)) };
        let output = builder.stack();
        match self.kind {
            Stack::Encoder => builder.graph.finish(&output, &[1, self.width as i64]),
            Stack::Decoder => builder.graph.finish(&output, &shape),
        }
    }
}

struct Builder {
    shape: Transformer,
    graph: Graph,
    draw: Box<dyn FnMut() -> f64>,
}

impl Builder {
    fn stack(&mut self) -> String {
        let encoder = self.shape.kind == Stack::Encoder;
        let mut x = "x".to_owned();
        if encoder {
            x = self.norm(&x);
        }
        for _ in 0..self.shape.blocks {
            x = self.half(&x, Self::attention);
            x = self.half(&x, Self::dense);
        }
        if encoder {
            let axis = self.graph.integers(&[1]);
            return self.graph.node("ReduceMean", &[&x, &axis], vec![int("keepdims", 0)]);
        }
        self.norm(&x)
    }

    /// Half a block: what `of` computes is added to what it reads, and a norm stands before or behind.
    fn half(&mut self, x: &str, of: fn(&mut Self, &str) -> String) -> String {
        if self.shape.kind == Stack::Encoder {
            let inner = of(self, x);
            let sum = self.graph.node("Add", &[x, &inner], vec![]);
            return self.norm(&sum);
        }
        let read = self.norm(x);
        let inner = of(self, &read);
        self.graph.node("Add", &[x, &inner], vec![])
    }

    fn attention(&mut self, x: &str) -> String {
        let Transformer { tokens, width, heads, .. } = self.shape;
        let split = self.graph.integers(&[0, tokens as i64, heads as i64, (width / heads) as i64]);
        let mut part = |perm: &[i64]| {
            let projected = self.linear(x, width, width);
            let apart = self.graph.node("Reshape", &[&projected, &split], vec![]);
            self.graph.node("Transpose", &[&apart], vec![ints("perm", perm)])
        };
        let (queries, keys, values) = (part(&[0, 2, 1, 3]), part(&[0, 2, 3, 1]), part(&[0, 2, 1, 3]));
        let scores = self.graph.node("MatMul", &[&queries, &keys], vec![]);
        let root = self.graph.constant(&[], &[((width / heads) as f32).sqrt()]);
        let mut scores = self.graph.node("Div", &[&scores, &root], vec![]);
        if self.shape.kind == Stack::Decoder {
            let hidden = |at: usize| if at % tokens > at / tokens { -1e9 } else { 0.0 };
            let mask: Vec<f32> = (0..tokens * tokens).map(hidden).collect();
            let mask = self.graph.constant(&[tokens as i64, tokens as i64], &mask);
            scores = self.graph.node("Add", &[&scores, &mask], vec![]);
        }
        let shares = self.graph.node("Softmax", &[&scores], vec![int("axis", -1)]);
        let seen = self.graph.node("MatMul", &[&shares, &values], vec![]);
        let seen = self.graph.node("Transpose", &[&seen], vec![ints("perm", &[0, 2, 1, 3])]);
        let joined = self.graph.integers(&[0, tokens as i64, width as i64]);
        let seen = self.graph.node("Reshape", &[&seen, &joined], vec![]);
        self.linear(&seen, width, width)
    }

    fn dense(&mut self, x: &str) -> String {
        let Transformer { width, hidden, kind, .. } = self.shape;
        let up = self.linear(x, width, hidden);
        let approximation = if kind == Stack::Decoder { vec![super::text("approximate", "tanh")] } else { vec![] };
        let up = self.graph.node("Gelu", &[&up], approximation);
        self.linear(&up, hidden, width)
    }

    fn linear(&mut self, x: &str, inputs: usize, outputs: usize) -> String {
        let weights = self.numbers(inputs * outputs, (3.0 / inputs as f64).sqrt());
        let weights = self.graph.constant(&[inputs as i64, outputs as i64], &weights);
        let bias = self.numbers(outputs, 0.1);
        let bias = self.graph.constant(&[outputs as i64], &bias);
        let product = self.graph.node("MatMul", &[x, &weights], vec![]);
        self.graph.node("Add", &[&product, &bias], vec![])
    }

    fn norm(&mut self, x: &str) -> String {
        let width = self.shape.width;
        let scale: Vec<f32> = self.numbers(width, 0.1).iter().map(|x| 1.0 + x).collect();
        let scale = self.graph.constant(&[width as i64], &scale);
        let bias = self.numbers(width, 0.1);
        let bias = self.graph.constant(&[width as i64], &bias);
        self.graph.node("LayerNormalization", &[x, &scale, &bias], vec![int("axis", -1), float("epsilon", 1e-5)])
    }

    /// Uniform in `+-bound`.
    fn numbers(&mut self, count: usize, bound: f64) -> Vec<f32> {
        let drawn: Vec<f64> = (0..count).map(|_| (2.0 * (self.draw)() - 1.0) * bound).collect();
        floats(&drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Input, Model};

    const SMALL: Transformer =
        Transformer { blocks: 2, tokens: 3, width: 8, heads: 2, hidden: 16, kind: Stack::Encoder };

    #[test]
    fn parameters_are_those_of_their_shape() {
        // Of a block: twelve squares of the width, nine biases, scales and biases of two norms. One norm stands alone.
        let of = |Transformer { blocks, width: d, .. }| (blocks * (12 * d * d + 9 * d + 4 * d) + 2 * d) as u64;
        for kind in [Stack::Encoder, Stack::Decoder] {
            let shape = Transformer { hidden: 32, kind, ..SMALL };
            let model = Model::from_onnx(shape.to_onnx(1)).unwrap();
            // Masks and divisors are constants, too, and the numbers that GELU and norms are made of.
            let extra = model.parameters() - of(shape);
            assert!(extra <= (shape.blocks * (shape.tokens * shape.tokens + 8)) as u64, "{kind:?}: {extra}");
        }
    }

    /// No token of a decoder depends on those behind it, and all of an encoder do.
    #[test]
    fn tokens_see_what_their_family_lets_them() {
        let first = |kind, last: f64| {
            let shape = Transformer { kind, ..SMALL };
            let model = Model::from_onnx(shape.to_onnx(3)).unwrap();
            let mut x: Vec<f64> = (0..24).map(|i| f64::from(i % 5) / 5.0).collect();
            x[23] = last;
            model.run(&Input::new(vec![x]).unwrap()).unwrap().concat()[..8].to_vec()
        };
        assert_eq!(first(Stack::Decoder, 0.1), first(Stack::Decoder, 0.9));
        assert_ne!(first(Stack::Encoder, 0.1), first(Stack::Encoder, 0.9));
    }
}
