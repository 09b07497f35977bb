//! Float model, integer graph and proof against each other.

mod attention;
mod functions;
mod gpt;
mod integers;
mod operators;
mod shapes;
mod tensors;

use super::*;
use crate::model::{
    Input, LowerError, Model,
    graph::{
        Attribute,
        testing::{File, attribute},
    },
    quantize::{Calibration, uniform},
};
use zkinfer_prover::{
    ModelSecret, ProveError, Request,
    network::{NetworkProver, NetworkVerifier, PortValue, generate},
    srs::test_srs,
};

const CNN: &[u8] = include_bytes!("../../../../models/digits-cnn/cnn.onnx");
const SAMPLES: &[u8] = include_bytes!("../../../../models/digits/calibration.json");

/// A file that grows, with seeded weights.
struct Maker {
    file: File,
    next: Box<dyn FnMut() -> f64>,
    count: usize,
}

impl Maker {
    fn new(shape: &[&str]) -> Self {
        Self { file: File::of(17).floats("x", shape), next: Box::new(uniform(7)), count: 0 }
    }

    /// Uniform in `+-bound`.
    fn weights(&mut self, shape: &[usize], bound: f64) -> String {
        let numbers: Vec<f32> =
            (0..shape.iter().product()).map(|_| ((2.0 * (self.next)() - 1.0) * bound) as f32).collect();
        self.constant(shape, &numbers)
    }

    fn constant(&mut self, shape: &[usize], numbers: &[f32]) -> String {
        self.count += 1;
        let name = format!("w{}", self.count);
        self.file = std::mem::take(&mut self.file).weights(&name, shape, numbers);
        name
    }

    fn list(&mut self, numbers: &[i64]) -> String {
        self.count += 1;
        let name = format!("l{}", self.count);
        self.file = std::mem::take(&mut self.file).list(&name, numbers);
        name
    }

    fn indices(&mut self, shape: &[usize], numbers: &[i64]) -> String {
        let flat = self.list(numbers);
        let shape: Vec<i64> = shape.iter().map(|d| *d as i64).collect();
        let shape = self.list(&shape);
        self.node("Reshape", &[&flat, &shape], vec![])
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: Vec<(&str, Attribute)>) -> String {
        self.nodes(operator, inputs, attributes, 1).remove(0)
    }

    fn nodes(&mut self, operator: &str, inputs: &[&str], attributes: Vec<(&str, Attribute)>, n: usize) -> Vec<String> {
        let outputs: Vec<String> = (0..n).map(|i| format!("v{}", self.count + 1 + i)).collect();
        self.count += n;
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        self.file = std::mem::take(&mut self.file).node_with(operator, inputs, &names, |writer| {
            attributes.into_iter().for_each(|(name, value)| attribute(writer, name, value));
        });
        outputs
    }

    fn conv(&mut self, x: &str, shape: [usize; 4], attributes: Vec<(&str, Attribute)>) -> String {
        let bound = (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
        let (w, b) = (self.weights(&shape, bound), self.weights(&[shape[0]], 0.1));
        self.node("Conv", &[x, &w, &b], attributes)
    }

    fn dense(&mut self, x: &str, inputs: usize, outputs: usize) -> String {
        let bound = (3.0 / inputs as f64).sqrt();
        let (w, b) = (self.weights(&[inputs, outputs], bound), self.weights(&[outputs], 0.1));
        self.node("Gemm", &[x, &w, &b], vec![])
    }

    fn flatten(&mut self, x: &str) -> String {
        self.node("Flatten", &[x], vec![])
    }

    fn model(self, output: &str) -> Model {
        Model::from_onnx(self.file.output(output).bytes()).unwrap()
    }
}

fn ints(list: &[i64]) -> Attribute {
    list.to_vec().into()
}

fn same() -> Vec<(&'static str, Attribute)> {
    vec![("pads", ints(&[1, 1, 1, 1]))]
}

/// Samples uniform in `low..high`.
fn samples(width: usize, count: usize, low: f64, high: f64) -> Vec<Vec<f64>> {
    let mut next = uniform(3);
    (0..count).map(|_| (0..width).map(|_| low + (high - low) * next()).collect()).collect()
}

/// Quantizes with half of the samples, compares on all.
fn quantized(model: &Model, samples: &[Vec<f64>]) -> (Network, Report) {
    let half = Calibration::Samples(samples[..samples.len().div_ceil(2)].to_vec());
    let network = Network::new(model, &half).unwrap();
    for sample in samples.iter().take(3) {
        let expected = model.run(&Input::new(vec![sample.clone()]).unwrap()).unwrap().concat();
        for (a, b) in network.float(sample).iter().zip(expected) {
            assert!((a - f64::from(b)).abs() <= 1e-3 * a.abs().max(1.0), "{a} against {b}");
        }
    }
    let report = network.report(samples);
    assert_eq!((report.accuracy.samples, report.accuracy.out_of_range), (samples.len(), 0));
    (network, report)
}

/// Proves the integer graph on two inputs; the proof says what the graph computes, and nothing else.
fn prove(network: &Network, samples: &[Vec<f64>]) {
    let secret = ModelSecret::from_bytes([9; 32]);
    let srs = test_srs(1 << 16).unwrap();
    let key = generate(network.graph().clone(), &secret, None, &srs).unwrap();
    let verifier = NetworkVerifier::new(key.verifying_key().clone(), srs.pinned()).unwrap();
    let prover = NetworkProver::new(key, &srs, 2).unwrap();
    let request = |sample: &Vec<f64>| Request { inputs: network.quantize(sample).unwrap(), context_id: [0; 32] };
    let requests: Vec<Request> = samples.iter().take(2).map(request).collect();
    let (mut statements, proof) = prover.prove([1; 32], &requests).unwrap();
    let proof = proof.to_bytes();
    verifier.verify(&statements, &proof).unwrap();
    for (statement, request) in statements.iter().zip(&requests) {
        let outputs = statement.ports[network.inputs().len()..].iter().flat_map(|port| port.elements().to_vec());
        assert_eq!(outputs.collect::<Vec<_>>(), network.graph().infer(&request.inputs).unwrap());
    }
    let Some(PortValue::Elements(outputs)) = statements[1].ports.last_mut() else { panic!("public") };
    outputs[0] += 1;
    assert!(verifier.verify(&statements, &proof).is_err());
}

/// The model that ships: accuracy as its page says, and proven.
#[test]
fn the_convolutional_digits_model() {
    let model = Model::from_onnx(CNN.to_vec()).unwrap();
    let calibration = Input::from_json(SAMPLES).unwrap();
    let calibration = Calibration::from_input(&calibration, &[64]).unwrap();
    let (network, report) = quantized(&model, &calibration.samples(64));
    assert_eq!(report.accuracy.same_argmax, 64);
    assert!(report.accuracy.max_abs_error < 0.02, "{report:?}");
    assert_eq!(report.tensors.len(), 7, "nothing is passed on that can be computed at once");
    assert_eq!(report.tensors[0].exponent, -15);
    assert!(report.worst.is_some() && report.mean_abs_error <= report.accuracy.max_abs_error);
    prove(&network, &calibration.samples(64));
}

/// Residual sums, normalization, strides, groups, clipped and leaky activations, a global mean; inputs of both signs.
#[test]
fn a_residual_network() {
    let mut m = Maker::new(&["1", "2", "8", "8"]);
    let stem = m.conv("x", [4, 2, 3, 3], same());
    let parameters = [0.5, 0.1, 0.2, 1.0].map(|x| m.constant(&[4], &[x, x + 0.3, x, x + 0.5]));
    let [a, b, c, d] = parameters.each_ref().map(String::as_str);
    let stem = m.node("BatchNormalization", &[&stem, a, b, c, d], vec![]);
    let stem = m.node("Relu", &[&stem], vec![]);
    let deep = m.conv(&stem, [4, 1, 3, 3], [same(), vec![("group", 4.into())]].concat());
    let deep = m.node("LeakyRelu", &[&deep], vec![("alpha", 0.1.into())]);
    let sum = m.node("Add", &[&stem, &deep], vec![]);
    let sum = m.node("Relu", &[&sum], vec![]);
    let down = m.conv(&sum, [6, 4, 3, 3], [same(), vec![("strides", ints(&[2, 2]))]].concat());
    let (low, high) = (m.constant(&[], &[0.0]), m.constant(&[], &[1.0]));
    let down = m.node("Clip", &[&down, &low, &high], vec![]);
    let mean = m.node("GlobalAveragePool", &[&down], vec![]);
    let flat = m.flatten(&mean);
    let last = m.dense(&flat, 6, 3);
    let model = m.model(&last);
    let samples = samples(128, 12, -1.0, 1.0);
    let (network, report) = quantized(&model, &samples);
    let greatest = report.tensors.last().unwrap().max_abs;
    assert!(report.accuracy.max_abs_error < 0.002 * greatest, "{report:#?}");
    prove(&network, &samples);
}

/// Values beyond what calibration expects are refused by the layer that they leave, not cut.
#[test]
fn what_is_out_of_range_names_its_layer() {
    let mut m = Maker::new(&["1", "4"]);
    let ones = m.constant(&[4, 4], &[0.25; 16]);
    let hidden = m.node("MatMul", &["x", &ones], vec![]);
    let hidden = m.node("Relu", &[&hidden], vec![]);
    let last = m.dense(&hidden, 4, 2);
    let model = m.model(&last);
    // A quarter in the samples: there is room for less than 1.
    let samples = vec![vec![0.0, 0.0, 0.0, 1.0]];
    let network = Network::new(&model, &Calibration::Samples(samples)).unwrap();
    assert!(network.run(&[0.9; 4]).is_some());
    assert!(network.run(&[1.0; 4]).is_none());
    assert_eq!(network.report(&[vec![1.0; 4]]).accuracy.out_of_range, 1);
    let error = network.graph().infer(&network.quantize(&[1.0; 4]).unwrap()).unwrap_err();
    assert!(matches!(error, ProveError::Element { layer: 1, .. }), "{error}");
    assert_eq!(network.layer_name(1), Some(("node of v2", "MatMul")));
    assert!(network.run(&[2.5; 4]).is_none(), "the input itself");
}

/// Nothing that is published is finer than a power of two, whatever the weights are.
#[test]
fn scales_are_powers_of_two() {
    let model = Model::from_onnx(CNN.to_vec()).unwrap();
    let network = Network::new(&model, &Calibration::Range(0.0, 1.0)).unwrap();
    for scale in [network.inputs()[0].scale, network.output_scales()[0]] {
        assert_eq!(scale, 2f64.powi(scale.log2().round() as i32));
    }
}

#[test]
fn weights_are_not_shown() {
    let model = Model::from_onnx(CNN.to_vec()).unwrap();
    let network = Network::new(&model, &Calibration::Range(0.0, 1.0)).unwrap();
    assert_eq!(format!("{network:?}"), "Network { layers: 7, .. }");
}

#[test]
fn what_cannot_be_proven_is_named() {
    let refused = |make: &dyn Fn(&mut Maker) -> String, shape: &[&str]| {
        let mut m = Maker::new(shape);
        let output = make(&mut m);
        let error = Network::new(&m.model(&output), &Calibration::default()).unwrap_err();
        match error {
            NetworkError::Lower(LowerError::Operator { operator, node, reason }) => {
                assert!(node.starts_with("node of"), "{node}");
                (operator, reason)
            }
            NetworkError::Lower(LowerError::Graph(reason)) => (String::new(), reason),
            other => panic!("{other}"),
        }
    };
    let (operator, reason) = refused(
        &|m| {
            let (first, bound) = (m.constant(&[2], &[1.0, 2.0]), m.node("Neg", &["x"], vec![]));
            m.node("Pow", &[&first, &bound], vec![])
        },
        &["1", "2"],
    );
    assert!(operator == "Pow" && reason.contains("differ from number to number"), "{reason}");
    let (_, reason) = refused(&|m| m.node("Relu", &["x"], vec![]), &["1", "65537"]);
    assert!(reason.contains("65537 numbers; at most 65536"), "{reason}");
    let (operator, reason) = refused(&|m| m.node("ArgMax", &["x"], vec![("axis", 1.into())]), &["1", "200"]);
    assert!(operator == "ArgMax" && reason.contains("at most 127"), "{reason}");
    let (operator, reason) = refused(
        &|m| {
            let indices = m.node("Neg", &["x"], vec![]);
            let whole = m.node("Cast", &[&indices], vec![("to", 7.into())]);
            m.node("Gather", &["x", &whole], vec![])
        },
        &["4"],
    );
    assert!(operator == "Gather" && reason.contains("places that the input decides"), "{reason}");
}

/// The places of the maxima are integers beside them: whoever reads those is refused, whoever does not is proven.
#[test]
fn where_maxima_are_is_refused() {
    let file = |outputs: &[&str]| {
        let file = File::of(17).floats("x", &["1", "1", "4", "4"]);
        let file = file.node_with("MaxPool", &["x"], &["y", "places"], |writer| {
            attribute(writer, "kernel_shape", vec![2, 2]);
            attribute(writer, "strides", vec![2, 2]);
        });
        Model::from_onnx(outputs.iter().fold(file, |file, output| file.output(output)).bytes()).unwrap()
    };
    let error = Network::new(&file(&["y", "places"]), &Calibration::default()).unwrap_err();
    let NetworkError::Lower(LowerError::Operator { operator, node, reason }) = &error else { panic!("{error}") };
    assert_eq!((operator.as_str(), node.as_str()), ("MaxPool", "node of y"));
    assert!(reason.contains("where its maxima are"), "{reason}");
    assert!(Network::new(&file(&["y"]), &Calibration::default()).is_ok());
}
