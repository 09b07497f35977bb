//! Convolutions that look beside their places, and regions of an image that are sampled.

use super::{
    Made, Step,
    grid::{Axis, Beyond},
};
use crate::model::graph::{
    GraphError, Operand,
    build::tensor,
    operators::{Attributes, Operator},
    tensor::{Tensor, strides},
};

/// Samples along one axis of a region.
const MAX_SAMPLES: usize = 1 << 16;

/// One axis of the samples of a region: the place of each, and how many a bin has.
struct Line {
    places: Vec<f64>,
    each: usize,
}

/// Two neighbours and how much each counts; nothing beyond the image.
type Neighbours = [(usize, f64); 2];

impl Step<'_, '_> {
    /// Every weight has an offset of its own at every place: the image is sampled there, and what is left is a product.
    pub(super) fn deform_conv(&mut self) -> Made {
        let (x, weights, offset) = (self.call.input(0)?, self.call.input(1)?, self.call.input(2)?);
        let (shape, all, moved) = (self.shape(&x), self.shape(&weights), self.shape(&offset));
        let (&[batch, channels, high, wide], &[outputs, each, rows, columns]) = (&shape[..], &all[..]) else {
            return Err(self.refuse("is read for images alone"));
        };
        let positive = |name: &str| self.call.int(name).unwrap_or(1).clamp(1, 1 << 20) as usize;
        let (group, groups, taps) = (positive("group"), positive("offset_group"), rows * columns);
        let fits = moved.len() == 4 && moved[..2] == [batch, groups * taps * 2];
        if !fits || each * group != channels || outputs % group != 0 || channels % groups != 0 || high * wide == 0 {
            return Err(
                self.refuse(format!("has weights of {all:?} and offsets of {moved:?} for an image of {shape:?}"))
            );
        }
        if let Some(mask) = self.call.optional(4)
            && self.shape(mask) != [batch, groups * taps, moved[2], moved[3]]
        {
            return Err(self.refuse("has a mask that does not fit its offsets"));
        }
        let places = moved[2] * moved[3];
        let base = self.window_places(&[rows, columns], &moved[2..])?;
        let mut sampled = Vec::new();
        for at in 0..groups {
            let own = self.between(&offset, 1, at * taps * 2, (at + 1) * taps * 2)?;
            let own = self.reshaped(&own, &[batch, taps, 2, places])?;
            let mut found = Vec::new();
            for (axis, (dim, stride)) in [(high, wide), (wide, 1)].into_iter().enumerate() {
                let part = self.between(&own, 2, axis, axis + 1)?;
                let part = self.reshaped(&part, &[batch, 1, taps * places])?;
                let place = self.plain(Operator::Add, &[&part, &base[axis]])?;
                let axis = Axis { dim, stride, ends: (0.0, dim as f32 - 1.0) };
                found.push(self.taps(&place, &axis, Beyond::Zeros)?);
            }
            let some = self.between(&x, 1, at * (channels / groups), (at + 1) * (channels / groups))?;
            let flat = self.reshaped(&some, &[batch, channels / groups, high * wide])?;
            let mut samples = self.weighted(&flat, &found, taps * places)?;
            if let Some(mask) = self.call.optional(4).cloned() {
                let mask = self.between(&mask, 1, at * taps, (at + 1) * taps)?;
                let mask = self.reshaped(&mask, &[batch, 1, taps * places])?;
                samples = self.plain(Operator::Mul, &[&samples, &mask])?;
            }
            sampled.push(samples);
        }
        let sampled = self.joined(&sampled.iter().collect::<Vec<_>>(), 1)?;
        let mut made = Vec::new();
        for at in 0..group {
            let columns = self.between(&sampled, 1, at * each, (at + 1) * each)?;
            let columns = self.reshaped(&columns, &[batch, each * taps, places])?;
            let rows = self.between(&weights, 0, at * (outputs / group), (at + 1) * (outputs / group))?;
            let rows = self.reshaped(&rows, &[outputs / group, each * taps])?;
            made.push(self.plain(Operator::MatMul, &[&rows, &columns])?);
        }
        let mut made = self.joined(&made.iter().collect::<Vec<_>>(), 1)?;
        if let Some(bias) = self.call.optional(3).cloned() {
            let bias = self.reshaped(&bias, &[outputs, 1])?;
            made = self.plain(Operator::Add, &[&made, &bias])?;
        }
        Ok(vec![self.reshaped(&made, &[batch, outputs, moved[2], moved[3]])?])
    }

    /// Where every weight of a window lies at every place, as rows and as columns of the image.
    fn window_places(&mut self, kernel: &[usize], made: &[usize]) -> Result<[Operand; 2], GraphError> {
        let list = |name: &str, default: i64, count: usize| {
            self.call.ints(name).map_or_else(|| vec![default; count], <[i64]>::to_vec)
        };
        let (steps, gaps, pads) = (list("strides", 1, 2), list("dilations", 1, 2), list("pads", 0, 4));
        let sane = [&steps, &gaps, &pads].into_iter().flatten().all(|number| (0..=1 << 30).contains(number));
        if [steps.len(), gaps.len(), pads.len()] != [2, 2, 4] || !sane {
            return Err(self.refuse("has strides, dilations or pads that do not fit an image"));
        }
        let (taps, places) = (kernel[0] * kernel[1], made[0] * made[1]);
        self.builder.afford(self.call, taps.saturating_mul(places).saturating_mul(2))?;
        let place = |axis: usize| {
            let whole = (0..taps * places).map(|flat| {
                let (tap, place) = (flat / places, flat % places);
                let (tap, place) =
                    if axis == 0 { (tap / kernel[1], place / made[1]) } else { (tap % kernel[1], place % made[1]) };
                (place as i64 * steps[axis] - pads[axis] + tap as i64 * gaps[axis]) as f32
            });
            Tensor::floats(vec![1, 1, taps * places], whole.collect())
        };
        Ok([self.constant_of(place(0)), self.constant_of(place(1))])
    }

    /// With regions that are known, samples are products with constant matrices.
    pub(super) fn roi_align(&mut self) -> Made {
        let (x, rois) = (self.call.input(0)?, self.call.input(1)?);
        let shape = self.shape(&x);
        let &[batch, channels, high, wide] = &shape[..] else { return Err(self.refuse("is read for images alone")) };
        let images = self.known(&self.call.input(2)?, "images")?;
        let images = self.axes(&images, batch)?;
        let corners = tensor(&rois).and_then(Tensor::as_floats).map(<[f32]>::to_vec);
        let corners = corners.ok_or_else(|| {
            self.refuse("has regions that depend on the input; only what is known beforehand can be proven")
        })?;
        let size = |name: &str| {
            usize::try_from(self.call.int(name).unwrap_or(1)).ok().filter(|size| (1..1 << 16).contains(size))
        };
        let (Some(rows), Some(columns)) = (size("output_height"), size("output_width")) else {
            return Err(self.refuse("makes no rows or columns"));
        };
        if corners.len() != 4 * images.len() || images.is_empty() || high * wide == 0 {
            return Err(self.refuse("has regions that do not fit its images"));
        }
        let greatest = match self.call.text("mode").unwrap_or("avg") {
            "avg" => false,
            "max" => true,
            other => return Err(self.refuse(format!("has the mode `{other}`"))),
        };
        let flat = self.reshaped(&x, &[batch, channels, high * wide])?;
        let mut made = Vec::new();
        for (region, &image) in corners.chunks_exact(4).zip(&images) {
            let image = self.between(&flat, 0, image, image + 1)?;
            let lines = [self.line(region, 1, rows)?, self.line(region, 0, columns)?];
            let values = self.region(&image, [high, wide], &lines, greatest)?;
            made.push(self.reshaped(&values, &[1, channels, rows, columns])?);
        }
        Ok(vec![self.joined(&made.iter().collect::<Vec<_>>(), 0)?])
    }

    /// Where a region is sampled along one axis, of which it has the corners `at` and `at + 2`.
    fn line(&self, region: &[f32], at: usize, bins: usize) -> Result<Line, GraphError> {
        let half = self.call.text("coordinate_transformation_mode").unwrap_or("half_pixel") == "half_pixel"
            && self.call.version >= 16;
        let (scale, offset) =
            (f64::from(self.call.float("spatial_scale").unwrap_or(1.0)), if half { 0.5 } else { 0.0 });
        let (start, end) = (f64::from(region[at]) * scale - offset, f64::from(region[at + 2]) * scale - offset);
        let span = if half { end - start } else { (end - start).max(1.0) };
        let ratio = self.call.int("sampling_ratio").unwrap_or(0);
        let each = if ratio > 0 { ratio as f64 } else { (span / bins as f64).ceil() };
        if !(1.0..=1024.0).contains(&each) {
            return Err(self.refuse("has a region without a size, or one that is too large"));
        }
        let (each, bin) = (each as usize, span / bins as f64);
        if bins * each > MAX_SAMPLES {
            return Err(self.refuse(format!("takes more than {MAX_SAMPLES} samples along an axis")));
        }
        let place = |flat: usize| start + (flat / each) as f64 * bin + ((flat % each) as f64 + 0.5) * bin / each as f64;
        Ok(Line { places: (0..bins * each).map(place).collect(), each })
    }

    /// The mean of a bin's samples, or the greatest of what their neighbours add.
    fn region(
        &mut self,
        image: &Operand,
        dims: [usize; 2],
        lines: &[Line; 2],
        greatest: bool,
    ) -> Result<Operand, GraphError> {
        let [rows, columns] = lines;
        let (bins, samples) =
            (rows.places.len() / rows.each * (columns.places.len() / columns.each), rows.each * columns.each);
        let width = if greatest { bins * samples * 4 } else { bins };
        let total = dims[0].saturating_mul(dims[1]);
        self.builder.afford(self.call, total.saturating_mul(width))?;
        let mut matrix = vec![0.0f64; total * width];
        let counts = strides(&[rows.places.len() / rows.each, columns.places.len() / columns.each]);
        for (row, &y) in rows.places.iter().enumerate() {
            for (column, &x) in columns.places.iter().enumerate() {
                let (Some(above), Some(beside)) = (neighbours(y, dims[0]), neighbours(x, dims[1])) else { continue };
                let bin = row / rows.each * counts[0] + column / columns.each;
                let sample = row % rows.each * columns.each + column % columns.each;
                for corner in 0..4 {
                    let ((i, a), (j, b)) = (above[corner / 2], beside[corner % 2]);
                    let (to, weight) = match greatest {
                        true => ((bin * samples + sample) * 4 + corner, a * b),
                        false => (bin, a * b / samples as f64),
                    };
                    matrix[(i * dims[1] + j) * width + to] += weight;
                }
            }
        }
        let matrix = Tensor::floats(vec![total, width], matrix.into_iter().map(|x| x as f32).collect());
        let matrix = self.constant_of(matrix);
        let made = self.plain(Operator::MatMul, &[image, &matrix])?;
        if !greatest {
            return Ok(made);
        }
        let apart = [&self.shape(&made)[..2], &[bins, samples * 4]].concat();
        let made = self.reshaped(&made, &apart)?;
        let attributes = Attributes::of([("axes", vec![3].into()), ("keepdims", 0.into())]);
        self.apply(Operator::ReduceMax, attributes, &[&made])
    }
}

/// Both neighbours of a place along an axis; none when it is more than a step outside.
fn neighbours(at: f64, dim: usize) -> Option<Neighbours> {
    if at < -1.0 || at > dim as f64 {
        return None;
    }
    let at = at.max(0.0);
    let low = at as usize;
    if low + 1 >= dim {
        return Some([(dim - 1, 1.0), (dim - 1, 0.0)]);
    }
    let rest = at - low as f64;
    Some([(low, 1.0 - rest), (low + 1, rest)])
}
