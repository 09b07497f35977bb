//! Events of a range of blocks, in ranges as small as the node wants them.

use super::{ChainError, Node};
use alloy::rpc::types::{Filter, Log};

/// Blocks asked about at once, after everything at once was refused.
const RANGES: [u64; 4] = [50_000, 10_000, 2_000, 100];

/// All events that pass a filter, of these blocks, both included, in the order of the chain.
///
/// # Errors
/// [`ChainError`] of the node; [`ChainError::BadAnswer`] for an event that is of another block than was asked about.
pub(super) async fn collect(
    node: &Node,
    what: &str,
    filter: &Filter,
    from: u64,
    to: u64,
) -> Result<Vec<Log>, ChainError> {
    let (mut logs, mut begin, mut size, mut smaller) = (Vec::new(), from, u64::MAX, RANGES.iter());
    while begin <= to {
        let end = begin.saturating_add(size - 1).min(to);
        match node.logs(what, &filter.clone().from_block(begin).to_block(end)).await {
            Ok(found) => {
                // One that a reorganisation took back is none.
                logs.extend(found.into_iter().filter(|log| !log.removed));
                begin = match end.checked_add(1) {
                    Some(next) => next,
                    None => break,
                };
            }
            Err(error @ ChainError::Unreachable { .. }) => return Err(error),
            Err(error) => size = *smaller.next().ok_or(error)?,
        }
    }
    let place = |log: &Log| Some((log.block_number.filter(|block| (from..=to).contains(block))?, log.log_index?));
    if logs.iter().any(|log| place(log).is_none()) {
        return Err(ChainError::BadAnswer {
            what: what.into(),
            reason: "an event is of no block that was asked about".into(),
        });
    }
    logs.sort_by_key(place);
    Ok(logs)
}
