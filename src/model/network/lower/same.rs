//! Whether a plan is its model.

use super::{Lowered, Lowering};
use crate::model::{
    Input, LowerError, Model, ModelError,
    graph::{Node, Operator},
};

/// Fails unless tract computes the same function, on inputs that calibration expects and on three others, up to 32-bit
/// rounding. What is no number, or infinite, is left out: no integer means it.
pub(super) fn compare(lowering: &Lowering<'_>, model: &Model) -> Lowered<()> {
    let plan = &lowering.plan;
    let width = plan.inputs();
    let floats = lowering.graph.inputs().iter().all(|input| input.declared.is_float());
    let made_up = [
        vec![0.0; width],
        (1..=width).map(|i| i as f64 / width as f64).collect(),
        (0..width).map(|i| if i % 3 == 0 || !plan.signed.contains(&true) { 0.5 } else { -0.25 }).collect(),
    ];
    // What is made up is beyond where features in units of their own are compared.
    // Numbers that are made up lie in the middle between two integers now and then, where 32 bits decide.
    let rounds = |node: &Node| {
        use Operator as O;
        matches!(node.operator, O::QuantizeLinear | O::DynamicQuantizeLinear | O::QLinearConv | O::QLinearMatMul)
    };
    let usual = floats && !lowering.graph.nodes().iter().any(rounds) && plan.units.iter().all(Option::is_none);
    let made_up = made_up.into_iter().filter(|_| usual);
    for input in made_up.chain(lowering.samples.iter().take(2).cloned()) {
        // As tract has them: what is compared with a bound is exactly the same number.
        let input: Vec<f64> = input.iter().map(|x| f64::from(*x as f32)).collect();
        let found = plan.results(&input);
        let mut rest = &input[..];
        let tensors = model.inputs().iter().map(|info| {
            let (own, others) = rest.split_at(info.elements().min(rest.len()));
            rest = others;
            own.to_vec()
        });
        let expected = Input::new(tensors.collect()).and_then(|input| model.run(&input));
        let expected = expected.map_err(|error: ModelError| LowerError::Graph(error.to_string()))?;
        let expected: Vec<f64> = expected.into_iter().flatten().map(f64::from).collect();
        let greatest = expected.iter().filter(|x| x.is_finite()).fold(1.0f64, |most, x| most.max(x.abs()));
        let close = |(a, b): (&f64, &f64)| !b.is_finite() || (a - b).abs() <= 1e-3 * greatest;
        if expected.len() != found.len() || !expected.iter().zip(&found).all(close) {
            return Err(LowerError::Graph("its layers, as they are read, do not compute what the file says".into()));
        }
    }
    Ok(())
}
