//! ONNX files of models with seeded random weights: for benchmarks and tests.

mod networks;
mod transformer;

pub use networks::{boosted_trees, cnn32, lenet5};
pub use transformer::{Stack, Transformer};

use super::{
    mlp::{Dense, Hidden, Mlp},
    quantize::uniform,
};
use prost::Message;
use tract_onnx::pb;

/// 32-bit floats in ONNX.
const FLOAT: i32 = 1;

/// A perceptron of these widths (inputs, then the neurons of every layer) with seeded random weights, uniform in
/// `+-sqrt(6 / inputs)` (He's rule), biases in `+-0.1`, ReLU between the layers.
///
/// `None` when there is no layer.
#[must_use]
pub fn random_mlp(widths: &[usize], seed: u64) -> Option<Mlp> {
    let mut uniform = uniform(seed);
    let mut layers: Vec<Dense> = widths
        .windows(2)
        .map(|pair| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let bound = (6.0 / inputs as f64).sqrt();
            // 32-bit values, as in the file.
            let mut draw = |bound: f64| f64::from(((2.0 * uniform() - 1.0) * bound) as f32);
            let weights = (0..inputs * outputs).map(|_| draw(bound)).collect();
            Dense { inputs, outputs, weights, bias: (0..outputs).map(|_| draw(0.1)).collect() }
        })
        .collect();
    let last = layers.pop()?;
    Some(Mlp { hidden: layers.into_iter().map(|dense| Hidden { dense, upper: None }).collect(), last })
}

/// The file of a perceptron: `Gemm` and `Relu` or `Clip`, operator set 13, input `x`, output `y`.
#[must_use]
pub fn to_onnx(mlp: &Mlp) -> Vec<u8> {
    let mut graph = Graph::new(13, &[1, mlp.inputs() as i64]);
    let mut name = "x".to_owned();
    for hidden in &mlp.hidden {
        name = graph.gemm(&name, &hidden.dense);
        name = match hidden.upper {
            None => graph.node("Relu", &[&name], vec![]),
            Some(upper) => {
                let low = graph.constant(&[], &[0.0]);
                let high = graph.constant(&[], &[upper as f32]);
                graph.node("Clip", &[&name, &low, &high], vec![])
            }
        };
    }
    let output = graph.gemm(&name, &mlp.last);
    graph.finish(&output, &[1, mlp.outputs() as i64])
}

/// A graph that grows node by node; every node has one output.
#[derive(Debug)]
pub struct Graph {
    opset: i64,
    graph: pb::GraphProto,
}

impl Graph {
    /// A graph with the input `x`.
    #[must_use]
    pub fn new(opset: i64, shape: &[i64]) -> Self {
        let graph = pb::GraphProto { name: "mlp".into(), input: vec![value("x", shape)], ..Default::default() };
        Self { opset, graph }
    }

    /// Adds another input.
    pub fn input(&mut self, name: &str, shape: &[i64]) {
        self.graph.input.push(value(name, shape));
    }

    /// Adds an initializer and returns its name.
    pub fn constant(&mut self, shape: &[i64], data: &[f32]) -> String {
        let name = format!("c{}", self.graph.initializer.len());
        let mut tensor = tensor(shape, data);
        tensor.name.clone_from(&name);
        self.graph.initializer.push(tensor);
        name
    }

    /// Adds an initializer of 64-bit integers and returns its name.
    pub fn integers(&mut self, data: &[i64]) -> String {
        let name = format!("c{}", self.graph.initializer.len());
        self.graph.initializer.push(pb::TensorProto {
            name: name.clone(),
            dims: vec![data.len() as i64],
            data_type: 7,
            int64_data: data.to_vec(),
            ..Default::default()
        });
        name
    }

    /// Lists the newest initializer among the inputs, as old exporters do.
    pub fn initializer_is_input(&mut self) {
        if let Some(tensor) = self.graph.initializer.last() {
            self.graph.input.push(value(&tensor.name, &tensor.dims));
        }
    }

    /// Adds a constant of any element type, by ONNX's number, as the little-endian bytes that a file has of it.
    pub fn packed(&mut self, shape: &[i64], data_type: i32, raw_data: Vec<u8>) -> String {
        let name = format!("p{}", self.graph.initializer.len());
        let tensor = pb::TensorProto { dims: shape.to_vec(), data_type, raw_data, ..Default::default() };
        self.graph.initializer.push(pb::TensorProto { name: name.clone(), ..tensor });
        name
    }

    /// Adds a node and returns the name of its output. An operator of another domain is `domain:Operator`.
    pub fn node(&mut self, operator: &str, inputs: &[&str], attribute: Vec<pb::AttributeProto>) -> String {
        let name = format!("n{}", self.graph.node.len());
        let (domain, operator) = operator.split_once(':').unwrap_or(("", operator));
        self.graph.node.push(pb::NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.clone()],
            name: format!("{operator}_{name}"),
            op_type: operator.into(),
            domain: domain.into(),
            attribute,
            ..Default::default()
        });
        name
    }

    /// A dense layer as `Gemm` with transposed weights.
    pub fn gemm(&mut self, input: &str, dense: &Dense) -> String {
        let (outputs, inputs) = (dense.outputs as i64, dense.inputs as i64);
        let weights = self.constant(&[outputs, inputs], &floats(&dense.weights));
        let bias = self.constant(&[outputs], &floats(&dense.bias));
        self.node("Gemm", &[input, &weights, &bias], vec![int("transB", 1)])
    }

    /// The file, with `output` as the only output.
    #[must_use]
    pub fn finish(self, output: &str, shape: &[i64]) -> Vec<u8> {
        self.finish_with(&[(output, shape)])
    }

    /// The file, with these outputs.
    #[must_use]
    pub fn finish_with(mut self, outputs: &[(&str, &[i64])]) -> Vec<u8> {
        self.graph.output = outputs.iter().map(|(name, shape)| value(name, shape)).collect();
        let set = |domain: &str, version| pb::OperatorSetIdProto { domain: domain.into(), version };
        let mut domains: Vec<&str> = self.graph.node.iter().map(|node| &*node.domain).collect();
        domains.retain(|domain| !domain.is_empty());
        domains.sort_unstable();
        domains.dedup();
        // The only other domain that files of this kind need is ai.onnx.ml.
        let sets = [set("", self.opset)].into_iter().chain(domains.into_iter().map(|domain| set(domain, 3))).collect();
        let model = pb::ModelProto {
            ir_version: 4,
            opset_import: sets,
            producer_name: "zkinfer".into(),
            graph: Some(self.graph),
            ..Default::default()
        };
        model.encode_to_vec()
    }
}

/// Numbers as they are in the file.
#[must_use]
pub fn floats(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}

/// An integer attribute.
#[must_use]
pub fn int(name: &str, i: i64) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: 2, i, ..Default::default() }
}

/// An attribute of several integers.
#[must_use]
pub fn ints(name: &str, ints: &[i64]) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: 7, ints: ints.to_vec(), ..Default::default() }
}

/// An attribute of several numbers.
#[must_use]
pub fn float_list(name: &str, floats: &[f32]) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: 6, floats: floats.to_vec(), ..Default::default() }
}

/// A text attribute.
#[must_use]
pub fn text(name: &str, text: &str) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: 3, s: text.as_bytes().to_vec(), ..Default::default() }
}

/// An attribute of several texts.
#[must_use]
pub fn texts(name: &str, texts: &[&str]) -> pb::AttributeProto {
    let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    pb::AttributeProto { name: name.into(), r#type: 8, strings, ..Default::default() }
}

/// A floating-point attribute.
#[must_use]
pub fn float(name: &str, f: f32) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: 1, f, ..Default::default() }
}

/// A tensor attribute.
#[must_use]
pub fn tensor_attribute(name: &str, shape: &[i64], data: &[f32]) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: 4, t: Some(tensor(shape, data)), ..Default::default() }
}

fn tensor(shape: &[i64], data: &[f32]) -> pb::TensorProto {
    let raw_data = data.iter().flat_map(|x| x.to_le_bytes()).collect();
    pb::TensorProto { dims: shape.to_vec(), data_type: FLOAT, raw_data, ..Default::default() }
}

fn value(name: &str, shape: &[i64]) -> pb::ValueInfoProto {
    use pb::{tensor_shape_proto::dimension::Value, type_proto};
    let dim =
        |&dim: &i64| pb::tensor_shape_proto::Dimension { value: Some(Value::DimValue(dim)), ..Default::default() };
    let shape = pb::TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: FLOAT, shape: Some(shape) };
    let r#type = pb::TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    pb::ValueInfoProto { name: name.into(), r#type: Some(r#type), ..Default::default() }
}
