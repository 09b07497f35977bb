//! `compile --explain` and `--predict`: the tensors of a native network, what their integers mean, and what they cost.

use super::report;
use serde_json::Value;
use zkinfer::{
    backend::Artifacts,
    model::network::{Prediction, Report, Sizes, Sketch, TensorCost, rows},
};

/// Tensors that a prediction lists: those with most rows.
const LISTED: usize = 12;

/// What whoever made the artifacts knows of how they were quantized.
pub(crate) fn report_of(artifacts: &Artifacts) -> Option<Report> {
    let figures = artifacts.provenance().ok().flatten()?.figures;
    serde_json::from_value(figures.get("network")?.clone()).ok()
}

/// What one proof is expected to take, by the sizes in a manifest and by what is copied.
fn prediction(report: &Report, details: &Value, weights: u64) -> Option<Prediction> {
    let size = |name: &str| details["network"][name].as_u64();
    let (rows, columns) = (size("rows")?, size("byte_columns")?);
    Some(Prediction::of(&Sizes { rows, columns, copied: report.copied, weights }))
}

/// The same as JSON: the report, with the rows of every tensor and what a proof is expected to take.
pub(crate) fn object(report: &Report, details: &Value, parameters: u64) -> Value {
    let mut object = serde_json::json!(report);
    object["prediction"] = serde_json::json!(prediction(report, details, parameters));
    for (at, tensor) in report.tensors.iter().enumerate() {
        object["tensors"][at]["rows"] = rows(&tensor.dims).into();
    }
    object
}

/// A table of the tensors, and sentences about what costs most.
pub(crate) fn text(report: &Report, details: &Value, parameters: u64) -> String {
    let last = report.tensors.len().saturating_sub(1);
    let all: u64 = report.tensors.iter().take(last).map(|tensor| rows(&tensor.dims)).sum();
    let line = |(at, tensor): (usize, &zkinfer::model::network::TensorReport)| {
        let cost = if at == last { "public".into() } else { format!("{} rows", rows(&tensor.dims)) };
        let place = format!("{at:>3} {} ({})", tensor.node, tensor.operator);
        let meaning = format!(
            "{:?}, {cost}, 1 means 2^{}, up to {} of {:.4}, error {:.2e}, mean {:.2e}",
            tensor.dims,
            tensor.exponent,
            tensor.max_integer,
            tensor.max_abs,
            tensor.max_abs_error,
            tensor.mean_abs_error
        );
        (place, meaning)
    };
    let mut text = report::rows(&report.tensors.iter().enumerate().map(line).collect::<Vec<_>>());
    let accuracy = &report.accuracy;
    text += &format!(
        "On {} samples: the same greatest output on {}, out of range {}, greatest error {:.3e}, mean {:.3e}\n",
        accuracy.samples, accuracy.same_argmax, accuracy.out_of_range, accuracy.max_abs_error, report.mean_abs_error
    );
    if let Some(worst) = report.worst.and_then(|at| report.tensors.get(at)) {
        text += &format!("Most precision is lost at node `{}` ({})\n", worst.node, worst.operator);
    }
    let greatest = report.tensors.iter().take(last).max_by_key(|tensor| rows(&tensor.dims));
    if let Some(greatest) = greatest {
        let (rows, network) = (rows(&greatest.dims), &details["network"]);
        text += &format!(
            "A statement takes {} rows of {} byte columns ({all} of tensors); node `{}` ({}) has most of them: {rows}\n",
            network["rows"], network["byte_columns"], greatest.node, greatest.operator
        );
    }
    if let Some(prediction) = prediction(report, details, parameters) {
        text += &format!("A proof is expected to take {}\n", expected(prediction));
    }
    text
}

/// In words.
fn expected(prediction: Prediction) -> String {
    let Prediction { prove_ms, peak_mb } = prediction;
    let time = if prove_ms < 10_000.0 { format!("{prove_ms:.0} ms") } else { format!("{:.0} s", prove_ms / 1e3) };
    let memory = if peak_mb < 10_000.0 { format!("{peak_mb:.0} MB") } else { format!("{:.1} GB", peak_mb / 1e3) };
    format!("{time} and {memory} on two cores")
}

/// What is known of a model before it is quantized.
pub(crate) fn sketched(sketch: &Sketch) -> String {
    let mut greatest: Vec<&TensorCost> = sketch.tensors.iter().collect();
    greatest.sort_by_key(|tensor| std::cmp::Reverse(tensor.rows));
    let line = |tensor: &&TensorCost| {
        let TensorCost { node, operator, dims, rows } = tensor;
        (format!("{node} ({operator})"), format!("{dims:?}, {rows} rows"))
    };
    let mut text = report::rows(&greatest.iter().take(LISTED).map(line).collect::<Vec<_>>());
    text += &format!(
        "{} tensors take {} rows of {} byte columns, {} copied operands and {} weights\nA proof is expected to take {}\n",
        sketch.tensors.len(),
        sketch.rows,
        sketch.columns,
        sketch.copied,
        sketch.weights,
        expected(sketch.prediction)
    );
    for limit in &sketch.limits {
        text += &format!("It is not proven by this release: {limit}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use zkinfer::model::network::TensorReport;

    #[test]
    fn the_greatest_and_the_worst_are_named() {
        let tensor =
            |node: &str, dims: &[u32]| TensorReport { node: node.into(), dims: dims.into(), ..Default::default() };
        let tensors = vec![tensor("x", &[4]), tensor("conv", &[2, 4, 4]), tensor("out", &[900])];
        let report = Report { tensors, worst: Some(0), ..Report::default() };
        let details = serde_json::json!({ "network": { "rows": 512, "byte_columns": 8 } });
        let text = text(&report, &details, 100);
        assert!(text.contains("node `conv`") && text.contains("32"), "{text}");
        assert!(text.contains("lost at node `x`") && text.contains("512 rows of 8 byte columns"), "{text}");
        assert!(text.contains("expected to take") && text.contains("MB on two cores"), "{text}");
        let object = object(&report, &details, 100);
        assert_eq!(object["tensors"][1]["rows"], 32);
        assert!(object["prediction"]["prove_ms"].as_f64().unwrap() > 1.0);
    }
}
