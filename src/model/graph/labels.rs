//! What leaves a graph, and what its classes are called.
//!
//! Exporters of classical models give, besides scores, a label: the name of the class with the greatest score. Names are no
//! numbers, and everybody can look up the greatest score, so labels are left out of what is proven, with a remark.

use super::{GraphError, proto};
use std::collections::HashMap;

/// The outputs that are proven.
#[derive(Debug, Default)]
pub(super) struct Leaving<'a> {
    /// The name that each has, and that of the tensor that it is.
    pub(super) outputs: Vec<(&'a str, &'a str)>,
    pub(super) labels: Option<Vec<String>>,
    pub(super) remarks: Vec<String>,
}

/// Nodes between a label and what it names: a few are enough for every exporter.
const MAX_STEPS: usize = 16;
/// Keys of a file's metadata under which exporters write the names of classes.
const KEYS: [&str; 4] = ["labels", "class_names", "classes", "names"];

struct Source<'g, 'a> {
    producers: HashMap<&'a str, &'g proto::Node<'a>>,
    constants: HashMap<&'a str, &'g proto::Tensor<'a>>,
}

/// Chooses the outputs.
pub(super) fn leaving<'a>(model: &proto::Model<'a>, graph: &proto::Graph<'a>) -> Result<Leaving<'a>, GraphError> {
    let made = |node: &proto::Node<'a>| node.outputs.clone();
    let source = Source {
        producers: graph.nodes.iter().flat_map(|node| made(node).into_iter().map(move |name| (name, node))).collect(),
        constants: graph.initializers.iter().map(|tensor| (tensor.name, tensor)).collect(),
    };
    let mut leaving = Leaving::default();
    for output in &graph.outputs {
        let label = source.label(output.name);
        if let Some(label) = label {
            leaving.labels = leaving.labels.take().or(label.names);
            leaving
                .remarks
                .push(format!("the output `{}` names the class of the greatest score; it is left out", output.name));
            continue;
        }
        leaving.outputs.push((output.name, source.before_zip_map(output.name, &mut leaving.labels)));
    }
    if graph.outputs.is_empty() {
        return Err(GraphError::Graph("the model has no outputs".into()));
    }
    if leaving.outputs.is_empty() {
        return Err(GraphError::tensor(
            graph.outputs[0].name,
            "is a label, and the model's only output; give out the scores before it (for scikit-learn: predict_proba)",
        ));
    }
    leaving.labels = leaving.labels.take().or_else(|| from_metadata(&model.metadata));
    Ok(leaving)
}

struct Label {
    names: Option<Vec<String>>,
}

impl<'a> Source<'_, 'a> {
    /// Whether a tensor is a label of `ai.onnx.ml`, and the names that it can have.
    fn label(&self, mut name: &'a str) -> Option<Label> {
        let (mut names, mut classical) = (None, false);
        for _ in 0..MAX_STEPS {
            let node = *self.producers.get(name)?;
            if node.domain == "ai.onnx.ml" {
                names = names.or_else(|| class_names(node));
                let first = node.outputs.first() == Some(&name);
                match node.operator {
                    operator if operator.ends_with("Classifier") => return first.then_some(Label { names }),
                    "ArrayFeatureExtractor" => {
                        // The classes by their index.
                        let classes = self.constants.get(node.inputs.first()?)?;
                        names = names.or_else(|| texts_of(classes));
                        (name, classical) = (node.inputs.get(1)?, true);
                    }
                    "LabelEncoder" => (name, classical) = (node.inputs.first()?, true),
                    _ => return None,
                }
                continue;
            }
            match node.operator {
                "ArgMax" => return classical.then_some(Label { names }),
                "Cast" | "Reshape" | "Identity" | "Squeeze" | "Flatten" => name = node.inputs.first()?,
                _ => return None,
            }
        }
        None
    }

    /// `ZipMap` pairs scores with names: the scores are what leaves.
    fn before_zip_map(&self, name: &'a str, labels: &mut Option<Vec<String>>) -> &'a str {
        match self.producers.get(name) {
            Some(node) if node.operator == "ZipMap" && node.domain == "ai.onnx.ml" => {
                *labels = labels.take().or_else(|| class_names(node));
                node.inputs.first().copied().unwrap_or(name)
            }
            Some(node) if node.operator.ends_with("Classifier") && node.domain == "ai.onnx.ml" => {
                *labels = labels.take().or_else(|| class_names(node));
                name
            }
            _ => name,
        }
    }
}

/// The classes that a node names among its attributes.
fn class_names(node: &proto::Node<'_>) -> Option<Vec<String>> {
    let texts = |list: &[&[u8]]| list.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect::<Vec<_>>();
    let found = node.attributes.iter().find_map(|attribute| match (attribute.name, &attribute.value) {
        ("classlabels_strings" | "values_strings", proto::Value::Texts(list)) => Some(texts(list)),
        ("classlabels_int64s" | "classlabels_ints", proto::Value::Ints(list)) => {
            Some(list.iter().map(ToString::to_string).collect())
        }
        _ => None,
    });
    found.filter(|list| !list.is_empty())
}

fn texts_of(tensor: &proto::Tensor<'_>) -> Option<Vec<String>> {
    let texts = tensor.texts.iter().map(|text| String::from_utf8_lossy(text).into_owned());
    Some(texts.collect::<Vec<_>>()).filter(|list| !list.is_empty())
}

/// Lists as exporters write them: JSON, Python, lines, or commas, with or without `index:` before the name.
fn from_metadata(metadata: &[(&str, &str)]) -> Option<Vec<String>> {
    let text = KEYS.iter().find_map(|key| metadata.iter().find(|(name, _)| name == key)).map(|(_, text)| *text)?;
    let text = text.trim().trim_start_matches(['[', '{', '(']).trim_end_matches([']', '}', ')']);
    let names = text.split([',', '\n']).map(|name| {
        let name = match name.split_once(':') {
            Some((index, name)) if index.trim().trim_matches(['"', '\'']).parse::<u32>().is_ok() => name,
            _ => name,
        };
        name.trim().trim_matches(['"', '\'']).to_owned()
    });
    let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    Some(names).filter(|names| names.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_metadata_as_exporters_write_them() {
        for text in
            ["cat,dog", "cat\ndog\n", "[\"cat\", \"dog\"]", "{0: 'cat', 1: 'dog'}", "{\"0\": \"cat\", \"1\": \"dog\"}"]
        {
            assert_eq!(from_metadata(&[("names", text)]), Some(vec!["cat".into(), "dog".into()]), "{text}");
        }
        assert_eq!(from_metadata(&[("author", "a, b")]), None);
        assert_eq!(from_metadata(&[("labels", "one")]), None);
    }
}
