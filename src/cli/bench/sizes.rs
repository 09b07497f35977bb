//! Transformers of sizes that the world runs, with random weights: what a proof is expected to take, beside what it took.

use super::{
    super::{Failure, context::Session},
    Args,
    contender::Contender,
    measure::{Row, measure},
    subject::Subject,
    table::{Machine, parameters},
};
use serde_json::{Value, json};
use zkinfer::model::{
    network::Sketch,
    synthetic::{Stack, Transformer},
};

/// What the weights are drawn from.
const SEED: u64 = 1;
/// Inputs that calibrate and are compared: the largest take a second each in floating point.
const SAMPLES: usize = 4;

/// The shape of the character model that comes with zkinfer, which the curve starts from.
const CHARACTERS: Transformer =
    Transformer { blocks: 4, tokens: 64, width: 64, heads: 4, hidden: 256, kind: Stack::Decoder };

/// What grows along the curve, one at a time, and then the models whose shapes are known.
fn sizes() -> Vec<(String, Transformer)> {
    let wide = |width| Transformer { width, hidden: 4 * width, ..CHARACTERS };
    let deep = |blocks| Transformer { blocks, ..CHARACTERS };
    let long = |tokens| Transformer { tokens, ..CHARACTERS };
    let curve = [CHARACTERS, wide(128), wide(256), deep(1), deep(2), deep(8), long(16), long(32), long(128)];
    let named = |shape: Transformer| {
        (format!("{} blocks, width {}, {} tokens", shape.blocks, shape.width, shape.tokens), shape)
    };
    let known = [
        ("MiniLM-L6 shape, 32 tokens".to_owned(), Transformer::minilm_l6(32)),
        ("GPT-2 small shape, 16 tokens".to_owned(), Transformer::gpt2_small(16)),
    ];
    curve.map(named).into_iter().chain(known).collect()
}

/// One size.
pub(super) struct Size {
    name: String,
    parameters: u64,
    sketch: Sketch,
    /// `None` where only a prediction was asked for.
    row: Option<Row>,
}

/// Predicts the sizes, all of them or those with one of the wanted names in theirs, and proves them unless told not to. What a
/// machine cannot prove has the reason in its place.
pub(super) fn run(args: &Args, session: &Session) -> Result<Vec<Size>, Failure> {
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| name.contains(&**only));
    let (chosen, others): (Vec<_>, Vec<_>) = sizes().into_iter().partition(|(name, _)| wanted(name));
    if chosen.is_empty() {
        let names: Vec<String> = others.into_iter().map(|(name, _)| name).collect();
        return Err(Failure::Input(format!("no size has that in its name: {}", names.join("; "))));
    }
    chosen.into_iter().map(|(name, shape)| one(name, shape, args, session)).collect()
}

fn one(name: String, shape: Transformer, args: &Args, session: &Session) -> Result<Size, Failure> {
    session.control().stage(&format!("{name}: prediction"));
    let mut subject = Subject::network(&name, shape.to_onnx(SEED))?;
    subject.samples.truncate(SAMPLES);
    let sketch = Sketch::new(&subject.model).map_err(|error| Failure::Internal(format!("{name}: {error}")))?;
    let parameters = subject.model.parameters();
    if args.predict {
        return Ok(Size { name, parameters, sketch, row: None });
    }
    let row = match measure(Contender::Native, &subject, 1, args, session) {
        Err(failure) if !session.control().cancel.is_cancelled() => {
            Row { contender: Contender::Native, figures: Err(failure.to_string()) }
        }
        row => row?,
    };
    Ok(Size { name, parameters, sketch, row: Some(row) })
}

impl Size {
    pub(super) fn object(&self) -> Value {
        json!({
            "shape": self.name,
            "params": self.parameters,
            "random_weights": true,
            "rows": self.sketch.rows,
            "predicted": self.sketch.prediction,
            "native": self.row.as_ref().map(Row::object),
        })
    }

    fn line(&self) -> String {
        let predicted = self.sketch.prediction;
        let mut line = format!(
            "| {} | {} | {} | {:.1} | {:.0} |",
            self.name,
            parameters(self.parameters),
            parameters(self.sketch.rows),
            predicted.prove_ms / 1e3,
            predicted.peak_mb,
        );
        line += &match self.row.as_ref().map(|row| &row.figures) {
            None => " | | | | |".to_owned(),
            Some(Err(reason)) => format!(" {} | | | | |", reason.replace('|', "/").replace('\n', " ")),
            Some(Ok(figures)) => format!(
                " {:.1} | {} | {:.1} | {} | {:.1} |",
                figures.prove_ms / 1e3,
                figures.peak_rss_mb().map_or_else(|| "?".into(), |mb| format!("{mb:.0}")),
                figures.verify_ms,
                figures.gas.map_or_else(|| "?".into(), parameters),
                figures.setup_ms / 1e3,
            ),
        };
        line + "\n"
    }
}

pub(super) fn markdown(machine: &Machine, sizes: &[Size]) -> String {
    let mut text = format!(
        "{}\nEmbeddings in, random weights\n\n\
         | shape | parameters | rows | predicted: prove s | peak MB | measured: prove s | peak MB | verify ms | gas | set-up s |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
        machine.line(),
    );
    sizes.iter().for_each(|size| text += &size.line());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `--only` takes one name or a part of it: no two are the same.
    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<String> = sizes().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), sizes().len());
    }
}
