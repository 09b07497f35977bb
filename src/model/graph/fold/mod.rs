//! Computes with constants while a file is read. What is not here stays a node; float operators round as at run time.

mod arithmetic;
mod layout;

use super::{
    Graph, Node, Operand, ValueId,
    operators::{Attributes, Operator},
    tensor::{Element, Numbers, Tensor, TensorType},
};

/// Multiplications that one product of constants may take.
const MAX_PRODUCTS: usize = 1 << 32;

/// A node all of whose operands are constant.
struct Work<'w> {
    operator: Operator,
    attributes: &'w Attributes,
    inputs: &'w [Option<&'w Tensor>],
    made: &'w [TensorType],
}

/// The results, `None` when this operator is not computed here.
pub(super) fn evaluate(
    operator: Operator,
    attributes: &Attributes,
    inputs: &[Option<&Tensor>],
    made: &[TensorType],
) -> Option<Result<Vec<Tensor>, String>> {
    let work = Work { operator, attributes, inputs, made };
    if operator == Operator::Split {
        return work.split().map(Ok);
    }
    let [_] = made else { return None };
    let moved = work.layout();
    let computed = moved.map(Ok).or_else(|| work.arithmetic());
    computed.map(|result| result.map(|tensor| vec![tensor]))
}

impl Graph {
    /// The results of a node whose operands `data` hold `1, 2, ..`, numbered through from one to the next; the others are
    /// constants. `None` when one is not, or the node is not evaluated.
    pub(in crate::model) fn numbered(&self, node: &Node, data: &[usize]) -> Option<Vec<Tensor>> {
        let mut next = 1i64;
        let mut operand = |(index, operand): (usize, &Option<Operand>)| {
            let shape = match operand {
                None => return Some(None),
                Some(Operand::Constant(constant)) if !data.contains(&index) => {
                    return Some(Some(constant.tensor.clone()));
                }
                Some(Operand::Value(_)) if !data.contains(&index) => return None,
                Some(Operand::Constant(constant)) => constant.tensor.shape().to_vec(),
                Some(Operand::Value(id)) => self.value(*id).kind.shape.clone(),
            };
            let first = next;
            next += shape.iter().product::<usize>() as i64;
            Some(Some(Tensor::ints(Element::Int64, shape, (first..next).collect())))
        };
        let tensors: Vec<Option<Tensor>> = node.inputs.iter().enumerate().map(&mut operand).collect::<Option<_>>()?;
        let inputs: Vec<Option<&Tensor>> = tensors.iter().map(Option::as_ref).collect();
        let kind = |id: &ValueId| TensorType::new(Element::Int64, self.value(*id).kind.shape.clone());
        let made: Vec<TensorType> = node.outputs.iter().map(kind).collect();
        evaluate(node.operator, &node.attributes, &inputs, &made)?.ok()
    }
}

impl<'w> Work<'w> {
    fn input(&self, index: usize) -> Option<&'w Tensor> {
        self.inputs.get(index).copied().flatten()
    }

    fn ints(&self, index: usize) -> Option<&'w [i64]> {
        self.input(index).and_then(Tensor::as_ints)
    }

    /// The only output's type.
    fn target(&self) -> &TensorType {
        &self.made[0]
    }
}

/// As ONNX's `Cast` and the machine have it: towards zero, wrapping around.
fn cast(tensor: &Tensor, to: Element) -> Tensor {
    let shape = tensor.shape().to_vec();
    if let (Element::Float32, Some(made)) = (to, tensor.scaled(&[1.0], &[0], (1, 1))) {
        return made;
    }
    match (tensor.numbers(), to) {
        (Numbers::Floats(numbers), Element::Float32) => Tensor::floats(shape, numbers.clone()),
        (Numbers::Floats(numbers), Element::Bool) => {
            Tensor::ints(to, shape, numbers.iter().map(|&x| (x != 0.0).into()).collect())
        }
        (Numbers::Floats(numbers), _) => Tensor::ints(to, shape, numbers.iter().map(|&x| x as i64).collect()),
        (Numbers::Ints(numbers), Element::Float32) => {
            Tensor::floats(shape, numbers.iter().map(|&x| x as f32).collect())
        }
        (Numbers::Ints(numbers), _) => Tensor::ints(to, shape, numbers.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::graph::infer::infer;

    fn run(operator: Operator, attributes: Attributes, inputs: &[&Tensor]) -> Tensor {
        let kinds: Vec<_> = inputs.iter().map(|tensor| Some(tensor.kind())).collect();
        let tensors: Vec<_> = inputs.iter().map(|&tensor| Some(tensor)).collect();
        let made = infer(operator, &attributes, &kinds, &tensors, 1).unwrap();
        let mut results = evaluate(operator, &attributes, &tensors, &made).unwrap().unwrap();
        assert_eq!(results[0].kind(), made[0], "{operator}");
        results.remove(0)
    }

    fn ints(shape: &[usize], numbers: &[i64]) -> Tensor {
        Tensor::ints(Element::Int64, shape.to_vec(), numbers.to_vec())
    }

    #[test]
    fn shape_arithmetic() {
        let shape = Tensor::list(&[1, 3, 4, 5]);
        let picked = run(Operator::Gather, Attributes::of([("axis", 0.into())]), &[&shape, &ints(&[], &[-1])]);
        assert_eq!(picked, ints(&[], &[5]));
        let list = [Tensor::list(&[1]), Tensor::list(&[3]), Tensor::list(&[0]), Tensor::list(&[1])];
        let cut = run(Operator::Slice, Attributes::none(), &[&shape, &list[0], &list[1], &list[2], &list[3]]);
        assert_eq!(cut, Tensor::list(&[3, 4]));
        let both = run(Operator::Concat, Attributes::of([("axis", 0.into())]), &[&cut, &Tensor::list(&[-1])]);
        assert_eq!(both, Tensor::list(&[3, 4, -1]));
        assert_eq!(run(Operator::Mul, Attributes::none(), &[&cut, &ints(&[], &[2])]), Tensor::list(&[6, 8]));
        let less = run(Operator::Less, Attributes::none(), &[&cut, &ints(&[], &[4])]);
        assert_eq!(less, Tensor::ints(Element::Bool, vec![2], vec![1, 0]));
        let chosen = run(Operator::Where, Attributes::none(), &[&less, &cut, &ints(&[1], &[9])]);
        assert_eq!(chosen, Tensor::list(&[3, 9]));
    }

    #[test]
    fn moves_and_products() {
        let matrix = Tensor::floats(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let turned = run(Operator::Transpose, Attributes::of([("perm", vec![1, 0].into())]), &[&matrix]);
        assert_eq!(turned, Tensor::floats(vec![3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        let product = run(Operator::MatMul, Attributes::none(), &[&matrix, &turned]);
        assert_eq!(product, Tensor::floats(vec![2, 2], vec![14.0, 32.0, 32.0, 77.0]));
        let wide = run(Operator::Expand, Attributes::none(), &[&ints(&[2, 1], &[1, 2]), &Tensor::list(&[2, 2])]);
        assert_eq!(wide, ints(&[2, 2], &[1, 1, 2, 2]));
        let back = [Tensor::list(&[-1]), Tensor::list(&[i64::MIN]), Tensor::list(&[0]), Tensor::list(&[-2])];
        let cut = run(
            Operator::Slice,
            Attributes::none(),
            &[&Tensor::list(&[1, 2, 3, 4]), &back[0], &back[1], &back[2], &back[3]],
        );
        assert_eq!(cut, Tensor::list(&[4, 2]));
        let sum = run(Operator::ReduceSum, Attributes::of([("keepdims", 0.into())]), &[&matrix, &Tensor::list(&[0])]);
        assert_eq!(sum, Tensor::floats(vec![3], vec![5.0, 7.0, 9.0]));
    }

    /// What is moved while it is packed is what it would be unpacked, with the scales at the axis' new place.
    #[test]
    fn packed_constants_are_moved_as_they_are() {
        use crate::model::graph::{
            bytes::Bytes,
            packed::{Encoding, Packed},
        };
        for (shape, perm) in [
            (vec![3, 5], vec![1, 0]),
            (vec![70, 130], vec![1, 0]),
            (vec![2, 3, 4], vec![2, 0, 1]),
            (vec![2, 3, 3], vec![0, 2, 1]),
        ] {
            let count: usize = shape.iter().product();
            let bytes = Bytes::own((0..count).map(|at| (at * 7 % 251) as u8).collect());
            let q = Tensor::packed(shape.clone(), Packed::new(bytes, Encoding::Integers(Element::Int8)));
            for axis in 0..shape.len() {
                let scales = (0..shape[axis]).map(|at| 0.5 + at as f32 / 8.0).collect();
                let (scales, axis) = (Tensor::floats(vec![shape[axis]], scales), axis as i64);
                let attributes = Attributes::of([("axis", axis.into())]);
                let floats = run(Operator::DequantizeLinear, attributes, &[&q, &scales]);
                assert!(floats.store().still_packed().is_some());
                let unpacked = Tensor::floats(shape.clone(), floats.as_floats().unwrap().to_vec());
                let floats = run(Operator::DequantizeLinear, Attributes::of([("axis", axis.into())]), &[&q, &scales]);
                let order: Vec<i64> = perm.iter().map(|&axis: &usize| axis as i64).collect();
                let turn = |tensor: &Tensor| {
                    run(Operator::Transpose, Attributes::of([("perm", order.clone().into())]), &[tensor])
                };
                let turned = turn(&floats);
                assert!(turned.store().still_packed().is_some(), "{shape:?} {perm:?} {axis}");
                assert_eq!(turned, turn(&unpacked), "{shape:?} {perm:?} {axis}");
            }
            let order: Vec<i64> = perm.iter().map(|&axis: &usize| axis as i64).collect();
            let turned = run(Operator::Transpose, Attributes::of([("perm", order.clone().into())]), &[&q]);
            let wide = Tensor::ints(Element::Int8, shape.clone(), q.as_ints().unwrap().to_vec());
            assert_eq!(turned, run(Operator::Transpose, Attributes::of([("perm", order.into())]), &[&wide]));
        }
    }

    #[test]
    fn constants_are_clipped() {
        let numbers = Tensor::floats(vec![3], vec![-2.0, 0.5, 7.0]);
        let (least, most) = (Tensor::scalar(-1.0), Tensor::scalar(2.0));
        let clipped = |inputs: &[&Tensor]| run(Operator::Clip, Attributes::none(), inputs);
        assert_eq!(clipped(&[&numbers, &least, &most]), Tensor::floats(vec![3], vec![-1.0, 0.5, 2.0]));
        assert_eq!(clipped(&[&numbers, &least]), Tensor::floats(vec![3], vec![-1.0, 0.5, 7.0]));
        assert_eq!(clipped(&[&ints(&[2], &[-9, 9]), &ints(&[], &[0]), &ints(&[], &[4])]), ints(&[2], &[0, 4]));
        // The lower bound first, as ONNX has it.
        assert_eq!(clipped(&[&numbers, &most, &least]), Tensor::floats(vec![3], vec![-1.0; 3]));
    }

    #[test]
    fn integers_wrap_and_divisions_are_checked() {
        let bytes = |numbers: &[i64]| Tensor::ints(Element::Uint8, vec![numbers.len()], numbers.to_vec());
        assert_eq!(run(Operator::Add, Attributes::none(), &[&bytes(&[250]), &bytes(&[10])]), bytes(&[4]));
        let zero = Tensor::list(&[0]);
        let kinds = [Some(zero.kind()), Some(zero.kind())];
        let made = infer(Operator::Div, &Attributes::none(), &kinds, &[Some(&zero), Some(&zero)], 1).unwrap();
        assert!(evaluate(Operator::Div, &Attributes::none(), &[Some(&zero), Some(&zero)], &made).unwrap().is_err());
    }
}
