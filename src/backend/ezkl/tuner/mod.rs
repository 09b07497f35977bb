//! Chooses a circuit's parameters: EZKL's own calibration never leaves k = 15, which makes small
//! networks slow (`docs/benchmarks.md`).
//!
//! Proving time grows with 2^k times the columns. ReLU and range checks are decompositions into `legs` digits of a base
//! whose table must fit in one column: `base <= 2^k - 8` (measured). So for each number of columns and of digits there is a
//! smallest k that covers the values and holds the rows; of these circuits the objective picks one.

mod forecast;

pub use forecast::Forecast;

use super::{
    options::Objective,
    protocol::{RunArgs, SettingsResult, Visibility},
};
use forecast::{MAX_CODE_BYTES, forecast};

/// Fixed-point fraction bits of inputs and weights, where no samples tell better.
pub(super) const SCALES: (i32, i32) = (7, 7);
/// EZKL multiplies scales until they exceed the input's by this factor, then rescales. 10: never, in a network of few
/// layers, which saves rows. 1: after every product, which keeps deep networks' values, and those that enter lookups, small.
const REBASE_MULTIPLIERS: [u32; 2] = [10, 1];
/// Values up to 2^7 as real numbers, at the largest scale, are admitted, where no samples tell better.
pub(super) const MAX_MAGNITUDE_LOG2: u32 = 7;
/// Rows of a column that blinding and EZKL's own checks take.
const RESERVED_ROWS: u64 = 8;
const MIN_K: u32 = 6;
pub(super) const MAX_K: u32 = 26;
const LEGS: std::ops::RangeInclusive<u32> = 2..=8;

/// What a circuit is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) objective: Objective,
    /// Fraction bits of inputs and weights.
    pub(super) scales: (i32, i32),
    /// Real numbers of less than 2 to this are admitted everywhere.
    pub(super) magnitude_log2: u32,
    /// Whether it is a batch, where Freivalds' check of matrix products may pay.
    pub(super) batch: bool,
    /// The integers that enter lookups, where there are lookups.
    pub(super) lookup_range: Option<(i64, i64)>,
    /// The largest circuit: 2 to this rows.
    pub(super) largest_k: u32,
    /// The most code that the verifier may be expected to have, where a larger one was made already and could not be deployed.
    pub(super) most_code: Option<u64>,
}

/// Parameters and the circuit they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) run_args: RunArgs,
    pub(super) forecast: Forecast,
}

/// Measures candidates with `measure`, which returns EZKL's settings for them, or `None` where what the model has to keep beside
/// each other does not fit columns of that size, and keeps the best circuit. `None` when no circuit of at most 2^26 rows exists. Where the verifier of what the objective looks at could not be
/// deployed, circuits of fewer columns are looked at, whose verifiers are smaller.
pub(super) fn choose<E>(
    ask: &Ask,
    mut measure: impl FnMut(RunArgs) -> Result<Option<SettingsResult>, E>,
) -> Result<Option<Choice>, E> {
    let best = best(ask, &mut measure)?;
    let size = |choice: &Choice| choice.forecast.verifier_bytes;
    match best {
        Some(large) if size(&large) > MAX_CODE_BYTES && ask.objective != Objective::Gas => {
            let smaller = self::best(&Ask { objective: Objective::Gas, ..*ask }, &mut measure)?;
            Ok(smaller.filter(|smaller| size(smaller) < size(&large)).or(Some(large)))
        }
        best => Ok(best),
    }
}

fn best<E>(
    ask: &Ask,
    mut measure: impl FnMut(RunArgs) -> Result<Option<SettingsResult>, E>,
) -> Result<Option<Choice>, E> {
    let mut best: Option<Choice> = None;
    // The scales depend on neither columns nor digits, so that any first candidate tells them.
    for multiplier in multipliers(ask) {
        let args = ask.run_args(&Shape { k: 17, base: 1 << 14, legs: 2, columns: 2, multiplier, freivalds: true });
        let Some(probe) = measure(args)? else { continue };
        for (columns, freivalds) in columns(ask, &probe) {
            let shape = Shape { k: MIN_K, base: 2, legs: 2, columns, multiplier, freivalds };
            for choice in candidates(ask, shape, &probe, &mut measure, best.as_ref())? {
                if best.as_ref().is_none_or(|best| rank(ask.objective, &choice) < rank(ask.objective, best)) {
                    best = Some(choice);
                }
            }
        }
    }
    Ok(best)
}

/// Candidates are compared by this; the first found of equals wins. A verifier that cannot be deployed comes last.
fn rank(objective: Objective, choice: &Choice) -> (bool, u64, u64) {
    let Forecast { k, gas, peak_rss_kb, prove_cpu_ms, verifier_bytes, .. } = choice.forecast;
    let too_large = verifier_bytes > MAX_CODE_BYTES;
    match objective {
        // Frozen: this was the tuner before there were objectives, and models' ids depend on it.
        Objective::Balanced => (too_large, u64::from(k), 0),
        Objective::Latency => (too_large, prove_cpu_ms, gas),
        Objective::Gas => (too_large, gas, prove_cpu_ms),
        Objective::Memory => (too_large, peak_rss_kb, prove_cpu_ms),
    }
}

fn multipliers(ask: &Ask) -> Vec<u32> {
    match (ask.lookup_range, ask.objective) {
        // A lookup's table holds every value that enters it: that has to be at the input's scale.
        (Some(_), _) => vec![1],
        (None, Objective::Balanced) => vec![REBASE_MULTIPLIERS[0]],
        (None, _) => REBASE_MULTIPLIERS.to_vec(),
    }
}

/// Numbers of inner columns, and whether matrix products are checked by Freivalds' algorithm, which costs the verifier
/// another phase.
fn columns(ask: &Ask, probe: &SettingsResult) -> Vec<(usize, bool)> {
    let checked = ask.batch && probe.total_einsum_col_size() > 0;
    let columns: &[usize] = match ask.objective {
        Objective::Balanced => &[2],
        Objective::Latency | Objective::Memory => &[2, 1, 3, 4],
        Objective::Gas => &[1, 2],
    };
    // Without products of two matrices there is nothing to check: one setting stands for both.
    let both: &[bool] = if checked { &[false, true] } else { &[true] };
    columns.iter().flat_map(|&columns| both.iter().map(move |&freivalds| (columns, freivalds))).collect()
}

/// The smallest circuit for every number of digits that may pay.
fn candidates<E>(
    ask: &Ask,
    shape: Shape,
    probe: &SettingsResult,
    measure: &mut impl FnMut(RunArgs) -> Result<Option<SettingsResult>, E>,
    best: Option<&Choice>,
) -> Result<Vec<Choice>, E> {
    let largest = probe.model_input_scales.iter().chain(&probe.model_output_scales).max().copied().unwrap_or(0);
    let mut found = Vec::new();
    let mut smallest =
        best.filter(|_| ask.objective == Objective::Balanced).map_or(ask.largest_k + 1, |best| best.run_args.logrows);
    for legs in LEGS {
        let Some(start) = smallest_k_for_base(ask.magnitude_log2 + largest, legs) else { continue };
        let mut k = start.max(smallest_k_for_lookups(ask));
        // A larger k admits a larger base, which changes the rows a little: repeat until both fit.
        while k <= ask.largest_k && k < smallest {
            let args = ask.run_args(&Shape { k, base: (1 << k) - RESERVED_ROWS as usize, legs, ..shape });
            let Some(made) = measure(args)? else {
                k += 1;
                continue;
            };
            let needed = smallest_k_for_rows(made.num_rows);
            if needed <= k {
                let choice = Choice { run_args: args, forecast: forecast(&args, &made) };
                if ask.most_code.is_none_or(|most| choice.forecast.verifier_bytes <= most) {
                    found.push(choice);
                    smallest = k;
                }
                break;
            }
            k = needed;
        }
    }
    Ok(found)
}

/// The smallest k with `(2^k - 8)^legs > 2^values_log2`; `None` when that needs more than [`MAX_K`] or overflows.
fn smallest_k_for_base(values_log2: u32, legs: u32) -> Option<u32> {
    let covers =
        |k: u32| ((1u128 << k) - u128::from(RESERVED_ROWS)).checked_pow(legs).is_some_and(|n| n > 1 << values_log2);
    if values_log2 >= 120 { None } else { (MIN_K..=MAX_K).find(|&k| covers(k)) }
}

/// The smallest k that holds the rows in one block of columns.
fn smallest_k_for_rows(rows: u64) -> u32 {
    rows.saturating_add(RESERVED_ROWS).checked_next_power_of_two().map_or(64, u64::trailing_zeros).max(MIN_K)
}

/// The smallest k whose columns hold a lookup's table whole.
fn smallest_k_for_lookups(ask: &Ask) -> u32 {
    ask.lookup_range.map_or(MIN_K, |(low, high)| smallest_k_for_rows(high.abs_diff(low).saturating_add(1)))
}

/// What distinguishes candidates.
#[derive(Clone, Copy)]
struct Shape {
    k: u32,
    base: usize,
    legs: u32,
    columns: usize,
    multiplier: u32,
    freivalds: bool,
}

impl Ask {
    /// Parameters that any model can be compiled with, to look at it: wide ranges, a large k that no key is made for.
    pub(super) fn probe(&self) -> RunArgs {
        let base = (1 << 17) - RESERVED_ROWS as usize;
        self.run_args(&Shape { k: 17, base, legs: 4, columns: 2, multiplier: 1, freivalds: true })
    }

    fn run_args(&self, shape: &Shape) -> RunArgs {
        RunArgs {
            input_visibility: Visibility::Public,
            output_visibility: Visibility::Public,
            param_visibility: Visibility::Fixed,
            input_scale: self.scales.0,
            param_scale: self.scales.1,
            scale_rebase_multiplier: shape.multiplier,
            logrows: shape.k,
            num_inner_cols: shape.columns,
            decomp_base: shape.base,
            decomp_legs: shape.legs as usize,
            lookup_range: self.lookup_range,
            disable_freivalds: (!shape.freivalds).then_some(true),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn settings(num_rows: u64, output_scale: u32) -> SettingsResult {
        SettingsResult {
            num_rows,
            model_input_scales: vec![7],
            model_output_scales: vec![output_scale],
            model_instance_shapes: vec![vec![1, 4], vec![1, 3]],
            required_lookups: vec![],
            required_range_checks: vec![(-1, 1), (0, 503)],
            einsum_params: None,
        }
    }

    fn ask(objective: Objective) -> Ask {
        Ask {
            objective,
            scales: SCALES,
            magnitude_log2: MAX_MAGNITUDE_LOG2,
            batch: false,
            lookup_range: None,
            largest_k: MAX_K,
            most_code: None,
        }
    }

    pub(crate) fn args(k: u32, columns: usize) -> RunArgs {
        ask(Objective::Balanced).run_args(&Shape { k, base: 500, legs: 3, columns, multiplier: 10, freivalds: true })
    }

    fn pick(objective: Objective, rows: impl Fn(RunArgs) -> u64, scale: u32) -> Option<Choice> {
        choose::<()>(&ask(objective), |args| Ok(Some(settings(rows(args), scale)))).unwrap()
    }

    #[test]
    fn k_holds_the_rows() {
        assert_eq!(smallest_k_for_rows(504), 9);
        assert_eq!(smallest_k_for_rows(505), 10);
        assert_eq!(smallest_k_for_rows(1), 6);
        assert_eq!(smallest_k_for_rows(u64::MAX), 64);
    }

    #[test]
    fn k_holds_the_table() {
        // 2^28 = 16384^2: 2^14 - 8 is just too small a base for two digits.
        assert_eq!(smallest_k_for_base(28, 2), Some(15));
        assert_eq!(smallest_k_for_base(28, 3), Some(10));
        assert_eq!(smallest_k_for_base(28, 4), Some(8));
        assert_eq!(smallest_k_for_base(60, 2), None);
        assert_eq!(smallest_k_for_base(200, 8), None);
    }

    #[test]
    fn the_smallest_circuit_wins_and_covers_the_values() {
        let choice = pick(Objective::Balanced, |args| 100 * args.decomp_legs as u64, 21).unwrap();
        assert_eq!((choice.run_args.decomp_legs, choice.run_args.decomp_base, choice.run_args.logrows), (4, 504, 9));
        assert!(504u64.pow(4) > 1 << (MAX_MAGNITUDE_LOG2 + 21));
        let flat = pick(Objective::Balanced, |_| 5000, 21).unwrap();
        assert_eq!((flat.run_args.logrows, flat.run_args.decomp_legs), (13, 3));
    }

    /// EZKL does not even count the rows of a circuit whose columns are too short for a table that is computed: GatherElements.
    #[test]
    fn columns_that_are_too_short_for_a_table_are_made_longer() {
        let fits = |args: RunArgs| args.logrows >= 11;
        let choice = choose::<()>(&ask(Objective::Balanced), |args| Ok(fits(args).then(|| settings(300, 21)))).unwrap();
        assert_eq!(choice.unwrap().run_args.logrows, 11);
        assert_eq!(choose::<()>(&ask(Objective::Balanced), |_| Ok(None)).unwrap(), None, "no size is enough");
    }

    /// Every objective is the best at what it is for.
    #[test]
    fn objectives_get_what_they_ask_for() {
        let rows = |args: RunArgs| 4_000 * args.decomp_legs as u64 / args.num_inner_cols as u64;
        let of = |objective| pick(objective, rows, 14).unwrap();
        let (latency, gas, memory) = (of(Objective::Latency), of(Objective::Gas), of(Objective::Memory));
        assert_eq!(gas.run_args.num_inner_cols, 1);
        for other in [latency, gas, memory, of(Objective::Balanced)] {
            assert!(latency.forecast.prove_cpu_ms <= other.forecast.prove_cpu_ms);
            assert!(gas.forecast.gas <= other.forecast.gas);
            assert!(memory.forecast.peak_rss_kb <= other.forecast.peak_rss_kb);
        }
        assert!(latency.forecast.gas > gas.forecast.gas, "there is something to choose");
    }

    /// Freivalds' check is tried for batches, and a verifier beyond the limit on code is not chosen while there is another.
    #[test]
    fn a_batch_weighs_freivalds_and_stays_deployable() {
        let rows = |args: RunArgs| if args.disable_freivalds == Some(true) { 100_000 } else { 15_000 };
        let measure = |args: RunArgs| {
            let einsum_params = Some(serde_json::json!({ "total_einsum_col_size": 400 }));
            Ok::<_, ()>(Some(SettingsResult { einsum_params, ..settings(rows(args), 14) }))
        };
        let ask = Ask { batch: true, ..ask(Objective::Latency) };
        let choice = choose(&ask, measure).unwrap().unwrap();
        assert_eq!((choice.run_args.disable_freivalds, choice.run_args.num_inner_cols), (None, 1));
        assert!(choice.forecast.verifier_bytes <= MAX_CODE_BYTES);
    }

    /// The objective that models have by default looks at two columns only; seven lookups make that verifier too large.
    #[test]
    fn a_verifier_beyond_the_limit_on_code_is_tried_with_fewer_columns() {
        let ask = Ask { lookup_range: Some((-3_000, 3_000)), ..ask(Objective::Balanced) };
        let with = |lookups: usize| {
            let required_lookups = vec![serde_json::json!("Sigmoid"); lookups];
            let made = SettingsResult { required_lookups, ..settings(100, 7) };
            choose::<()>(&ask, |_| Ok(Some(made.clone()))).unwrap().unwrap()
        };
        assert_eq!(with(1).run_args.num_inner_cols, 2, "what fits stays what it was");
        let small = with(7);
        assert_eq!(small.run_args.num_inner_cols, 1);
        assert!(small.forecast.verifier_bytes <= MAX_CODE_BYTES);
        assert!(with(40).forecast.verifier_bytes > MAX_CODE_BYTES, "what fits nowhere is the compiler's error");
    }

    /// After a contract came out larger than forecast: only what is expected to be smaller is chosen, or nothing.
    #[test]
    fn a_verifier_that_came_out_too_large_is_not_chosen_again() {
        let of = |most_code| {
            let ask = Ask { most_code, ..ask(Objective::Gas) };
            choose::<()>(&ask, |args| Ok(Some(settings(100 * args.num_inner_cols as u64, 21)))).unwrap()
        };
        let (first, two) = (of(None).unwrap(), pick(Objective::Balanced, |_| 100, 21).unwrap());
        assert_eq!((first.run_args.num_inner_cols, two.run_args.num_inner_cols), (1, 2));
        let smaller = of(Some(two.forecast.verifier_bytes - 1)).unwrap();
        assert!(smaller.forecast.verifier_bytes < two.forecast.verifier_bytes);
        assert_eq!(of(Some(first.forecast.verifier_bytes - 1)), None, "nothing is smaller than the smallest");
    }

    #[test]
    fn a_lookup_table_fits_its_column() {
        let ask = Ask { lookup_range: Some((-3_000, 3_000)), ..ask(Objective::Balanced) };
        let choice = choose::<()>(&ask, |_| Ok(Some(settings(100, 7)))).unwrap().unwrap();
        assert_eq!((choice.run_args.logrows, choice.run_args.scale_rebase_multiplier), (13, 1));
        assert_eq!(choice.run_args.lookup_range, Some((-3_000, 3_000)));
    }

    #[test]
    fn a_circuit_is_no_larger_than_allowed() {
        let of = |largest_k| {
            let ask = Ask { largest_k, ..ask(Objective::Gas) };
            choose::<()>(&ask, |_| Ok(Some(settings(5_000, 21)))).unwrap()
        };
        let found = of(MAX_K).unwrap();
        assert_eq!(of(found.run_args.logrows).map(|choice| choice.run_args.logrows), Some(found.run_args.logrows));
        assert_eq!(of(12), None);
    }

    #[test]
    fn no_circuit_is_no_choice() {
        for objective in [Objective::Balanced, Objective::Latency, Objective::Gas, Objective::Memory] {
            assert_eq!(pick(objective, |_| 1 << 40, 21), None);
            assert_eq!(pick(objective, |_| 10, 200), None);
        }
    }

    #[test]
    fn weights_are_bound() {
        assert_eq!(pick(Objective::Balanced, |_| 10, 21).unwrap().run_args.param_visibility, Visibility::Fixed);
    }
}
