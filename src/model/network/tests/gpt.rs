//! The character model that ships: what quantization costs it on held-out text.

use super::super::plan::Work;
use super::*;
use crate::model::quantize::argmax;

const GPT: &[u8] = include_bytes!("../../../../models/gpt/gpt.onnx");
const SAMPLES: &[u8] = include_bytes!("../../../../models/gpt/calibration.json");
const HELD_OUT: &str = include_str!("../../../../models/gpt/held-out.txt");

const CONTEXT: usize = 64;

/// The model.
fn model() -> Model {
    Model::from_onnx(GPT.to_vec()).unwrap()
}

/// Its integers, calibrated with the first windows.
fn calibrated(windows: usize) -> Network {
    let all = Calibration::from_input(&Input::from_json(SAMPLES).unwrap(), &[CONTEXT]).unwrap();
    Network::new(&model(), &Calibration::Samples(all.samples(CONTEXT)[..windows].to_vec())).unwrap()
}

/// Those with a quarter of the windows, which is enough to compare.
fn shipped() -> &'static Network {
    static SHIPPED: std::sync::OnceLock<Network> = std::sync::OnceLock::new();
    SHIPPED.get_or_init(|| calibrated(4))
}

/// The held-out text in the model's numbers.
fn held_out(model: &Model) -> (Vec<usize>, usize) {
    let alphabet: String = serde_json::from_str(&model.graph().metadata()["alphabet"]).unwrap();
    let at = |c| alphabet.chars().position(|of| of == c).unwrap();
    (HELD_OUT.chars().map(at).collect(), alphabet.chars().count())
}

/// Sums over positions.
#[derive(Default)]
struct Scored {
    count: usize,
    same: usize,
    /// Cross entropies of the floating-point model, and of the integers.
    bits: [f64; 2],
}

impl Scored {
    fn add(&mut self, scores: [&[f64]; 2], following: usize) {
        self.count += 1;
        self.same += usize::from(argmax(scores[0]) == argmax(scores[1]));
        for (sum, scores) in self.bits.iter_mut().zip(scores) {
            let greatest = scores[argmax(scores)];
            let all = scores.iter().map(|x| (x - greatest).exp()).sum::<f64>().ln() + greatest;
            *sum += all - scores[following];
        }
    }

    fn perplexity(&self, which: usize) -> f64 {
        (self.bits[which] / self.count as f64).exp()
    }
}

/// Integers against real numbers on windows of text that the model was not trained on.
fn compare(network: &Network, windows: usize) {
    let model = model();
    let (tokens, known) = held_out(&model);
    let mut scored = Scored::default();
    for window in tokens.windows(CONTEXT + 1).step_by(CONTEXT).take(windows) {
        let input: Vec<f64> = window[..CONTEXT].iter().map(|token| *token as f64).collect();
        let expected = model.run(&Input::new(vec![input.clone()]).unwrap()).unwrap().concat();
        let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
        let found = network.run(&input).expect("in range");
        let rows = expected.chunks_exact(known).zip(found.chunks_exact(known)).zip(&window[1..]);
        rows.for_each(|((float, integer), following)| scored.add([float, integer], *following));
    }
    assert_eq!(scored.count, windows * CONTEXT);
    let [float, integer] = [0, 1].map(|which| scored.perplexity(which));
    let part = scored.same as f64 / scored.count as f64;
    println!("{} positions: perplexity {float:.4} and {integer:.4}, the same choice at {part:.4}", scored.count);
    assert!(part >= 0.97, "the same choice at {part}");
    assert!(integer <= 1.01 * float, "perplexity {integer} against {float}");
}

/// 128 positions; all of the held-out text takes minutes in an unoptimized build.
#[test]
fn the_character_model_keeps_its_choices() {
    compare(shipped(), 2);
}

/// All 1,024 positions, with all windows that calibrate it; what quantization costs tensor by tensor, too.
#[test]
#[ignore = "a minute: `cargo test --lib whole_held_out -- --ignored --nocapture`; `bench --models goals --only gpt` has the figures"]
fn the_character_model_on_the_whole_held_out_text() {
    let network = calibrated(16);
    let (tokens, _) = held_out(&model());
    let sample = tokens[..CONTEXT].iter().map(|token| *token as f64).collect();
    for (at, tensor) in network.report(&[sample]).tensors.iter().enumerate() {
        println!("{at} {tensor:?}");
    }
    compare(&network, 16);
}

/// What the integers choose does not depend on what is behind.
#[test]
fn no_score_depends_on_characters_behind_it() {
    let network = shipped();
    let known = network.graph().outputs() / CONTEXT;
    let of = |tokens: Vec<f64>| network.graph().infer(&network.quantize(&tokens).unwrap()).unwrap();
    let text = |cut: usize| (0..CONTEXT).map(|i| if i < cut { ((i * 7) % 36) as f64 } else { 0.0 }).collect::<Vec<_>>();
    let whole = of(text(CONTEXT));
    for cut in [1, 31, 63] {
        assert_eq!(whole[..cut * known], of(text(cut))[..cut * known], "{cut}");
    }
}

/// The four blocks are the same steps with the same scales, and what they add to their sums has one, too.
#[test]
fn repeated_blocks_have_one_scale_for_every_role() {
    let network = shipped();
    let roles = network.plan.roles();
    let later: Vec<usize> = (0..roles.len()).filter(|at| roles[*at] != *at).collect();
    // Two norms of four steps, four maps, scores, exponentials, inverses of sums, values, a function.
    assert_eq!(later.len(), 3 * 17);
    let of = |at: usize| (network.scales.exponents[at], network.scales.shifts[at]);
    for at in later {
        assert_eq!(of(at), of(roles[at]), "step {at}");
        let added = |at: usize| network.plan.steps[at].from.get(1).map(|of| network.scales.exponents[*of]);
        if matches!(network.plan.steps[at].work, Work::Linear { .. }) {
            assert_eq!(added(at), added(roles[at]), "what step {at} adds");
        }
    }
}

/// Whoever verifies pays for one block: the layers of all four are those of the same tensors.
#[test]
fn repeated_blocks_are_proven_as_one() {
    let program = shipped().graph().compile().unwrap().program;
    let parts = program.parts();
    println!("a program of {} bytes", program.to_bytes().len());
    let blocks = parts.tensors.iter().filter(|tensor| tensor.dims[0] == 4).count();
    // Six in front of them, and five behind.
    assert_eq!((blocks, parts.tensors.len()), (16, 16 + 11));
}
