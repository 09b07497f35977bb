//! How large a model's values become, layer by layer: what a circuit's range has to hold.

use super::{Input, Model, ModelError, onnx::guarded};
use tract_onnx::{prelude::*, tract_hir::internal::OpState};

/// What one node of the graph computed.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerRange {
    /// The node's name in the ONNX file, possibly with a suffix that tells its parts apart.
    pub name: String,
    /// What it does.
    pub operator: String,
    /// The greatest magnitude among its outputs.
    pub max_abs: f64,
}

impl Model {
    /// Runs the model in floating point and tells the range of every node, inputs first, in the order of computation.
    /// Constants are left out.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn trace(&self, input: &Input) -> Result<Vec<LayerRange>, ModelError> {
        input.check(self.inputs())?;
        guarded(ModelError::Run, || trace(self, input).map_err(|error| ModelError::Run(format!("{error:#}"))))
    }
}

fn trace(model: &Model, input: &Input) -> TractResult<Vec<LayerRange>> {
    // Not the optimized graph: its nodes are not those of the file.
    let typed = model.typed()?;
    let mut state = typed.into_runnable()?.spawn()?;
    let mut ranges = Vec::new();
    let tensors = model.tensors(input)?;
    for (info, tensor) in model.inputs().iter().zip(&tensors) {
        ranges.push(LayerRange { name: info.name.clone(), operator: "Input".into(), max_abs: max_abs(tensor)? });
    }
    state.run_plan_with_eval(tensors, |context, state: Option<&mut (dyn OpState + 'static)>, node, inputs| {
        let computes = !inputs.is_empty();
        let outputs = match state {
            Some(state) => state.eval(context, node.op(), inputs)?,
            None => node.op().eval(context, inputs)?,
        };
        if computes {
            let mut most = 0.0f64;
            for output in &outputs {
                most = most.max(max_abs(output)?);
            }
            ranges.push(LayerRange { name: node.name.clone(), operator: node.op().name().into_owned(), max_abs: most });
        }
        TractResult::Ok(outputs)
    })?;
    Ok(ranges)
}

/// 0 for what holds no numbers.
fn max_abs(tensor: &Tensor) -> TractResult<f64> {
    if !tensor.datum_type().is_number() && tensor.datum_type() != bool::datum_type() {
        return Ok(0.0);
    }
    let floats = tensor.cast_to::<f32>()?;
    Ok(floats.to_plain_array_view::<f32>()?.iter().fold(0.0, |most: f64, x| most.max(f64::from(x.abs()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        mlp::{Dense, Hidden, Mlp},
        synthetic::to_onnx,
    };

    #[test]
    fn every_layer_has_its_range() {
        let dense = |weights: Vec<f64>, bias: f64| Dense { inputs: 1, outputs: 1, weights, bias: vec![bias] };
        let mlp =
            Mlp { hidden: vec![Hidden { dense: dense(vec![10.0], 5.0), upper: None }], last: dense(vec![-2.0], 0.5) };
        let model = Model::from_onnx(to_onnx(&mlp)).unwrap();
        let ranges = model.trace(&Input::new(vec![vec![3.0]]).unwrap()).unwrap();
        assert_eq!((ranges[0].name.as_str(), ranges[0].max_abs), ("x", 3.0));
        let relu = ranges.iter().find(|range| range.name.starts_with("Relu")).unwrap();
        assert_eq!(relu.max_abs, 35.0);
        assert_eq!(ranges.last().unwrap().max_abs, 69.5);
        assert!(model.trace(&Input::new(vec![vec![3.0, 1.0]]).unwrap()).is_err());
    }
}
