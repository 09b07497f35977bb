//! Chooses a circuit's parameters: EZKL's own calibration never leaves k = 15, which makes small
//! networks slow (`docs/benchmarks.md`).
//!
//! Proving time grows with 2^k times the columns. ReLU and range checks are decompositions into `legs` digits of a base
//! whose table must fit in one column: `base <= 2^k - 8` (measured). For each number of digits, the smallest k that
//! covers the values and holds the rows; the number of digits with the smallest k wins.

use super::protocol::{RunArgs, SettingsResult, Visibility};

/// Fixed-point fraction bits of inputs and weights.
const SCALE: i32 = 7;
/// EZKL multiplies scales until they exceed the input's by this factor, then rescales. 10: never, in a network of few
/// layers, which saves rows.
const REBASE_MULTIPLIER: u32 = 10;
/// Values up to 2^7 as real numbers, at the largest scale, are admitted.
const MAX_MAGNITUDE_LOG2: u32 = 7;
/// Rows of a column that blinding and EZKL's own checks take.
const RESERVED_ROWS: u64 = 8;
const MIN_K: u32 = 6;
const MAX_K: u32 = 26;
const LEGS: std::ops::RangeInclusive<u32> = 2..=8;

/// Parameters and the circuit they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) run_args: RunArgs,
}

/// Measures candidates with `measure`, which returns EZKL's settings for them, and keeps the smallest circuit.
/// `None` when no circuit of at most 2^26 rows exists.
pub(super) fn choose<E>(mut measure: impl FnMut(RunArgs) -> Result<SettingsResult, E>) -> Result<Option<Choice>, E> {
    // The scales do not depend on the decomposition, so any first candidate tells them.
    let probe = measure(run_args(17, 1 << 14, 2))?;
    let largest = probe.model_input_scales.iter().chain(&probe.model_output_scales).max().copied().unwrap_or(0);
    let values_log2 = MAX_MAGNITUDE_LOG2 + largest;
    let mut best: Option<Choice> = None;
    for legs in LEGS {
        let Some(mut k) = smallest_k_for_base(values_log2, legs) else { continue };
        // A larger k admits a larger base, which changes the rows a little: repeat until both fit.
        while k <= MAX_K && best.is_none_or(|best| k < best.run_args.logrows) {
            let args = run_args(k, (1 << k) - RESERVED_ROWS as usize, legs);
            let needed = smallest_k_for_rows(measure(args)?.num_rows);
            if needed <= k {
                best = Some(Choice { run_args: args });
                break;
            }
            k = needed;
        }
    }
    Ok(best)
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

fn run_args(logrows: u32, decomp_base: usize, legs: u32) -> RunArgs {
    RunArgs {
        input_visibility: Visibility::Public,
        output_visibility: Visibility::Public,
        param_visibility: Visibility::Fixed,
        input_scale: SCALE,
        param_scale: SCALE,
        scale_rebase_multiplier: REBASE_MULTIPLIER,
        logrows,
        num_inner_cols: 2,
        decomp_base,
        decomp_legs: legs as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(num_rows: u64, output_scale: u32) -> SettingsResult {
        SettingsResult { num_rows, model_input_scales: vec![7], model_output_scales: vec![output_scale] }
    }

    fn pick(rows: impl Fn(RunArgs) -> u64, scale: u32) -> Option<Choice> {
        choose::<()>(|args| Ok(settings(rows(args), scale))).unwrap()
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
        let choice = pick(|args| 100 * args.decomp_legs as u64, 21).unwrap();
        assert_eq!((choice.run_args.decomp_legs, choice.run_args.decomp_base, choice.run_args.logrows), (4, 504, 9));
        assert!(504u64.pow(4) > 1 << (MAX_MAGNITUDE_LOG2 + 21));
        let flat = pick(|_| 5000, 21).unwrap();
        assert_eq!((flat.run_args.logrows, flat.run_args.decomp_legs), (13, 3));
    }

    #[test]
    fn no_circuit_is_no_choice() {
        assert_eq!(pick(|_| 1 << 40, 21), None);
        assert_eq!(pick(|_| 10, 200), None);
    }

    #[test]
    fn weights_are_bound() {
        assert_eq!(pick(|_| 10, 21).unwrap().run_args.param_visibility, Visibility::Fixed);
    }
}
