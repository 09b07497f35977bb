//! What an integer of every tensor means: a power of two for each class of tensors that have to share one.
//!
//! Each class gets the finest power of two at which its values, as far as they are known, fit into 16 bits. Then a class is
//! made coarser wherever a layer between two classes has no weights of 16 bits, until nothing changes. Steps that do the same in
//! repeated blocks have one scale and one shift.

use super::{
    NetworkError,
    plan::{Plan, Step, Then, Unit, Work},
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
/// Bits of a variance.
const VARIANCE: i32 = 24;
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
    let roles = plan.roles();
    let mut greatest = vec![0.0f64; ranges.len()];
    ranges.iter().zip(&roles).for_each(|(range, role)| greatest[*role] = greatest[*role].max(*range));
    let ranges: Vec<f64> = roles.iter().map(|role| greatest[*role]).collect();
    let mut search = Search::new(plan, &ranges, &roles);
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
            let is_one = |step: &usize| matches!(plan.steps[*step].work, Work::Mul | Work::MatMul | Work::Products(_));
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
            for (at, step) in plan.steps.iter().enumerate() {
                // What only shows that a normalization is right has the scale that follows from the others.
                match &step.work {
                    Work::Variances => exponents[at] = 2 * exponents[step.from[0]] + i32::from(Unit::SHIFT),
                    Work::InverseRoots { unit, .. } => {
                        exponents[at] = -(i32::from(unit.log()) + exponents[step.from[0]]) / 2;
                    }
                    Work::RootBounds => exponents[at] = 2 * exponents[step.from[0]],
                    _ => {}
                }
            }
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
    /// The steps that do the same in other blocks, and the step itself.
    peers: Vec<Vec<usize>>,
    /// By the first step of a class.
    exponents: Vec<i32>,
    /// The finest exponents that the values of a class permit.
    finest: Vec<i32>,
    shifts: Vec<i32>,
}

impl<'a> Search<'a> {
    fn new(plan: &'a Plan, ranges: &'a [f64], roles: &[usize]) -> Self {
        let class = classes(plan, roles);
        let all = |role: &usize| (0..roles.len()).filter(|at| roles[*at] == *role).collect();
        let peers = roles.iter().map(all).collect();
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
            if is_mean(step) {
                shifts[at] = 32;
            }
            // A variance has 24 bits behind its shift; what is known of one leaves room for twice the deviation.
            if matches!(step.work, Work::Variances) {
                let (of, bits) = (class[step.from[0]], i32::from(Unit::SHIFT) + VARIANCE);
                let most = (2.0 * ranges[at].max(f64::MIN_POSITIVE)).log2();
                finest[of] = finest[of].max(((most - f64::from(bits)) / 2.0).ceil() as i32);
            }
            // What is rounded down is no finer than its weights can be.
            if let Work::Floor { factor, .. } = step.work {
                let of = class[step.from[0]];
                finest[of] = finest[of].max(*FLOOR.start() - log2(factor));
            }
        }
        Self { plan, ranges, class, peers, exponents: finest.clone(), finest, shifts }
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
                // What is added is multiplied by a power of two from 1 to 2^24, the shift's included.
                if let Some(added) = of.from.get(1).map(|added| self.class[*added]) {
                    match exponent - self.exponents[added] {
                        9.. => {
                            self.exponents[added] = exponent - 8;
                            return true;
                        }
                        ..-8 => {
                            self.exponents[own] = self.exponents[added] - 8;
                            return true;
                        }
                        _ => {}
                    }
                }
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
            Work::Products(_) if is_mean(of) => false,
            Work::Mul | Work::MatMul | Work::Products(_) => {
                let shift = self.exponents[self.class[step]] - source(0) - source(1);
                match shift {
                    8 | 16 => {
                        self.shifts[step] = shift;
                        return false;
                    }
                    ..8 => self.exponents[self.class[step]] += 8 - shift,
                    9..16 if self.is_better_coarse(step) => self.exponents[self.class[step]] += 16 - shift,
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

    /// Whether a product that can be divided neither by 2^8 nor by 2^16 loses less by being coarser itself than by factors that are.
    fn is_better_coarse(&self, step: usize) -> bool {
        let of = &self.plan.steps[step];
        let sides = [of.from[0], of.from[1]];
        let given = sides.map(|side| self.is_given(self.class[side]));
        if given == [true; 2] {
            return true;
        }
        // What is added up has errors of its own: they grow as a root.
        let terms = match of.work {
            Work::MatMul => self.plan.steps[sides[0]].dims.last().map_or(1.0, |k| f64::from(*k)),
            Work::Products(ref products) => f64::from(products.sizes[2]),
            _ => 1.0,
        };
        let error = |factors: [i32; 2], product: i32| {
            let typical = |side: usize| 2f64.powi(factors[side]) * TYPICAL * self.ranges[sides[1 - side]];
            2f64.powi(product) + terms.sqrt() * (typical(0) + typical(1))
        };
        let factors = sides.map(|side| self.exponents[self.class[side]]);
        let product = self.exponents[self.class[step]];
        let shift = product - factors[0] - factors[1];
        let (mut coarse, mut up) = (factors, 0);
        while product + up - coarse[0] - coarse[1] > 8 {
            if self.class[sides[0]] == self.class[sides[1]] {
                coarse = coarse.map(|exponent| exponent + 1);
                up = i32::from(product - coarse[0] - coarse[1] < 8);
            } else {
                let finer = usize::from(coarse[1] < coarse[0]);
                coarse[if given[finer] { 1 - finer } else { finer }] += 1;
            }
        }
        error(factors, product + 16 - shift) <= error(coarse, product + up)
    }

    /// How far weights that mean `2^weight` each are from those that are meant: the greatest norm of a row, of all blocks.
    fn rounding(&self, step: usize, weight: i32) -> f64 {
        self.peers[step].iter().map(|peer| self.rounding_of(*peer, weight)).fold(0.0, f64::max)
    }

    fn rounding_of(&self, step: usize, weight: i32) -> f64 {
        let Work::Linear { weights, bias, .. } = &self.plan.steps[step].work else { return 0.0 };
        let scale = 2f64.powi(weight);
        let off = |w: &f64| (w / scale - (w / scale).round()).powi(2);
        let rows = weights.chunks_exact((weights.len() / bias.len().max(1)).max(1));
        scale * rows.map(|row| row.iter().map(off).sum::<f64>().sqrt()).fold(0.0, f64::max)
    }

    /// Whether weights that mean `2^weight` each are at most 16 bits, and the biases 32, in all blocks.
    fn weights_fit(&self, step: usize, weight: i32) -> bool {
        self.peers[step].iter().all(|peer| self.weights_fit_in(*peer, weight))
    }

    fn weights_fit_in(&self, step: usize, weight: i32) -> bool {
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

/// Whether a step has means of values: exponentials times values, times the inverse of a sum of exponentials.
pub(super) fn is_mean(step: &Step) -> bool {
    matches!(step.work, Work::Products(_)) && step.from.len() == 3
}

/// Whether any scale will do for a step that has numbers of its own.
fn is_free(step: &Step) -> bool {
    step.exponent().is_none() && !matches!(step.work, Work::Input)
}

fn greatest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// Steps that only move numbers, or compare or add them as they are, share the scale of their sources. Those that do the same in
/// repeated blocks share one, and so does what the first block adds to its sums with what the others add: then the blocks are one
/// to the prover, but for their weights.
fn classes(plan: &Plan, roles: &[usize]) -> Vec<usize> {
    let mut class: Vec<usize> = (0..plan.steps.len()).collect();
    for (at, step) in plan.steps.iter().enumerate() {
        let shares = match &step.work {
            Work::MaxPool | Work::MeanPool(_) | Work::Copy(_) | Work::Pass | Work::Add | Work::Scores => &step.from[..],
            Work::Join(_) | Work::Output => &step.from[..],
            Work::Choose(_) => &step.from[1..],
            // Means of values have the scale of the values.
            Work::Products(_) if is_mean(step) => &step.from[1..2],
            Work::Input | Work::Linear { .. } | Work::Mul | Work::MatMul | Work::Products(_) => &[],
            Work::Floor { .. } | Work::Function(_) | Work::Constant(_) | Work::Compare(_) => &[],
            Work::Exponentials(_) | Work::Reciprocals | Work::ScaleRows => &[],
            Work::Variances | Work::InverseRoots { .. } | Work::RootBounds | Work::Normalize(_) => &[],
        };
        let mut join = |a: usize, b: usize| {
            let (a, b) = (class[a].min(class[b]), class[a].max(class[b]));
            class.iter_mut().filter(|of| **of == b).for_each(|of| *of = a);
        };
        shares.iter().for_each(|&source| join(source, at));
        join(roles[at], at);
        if let (Work::Linear { .. }, [_, added], [_, of_first]) =
            (&step.work, &step.from[..], &plan.steps[roles[at]].from[..])
            && [added, of_first].iter().all(|source| is_free(&plan.steps[**source]))
        {
            join(*added, *of_first);
        }
        // What is compared has one scale.
        if let (Work::Compare(_), [a, b]) = (&step.work, &step.from[..]) {
            join(*a, *b);
        }
    }
    class
}
