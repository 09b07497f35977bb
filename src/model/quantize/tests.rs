use super::*;
use crate::model::{
    Input, Model, TensorInfo,
    mlp::{Dense, Hidden},
    synthetic::random_mlp,
};

fn samples(width: usize, count: usize, low: f64, high: f64) -> Vec<Vec<f64>> {
    let mut uniform = uniform(99);
    (0..count).map(|_| (0..width).map(|_| low + (high - low) * uniform()).collect()).collect()
}

fn greatest(mlp: &Mlp, samples: &[Vec<f64>]) -> f64 {
    samples.iter().flat_map(|x| mlp.run(x)).fold(0.0, |most, y| y.abs().max(most))
}

#[test]
fn random_networks_keep_their_answers() {
    for (widths, low) in [(&[8, 16, 4][..], 0.0), (&[20, 30, 25, 7], 0.0), (&[20, 30, 25, 7], -2.0), (&[6, 3], -1.0)] {
        let mlp = random_mlp(widths, 5).unwrap();
        let samples = samples(widths[0], 40, low, 1.0);
        let quantized = Quantized::new(&mlp, &Calibration::Samples(samples[..20].to_vec())).unwrap();
        let accuracy = quantized.accuracy(&samples, |x| mlp.run(x));
        assert_eq!(accuracy.out_of_range, 0, "{widths:?}");
        assert!(accuracy.max_abs_error < 0.02 * greatest(&mlp, &samples), "{widths:?}: {accuracy:?}");
        assert!(accuracy.same_argmax >= 38, "{widths:?}: {accuracy:?}");
        assert!(quantized.layers.iter().flat_map(|layer| &layer.weights).all(|w| *w != i8::MIN));
    }
}

/// With a range instead of samples no input of the range is out of range, not even the worst.
#[test]
fn a_range_admits_all_of_its_inputs() {
    for (low, high) in [(0.0, 1.0), (-1.0, 3.0)] {
        let mlp = random_mlp(&[10, 20, 20, 3], 11).unwrap();
        let quantized = Quantized::new(&mlp, &Calibration::Range(low, high)).unwrap();
        // The vertices that make single neurons of the first layer greatest.
        let row = |row: &[f64]| row.iter().map(|w| if *w > 0.0 { high } else { low }).collect::<Vec<f64>>();
        let worst: Vec<Vec<f64>> = mlp.hidden[0].dense.rows().map(row).collect();
        assert_eq!(quantized.accuracy(&worst, |x| mlp.run(x)).out_of_range, 0);
    }
}

#[test]
fn clipping_bounds_fall_on_the_relations_bounds() {
    let mut mlp = random_mlp(&[12, 20, 16, 5], 7).unwrap();
    mlp.hidden[0].upper = Some(0.75);
    let samples = samples(12, 50, 0.0, 1.0);
    assert!(samples.iter().any(|x| mlp.hidden[0].dense.apply(x).iter().any(|z| *z > 0.75)), "something is clipped");
    let quantized = Quantized::new(&mlp, &Calibration::Samples(samples.clone())).unwrap();
    let bounds: Vec<Option<u16>> = quantized.layers.iter().map(|layer| layer.saturation).collect();
    assert!(bounds[0].is_some() && bounds[1] == Some(u16::MAX) && bounds[2].is_none(), "{bounds:?}");
    let accuracy = quantized.accuracy(&samples, |x| mlp.run(x));
    assert!(accuracy.max_abs_error < 0.03 * greatest(&mlp, &samples) && accuracy.out_of_range == 0, "{accuracy:?}");
}

/// Negative inputs: exact integers, with the zero point in the biases.
#[test]
fn the_zero_point_is_folded_exactly() {
    let dense = |weights: &[f64]| Dense { inputs: 2, outputs: 1, weights: weights.to_vec(), bias: vec![0.0] };
    let mlp = Mlp { hidden: vec![], last: dense(&[1.0, -1.0]) };
    let quantized = Quantized::new(&mlp, &Calibration::Range(-1.0, 1.0)).unwrap();
    for input in [[-1.0, 1.0], [0.0, 0.0], [0.5, -0.25], [1.0, 1.0]] {
        let found = quantized.run_real(&input).unwrap();
        assert!((found[0] - (input[0] - input[1])).abs() < 1e-9, "{input:?}: {found:?}");
    }
    let outside = quantized.input.quantize_all(&[0.0, 1e6]).unwrap_err();
    assert!(outside.index == 1 && outside.to_string().contains("takes -"), "{outside}");
}

#[test]
fn values_out_of_range_name_their_layer() {
    let mlp = random_mlp(&[8, 16, 16, 4], 3).unwrap();
    let tiny = samples(8, 10, 0.0, 0.01);
    let mut quantized = Quantized::new(&mlp, &Calibration::Samples(tiny)).unwrap();
    assert_eq!(quantized.run(&[u16::MAX; 8]).map(|_| ()), Err(1));
    quantized.layers[0].bias.fill(0);
    quantized.layers[0].weights.fill(0);
    quantized.layers[1].bias.fill(i32::MAX);
    assert_eq!(quantized.run(&[1; 8]).map(|_| ()), Err(2));
}

#[test]
fn degenerate_networks_are_quantized_or_refused() {
    let zero = Dense { inputs: 3, outputs: 2, weights: vec![0.0; 6], bias: vec![0.0; 2] };
    let mlp = Mlp {
        hidden: vec![Hidden { dense: zero.clone(), upper: None }],
        last: Dense { inputs: 2, outputs: 2, weights: vec![0.0; 4], bias: vec![0.0, 1.0] },
    };
    let quantized = Quantized::new(&mlp, &Calibration::default()).unwrap();
    let outputs = quantized.run_real(&[0.5; 3]).unwrap();
    assert!(outputs[0] == 0.0 && (outputs[1] - 1.0).abs() < 1e-6, "{outputs:?}");
}

#[test]
fn calibration_files_hold_whole_samples() {
    let input = |list| Input::new(vec![list]).unwrap();
    assert!(matches!(Calibration::from_input(&input(vec![0.0; 6]), &[3]), Ok(Calibration::Samples(s)) if s.len() == 2));
    for (list, width) in [(vec![0.0; 7], 3), (vec![], 3)] {
        assert!(Calibration::from_input(&input(list), &[width]).is_err());
    }
    let two = |second: usize| Input::new(vec![vec![1.0, 2.0], vec![3.0; second]]).unwrap();
    let Ok(Calibration::Samples(samples)) = Calibration::from_input(&two(4), &[1, 2]) else { panic!("two samples") };
    assert_eq!(samples, [[1.0, 3.0, 3.0], [2.0, 3.0, 3.0]]);
    for (second, widths) in [(3, &[1, 2][..]), (4, &[1]), (4, &[1, 0]), (4, &[])] {
        assert!(Calibration::from_input(&two(second), widths).is_err());
    }
}

/// The shipped images: the same digit as in floating point, and scores close to it.
#[test]
fn the_digits_model_keeps_its_answers() {
    let model = Model::from_onnx(include_bytes!("../../../models/digits/digits.onnx").to_vec()).unwrap();
    let mlp = Mlp::from_model(&model).unwrap();
    let samples = Input::from_json(include_bytes!("../../../models/digits/calibration.json")).unwrap();
    let calibration = Calibration::from_input(&samples, &[64]).unwrap();
    let quantized = Quantized::new(&mlp, &calibration).unwrap();
    assert_eq!(quantized.input.quantize(1.0 / 16.0).map(|q| f64::from(q) * quantized.input.scale), Some(1.0 / 16.0));
    let accuracy = quantized.accuracy(&calibration.samples(64), |x| mlp.run(x));
    assert_eq!((accuracy.samples, accuracy.same_argmax, accuracy.out_of_range), (64, 64, 0));
    assert!(accuracy.max_abs_error < 0.25, "{accuracy:?}");
    assert!(!format!("{quantized:?}").contains("bias"));
}

fn exponent(scale: f64) -> Option<i32> {
    let exponent = scale.log2().round() as i32;
    (2f64.powi(exponent).to_bits() == scale.to_bits()).then_some(exponent)
}

/// What is published of the quantization says of the weights how large they are, to a factor of two, and nothing finer: of one
/// layer alone the finest scale was the greatest weight, exactly.
#[test]
fn boundary_published_scales_are_powers_of_two_whatever_the_weights() {
    let published = |mlp: &Mlp| {
        let quantized = Quantized::new(mlp, &Calibration::default()).unwrap();
        (exponent(quantized.input.scale).unwrap(), exponent(quantized.output_scale).unwrap())
    };
    let single = |greatest: f64| {
        let last = Dense { inputs: 2, outputs: 1, weights: vec![greatest, -0.01], bias: vec![0.0] };
        published(&Mlp { hidden: vec![], last })
    };
    let greatest = 0.123_456_789_012_345_67;
    assert_eq!(single(greatest), single(greatest * 1.000_001), "the weights cannot be told apart");
    assert_ne!(single(greatest), single(greatest * 2.0));
    for seed in 0..4 {
        let mut mlp = random_mlp(&[6, 9, 7, 3], seed).unwrap();
        published(&mlp);
        mlp.hidden[0].upper = Some(0.75);
        published(&mlp);
    }
}

#[test]
fn the_power_of_two_is_never_below() {
    for x in [1.0, 1.0 + f64::EPSILON, 2f64.powi(-40), 2f64.powi(-40) * (1.0 - f64::EPSILON), 0.3, 5e-9] {
        let power = plan::power_of_two_from(x);
        assert!(power >= x && power < 2.0 * x && exponent(power).is_some(), "{x}: {power}");
    }
}

/// Figures of the decision that made scales powers of two: printed, and bounded.
#[test]
fn the_accuracy_of_the_shipped_and_a_synthetic_network() {
    let report = |name: &str, mlp: &Mlp, samples: Vec<Vec<f64>>| {
        let calibration = Calibration::Samples(samples[..samples.len() / 2].to_vec());
        let quantized = Quantized::new(mlp, &calibration).unwrap();
        let accuracy = quantized.accuracy(&samples, |x| mlp.run(x));
        let relative = accuracy.max_abs_error / greatest(mlp, &samples);
        println!("{name}: {accuracy:?}, relative {relative:.5}, output scale {:e}", quantized.output_scale);
        (accuracy, relative)
    };
    let synthetic = random_mlp(&[64, 128, 64, 10], 1).unwrap();
    let (accuracy, relative) = report("64-128-64-10", &synthetic, samples(64, 256, 0.0, 1.0));
    assert!(relative < 0.01 && accuracy.same_argmax >= 250 && accuracy.out_of_range == 0, "{accuracy:?}");
    let model = Model::from_onnx(include_bytes!("../../../models/digits/digits.onnx").to_vec()).unwrap();
    let digits = Mlp::from_model(&model).unwrap();
    let images = Input::from_json(include_bytes!("../../../models/digits/calibration.json")).unwrap();
    let images = images.tensors()[0].chunks_exact(64).map(<[f64]>::to_vec).collect();
    let (accuracy, relative) = report("digits", &digits, images);
    assert!(relative < 0.02 && accuracy.same_argmax == accuracy.samples, "{accuracy:?}");
}

/// A table whose columns differ by a factor of 200, and a network that brings them to the same size first.
#[test]
fn features_of_different_magnitudes_keep_their_meaning() {
    let spread = [150.0, 6.0, 0.75];
    let mut mlp = random_mlp(&[3, 8, 2], 3).unwrap();
    for row in mlp.hidden[0].dense.weights.chunks_exact_mut(3) {
        row.iter_mut().zip(spread).for_each(|(w, most)| *w /= most);
    }
    let mut uniform = uniform(9);
    let samples: Vec<Vec<f64>> = (0..24).map(|_| spread.iter().map(|most| most * uniform()).collect()).collect();
    let error = |quantized: &Quantized| {
        let accuracy = quantized.accuracy(&samples, |x| mlp.run(x));
        assert_eq!(accuracy.out_of_range, 0);
        accuracy.max_abs_error
    };
    let calibration = Calibration::Samples(samples.clone());
    let info = |shape: &[u64]| TensorInfo { name: "x".into(), shape: shape.to_vec() };
    let common = Quantized::new(&mlp, &calibration).unwrap();
    let own = Quantized::with_groups(&mlp, &calibration, &groups(&[info(&[1, 3])])).unwrap();
    assert!(common.units.is_empty() && own.units.len() == 3, "{:?}", own.units);
    assert!(own.units.iter().all(|unit| unit.log2().fract() == 0.0));
    assert!(error(&own) * 4.0 < error(&common), "{} against {}", error(&own), error(&common));
    // Twice what the samples have is still read.
    let twice: Vec<f64> = spread.iter().skip(1).map(|most| 2.0 * most).collect();
    assert!(own.run_real(&[100.0, twice[0], twice[1]]).is_some());
    // What is in one unit stays there: an image, or numbers of like magnitude.
    for (groups, samples) in [
        (groups(&[info(&[1, 1, 3]), info(&[2, 2])]), None),
        (vec![0, 1, 2], Some(vec![vec![1.0, 0.25, 0.0]; 4])),
        (vec![0, 1, 2], Some(vec![vec![0.0; 3]; 4])),
        (vec![0, 0, 0], Some(samples.clone())),
    ] {
        match samples {
            None => assert_eq!(groups, [0, 1, 2, 3, 3, 3, 3]),
            Some(samples) => {
                let quantized = Quantized::with_groups(&mlp, &Calibration::Samples(samples), &groups).unwrap();
                assert!(quantized.units.is_empty());
            }
        }
    }
}
