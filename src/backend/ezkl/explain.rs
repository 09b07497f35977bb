//! Which layer an input drives out of a circuit's range.

use super::{ONNX, circuit::Details};
use crate::model::{Input, LayerRange, Model};
use std::path::Path;

/// Operators of the float graph whose results have the sum of their factors' scales.
const PRODUCTS: [&str; 4] = ["MatMul", "EinSum", "Gemm", "Conv"];

/// EZKL's words, and the layer they are about as far as the float model tells: the first whose values, as integers, are beyond
/// the circuit's limit, else the largest.
pub(super) fn explain(dir: &Path, details: &Details, input: &Input, said: &str) -> String {
    let ranges = Model::read(&dir.join(ONNX)).and_then(|model| model.trace(input));
    match (ranges, details.limit()) {
        (Ok(ranges), Ok(limit)) => match culprit(&ranges, details, limit as f64) {
            Some(layer) => format!("{layer}. EZKL says: {said}"),
            None => said.to_owned(),
        },
        // The explanation is a courtesy.
        _ => said.to_owned(),
    }
}

fn culprit(ranges: &[LayerRange], details: &Details, limit: f64) -> Option<String> {
    let scales = || details.input_scales.iter().chain(&details.output_scales);
    let (mut bits, most) = (*details.input_scales.iter().max()?, *scales().max()?);
    let per_product = u32::try_from(details.run_args.param_scale).unwrap_or(0);
    let mut largest: Option<(f64, &LayerRange)> = None;
    for range in ranges {
        if PRODUCTS.iter().any(|product| range.operator.contains(product)) {
            bits = (bits + per_product).min(most);
        }
        let admitted = limit / 2f64.powi(bits as i32);
        let part = range.max_abs / admitted;
        if part > 1.0 {
            return Some(format!("{}, where the circuit admits magnitudes up to about {admitted:.6}", tell(range)));
        }
        if largest.is_none_or(|(largest, _)| part > largest) {
            largest = Some((part, range));
        }
    }
    largest.map(|(_, range)| format!("{}, the largest part of its range", tell(range)))
}

fn tell(range: &LayerRange) -> String {
    let LayerRange { name, operator, max_abs } = range;
    let what = if operator == "Input" { format!("input `{name}`") } else { format!("layer `{name}` ({operator})") };
    format!("{what} reaches {max_abs:.6}")
}
