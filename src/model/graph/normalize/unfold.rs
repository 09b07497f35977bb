//! What undoes windows: patches added up where they overlap, and maxima put back.

use super::{Made, Step};
use crate::model::graph::{
    GraphError,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor, checked_elements},
};

impl Step<'_, '_> {
    /// Patches lie along the channels: a transposed convolution with kernels that hold a single 1.
    pub(super) fn col2im(&mut self) -> Made {
        let x = self.call.input(0)?;
        let shape = self.shape(&x);
        let (image, block) = (self.sizes(1, "sizes of the image")?, self.sizes(2, "sizes of the patches")?);
        let n = image.len();
        let list = |name: &str, default: i64, count: usize| {
            self.call.ints(name).map_or_else(|| vec![default; count], <[i64]>::to_vec)
        };
        let (strides, dilations, pads) = (list("strides", 1, n), list("dilations", 1, n), list("pads", 0, 2 * n));
        let refuse = || self.refuse(format!("makes an image of {image:?} of patches of {block:?} in {shape:?}"));
        let sane = |list: &[i64], least: i64| list.iter().all(|number| (least..=1 << 30).contains(number));
        let fits = [block.len(), strides.len(), dilations.len(), pads.len() / 2] == [n; 4];
        if n == 0 || !fits || !sane(&strides, 1) || !sane(&dilations, 1) || !sane(&pads, 0) {
            return Err(refuse());
        }
        let (mut counts, mut extra) = (Vec::new(), Vec::new());
        for at in 0..n {
            let span = image[at] as i64 + pads[at] + pads[n + at] - dilations[at] * (block[at] as i64 - 1) - 1;
            if span < 0 {
                return Err(refuse());
            }
            counts.push((span / strides[at] + 1) as usize);
            extra.push(span % strides[at]);
        }
        let patch: usize = block.iter().product();
        let &[batch, planes, places] = &shape[..] else { return Err(refuse()) };
        let all = counts.iter().try_fold(1usize, |all, &count| all.checked_mul(count));
        if planes % patch != 0 || all != Some(places) {
            return Err(refuse());
        }
        self.builder.afford(self.call, planes.saturating_mul(patch))?;
        let mut ones = vec![0.0; planes * patch];
        (0..planes).for_each(|plane| ones[plane * patch + plane % patch] = 1.0);
        let ones = self.constant_of(Tensor::floats([&[planes, 1], &block[..]].concat(), ones));
        let patches = self.reshaped(&x, &[&[batch, planes], &counts[..]].concat())?;
        let kernel: Vec<i64> = block.iter().map(|&dim| dim as i64).collect();
        let attributes = Attributes::of([
            ("kernel_shape", kernel.into()),
            ("strides", strides.into()),
            ("dilations", dilations.into()),
            ("pads", pads.into()),
            ("output_padding", extra.into()),
            ("group", ((planes / patch) as i64).into()),
        ]);
        Ok(vec![self.apply(Operator::ConvTranspose, attributes, &[&patches, &ones])?])
    }

    fn sizes(&self, index: usize, what: &str) -> Result<Vec<usize>, GraphError> {
        let known = self.known(&self.call.input(index)?, what)?;
        let sizes: Option<Vec<usize>> = known.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let sizes = sizes.filter(|sizes| !sizes.contains(&0) && checked_elements(sizes).is_some());
        sizes.ok_or_else(|| self.refuse(format!("has {what} that are none: {known:?}")))
    }

    /// Indices count through the whole tensor.
    pub(super) fn max_unpool(&mut self) -> Made {
        let (x, indices) = (self.call.input(0)?, self.call.input(1)?);
        let shape = self.shape(&x);
        let n = shape.len().saturating_sub(2);
        let list = |name: &str, default: i64, count: usize| {
            self.call.ints(name).map_or_else(|| vec![default; count], <[i64]>::to_vec)
        };
        let (kernel, strides, pads) = (list("kernel_shape", 0, n), list("strides", 1, n), list("pads", 0, 2 * n));
        if n == 0 || [kernel.len(), strides.len(), pads.len() / 2] != [n; 3] || self.shape(&indices) != shape {
            return Err(self.refuse("has a kernel, strides, pads or indices that do not fit its tensor"));
        }
        let mut whole = shape[..2].to_vec();
        for at in 0..n {
            let dim = (shape[2 + at] as i64 - 1).checked_mul(strides[at]);
            let dim = dim.and_then(|dim| dim.checked_add(kernel[at])).and_then(|dim| dim.checked_sub(pads[at]));
            let dim = dim.and_then(|dim| dim.checked_sub(pads[n + at])).and_then(|dim| usize::try_from(dim).ok());
            whole.push(dim.ok_or_else(|| self.refuse("makes a tensor of no size"))?);
        }
        let total = checked_elements(&whole).ok_or_else(|| self.refuse("makes a tensor that is too large"))?;
        self.builder.afford(self.call, total)?;
        let zeros = self.zeros(total, self.builder.kind(&x).element);
        let zeros = self.constant_of(zeros);
        let count = shape.iter().product();
        let (numbers, places) = (self.reshaped(&x, &[count])?, self.reshaped(&indices, &[count])?);
        let attributes = Attributes::of([("axis", 0.into())]);
        let flat = self.apply(Operator::ScatterElements, attributes, &[&zeros, &places, &numbers])?;
        let made = self.reshaped(&flat, &whole)?;
        let Some(target) = self.call.optional(2) else { return Ok(vec![made]) };
        // More rows and columns follow behind.
        let target = self.known(target, "a shape")?;
        let after: Vec<i64> = target.iter().zip(&whole).map(|(&size, &dim)| size - dim as i64).collect();
        if target.len() != whole.len() || after.iter().any(|pad| !(0..=1 << 30).contains(pad)) {
            return Err(self.refuse(format!("makes a tensor of shape {target:?} out of one of {whole:?}")));
        }
        if after.iter().all(|&pad| pad == 0) {
            return Ok(vec![made]);
        }
        let pads = self.list(&[vec![0; after.len()], after].concat());
        Ok(vec![self.apply(Operator::Pad, Attributes::of([("mode", "constant".into())]), &[&made, &pads])?])
    }

    fn zeros(&self, count: usize, element: Element) -> Tensor {
        match element.is_float() {
            true => Tensor::floats(vec![count], vec![0.0; count]),
            false => Tensor::ints(element, vec![count], vec![0; count]),
        }
    }
}
