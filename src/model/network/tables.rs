//! Tables of functions: 256 values, and straight lines between them.
//!
//! An argument has 16 bits, as its source has it; entry `i` is the function at the argument `2^8 i`, counted from the least
//! one. What is between two entries is interpolated and rounded half up. A value beyond the 16 bits of the result is the
//! nearest that there is, and so is one that is no number: a table saturates where calibration expects no argument. A
//! function that rises and falls changes by less than 2^15 from one entry to the next.

use super::plan::Function;
use zkinfer_prover::network::{Gadget, Slope, Table};

/// An exponent whose exponential is 0 in 16 bits.
const NOTHING: f64 = 12.0;

/// The tables of a network, each once.
#[derive(Default)]
pub(super) struct Tables {
    all: Vec<Entry>,
}

/// Samples, and what their readers take them for: that is part of the entries.
type Entry = ([i32; 257], Slope, bool);

/// Places from which straight lines are as far above a function as below it: where it bends as much as beside.
fn between(values: &[f64], least: f64, greatest: f64) -> Vec<f64> {
    let bend = |at: usize| Some(values.get(at + 1)? - 2.0 * values[at] + values[at.checked_sub(1)?]);
    let alike = |a: f64, b: f64| a * b > 0.0 && (0.5..=2.0).contains(&(a / b));
    let moved = |(at, x): (usize, &f64)| {
        let beside = [at.checked_sub(1).and_then(bend), bend(at), bend(at + 1)];
        match beside {
            [Some(left), Some(own), Some(right)] if alike(left, own) && alike(right, own) => x - own / 12.0,
            _ => *x,
        }
    };
    values.iter().enumerate().map(moved).map(|x| x.clamp(least, greatest)).collect()
}

impl Tables {
    /// Tables that one network may have.
    const MOST: usize = 253;

    /// The gadget of a function of integers that mean `scale` each, signed or not, behind a division by `2^shift`, to such integers. `None` when
    /// there are too many tables.
    pub(super) fn function(&mut self, of: &Function, argument: (f64, bool, u8), result: (f64, bool)) -> Option<Gadget> {
        let ((step, below, shift), (scale, signed)) = (argument, result);
        let (least, greatest) = if signed { (-32768.0, 32767.0) } else { (0.0, 65535.0) };
        let first = if below { -128 } else { 0 };
        let exact: Vec<f64> = (first..=first + 256).map(|i| of.at(f64::from(i) * 256.0 * step) / scale).collect();
        let mut values: Vec<f64> = exact.iter().map(|x| x.clamp(least, greatest)).collect();
        let finite = |at: &usize| exact[*at].is_finite();
        for at in (0..exact.len()).filter(|at| exact[*at].is_infinite()) {
            // A pole between two signs has none; another is the nearest value that there is.
            let (left, right) = ((0..at).rev().find(finite), (at + 1..exact.len()).find(finite));
            if let (Some(a), Some(b)) = (left, right)
                && exact[a] * exact[b] < 0.0
            {
                values[at] = (values[a] + values[b]) / 2.0;
            }
        }
        // What is no number is like the number beside it, towards the middle.
        for at in (0..128).rev().filter(|at| exact[*at].is_nan()) {
            values[at] = values[at + 1];
        }
        for at in (128..exact.len()).filter(|at| exact[*at].is_nan()) {
            values[at] = values[at - 1];
        }
        values.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = 0.0);
        let values = between(&values, least, greatest);
        let mut samples: [i32; 257] = core::array::from_fn(|i| values[i].round() as i32);
        if samples.windows(2).any(|pair| pair[1] > pair[0]) && samples.windows(2).any(|pair| pair[1] < pair[0]) {
            // A slope has 16 bits with its sign: a jump, as at a pole, takes several entries, outwards from the middle.
            (129..257).for_each(|at| samples[at] = samples[at].clamp(samples[at - 1] - 32767, samples[at - 1] + 32767));
            (0..128)
                .rev()
                .for_each(|at| samples[at] = samples[at].clamp(samples[at + 1] - 32767, samples[at + 1] + 32767));
        }
        let steps: Vec<i32> = samples.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let slope = match () {
            () if steps.iter().all(|step| *step >= 0) => Slope::Rising,
            () if steps.iter().all(|step| *step <= 0) => Slope::Falling,
            () if steps.iter().all(|step| (-32768..=32767).contains(step)) => Slope::Signed,
            () => return None,
        };
        Some(Gadget::Interpolate {
            table: self.number((samples, slope, signed))?,
            slope,
            signed: [below, signed],
            shift,
        })
    }

    /// `2^16 exp(-x)` for distances that mean `scale` each, and what distances are multiplied by first, as an exponent; what
    /// belongs to 0 is 65535. Where distances reach beyond what has an exponential, so much of the table is used as can be.
    pub(super) fn exponential(&mut self, scale: f64) -> Option<(u8, Gadget)> {
        let log = (65536.0 * scale / NOTHING).log2().floor().clamp(0.0, 8.0);
        let scale = scale / log.exp2();
        let of = |i: usize| (65536.0 * (-256.0 * i as f64 * scale).exp()).round().min(65535.0) as i32;
        let table = self.number((core::array::from_fn(of), Slope::Falling, false))?;
        Some((log as u8, Gadget::Falling { table }))
    }

    /// From 1 on.
    fn number(&mut self, entry: Entry) -> Option<u8> {
        let at = self.all.iter().position(|other| *other == entry).unwrap_or(self.all.len());
        if at == Self::MOST {
            return None;
        }
        if at == self.all.len() {
            self.all.push(entry);
        }
        u8::try_from(at + 1).ok()
    }

    pub(super) fn all(&self) -> Vec<Table> {
        self.all.iter().map(|(samples, ..)| Table::Samples(*samples)).collect()
    }
}
