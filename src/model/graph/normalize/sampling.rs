//! Resizing.

use super::{Made, Step};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    tensor::Tensor,
};

/// How large the result is, along every axis.
enum Extent {
    Scales(Vec<f32>),
    Sizes(Vec<i64>),
}

impl Step<'_, '_> {
    pub(super) fn sampling(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        let old = self.call.operator == "Upsample" || self.call.version < 11;
        let text = |name, default| self.call.text(name).unwrap_or(default);
        let mode = match text("mode", "nearest") {
            "bilinear" | "trilinear" => "linear",
            mode => mode,
        };
        let (transformation, nearest) = if old {
            ("asymmetric", "floor")
        } else {
            (text("coordinate_transformation_mode", "half_pixel"), text("nearest_mode", "round_prefer_floor"))
        };
        if transformation == "tf_crop_and_resize" || self.call.flag("antialias") {
            return Err(self.refuse("crops or smooths, which is not read"));
        }
        if text("keep_aspect_ratio_policy", "stretch") != "stretch" {
            return Err(self.refuse("keeps the aspect ratio, which is not read"));
        }
        let mut attributes = Attributes::of([
            ("mode", mode.into()),
            ("coordinate_transformation_mode", transformation.into()),
            ("nearest_mode", nearest.into()),
        ]);
        if mode == "cubic" {
            attributes.set("cubic_coeff_a", self.call.float("cubic_coeff_a").unwrap_or(-0.75));
            attributes.set("exclude_outside", self.call.int("exclude_outside").unwrap_or(0));
        }
        let mut inputs = vec![Some(x.clone()), None];
        match self.extent(&shape, old)? {
            Extent::Scales(scales) if scales.iter().all(|&scale| scale == 1.0) => return Ok(vec![x]),
            Extent::Scales(scales) => inputs.push(Some(self.constant_of(Tensor::floats(vec![scales.len()], scales)))),
            Extent::Sizes(sizes) => inputs.extend([None, Some(self.list(&sizes))]),
        }
        self.builder.node(self.call, Operator::Resize, attributes, inputs, 1)
    }

    /// One of the two, for every axis.
    fn extent(&self, shape: &[usize], old: bool) -> Result<Extent, GraphError> {
        let filled =
            |operand: Option<&Operand>| operand.filter(|operand| self.builder.kind(operand).elements() > 0).cloned();
        let axes = match self.call.ints("axes") {
            Some(axes) => self.axes(axes, shape.len())?,
            None => (0..shape.len()).collect(),
        };
        if let Some(sizes) = filled(self.call.optional(3)).filter(|_| !old) {
            let given = self.known(&sizes, "sizes")?;
            let mut all: Vec<i64> = shape.iter().map(|&dim| dim as i64).collect();
            axes.iter().zip(given).for_each(|(&axis, size)| all[axis] = size);
            return Ok(Extent::Sizes(all));
        }
        let operand = filled(self.call.optional(if old { 1 } else { 2 }));
        let given = match &operand {
            Some(scales) => tensor(scales).and_then(Tensor::as_floats),
            None => self.call.floats("scales"),
        };
        let given = given.ok_or_else(|| self.refuse("has neither sizes nor scales that are constant"))?;
        if given.len() != axes.len() {
            return Err(self.refuse("has scales that do not fit its axes"));
        }
        let mut all = vec![1.0; shape.len()];
        axes.iter().zip(given).for_each(|(&axis, &scale)| all[axis] = scale);
        Ok(Extent::Scales(all))
    }
}
