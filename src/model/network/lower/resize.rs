//! Resizing by constant sizes: the nearest number, or straight lines between neighbours.

use super::{Lowered, Lowering, refuse};
use crate::model::graph::{Node, strides};

/// How the places of a result along one axis lie on those of the source.
pub(super) struct Axis {
    /// For every place of the result, where it is on the source's axis.
    at: Vec<f64>,
    last: f64,
    round: fn(f64) -> f64,
}

impl Axis {
    pub(super) fn nearest(&self, at: usize) -> usize {
        (self.round)(self.at[at]).clamp(0.0, self.last) as usize
    }

    /// The neighbours and their weights.
    fn taps(&self, at: usize) -> [(usize, f64); 2] {
        let at = self.at[at].clamp(0.0, self.last);
        let (low, part) = (at.floor(), at.fract());
        [(low as usize, 1.0 - part), ((low + 1.0).min(self.last) as usize, part)]
    }
}

/// Every axis of a node that resizes from one shape to another.
pub(super) fn axes<'g>(lowering: &Lowering<'g>, node: &'g Node, from: &[usize], made: &[usize]) -> Lowered<Vec<Axis>> {
    let scales = if lowering.has(node, 2) { lowering.floats(node, 2)? } else { Vec::new() };
    let mode = node.attributes.text("coordinate_transformation_mode").unwrap_or("half_pixel");
    let round: fn(f64) -> f64 = match node.attributes.text("nearest_mode").unwrap_or("round_prefer_floor") {
        "round_prefer_floor" => |x| (x - 0.5).ceil(),
        "round_prefer_ceil" => |x| (x + 0.5).floor(),
        "floor" => f64::floor,
        _ => f64::ceil,
    };
    let axis = |axis: usize| {
        let (old, new) = (from[axis] as f64, made[axis] as f64);
        let scale = scales.get(axis).copied().unwrap_or(new / old);
        let place = |at: usize| {
            let at = at as f64;
            Ok(match mode {
                "half_pixel" => (at + 0.5) / scale - 0.5,
                "pytorch_half_pixel" if new > 1.0 => (at + 0.5) / scale - 0.5,
                "align_corners" if new > 1.0 => at * (old - 1.0) / (new - 1.0),
                "pytorch_half_pixel" | "align_corners" => 0.0,
                "asymmetric" => at / scale,
                "half_pixel_symmetric" => {
                    let centre = old / 2.0 * (1.0 - new / (old * scale));
                    centre + (at + 0.5) / scale - 0.5
                }
                other => return Err(refuse(node, format!("places numbers by `{other}`, which is not proven"))),
            })
        };
        let at = (0..made[axis]).map(place).collect::<Lowered<_>>()?;
        Ok(Axis { at, last: old - 1.0, round })
    };
    (0..from.len()).map(axis).collect()
}

impl<'g> Lowering<'g> {
    /// Every number of the result is a mean of neighbours of the source.
    pub(super) fn interpolated(&mut self, node: &'g Node) -> Lowered<usize> {
        if node.attributes.text("mode") != Some("linear") {
            return Err(refuse(node, "interpolates by cubes, which is not proven"));
        }
        let wire = self.wire(node, 0)?;
        let made = self.shape(node.outputs[0]).to_vec();
        let axes = axes(self, node, &wire.shape, &made)?;
        let (inner, outer) = (strides(&wire.shape), strides(&made));
        let taps = |flat: usize| {
            let mut taps = vec![(0usize, 1.0)];
            for (axis, of) in axes.iter().enumerate() {
                let pair = of.taps(flat / outer[axis] % made[axis]);
                let with = |&(at, w): &(usize, f64)| pair.map(|(place, v)| (at + place * inner[axis], w * v));
                taps = taps.iter().flat_map(with).filter(|tap| tap.1 != 0.0).collect();
            }
            taps
        };
        let count = made.iter().product();
        self.written_out(node, wire.step, (0..count).map(taps), vec![0.0; count])
    }
}
