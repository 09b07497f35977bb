//! Rounding, remainders, sorting, and what quantized models are made of: integers against the float model, and proofs.

use super::{operators::*, *};

const FLOAT: i64 = 1;
const UINT8: i64 = 2;
const INT32: i64 = 6;
const INT64: i64 = 7;

fn cast(m: &mut Maker, x: &str, to: i64) -> String {
    m.node("Cast", &[x], vec![("to", to.into())])
}

/// Numbers of a type, by way of floats: constants of tests are floats.
fn typed(m: &mut Maker, numbers: &[f32], to: i64) -> String {
    let floats = m.constant(&[numbers.len()], numbers);
    cast(m, &floats, to)
}

/// What an integer network says on these inputs, exactly.
fn exactly(shape: &[&str], sample: &[f64], make: impl Fn(&mut Maker) -> String, expected: &[f64]) {
    let mut m = Maker::new(shape);
    let made = make(&mut m);
    let model = m.model(&made);
    let network = Network::new(&model, &Calibration::Samples(vec![sample.to_vec()])).unwrap();
    assert_eq!(network.run(sample).unwrap(), expected);
    prove(&network, &[sample.to_vec(), sample.to_vec()]);
}

/// From the middle between two whole numbers to the even one, on both sides of 0.
#[test]
fn rounding_is_to_the_even_number() {
    let numbers = [-2.5, -1.75, -1.5, -0.5, -0.25, 0.5, 1.5, 2.5, 2.75, 3.5];
    let whole = [-2.0, -2.0, -2.0, 0.0, 0.0, 0.0, 2.0, 2.0, 3.0, 4.0];
    exactly(&["1", "10"], &numbers, |m| m.node("Round", &["x"], vec![]), &whole);
    check("Round", &[1, 30], (-3.0, 3.0), |m| m.node("Round", &["x"], vec![]));
    check("Round", &[1, 2, 3, 3], (0.0, 9.0), |m| {
        let conv = m.conv("x", [2, 2, 3, 3], same());
        m.node("Round", &[&conv], vec![])
    });
}

/// The quotient of whole numbers is none that a rounded inverse makes too small.
#[test]
fn remainders_of_whole_numbers_are_exact() {
    let numbers = [-9.0, -7.0, -6.0, -3.0, -1.0, 0.0, 2.0, 3.0, 6.0, 7.0];
    for (divisor, fmod) in [(3.0, 0), (3.0, 1), (4.0, 0), (-3.0, 0), (-4.0, 0), (-4.0, 1)] {
        let expected = numbers.map(|a: f64| if fmod == 1 { a % divisor } else { a - divisor * (a / divisor).floor() });
        let make = |m: &mut Maker| {
            let (whole, by) = (cast(m, "x", INT32), typed(m, &[divisor as f32], INT32));
            m.node("Mod", &[&whole, &by], vec![("fmod", fmod.into())])
        };
        exactly(&["1", "10"], &numbers, make, &expected.map(|x| x + 0.0));
    }
}

/// Both operands from the input, of both signs; a quotient by table may be off by one, and is mended.
#[test]
fn remainders_by_what_is_computed() {
    let pairs =
        [(7.0, 3.0), (-7.0, 3.0), (7.0, -3.0), (-7.0, -3.0), (6.0, 3.0), (-6.0, 3.0), (5.0, 8.0), (-100.0, 7.0)];
    let sample: Vec<f64> = pairs.iter().map(|pair| pair.0).chain(pairs.iter().map(|pair| pair.1)).collect();
    for fmod in [0, 1] {
        let of = |(a, b): &(f64, f64)| if fmod == 1 { a % b } else { a - b * (a / b).floor() };
        let make = |m: &mut Maker| {
            let whole = cast(m, "x", INT32);
            let sizes = m.list(&[8, 8]);
            let parts = m.nodes("Split", &[&whole, &sizes], vec![("axis", 1.into())], 2);
            m.node("Mod", &[&parts[0], &parts[1]], vec![("fmod", fmod.into())])
        };
        exactly(&["1", "16"], &sample, make, &pairs.iter().map(of).collect::<Vec<_>>());
    }
}

#[test]
fn bits_are_shifted_within_a_byte() {
    let numbers = [0.0, 1.0, 3.0, 77.0, 128.0, 200.0, 255.0];
    for (direction, places) in [("LEFT", 1u32), ("LEFT", 3), ("RIGHT", 1), ("RIGHT", 5)] {
        let of = |x: f64| match direction {
            "LEFT" => f64::from((x as u8) << places),
            _ => f64::from((x as u8) >> places),
        };
        let make = |m: &mut Maker| {
            let (whole, by) = (cast(m, "x", UINT8), typed(m, &[places as f32], UINT8));
            m.node("BitShift", &[&whole, &by], vec![("direction", direction.into())])
        };
        exactly(&["1", "7"], &numbers, make, &numbers.map(of));
    }
}

/// What integers mean is finite: a guard against what is not lets everything through.
#[test]
fn nothing_is_infinite_or_no_number() {
    for operator in ["IsNaN", "IsInf"] {
        check(operator, &[1, 6], BOTH, |m| {
            let (bad, zero) = (m.node(operator, &["x"], vec![]), m.constant(&[], &[0.0]));
            m.node("Where", &[&bad, &zero, "x"], vec![])
        });
    }
}

/// The numbers in order, and their places; of equal ones the first.
#[test]
fn the_greatest_and_the_least_in_order() {
    let numbers = [0.25, -0.5, 0.75, 0.25, 1.0, -1.0, 0.75, 0.0];
    for (largest, order) in [(1, [4usize, 2, 6, 0, 3]), (0, [5, 1, 7, 0, 3])] {
        let make = |places: bool| {
            move |m: &mut Maker| {
                let k = m.list(&[5]);
                let found = m.nodes("TopK", &["x", &k], vec![("largest", largest.into())], 2);
                if places { cast(m, &found[1], FLOAT) } else { found[0].clone() }
            }
        };
        exactly(&["1", "8"], &numbers, make(true), &order.map(|at| at as f64));
        exactly(&["1", "8"], &numbers, make(false), &order.map(|at| numbers[at]));
    }
}

/// Rows along another axis, and rows that are longer than a block, with places of two digits.
#[test]
fn the_best_of_blocks_are_the_best() {
    for (shape, axis, k) in [(&[3, 4, 2][..], 1, 2), (&[1, 100], 1, 3), (&[2, 70], 1, 5), (&[1, 40], 1, 20)] {
        for part in [0, 1] {
            check("TopK", shape, BOTH, |m| {
                let k = m.list(&[k]);
                let found = m.nodes("TopK", &["x", &k], vec![("axis", axis.into())], 2);
                if part == 1 { cast(m, &found[1], FLOAT) } else { found[0].clone() }
            });
        }
    }
}

/// `QuantizeLinear` and back, as exporters write activations of 8 bits; and a whole layer of that.
#[test]
fn activations_of_eight_bits() {
    let numbers = [-1.0, -0.3, 0.0, 0.11, 0.5, 0.9];
    let quantized = |x: f64| (x / 0.0078125).round().clamp(-128.0, 127.0);
    let make = |m: &mut Maker| {
        let (scale, zero) = (m.constant(&[], &[0.0078125]), typed(m, &[0.0], 3));
        let zero = m.node("Squeeze", &[&zero], vec![]);
        m.node("QuantizeLinear", &["x", &scale, &zero], vec![])
    };
    exactly(&["1", "6"], &numbers, make, &numbers.map(quantized));
}

/// The three results of a range that is found in the input itself. What it is divided by comes from a table, which is right to about
/// one part in a hundred: up to three of the 255 steps, at the range's end.
#[test]
fn a_range_that_is_found_in_the_input() {
    let mut m = Maker::new(&["1", "12"]);
    let made = m.nodes("DynamicQuantizeLinear", &["x"], vec![], 3);
    let number = cast(&mut m, &made[0], FLOAT);
    let zero = cast(&mut m, &made[2], FLOAT);
    let centred = m.node("Sub", &[&number, &zero], vec![]);
    let back = m.node("Mul", &[&centred, &made[1]], vec![]);
    let model = m.model(&back);
    let samples = samples(12, 8, -1.0, 2.0);
    let network = Network::new(&model, &Calibration::Samples(samples.clone())).unwrap();
    for sample in &samples {
        let step = 3.0 / 255.0;
        for (a, b) in network.run(sample).unwrap().iter().zip(sample) {
            assert!((a - b).abs() < 3.0 * step, "{a} is {b} in integers");
        }
    }
    prove(&network, &samples);
}

/// Products of bytes with zero points and scales; rounding may differ by one of the result's steps.
#[test]
fn layers_of_bytes() {
    let mut m = Maker::new(&["1", "4"]);
    let scalar = |m: &mut Maker, x: f32, to: i64| {
        let one = typed(m, &[x], to);
        m.node("Squeeze", &[&one], vec![])
    };
    let a = cast(&mut m, "x", UINT8);
    let flat = typed(&mut m, &[3.0, 130.0, 7.0, 250.0, 0.0, 90.0, 128.0, 127.0, 12.0, 199.0, 64.0, 255.0], UINT8);
    let shape = m.list(&[4, 3]);
    let b = m.node("Reshape", &[&flat, &shape], vec![]);
    let [sa, sb, sy] = [0.05, 0.02, 0.15].map(|x| m.constant(&[], &[x]));
    let [za, zb, zy] = [113.0, 114.0, 118.0].map(|x| scalar(&mut m, x, UINT8));
    let made = m.node("QLinearMatMul", &[&a, &sa, &za, &b, &sb, &zb, &sy, &zy], vec![]);
    let made = cast(&mut m, &made, FLOAT);
    let model = m.model(&made);
    let samples: Vec<Vec<f64>> =
        samples(4, 8, 0.0, 255.0).into_iter().map(|x| x.into_iter().map(f64::floor).collect()).collect();
    let network = Network::new(&model, &Calibration::Samples(samples.clone())).unwrap();
    for sample in &samples {
        let expected = model.run(&Input::new(vec![sample.clone()]).unwrap()).unwrap().concat();
        for (a, b) in network.run(sample).unwrap().iter().zip(expected) {
            assert!((a - f64::from(b)).abs() <= 1.0, "{a} against {b}");
        }
    }
    prove(&network, &samples);
}

/// A convolution of bytes with a bias, scales for every channel of the weights, and a zero point.
#[test]
fn convolutions_of_bytes() {
    let mut m = Maker::new(&["1", "1", "4", "4"]);
    let scalar = |m: &mut Maker, x: f32, to: i64| {
        let one = typed(m, &[x], to);
        m.node("Squeeze", &[&one], vec![])
    };
    let a = cast(&mut m, "x", UINT8);
    let weights: Vec<f32> = (0..18).map(|i| ((i * 37) % 101) as f32 + 80.0).collect();
    let flat = typed(&mut m, &weights, UINT8);
    let shape = m.list(&[2, 1, 3, 3]);
    let b = m.node("Reshape", &[&flat, &shape], vec![]);
    let [sa, sy] = [0.02, 0.1].map(|x| m.constant(&[], &[x]));
    let sb = m.constant(&[2], &[0.01, 0.02]);
    let [za, zy] = [120.0, 100.0].map(|x| scalar(&mut m, x, UINT8));
    let zb = typed(&mut m, &[128.0, 128.0], UINT8);
    let bias = typed(&mut m, &[500.0, -700.0], INT32);
    let made = m.node("QLinearConv", &[&a, &sa, &za, &b, &sb, &zb, &sy, &zy, &bias], vec![]);
    let made = cast(&mut m, &made, FLOAT);
    let model = m.model(&made);
    let samples: Vec<Vec<f64>> =
        samples(16, 8, 0.0, 255.0).into_iter().map(|x| x.into_iter().map(f64::floor).collect()).collect();
    let network = Network::new(&model, &Calibration::Samples(samples.clone())).unwrap();
    for sample in &samples {
        let expected = model.run(&Input::new(vec![sample.clone()]).unwrap()).unwrap().concat();
        for (a, b) in network.run(sample).unwrap().iter().zip(expected) {
            assert!((a - f64::from(b)).abs() <= 1.0, "{a} against {b}");
        }
    }
    prove(&network, &samples);
}

#[test]
fn stacks_of_constant_matrices() {
    for (shape, constant) in [([3, 1, 4], [3, 4, 2]), ([3, 5, 4], [3, 4, 2]), ([1, 5, 4], [3, 4, 2])] {
        check("on the right", &shape, BOTH, |m| {
            let w = m.weights(&constant, 0.5);
            m.node("MatMul", &["x", &w], vec![])
        });
    }
    check("on the left", &[3, 4, 2], BOTH, |m| {
        let w = m.weights(&[3, 5, 4], 0.5);
        m.node("MatMul", &[&w, "x"], vec![])
    });
}

/// What is too much, or the input decides, is named.
#[test]
fn what_is_not_proven_of_these_is_named() {
    let refused = |make: &dyn Fn(&mut Maker) -> String, shape: &[&str]| {
        let mut m = Maker::new(shape);
        let output = make(&mut m);
        match Network::new(&m.model(&output), &Calibration::default()).unwrap_err() {
            NetworkError::Lower(LowerError::Operator { operator, reason, .. }) => (operator, reason),
            other => panic!("{other}"),
        }
    };
    let (operator, reason) = refused(
        &|m| {
            let k = m.list(&[600]);
            m.nodes("TopK", &["x", &k], vec![], 2).remove(0)
        },
        &["1", "1000"],
    );
    assert!(operator == "TopK" && reason.contains("takes 600 of 1000 numbers"), "{reason}");
    let (operator, reason) = refused(
        &|m| {
            let (whole, zero) = (cast(m, "x", INT64), typed(m, &[0.0], INT64));
            m.node("Mod", &[&whole, &zero], vec![])
        },
        &["1", "4"],
    );
    assert!(operator == "Mod" && reason.contains("divides by 0"), "{reason}");
    let (operator, reason) = refused(
        &|m| {
            let bytes = cast(m, "x", UINT8);
            m.node("BitShift", &[&bytes, &bytes], vec![("direction", "LEFT".into())])
        },
        &["1", "4"],
    );
    assert!(operator == "BitShift" && reason.contains("what the input decides"), "{reason}");
}
