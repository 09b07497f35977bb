//! `compile --explain`: the tensors of a native network, what their integers mean, and what they cost.

use super::report;
use serde_json::Value;
use zkinfer::{backend::Artifacts, model::network::Report};

/// The rows that a tensor takes in a proof: every axis but the first is padded to a power of two.
fn rows(dims: &[u32]) -> u64 {
    let (first, rest) = dims.split_first().unwrap_or((&1, &[]));
    u64::from(*first) * rest.iter().map(|d| u64::from(d.next_power_of_two())).product::<u64>()
}

/// What whoever made the artifacts knows of how they were quantized.
pub(crate) fn report_of(artifacts: &Artifacts) -> Option<Report> {
    let figures = artifacts.provenance().ok().flatten()?.figures;
    serde_json::from_value(figures.get("network")?.clone()).ok()
}

/// The same as JSON: the report, with the rows of every tensor.
pub(crate) fn object(report: &Report) -> Value {
    let mut object = serde_json::json!(report);
    for (at, tensor) in report.tensors.iter().enumerate() {
        object["tensors"][at]["rows"] = rows(&tensor.dims).into();
    }
    object
}

/// A table of the tensors, and sentences about what costs most.
pub(crate) fn text(report: &Report, details: &Value) -> String {
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
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use zkinfer::model::network::TensorReport;

    #[test]
    fn rows_are_padded_but_for_the_first_axis() {
        assert_eq!(rows(&[5]), 5);
        assert_eq!(rows(&[3, 5, 6]), 3 * 8 * 8);
    }

    #[test]
    fn the_greatest_and_the_worst_are_named() {
        let tensor =
            |node: &str, dims: &[u32]| TensorReport { node: node.into(), dims: dims.into(), ..Default::default() };
        let tensors = vec![tensor("x", &[4]), tensor("conv", &[2, 4, 4]), tensor("out", &[900])];
        let report = Report { tensors, worst: Some(0), ..Report::default() };
        let details = serde_json::json!({ "network": { "rows": 512, "byte_columns": 8 } });
        let text = text(&report, &details);
        assert!(text.contains("node `conv`") && text.contains("32"), "{text}");
        assert!(text.contains("lost at node `x`") && text.contains("512 rows of 8 byte columns"), "{text}");
        assert_eq!(object(&report)["tensors"][1]["rows"], 32);
    }
}
