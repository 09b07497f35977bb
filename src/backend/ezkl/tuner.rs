//! Chooses a circuit's parameters: EZKL's own calibration never leaves k = 15, two orders of magnitude too slow for a
//! small network.
//!
//! Proving time grows with 2^k times the columns. ReLU and range checks are decompositions into `legs` digits of base
//! `base`, whose table must fit in half the rows. More digits cost rows, a larger base costs table: try each number of
//! digits with the smallest base that covers the values, and keep what needs the fewest rows.

use super::protocol::{RunArgs, SettingsResult, Visibility};

/// Fixed-point fraction bits of inputs and weights.
const SCALE: i32 = 7;
/// The largest magnitude, as a real number at the largest scale, that the circuit admits.
const MAX_MAGNITUDE_LOG2: u32 = 7;
/// Rows that blinding and EZKL's own checks take.
const RESERVED_ROWS: u64 = 8;
const MIN_K: u32 = 6;
const MAX_K: u32 = 26;
const LEGS: std::ops::RangeInclusive<u32> = 2..=6;
const BASE_LOG2: std::ops::RangeInclusive<u32> = 6..=14;

/// Parameters and the circuit they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) run_args: RunArgs,
    pub(super) rows: u64,
    /// Bits of the largest magnitude, in the field, that the decomposition covers: `base^legs = 2^range_log2`.
    pub(super) range_log2: u32,
}

/// Measures candidates with `measure`, which returns EZKL's settings for them, and keeps the smallest circuit.
/// `None` when no circuit of at most 2^26 rows exists.
pub(super) fn choose<E>(mut measure: impl FnMut(RunArgs) -> Result<SettingsResult, E>) -> Result<Option<Choice>, E> {
    // The scales do not depend on the decomposition, so any first candidate tells them.
    let probe = measure(run_args(MAX_K.min(17), 10, 3))?;
    let largest = probe.model_input_scales.iter().chain(&probe.model_output_scales).max().copied().unwrap_or(0);
    // One bit for the sign's side, the rest for magnitude and fraction.
    let needed = 1 + MAX_MAGNITUDE_LOG2 + largest;
    let mut best: Option<Choice> = None;
    for legs in LEGS {
        let base_log2 = needed.div_ceil(legs).max(*BASE_LOG2.start());
        if !BASE_LOG2.contains(&base_log2) {
            continue;
        }
        let rows = measure(run_args(17, base_log2, legs))?.num_rows;
        let Some(k) = smallest_k(rows, base_log2) else { continue };
        let choice = Choice { run_args: run_args(k, base_log2, legs), rows, range_log2: base_log2 * legs };
        if best.is_none_or(|best| (k, rows) < (best.run_args.logrows, best.rows)) {
            best = Some(choice);
        }
    }
    Ok(best)
}

/// The smallest k that holds the rows in one block of columns and the table in half of them.
fn smallest_k(rows: u64, base_log2: u32) -> Option<u32> {
    let k = (rows + RESERVED_ROWS).next_power_of_two().trailing_zeros().max(base_log2 + 1).max(MIN_K);
    (k <= MAX_K).then_some(k)
}

fn run_args(logrows: u32, base_log2: u32, legs: u32) -> RunArgs {
    RunArgs {
        input_visibility: Visibility::Public,
        output_visibility: Visibility::Public,
        param_visibility: Visibility::Fixed,
        input_scale: SCALE,
        param_scale: SCALE,
        scale_rebase_multiplier: 10,
        logrows,
        num_inner_cols: 2,
        decomp_base: 1 << base_log2,
        decomp_legs: legs as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(num_rows: u64, output_scale: u32) -> SettingsResult {
        SettingsResult {
            num_rows,
            model_input_scales: vec![7],
            model_output_scales: vec![output_scale],
            required_lookups: vec![],
            version: "23.0.5".into(),
        }
    }

    fn pick(rows: impl Fn(RunArgs) -> u64, scale: u32) -> Option<Choice> {
        choose::<()>(|args| Ok(settings(rows(args), scale))).unwrap()
    }

    #[test]
    fn k_holds_rows_and_table() {
        assert_eq!(smallest_k(504, 6), Some(9));
        assert_eq!(smallest_k(505, 6), Some(10));
        assert_eq!(smallest_k(10, 8), Some(9));
        assert_eq!(smallest_k(1, 5), Some(6));
        assert_eq!(smallest_k(1 << 27, 6), None);
    }

    #[test]
    fn the_decomposition_covers_the_values_and_rows_decide() {
        let choice = pick(|args| 100 * args.decomp_legs as u64, 21).unwrap();
        assert!(choice.range_log2 >= 1 + MAX_MAGNITUDE_LOG2 + 21);
        // 29 bits: 3 digits need base 2^10 and k = 11, 4 digits 2^8 and k = 9, 5 digits 2^6 and k = 9 but more rows.
        assert_eq!((choice.run_args.decomp_legs, choice.run_args.decomp_base, choice.run_args.logrows), (4, 256, 9));
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
