//! What copies read.

use super::{Fixed, Gadget, Parts, Tensor};
use crate::error::ProgramError;

/// The tensors that the copies of every tensor read. Every address of an element is an element; rows that hold none
/// may read anything, because nothing reads them.
pub(super) fn sources(p: &Parts, fixed: &Fixed, gadgets: &[Gadget]) -> Result<Vec<Option<Vec<usize>>>, ProgramError> {
    let mut spans: Vec<(u32, usize)> = p.tensors.iter().enumerate().map(|(i, t)| (t.base, i)).collect();
    spans.sort_unstable();
    let owner = |position: u32| {
        let after = spans.partition_point(|(base, _)| *base <= position);
        let (_, index) = *spans.get(after.checked_sub(1)?)?;
        p.tensors[index].holds(position).then_some(index)
    };
    let reads = |t: &Tensor| p.kinds[usize::from(t.kind)].reads > 0;
    let mut out: Vec<Option<Vec<usize>>> = p.tensors.iter().map(|t| reads(t).then(Vec::new)).collect();
    for (index, c) in fixed.copies().iter().enumerate() {
        let Some(reader) = owner(c.position) else { continue };
        let Some(sources) = &mut out[reader] else { continue };
        let source = owner(c.address).filter(|t| p.kinds[usize::from(p.tensors[*t].kind)].value.is_some());
        let source = source.ok_or(ProgramError::Undetermined { what: "a copy reads no element", index })?;
        let gadget = |t: usize| gadgets[usize::from(p.tensors[t].kind)];
        if matches!(gadget(reader), Gadget::Choose { .. }) && c.column == 1 && gadget(source) != Gadget::Compare {
            return Err(ProgramError::Undetermined { what: "a choice by what is no comparison", index });
        }
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    Ok(out)
}
