//! What [`crate::fuzzing`] reads of this module.

use super::{
    instances,
    protocol::{
        Compile, GenSettings, GenWitness, Hello, Prove, ProveResult, Request, Response, Setup, VerifierSol, Verify,
        WitnessResult,
    },
};

/// An answer's instances, as they stood there and as this program writes them.
type Instances = Vec<[String; 2]>;

fn result<R: Request>(line: &[u8]) -> Option<R::Result> {
    serde_json::from_slice::<Response<R::Result>>(line).ok()?.result
}

fn written_again(columns: Vec<Vec<String>>) -> Option<Instances> {
    let again = |text: String| {
        let written = instances::to_hex(instances::from_hex(&text).ok()?).ok()?;
        Some([text, written])
    };
    columns.into_iter().flatten().map(again).collect()
}

pub(crate) fn answer(operation: u8, line: &[u8]) -> Option<Instances> {
    let none = |()| Vec::new();
    match operation {
        0 => result::<Hello>(line).map(drop).map(none),
        1 => result::<GenSettings>(line).map(drop).map(none),
        2 => result::<Compile>(line).map(drop).map(none),
        3 => result::<Setup>(line).map(drop).map(none),
        4 => {
            let WitnessResult { inputs, outputs, .. } = result::<GenWitness>(line)?;
            written_again([inputs, outputs].concat())
        }
        5 => {
            let ProveResult { instances, proof } = result::<Prove>(line)?;
            alloy::hex::decode(proof).ok()?;
            written_again(instances)
        }
        6 => result::<Verify>(line).map(drop).map(none),
        7 => result::<VerifierSol>(line).map(drop).map(none),
        _ => None,
    }
}
