//! Sequences and optional values whose lengths are known: nothing is left of them in the graph but their tensors.

use super::{Frame, Scope, Walk, Wire, unroll::body_of};
use crate::model::graph::{
    GraphError, Operand,
    call::Call,
    infer,
    operators::{Attributes, Operator},
    tensor::{Element, Tensor},
};
use std::rc::Rc;

/// Pieces that a tensor may be split into.
const MAX_PIECES: usize = 1 << 16;

type Given = Vec<Option<Wire>>;

/// Whether a node of the default domain makes, takes or asks about lists or optional values.
pub(super) fn takes(operator: &str, given: &[Option<Wire>]) -> bool {
    match operator {
        "SequenceConstruct" | "SequenceEmpty" | "SequenceInsert" | "SequenceErase" | "SequenceAt"
        | "SequenceLength" | "ConcatFromSequence" | "SplitToSequence" | "Optional" | "OptionalGetElement"
        | "OptionalHasElement" => true,
        "Identity" => !matches!(given.first(), None | Some(None | Some(Wire::Tensor(..)))),
        _ => false,
    }
}

impl<'a> Walk<'_, 'a> {
    /// A node that [`takes`] lists.
    pub(super) fn list(&mut self, call: &Call<'a>, given: Given) -> Result<Vec<Wire>, GraphError> {
        let first = given.first().cloned().flatten();
        let wire = match call.operator {
            "Identity" => first.ok_or_else(|| call.refuse("lacks its operand 0"))?,
            "Optional" => first.unwrap_or(Wire::Nothing),
            "OptionalHasElement" => {
                let there = !matches!(first, None | Some(Wire::Nothing));
                self.builder.constant(Tensor::ints(Element::Bool, vec![], vec![there.into()])).into()
            }
            "OptionalGetElement" => match first {
                None | Some(Wire::Nothing) => {
                    return Err(call.refuse("takes what is in an optional value that is not there"));
                }
                Some(wire) => wire,
            },
            "SequenceEmpty" => Wire::List(Rc::default()),
            "SequenceConstruct" => {
                let members: Option<Vec<Wire>> = given.into_iter().collect();
                self.listed(members.ok_or_else(|| call.refuse("lacks one of its operands"))?)?
            }
            "SplitToSequence" => self.split(call, &given)?,
            _ => self.member(call, &given)?,
        };
        Ok(vec![wire])
    }

    /// Operators of a sequence that is there.
    fn member(&mut self, call: &Call<'a>, given: &Given) -> Result<Wire, GraphError> {
        let list = sequence(call, given.first())?;
        let length = list.len();
        Ok(match call.operator {
            "SequenceLength" => self.builder.constant(Tensor::ints(Element::Int64, vec![], vec![length as i64])).into(),
            "ConcatFromSequence" => self.concat(call, &list)?,
            "SequenceAt" => list[place(call, given.get(1), None, length)?].clone(),
            "SequenceErase" => {
                let at = place(call, given.get(1), length.checked_sub(1), length)?;
                let mut list = list.to_vec();
                list.remove(at);
                self.listed(list)?
            }
            _ => {
                let at = place(call, given.get(2), Some(length), length + 1)?;
                let new = given.get(1).cloned().flatten().ok_or_else(|| call.refuse("lacks its operand 1"))?;
                let mut list = list.to_vec();
                list.insert(at, new);
                self.listed(list)?
            }
        })
    }

    /// Every list is a copy: what they take together is bounded as nodes are.
    fn listed(&mut self, members: Vec<Wire>) -> Result<Wire, GraphError> {
        self.walk_over(members.len())?;
        Ok(Wire::List(Rc::new(members)))
    }

    fn concat(&mut self, call: &Call<'a>, list: &[Wire]) -> Result<Wire, GraphError> {
        let axis = call.int("axis").ok_or_else(|| call.refuse("has no axis"))?;
        let small = list.first().and_then(Wire::small);
        let members = list.iter().map(|wire| operand(call, wire)).collect::<Result<Vec<_>, _>>()?;
        if call.flag("new_axis") {
            return Ok(Wire::Tensor(self.stacked(call, &members, axis)?, small));
        }
        let first = members.first().ok_or_else(|| call.refuse("joins the tensors of an empty sequence"))?;
        let rank = self.builder.shape(first).len();
        let axis = infer::axis(axis, rank).map_err(|reason| call.refuse(reason))?;
        if let [only] = &members[..] {
            return Ok(Wire::Tensor(only.clone(), small));
        }
        let members: Vec<&Operand> = members.iter().collect();
        let attributes = Attributes::of([("axis", (axis as i64).into())]);
        Ok(Wire::Tensor(self.builder.apply(call, Operator::Concat, attributes, &members)?, small))
    }

    /// Pieces of one place each without lengths; of one length, the last perhaps shorter; or of a list of lengths.
    fn split(&mut self, call: &Call<'a>, given: &Given) -> Result<Wire, GraphError> {
        let Some(Some(Wire::Tensor(whole, small))) = given.first() else {
            return Err(call.refuse("takes no tensor apart"));
        };
        let mut shape = self.builder.shape(whole);
        let axis = infer::axis(call.int("axis").unwrap_or(0), shape.len()).map_err(|reason| call.refuse(reason))?;
        let dim = shape[axis];
        let every = |length: usize| (0..dim.div_ceil(length)).map(move |at| length.min(dim - at * length) as i64);
        let lengths: Vec<i64> = match given.get(1).and_then(Option::as_ref) {
            None => every(1).take(MAX_PIECES + 1).collect(),
            Some(wire) => {
                let lengths = operand(call, wire)?;
                let known = self.builder.known_ints(call, &lengths, "lengths")?;
                match (&self.builder.shape(&lengths)[..], &known[..]) {
                    ([], &[length]) => {
                        let length = usize::try_from(length).ok().filter(|&length| length > 0);
                        let length = length.ok_or_else(|| call.refuse("makes pieces of no length"))?;
                        every(length).take(MAX_PIECES + 1).collect()
                    }
                    _ => known,
                }
            }
        };
        if lengths.len() > MAX_PIECES {
            return Err(call.refuse(format!("makes more than {MAX_PIECES} pieces")));
        }
        let pieces = match &lengths[..] {
            [length] if usize::try_from(*length) == Ok(dim) => vec![whole.clone()],
            _ => {
                let list = self.builder.constant(Tensor::list(&lengths));
                let attributes = Attributes::of([("axis", (axis as i64).into())]);
                let inputs = vec![Some(whole.clone()), Some(list)];
                self.builder.node(call, Operator::Split, attributes, inputs, lengths.len())?
            }
        };
        shape.remove(axis);
        let drops = given.get(1).and_then(Option::as_ref).is_none() && call.int("keepdims") == Some(0);
        let mut members = Vec::new();
        for piece in pieces {
            let piece = if drops { self.reshaped(call, &piece, &shape)? } else { piece };
            members.push(Wire::Tensor(piece, *small));
        }
        self.listed(members)
    }

    /// A graph of the file's, run for every tensor of a sequence, and of other sequences beside it.
    pub(super) fn map_list(
        &mut self,
        call: &Call<'a>,
        given: Given,
        scope: &Scope<'_, 'a>,
        frame: &Frame<'_, 'a>,
    ) -> Result<Vec<Wire>, GraphError> {
        let body = &body_of(call, "body")?;
        let length = sequence(call, given.first())?.len();
        let mut made: Vec<Vec<Wire>> = vec![Vec::new(); body.outputs.len()];
        for at in 0..length {
            let mut run = Vec::new();
            for wire in &given {
                run.push(match wire {
                    Some(Wire::List(list)) => {
                        list.get(at).cloned().ok_or_else(|| call.refuse("maps sequences of different lengths"))?
                    }
                    Some(wire) => wire.clone(),
                    None => return Err(call.refuse("lacks one of its operands")),
                });
            }
            let results = self.body(call, body, run, scope, frame)?;
            made.iter_mut().zip(results).for_each(|(list, wire)| list.push(wire));
        }
        made.into_iter().map(|list| self.listed(list)).collect()
    }
}

fn sequence(call: &Call<'_>, wire: Option<&Option<Wire>>) -> Result<Rc<Vec<Wire>>, GraphError> {
    match wire.and_then(Option::as_ref) {
        Some(Wire::List(list)) => Ok(Rc::clone(list)),
        Some(other) => Err(call.refuse(format!("reads {} where a sequence is due", other.what()))),
        None => Err(call.refuse("lacks its sequence")),
    }
}

fn operand(call: &Call<'_>, wire: &Wire) -> Result<Operand, GraphError> {
    match wire {
        Wire::Tensor(operand, _) => Ok(operand.clone()),
        other => Err(call.refuse(format!("reads {} where a tensor is due", other.what()))),
    }
}

/// A place of a sequence that has this many, counted from its end where it is negative.
fn place(
    call: &Call<'_>,
    wire: Option<&Option<Wire>>,
    default: Option<usize>,
    places: usize,
) -> Result<usize, GraphError> {
    let Some(wire) = wire.and_then(Option::as_ref) else {
        return default.ok_or_else(|| call.refuse("names no place, or the sequence is empty"));
    };
    let at = wire.number().ok_or_else(|| {
        call.refuse("has a place that depends on the input; only what is known beforehand can be proven")
    })?;
    // Behind the last is no place from the end: -1 is before the last also where something is put in.
    let from_end = places - usize::from(call.operator == "SequenceInsert");
    let found = if at < 0 { at.checked_add(from_end as i64) } else { Some(at) };
    let found = found.and_then(|at| usize::try_from(at).ok()).filter(|&at| at < places);
    found.ok_or_else(|| call.refuse(format!("names the place {at} of a sequence of {from_end}")))
}

#[cfg(test)]
mod tests {
    use crate::model::graph::{
        Element, Tensor,
        normalize::tests::{expect, graph, refusal},
        testing::{File, attribute},
    };

    fn file() -> File {
        File::of(18).floats("x", &["2"]).floats("y", &["2"])
    }

    fn at(file: File, name: &str, place: i64) -> File {
        file.constant(name, &Tensor::ints(Element::Int64, vec![], vec![place]))
    }

    #[test]
    fn members_are_put_in_taken_out_and_picked() {
        let file = at(at(file(), "first", 0), "last", -1).node("SequenceEmpty", &[], "s0");
        let file = file.node("SequenceInsert", &["s0", "x"], "s1").node("SequenceInsert", &["s1", "y", "last"], "s2");
        let file = file.node("SequenceInsert", &["s2", "x"], "s3").node("SequenceErase", &["s3", "last"], "s4");
        let file = file.node("SequenceAt", &["s4", "first"], "a").node("SequenceAt", &["s4", "last"], "b");
        let file = file.node("SequenceLength", &["s4"], "n").output("a").output("b").output("n");
        expect(file, &[&[1.0, 2.0], &[3.0, 4.0]], &[3.0, 4.0, 1.0, 2.0, 2.0]);
    }

    #[test]
    fn sequences_are_joined_and_tensors_split() {
        let axis = |file: File, new: i64| {
            let file = file.node("SequenceConstruct", &["x", "y"], "s");
            let file = file.node_with("ConcatFromSequence", &["s"], &["z"], |writer| {
                attribute(writer, "axis", -1);
                attribute(writer, "new_axis", new);
            });
            file.output("z")
        };
        expect(axis(file(), 0), &[&[1.0, 2.0], &[3.0, 4.0]], &[1.0, 2.0, 3.0, 4.0]);
        expect(axis(file(), 1), &[&[1.0, 2.0], &[3.0, 4.0]], &[1.0, 3.0, 2.0, 4.0]);
        let split = |file: File, inputs: &[&str]| {
            let file = at(file, "last", -1).node("SplitToSequence", inputs, "s");
            file.node("SequenceAt", &["s", "last"], "z").output("z")
        };
        let five = || File::of(18).floats("x", &["5"]);
        expect(split(five(), &["x"]), &[&[1.0, 2.0, 3.0, 4.0, 5.0]], &[5.0]);
        expect(split(at(five(), "n", 3), &["x", "n"]), &[&[1.0, 2.0, 3.0, 4.0, 5.0]], &[4.0, 5.0]);
        expect(split(five().list("n", &[2, 3]), &["x", "n"]), &[&[1.0, 2.0, 3.0, 4.0, 5.0]], &[3.0, 4.0, 5.0]);
        assert!(refusal(split(five().list("n", &[2, 2]), &["x", "n"])).contains("splits 5 numbers"));
        assert!(refusal(split(at(five(), "n", 0), &["x", "n"])).contains("no length"));
        let long = split(File::of(18).floats("x", &["70000"]), &["x"]);
        assert!(refusal(long).contains("more than 65536 pieces"));
    }

    /// As exporters write a list that grows in a loop.
    #[test]
    fn loops_carry_sequences_and_graphs_are_mapped_over_them() {
        let body = File::default().input("i", 7, &[]).input("c", 9, &[]).raw(11, |info| info.text(1, "before"));
        let body = body.node("SequenceInsert", &["before", "x"], "after").node("Identity", &["c"], "on");
        let body = body.output("on").output("after");
        let double = File::default().floats("member", &["2"]).node("Add", &["member", "y"], "sum").output("sum");
        let file = at(file().list("n", &[3]), "first", 0).node("SequenceEmpty", &[], "s0");
        let file = file.node_with("Loop", &["n", "", "s0"], &["s"], |writer| graph(writer, "body", body));
        let file = file.node("Identity", &["s"], "same");
        let file = file.node_with("SequenceMap", &["same"], &["t"], |writer| graph(writer, "body", double));
        let file = file.node("SequenceAt", &["t", "first"], "z").node("SequenceLength", &["t"], "count");
        expect(file.output("z").output("count"), &[&[1.0, 2.0], &[3.0, 4.0]], &[4.0, 6.0, 3.0]);
    }

    #[test]
    fn optional_values_are_there_or_not() {
        let file = file().node("Optional", &["x"], "o").node("OptionalGetElement", &["o"], "z");
        let file = file.node("OptionalHasElement", &["o"], "is").node("OptionalHasElement", &[""], "no");
        let file = file.node("Mul", &["y", "z"], "p");
        let file = file.output("p").output("is").output("no");
        expect(file, &[&[1.0, 2.0], &[3.0, 4.0]], &[3.0, 8.0, 1.0, 0.0]);
        let nothing = self::file().node("Optional", &[], "o").node("OptionalGetElement", &["o"], "z");
        assert!(refusal(nothing.output("z")).contains("is not there"));
    }

    #[test]
    fn what_is_no_tensor_does_not_leave() {
        let made = || file().node("SequenceConstruct", &["x", "y"], "s");
        assert!(refusal(made().output("s")).contains("tensor `s` is an output that is a sequence"));
        assert!(refusal(made().node("Relu", &["s"], "z").output("z")).contains("reads `s`, which is a sequence"));
        let beyond = at(made(), "p", 2).node("SequenceAt", &["s", "p"], "z").output("z");
        assert!(refusal(beyond).contains("names the place 2 of a sequence of 2"));
        let beyond = at(made(), "p", i64::MIN).node("SequenceErase", &["s", "p"], "t");
        assert!(refusal(beyond.node("SequenceLength", &["t"], "z").output("z")).contains("names the place"));
        let open = made().input("p", 7, &[]).node("SequenceAt", &["s", "p"], "z").output("z");
        assert!(refusal(open).contains("depends on the input"));
    }

    /// Bounded: a loop in which a list grows copies all of it in every run.
    #[test]
    fn lists_that_grow_without_end_are_refused() {
        let body = File::default().input("i", 7, &[]).input("c", 9, &[]).raw(11, |info| info.text(1, "before"));
        let body = body.node("SequenceInsert", &["before", "x"], "after").node("Identity", &["c"], "on");
        let body = body.output("on").output("after");
        let file = file().list("n", &[90_000]).node("SequenceEmpty", &[], "s0");
        let file = file.node_with("Loop", &["n", "", "s0"], &["s"], |writer| graph(writer, "body", body));
        assert!(refusal(file.node("SequenceLength", &["s"], "z").output("z")).contains("loops run"));
    }
}
