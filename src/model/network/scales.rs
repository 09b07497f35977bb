//! What an integer of every tensor means: a power of two for each class of tensors that have to share one.
//!
//! Each class gets the finest power of two at which its values, as far as they are known, fit into 16 bits. Then a class is
//! made coarser wherever a layer between two classes has no weights of 16 bits, until nothing changes.

use super::{
    NetworkError,
    plan::{Plan, Step, Then, Work},
};
use crate::model::quantize::power_of_two_from;

/// Greatest absolute weight.
pub(super) const MAX_WEIGHT: f64 = 32767.0;
/// Greatest absolute bias that is planned with: half of what an `i32` holds.
const MAX_BIAS: f64 = (1u32 << 30) as f64;
/// What a layer may divide by, as exponents; the greater one leaves room for finer weights.
const SHIFTS: [i32; 2] = [16, 8];
/// Bits that activations give up at most, for finer weights.
const MOST_GIVEN_UP: i32 = 4;
/// What numbers are like, in units of the greatest that is planned for: twice the greatest of the samples.
const TYPICAL: f64 = 1.0 / 6.0;
/// What rounding does to a number, in units of its scale.
const ROUNDING: f64 = 0.29;
/// The integer that means 0 in inputs that may be negative.
pub(super) const ZERO_POINT: u16 = 1 << 15;
/// The finest weights that are tried where nothing else bounds them.
const FINEST: i32 = -40;
/// The finest and the coarsest scale of what a factor of 1 rounds down: weights of a floor are powers of two from 1 to 2^14.
const FLOOR: std::ops::RangeInclusive<i32> = -16..=6;
/// Scales beyond `2^+-EXTREME` are given up.
const EXTREME: i32 = 200;

/// Scales of a plan.
#[derive(Clone)]
pub(super) struct Scales {
    /// Per step: an integer of 1 means 2 to this power.
    pub(super) exponents: Vec<i32>,
    /// Per step: what it divides by, as an exponent of two.
    pub(super) shifts: Vec<i32>,
}

impl Scales {
    pub(super) fn of(&self, step: usize) -> f64 {
        2f64.powi(self.exponents[step])
    }
}

/// The greatest integer of a step; what is signed has as many below 0.
pub(super) fn levels(step: &Step) -> f64 {
    let signed_input = matches!(step.work, Work::Input) && !step.nonnegative;
    if step.is_unsigned() && !signed_input { 65535.0 } else { 32767.0 }
}

/// Scales for values that are at most `ranges` in absolute value.
pub(super) fn choose(plan: &Plan, ranges: &[f64]) -> Result<Scales, NetworkError> {
    let mut search = Search::new(plan, ranges);
    let none = |step: usize| {
        let Step { node, operator, .. } = &plan.steps[step];
        NetworkError::NoScale { node: node.clone(), operator }
    };
    let last = plan.steps.len().saturating_sub(1);
    // Every round makes some class coarser by a factor of two at least.
    for _ in 0..plan.steps.len() * EXTREME as usize {
        let mut changed = false;
        // Products come last: what they read would become coarser afterwards, and they for nothing.
        for products in [false, true] {
            let is_one = |step: &usize| matches!(plan.steps[*step].work, Work::Mul | Work::MatMul);
            for step in (0..plan.steps.len()).filter(|step| is_one(step) == products) {
                changed |= search.fit(step);
                if search.exponents[search.class[step]].abs() > EXTREME {
                    return Err(none(step));
                }
            }
            if changed {
                break;
            }
        }
        if !changed {
            let output = search.last_layer().ok_or_else(|| none(last))?;
            for (at, step) in plan.steps.iter().enumerate() {
                let of = step.from.first().map_or(0, |from| search.exponents[search.class[*from]]);
                if let Work::Floor { factor, .. } = step.work
                    && !FLOOR.contains(&(of + log2(factor)))
                {
                    return Err(none(at));
                }
            }
            let mut exponents: Vec<i32> = search.class.iter().map(|&of| search.exponents[of]).collect();
            if let Some(weight) = output {
                exponents[last] = search.exponents[search.class[plan.steps[last].from[0]]] + weight;
            }
            return Ok(Scales { exponents, shifts: search.shifts });
        }
    }
    Err(none(last))
}

struct Search<'a> {
    plan: &'a Plan,
    ranges: &'a [f64],
    /// The first step of every step's class.
    class: Vec<usize>,
    /// By the first step of a class.
    exponents: Vec<i32>,
    /// The finest exponents that the values of a class permit.
    finest: Vec<i32>,
    shifts: Vec<i32>,
}

impl<'a> Search<'a> {
    fn new(plan: &'a Plan, ranges: &'a [f64]) -> Self {
        let class = classes(plan);
        let mut finest = vec![f64::MIN_POSITIVE; plan.steps.len()];
        for (at, step) in plan.steps.iter().enumerate() {
            let members = class.iter().enumerate().filter(|(_, of)| **of == class[at]);
            let levels = members.map(|(at, _)| levels(&plan.steps[at])).fold(f64::INFINITY, f64::min);
            // Nothing is known of a tensor that is always 0.
            let range = if ranges[at] > 0.0 { ranges[at] } else { 1.0 };
            let range = match step.then {
                Then::Clip(low, high) => range.min(low.abs().max(high.abs()).max(f64::MIN_POSITIVE)),
                _ => range,
            };
            finest[class[at]] = finest[class[at]].max(range / levels);
        }
        let mut finest: Vec<i32> = finest.iter().map(|&x| power_of_two_from(x).log2().round() as i32).collect();
        let mut shifts = vec![8; plan.steps.len()];
        for (at, step) in plan.steps.iter().enumerate() {
            if let Some(exponent) = step.exponent() {
                finest[class[at]] = exponent;
            }
            if matches!(step.work, Work::ScaleRows) {
                shifts[at] = 16;
            }
            // What is rounded down is no finer than its weights can be.
            if let Work::Floor { factor, .. } = step.work {
                let of = class[step.from[0]];
                finest[of] = finest[of].max(*FLOOR.start() - log2(factor));
            }
        }
        Self { plan, ranges, class, exponents: finest.clone(), finest, shifts }
    }

    /// Whether the scale of a class cannot be chosen.
    fn is_given(&self, class: usize) -> bool {
        self.plan.steps[class].exponent().is_some()
    }

    /// The finest weights of the last layer, whose sums may be as great as they are.
    /// None of it where the last step makes no sums.
    fn last_layer(&self) -> Option<Option<i32>> {
        let last = self.plan.steps.len() - 1;
        if !matches!(self.plan.steps[last].work, Work::Linear { .. }) {
            return Some(None);
        }
        (FINEST..EXTREME).find(|&weight| self.weights_fit(last, weight)).map(Some)
    }

    /// Whether a step has its scale and a shift; if not, makes a class coarser.
    fn fit(&mut self, step: usize) -> bool {
        let of = &self.plan.steps[step];
        let source = |at: usize| self.exponents[self.class[of.from[at]]];
        match of.work {
            Work::Linear { .. } if step + 1 < self.plan.steps.len() => {
                let own = self.class[step];
                let (exponent, difference) = (self.exponents[own], self.exponents[own] - source(0));
                let [fine, coarse] = SHIFTS;
                // Within one class both sides would become coarser, and nothing would be gained.
                let room =
                    if own == self.class[of.from[0]] { 0 } else { MOST_GIVEN_UP - (exponent - self.finest[own]) };
                let fits = self.weights_fit(step, difference - coarse);
                if let Some(up) = (0..=room.max(0)).find(|up| self.weights_fit(step, difference + up - fine)) {
                    let given_up = ROUNDING * (2f64.powi(exponent + up) - 2f64.powi(exponent));
                    let typical = TYPICAL * self.ranges[of.from[0]];
                    if up == 0 || !fits || self.rounding(step, difference - coarse) * typical > given_up {
                        (self.shifts[step], self.exponents[own]) = (fine, exponent + up);
                        return up > 0;
                    }
                }
                self.shifts[step] = coarse;
                self.exponents[own] += i32::from(!fits);
                !fits
            }
            Work::Mul | Work::MatMul => {
                let shift = self.exponents[self.class[step]] - source(0) - source(1);
                match shift {
                    8 | 16 => {
                        self.shifts[step] = shift;
                        return false;
                    }
                    ..8 => self.exponents[self.class[step]] += 8 - shift,
                    12..16 => self.exponents[self.class[step]] += 16 - shift,
                    // The finer factor gives way, unless its scale is given.
                    _ => {
                        let mut finer = usize::from(source(1) < source(0));
                        if self.is_given(self.class[of.from[finer]]) {
                            finer = 1 - finer;
                        }
                        self.exponents[self.class[of.from[finer]]] += 1;
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// How far weights that mean `2^weight` each are from those that are meant: the greatest norm of a row.
    fn rounding(&self, step: usize, weight: i32) -> f64 {
        let Work::Linear { weights, bias, .. } = &self.plan.steps[step].work else { return 0.0 };
        let scale = 2f64.powi(weight);
        let off = |w: &f64| (w / scale - (w / scale).round()).powi(2);
        let rows = weights.chunks_exact((weights.len() / bias.len().max(1)).max(1));
        scale * rows.map(|row| row.iter().map(off).sum::<f64>().sqrt()).fold(0.0, f64::max)
    }

    /// Whether weights that mean `2^weight` each are at most 16 bits, and the biases 32.
    fn weights_fit(&self, step: usize, weight: i32) -> bool {
        let of = &self.plan.steps[step];
        let Work::Linear { weights, bias, .. } = &of.work else { return true };
        let scale = 2f64.powi(weight);
        let product = scale * 2f64.powi(self.exponents[self.class[of.from[0]]]);
        if greatest(weights) / scale > MAX_WEIGHT || greatest(bias) / product > MAX_BIAS {
            return false;
        }
        if !self.plan.is_offset(of.from[0]) {
            return true;
        }
        // The zero point of the input is folded into the bias.
        let inputs = (weights.len() / bias.len().max(1)).max(1);
        let folded = weights.chunks_exact(inputs).map(|row| row.iter().sum::<f64>().abs() / scale);
        folded.fold(0.0, f64::max) * f64::from(ZERO_POINT) <= MAX_BIAS
    }
}

/// Of the absolute value of a power of two.
pub(super) fn log2(power: f64) -> i32 {
    power.abs().log2().round() as i32
}

fn greatest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// Steps that only move numbers, or compare or add them as they are, share the scale of their sources.
fn classes(plan: &Plan) -> Vec<usize> {
    let mut class: Vec<usize> = (0..plan.steps.len()).collect();
    for (at, step) in plan.steps.iter().enumerate() {
        let shares = match &step.work {
            Work::MaxPool | Work::MeanPool(_) | Work::Copy(_) | Work::Pass | Work::Add | Work::Scores => &step.from[..],
            Work::Join(_) | Work::Output => &step.from[..],
            Work::Choose(_) => &step.from[1..],
            Work::Input | Work::Linear { .. } | Work::Mul | Work::MatMul => &[],
            Work::Floor { .. } | Work::Function(_) | Work::Constant(_) | Work::Compare(_) => &[],
            Work::Exponentials | Work::Reciprocals | Work::ScaleRows | Work::Mask | Work::Keep => &[],
        };
        let mut join = |a: usize, b: usize| {
            let (a, b) = (class[a].min(class[b]), class[a].max(class[b]));
            class.iter_mut().filter(|of| **of == b).for_each(|of| *of = a);
        };
        shares.iter().for_each(|&source| join(source, at));
        // What is compared has one scale.
        if let (Work::Compare(_), [a, b]) = (&step.work, &step.from[..]) {
            join(*a, *b);
        }
    }
    class
}
