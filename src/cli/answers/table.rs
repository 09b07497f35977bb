//! Outputs as tables.

use super::{Labels, elements};
use zkinfer::pipeline::answer::{OutputTensor, Outputs, readable};

/// Numbers of an output that are all shown; of more, the [`LARGEST`].
const ALL: usize = 16;
const LARGEST: usize = 5;
/// Answers that are shown.
const ANSWERS: usize = 16;

pub(super) fn answers<'a>(
    answers: impl Iterator<Item = (&'a str, &'a Outputs)>,
    count: usize,
    labels: &Labels,
) -> String {
    let mut text = String::new();
    for (of, outputs) in answers.take(ANSWERS) {
        if count > 1 {
            text.push_str(&format!("{of}\n"));
        }
        text.extend(outputs.tensors.iter().map(|output| tensor(output, labels)));
    }
    if count > ANSWERS {
        text.push_str(&format!("  ({} more answers; --json has all)\n", count - ANSWERS));
    }
    text
}

/// One output, with the model's numbers beside it if there are any.
pub(super) fn tensor(tensor: &OutputTensor, labels: &Labels) -> String {
    let name: String = tensor.name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let title = format!("  {name} {:?}", tensor.shape);
    let Some(values) = &tensor.values else { return format!("{title}: hidden\n") };
    let compared = tensor.comparison.as_ref();
    let mut header = vec![String::new(), String::new(), "answer".to_owned()];
    if compared.is_some() {
        header.extend(["model".to_owned(), "difference".to_owned()]);
    }
    let mut rows = vec![header];
    for at in shown(values) {
        let mut row = vec![place(&tensor.shape, at), labels.of(values.len(), at).unwrap_or_default().to_owned()];
        row.push(readable(values[at]));
        if let Some(float) = compared.and_then(|comparison| comparison.model.get(at)) {
            row.extend([readable(*float), readable((values[at] - float).abs())]);
        }
        rows.push(row);
    }
    let more = if values.len() > ALL { format!(", the {LARGEST} largest of {}", values.len()) } else { String::new() };
    format!("{title}{more}\n{}{}", columns(&rows), summary(tensor, labels))
}

/// All places of a few numbers, those of the largest of many.
fn shown(values: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    if values.len() > ALL {
        // The first of equals comes first.
        places.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        places.truncate(LARGEST);
    }
    places
}

/// A row-major index as a number where the others are 0 for want of choice, else as a list.
fn place(shape: &[u64], at: usize) -> String {
    if shape.iter().filter(|&&axis| axis > 1).count() <= 1 {
        return at.to_string();
    }
    let mut rest = at as u64;
    let mut indices: Vec<String> = shape
        .iter()
        .rev()
        .map(|&axis| {
            let index = rest % axis.max(1);
            rest /= axis.max(1);
            index.to_string()
        })
        .collect();
    indices.reverse();
    format!("[{}]", indices.join(", "))
}

/// Right-aligned, but for the names in the second column.
fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().filter(|(_, (_, width))| **width > 0);
        let cells = cells.map(|(at, (cell, width))| match at {
            1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("    {}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The class, and how near the model is.
fn summary(tensor: &OutputTensor, labels: &Labels) -> String {
    let named = |class: usize| match labels.of(elements(tensor), class) {
        Some(label) if !label.is_empty() => format!("{class} ({label})"),
        _ => class.to_string(),
    };
    let mut parts = Vec::new();
    match (tensor.class(), tensor.comparison.as_ref().and_then(|comparison| comparison.classes)) {
        (Some(class), Some(classes)) if classes.agree => {
            parts.push(format!("class {}, as in the model", named(class)));
        }
        (Some(class), Some(classes)) => {
            parts.push(format!("class {}, in the model {}", named(class), named(classes.model)));
        }
        (Some(class), None) => parts.push(format!("class {}", named(class))),
        (None, _) => {}
    }
    if let Some(comparison) = &tensor.comparison {
        let (largest, allowed) = (readable(comparison.largest_error), readable(comparison.allowed));
        parts.push(format!("largest difference {largest}, of {allowed} admitted"));
    }
    if parts.is_empty() { String::new() } else { format!("    {}\n", parts.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zkinfer::proof::schema::Visibility;

    fn output(shape: &[u64], values: Option<Vec<f64>>) -> OutputTensor {
        let visibility = if values.is_some() { Visibility::Public } else { Visibility::Committed };
        OutputTensor { name: "y".into(), shape: shape.to_vec(), visibility, values, comparison: None, scores: None }
    }

    #[test]
    fn few_numbers_are_all_shown_and_of_many_the_largest() {
        let few = tensor(&output(&[1, 2], Some(vec![0.5, -12.25])), &Labels::default());
        assert_eq!(few, "  y [1, 2]\n       answer\n    0     0.5\n    1  -12.25\n");
        let many = (0..20).map(|i| f64::from((i * 7) % 20)).collect();
        let text = tensor(&output(&[4, 5], Some(many)), &Labels::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  y [4, 5], the 5 largest of 20");
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["[3,", "2]", "19"]);
        assert_eq!(lines.len(), 7);
        assert_eq!(tensor(&output(&[3], None), &Labels::default()), "  y [3]: hidden\n");
    }

    #[test]
    fn what_terminals_obey_is_not_printed() {
        let hostile = OutputTensor { name: "\u{1b}[2J".into(), ..output(&[1], Some(vec![f64::NAN])) };
        let text = tensor(&hostile, &Labels::default());
        assert!(!text.contains('\u{1b}') && text.contains("NaN"), "{text}");
    }
}
