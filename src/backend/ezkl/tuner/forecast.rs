//! What a circuit will cost, before it is made. The constants are fits to measurements on EZKL 23.0.5 (`docs/benchmarks.md`):
//! sizes within a few percent for networks without lookups, CPU time and memory as well as machines agree.

use super::super::protocol::{RunArgs, SettingsResult};
use serde::{Deserialize, Serialize};

/// Code that a contract may have (EIP-170).
pub(super) const MAX_CODE_BYTES: u64 = 24_576;

/// What a circuit is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Forecast {
    /// The circuit has 2^k rows.
    pub k: u32,
    /// Rows in use, in all blocks of columns.
    pub rows: u64,
    /// The proof's length in bytes.
    pub proof_bytes: u64,
    /// The generated verifier's run-time code in bytes.
    pub verifier_bytes: u64,
    /// Gas of a transaction that verifies one proof with the generated verifier.
    pub gas: u64,
    /// The proving process's peak resident set in kB.
    pub peak_rss_kb: u64,
    /// CPU time of a proof, all threads.
    pub prove_cpu_ms: u64,
}

/// Predicts what a circuit with these settings costs.
pub(super) fn forecast(args: &RunArgs, made: &SettingsResult) -> Forecast {
    let k = args.logrows;
    let usable = (1u64 << k) - super::RESERVED_ROWS;
    let blocks = made.num_rows.div_ceil(usable).max(1);
    let instances: u64 = made.model_instance_shapes.iter().map(|shape| shape.iter().product::<u64>()).sum();
    let proof_bytes = proof_bytes(args, made, blocks, usable);
    let freivalds = if uses_freivalds(args, made) { 4_800.0 } else { 0.0 };
    let above = proof_bytes as f64 - 3_072.0;
    let verifier_bytes = 13_400.0 + if above < 0.0 { 2.62 } else { 3.15 } * above + freivalds;
    let gas = 537_300.0 + 116.0 * above + 1_090.0 * instances as f64;
    let size = f64::from(1u32 << k);
    let peak_rss = 30_000.0 + size * (2.4 + proof_bytes as f64 / 415.0);
    // Short circuits have as much to do beside their rows.
    let short = if k <= 9 { 1.9 } else { 1.0 };
    let prove_cpu = 20.0 + short * size * 0.265 * (proof_bytes as f64 / 3_072.0).powf(1.3);
    Forecast {
        k,
        rows: made.num_rows,
        proof_bytes,
        verifier_bytes: verifier_bytes as u64,
        gas: gas as u64,
        peak_rss_kb: peak_rss as u64,
        prove_cpu_ms: prove_cpu as u64,
    }
}

fn uses_freivalds(args: &RunArgs, made: &SettingsResult) -> bool {
    args.disable_freivalds != Some(true) && made.total_einsum_col_size() > 0
}

/// One block of 1 to 4 columns is exact; what else there is, is a fit.
fn proof_bytes(args: &RunArgs, made: &SettingsResult, blocks: u64, usable: u64) -> u64 {
    let columns = args.num_inner_cols as u64;
    let block = match columns {
        1 => 1_952,
        2 => 3_072,
        3 => 4_160,
        4 => 5_120,
        more => 5_120 + 430 * (more - 4),
    };
    let further_blocks = (blocks - 1) * 1_136 * columns;
    let freivalds = match (uses_freivalds(args, made), columns) {
        (false, _) => 0,
        (true, 1) => 1_408,
        (true, columns) => 1_264 * columns,
    };
    let table = args.lookup_range.map_or(0, |(low, high)| (high - low + 1).unsigned_abs());
    let lookups = made.required_lookups.len() as u64 * (576 + 384 * (table.div_ceil(usable).max(1) - 1));
    // The two that every circuit has are in the block already.
    let ranges = 1_504 * (made.required_range_checks.len() as u64).saturating_sub(2);
    block + further_blocks + freivalds + lookups + ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ezkl::tuner::tests::{args, settings};

    /// Measured: circuits of `facts` on EZKL 23.0.5 and what they cost.
    #[test]
    fn measured_circuits_are_predicted() {
        let near = |predicted: u64, measured: u64, percent: u64| {
            let most = measured * percent / 100;
            assert!(predicted.abs_diff(measured) <= most, "{predicted} predicted, {measured} measured");
        };
        // columns, k, rows, instances, proof bytes, verifier bytes, gas of a transaction
        for (columns, k, rows, instances, proof, verifier, gas) in [
            (2, 8, 203, 7, 3_072, 13_422, 544_967),
            (1, 9, 406, 7, 1_952, 10_465, 415_068),
            (2, 14, 11_126, 74, 3_072, 13_386, 618_293),
            (1, 15, 21_976, 74, 1_952, 10_467, 488_036),
            (2, 13, 11_126, 74, 5_344, 20_770, 882_211),
            (2, 17, 142_358, 266, 5_344, 20_771, 1_092_559),
        ] {
            let mut made = settings(rows, 21);
            made.model_instance_shapes = vec![vec![instances]];
            let found = forecast(&args(k, columns), &made);
            assert_eq!(found.proof_bytes, proof);
            near(found.verifier_bytes, verifier, 3);
            near(found.gas, gas, 3);
        }
        // columns, k, CPU ms, peak RSS kB; on other machines than this one, or under load.
        for (columns, k, cpu, rss) in
            [(2, 11, 530, 58_000), (2, 12, 1_100, 78_000), (1, 13, 1_200, 89_000), (2, 14, 4_300, 190_000)]
        {
            let found = forecast(&args(k, columns), &settings(200, 21));
            near(found.prove_cpu_ms, cpu, 25);
            near(found.peak_rss_kb, rss, 25);
        }
    }
}
