//! Resizing.

use super::{
    Made, Step,
    resample::{Along, Sampling},
};
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
        let extent = self.extent(&shape, old)?;
        let policy = text("keep_aspect_ratio_policy", "stretch");
        let antialias = self.call.flag("antialias");
        // Of a size that is cut off, implementations make different corners.
        let cut = |scales: &[f32]| {
            shape.iter().zip(scales).any(|(&dim, &scale)| (dim as f64 * f64::from(scale)).fract() != 0.0)
        };
        let corners = transformation == "align_corners" && mode != "nearest";
        let corners = corners && matches!(&extent, Extent::Scales(scales) if cut(scales));
        if transformation == "tf_crop_and_resize" || antialias || policy != "stretch" || corners {
            let sampling = Sampling {
                mode,
                transformation,
                nearest,
                antialias,
                exclude_outside: self.call.flag("exclude_outside"),
                cubic: self.call.float("cubic_coeff_a").unwrap_or(-0.75).into(),
                beyond: self.call.float("extrapolation_value").unwrap_or(0.0),
            };
            let along = self.along(&shape, &extent, policy, transformation)?;
            return self.resampled(&x, &along, &sampling);
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
        match extent {
            Extent::Scales(scales) if scales.iter().all(|&scale| scale == 1.0) => return Ok(vec![x]),
            Extent::Scales(scales) => inputs.push(Some(self.constant_of(Tensor::floats(vec![scales.len()], scales)))),
            Extent::Sizes(sizes) => inputs.extend([None, Some(self.list(&sizes))]),
        }
        self.builder.node(self.call, Operator::Resize, attributes, inputs, 1)
    }

    /// Size and scale of every axis, and which part of it is taken.
    fn along(
        &self,
        shape: &[usize],
        extent: &Extent,
        policy: &str,
        transformation: &str,
    ) -> Result<Vec<Along>, GraphError> {
        let axes = match self.call.ints("axes") {
            Some(axes) => self.axes(axes, shape.len())?,
            None => (0..shape.len()).collect(),
        };
        let mut along: Vec<Along> = Vec::new();
        for (at, &dim) in shape.iter().enumerate() {
            let (size, scale) = match extent {
                Extent::Scales(scales) => ((dim as f64 * f64::from(scales[at])).floor(), f64::from(scales[at])),
                Extent::Sizes(sizes) => (sizes[at] as f64, sizes[at] as f64 / dim as f64),
            };
            along.push(Along { size: self.size(size)?, scale, part: (0.0, 1.0) });
        }
        if policy != "stretch" && matches!(extent, Extent::Sizes(_)) {
            let scales = axes.iter().map(|&axis| along[axis].scale);
            let scale = match policy {
                "not_larger" => scales.fold(f64::INFINITY, f64::min),
                "not_smaller" => scales.fold(0.0, f64::max),
                other => return Err(self.refuse(format!("has the keep_aspect_ratio_policy `{other}`"))),
            };
            for &axis in &axes {
                along[axis].scale = scale;
                along[axis].size = self.size((scale * shape[axis] as f64 + 0.5).floor())?;
            }
        }
        if transformation == "tf_crop_and_resize" {
            let part = self.call.optional(1).and_then(tensor).and_then(Tensor::as_floats);
            let part = part.filter(|part| part.len() == 2 * axes.len());
            let part = part.ok_or_else(|| self.refuse("has no part to crop that is constant and fits its axes"))?;
            for (at, &axis) in axes.iter().enumerate() {
                along[axis].part = (part[at].into(), part[axes.len() + at].into());
            }
        }
        Ok(along)
    }

    fn size(&self, size: f64) -> Result<usize, GraphError> {
        if !(1.0..=1e9).contains(&size) {
            return Err(self.refuse(format!("makes an axis of {size} numbers")));
        }
        Ok(size as usize)
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
