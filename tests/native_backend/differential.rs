//! The relation against tract: the integer network of the specification, written as a graph of
//! floating-point operators that are exact for it, has to give what was proven.

use zkinfer::model::{Input, Model, mlp::Dense, synthetic::Graph};
use zkinfer_prover::{
    Level, ModelSecret, Prover, Request, Verifier,
    circuit::{Saturation, Shape, Weights},
    setup,
    srs::test_srs,
};

/// A small seeded generator (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }
}

/// An integer network with a saturation bound per hidden layer, if it has any.
struct Network {
    dims: Vec<usize>,
    bounds: Option<Vec<Saturation>>,
    weights: Vec<Vec<i8>>,
    biases: Vec<Vec<i32>>,
}

impl Network {
    /// At most 10 wide and 3 layers deep: every sum stays below 2^24 for inputs below 256, where 32-bit floating
    /// point is exact.
    fn random(random: &mut Random) -> Self {
        let dims: Vec<usize> = (0..random.between(2, 4)).map(|_| random.between(1, 10) as usize).collect();
        let hidden = dims.len() - 2;
        let bound = |random: &mut Random| if random.below(2) == 0 { Saturation::Narrow } else { Saturation::Wide };
        let bounds = (random.below(2) == 0).then(|| (0..hidden).map(|_| bound(random)).collect());
        let layers = || dims.windows(2);
        let weights = layers().map(|d| (0..d[0] * d[1]).map(|_| random.between(-127, 127) as i8).collect()).collect();
        let biases = layers().map(|d| (0..d[1]).map(|_| random.between(-200_000, 200_000) as i32).collect()).collect();
        Self { dims, bounds, weights, biases }
    }

    /// `Gemm`, and between layers `floor((z + 128) / 256)` and `Clip`.
    fn model(&self) -> Model {
        let mut graph = Graph::new(13, &[1, self.dims[0] as i64]);
        let mut wire = "x".to_owned();
        for (l, d) in self.dims.windows(2).enumerate() {
            let dense = Dense {
                inputs: d[0],
                outputs: d[1],
                weights: self.weights[l].iter().map(|w| f64::from(*w)).collect(),
                bias: self.biases[l].iter().map(|b| f64::from(*b)).collect(),
            };
            wire = graph.gemm(&wire, &dense);
            if l + 2 < self.dims.len() {
                let (half, scale) = (graph.constant(&[1], &[128.0]), graph.constant(&[1], &[1.0 / 256.0]));
                let highest = self.bounds.as_ref().map_or(f32::MAX, |b| f32::from(b[l].bound()));
                let (low, high) = (graph.constant(&[], &[0.0]), graph.constant(&[], &[highest]));
                let sum = graph.node("Add", &[&wire, &half], vec![]);
                let scaled = graph.node("Mul", &[&sum, &scale], vec![]);
                let floor = graph.node("Floor", &[&scaled], vec![]);
                wire = graph.node("Clip", &[&floor, &low, &high], vec![]);
            }
        }
        Model::from_onnx(graph.finish(&wire, &[1, *self.dims.last().unwrap() as i64])).unwrap()
    }
}

#[test]
fn proven_outputs_are_what_tract_computes() {
    let srs = test_srs(1 << 13).unwrap();
    let mut random = Random(0x7ac7);
    let mut kinds = [0usize; 2];
    for _ in 0..24 {
        let network = Network::random(&mut random);
        let model = network.model();
        let shape = Shape::new(network.dims.clone(), network.bounds.clone()).unwrap();
        let weights = Weights::new(shape, network.weights.clone(), network.biases.clone()).unwrap();
        let key = setup::generate(weights, &ModelSecret::from_bytes([5; 32]), Some(Level::One), &srs).unwrap();
        let verifier = Verifier::new(key.verifying_key().clone(), srs.pinned()).unwrap();
        let samples = random.between(1, 3) as usize;
        let prover = Prover::new(key, &srs, samples).unwrap();
        let requests: Vec<Request> = (0..samples)
            .map(|k| Request {
                inputs: (0..network.dims[0]).map(|_| random.below(256) as u16).collect(),
                context_id: [k as u8; 32],
            })
            .collect();
        let (statements, proof) = prover.prove([1; 32], &requests).unwrap();
        verifier.verify(&statements, &proof.to_bytes()).unwrap();
        for (statement, request) in statements.iter().zip(&requests) {
            let input = Input::new(vec![request.inputs.iter().map(|x| f64::from(*x)).collect()]).unwrap();
            let exact: Vec<i64> = model.run(&input).unwrap()[0].iter().map(|o| *o as i64).collect();
            assert_eq!(statement.values.outputs, exact, "{:?} {:?}", network.dims, network.bounds);
            kinds[usize::from(network.bounds.is_some())] += 1;
        }
    }
    // Both kinds of networks were there.
    assert!(kinds.iter().all(|n| *n >= 8), "{kinds:?}");
}
