//! Step after step.

use super::{Alarm, Engine, Step, StepError};
use crate::chain::{
    operator::{Operator, interrupted},
    submitter::{Chain, JournalError},
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest pause when the chain does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// When a run ends. It always ends when the operator interrupts: what was sent is in the journal, and the next run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Not by itself.
    Interrupted,
    /// When everything in the journal has ended.
    Done,
    /// After one step.
    Once,
}

/// Takes steps, a pause between two. `hear` is told of every step, and of every failure.
///
/// # Errors
/// [`StepError::Journal`] when the journal cannot be used; a chain that does not answer is asked again.
pub async fn run<C: Chain>(
    engine: &mut Engine<C>,
    operator: &dyn Operator,
    every: Duration,
    until: Until,
    mut hear: impl FnMut(&Step),
) -> Result<(), StepError> {
    let mut pause = every;
    while !operator.is_interrupted() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let step = engine.step(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        // Ending in the middle of a step is as dying there: the journal says what was done.
        let step = tokio::select! {
            biased;
            () = interrupted(operator) => break,
            step = step => step,
        };
        match step {
            Ok(step) => {
                pause = every;
                hear(&step);
                let is_done = step.head.is_some() && step.open == 0;
                let is_drained = step.head.is_some() && step.is_draining && step.live == 0;
                if until == Until::Once || is_drained || (until == Until::Done && is_done) {
                    return Ok(());
                }
            }
            // Somebody adds a lot at once.
            Err(StepError::Journal(JournalError::Busy { .. })) => {}
            Err(StepError::Chain(error)) if until != Until::Once => {
                tracing::warn!(%error, "the chain does not answer");
                hear(&Step { alarms: vec![Alarm::Chain { reason: error.to_string() }], ..Step::default() });
                pause = (pause * 2).min(LONGEST_PAUSE.max(every));
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            biased;
            () = interrupted(operator) => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(())
}
