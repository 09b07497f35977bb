//! The models that come with zkinfer, and test images for them: `models/digits`, `models/digits-cnn`.

use super::Failure;
use zkinfer::model::Input;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shipped {
    /// A perceptron.
    Digits,
    /// A convolutional network on the same images.
    Cnn,
    /// A transformer that writes.
    Gpt,
}

impl Shipped {
    /// The directory that it is in.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Cnn => "digits-cnn",
            Self::Gpt => "gpt",
        }
    }

    pub(crate) const fn onnx(self) -> &'static [u8] {
        match self {
            Self::Digits => ONNX,
            Self::Cnn => CNN,
            Self::Gpt => GPT,
        }
    }
}

/// `models/gpt`, which writes text.
pub(crate) const GPT: &[u8] = include_bytes!("../../models/gpt/gpt.onnx");
const CNN: &[u8] = include_bytes!("../../models/digits-cnn/cnn.onnx");
pub(crate) const ONNX: &[u8] = include_bytes!("../../models/digits/digits.onnx");

/// Training images in one list.
pub(crate) const SAMPLES: &[u8] = include_bytes!("../../models/digits/calibration.json");

/// (name, the digit that is drawn, file)
const IMAGES: &[(&str, u8, &str)] = &[
    ("test-1243-is-7", 7, include_str!("../../models/digits/inputs/test-1243-is-7.json")),
    ("test-1157-is-0", 0, include_str!("../../models/digits/inputs/test-1157-is-0.json")),
    ("test-0442-is-1", 1, include_str!("../../models/digits/inputs/test-0442-is-1.json")),
    ("test-0084-is-2", 2, include_str!("../../models/digits/inputs/test-0084-is-2.json")),
    ("test-1566-is-3", 3, include_str!("../../models/digits/inputs/test-1566-is-3.json")),
    ("test-0497-is-4", 4, include_str!("../../models/digits/inputs/test-0497-is-4.json")),
    ("test-1136-is-5", 5, include_str!("../../models/digits/inputs/test-1136-is-5.json")),
    ("test-0611-is-6", 6, include_str!("../../models/digits/inputs/test-0611-is-6.json")),
    ("test-1637-is-8", 8, include_str!("../../models/digits/inputs/test-1637-is-8.json")),
    ("test-0128-is-9", 9, include_str!("../../models/digits/inputs/test-0128-is-9.json")),
];

/// A shipped test image.
pub(crate) struct Image {
    pub(crate) name: &'static str,
    pub(crate) label: u8,
    pub(crate) input: Input,
}

/// The image of a digit; the first one when none is asked for.
pub(crate) fn image(digit: Option<u8>) -> Result<Image, Failure> {
    let found = IMAGES.iter().find(|(_, label, _)| digit.is_none_or(|digit| digit == *label));
    let &(name, label, json) = found.ok_or_else(|| Failure::Input("there are images of the digits 0 to 9".into()))?;
    Ok(Image { name, label, input: Input::from_json(json.as_bytes())? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zkinfer::model::Model;

    #[test]
    fn every_digit_has_an_image_that_the_float_model_reads() {
        for shipped in [Shipped::Digits, Shipped::Cnn] {
            let model = Model::from_onnx(shipped.onnx().to_vec()).unwrap();
            for digit in 0..10 {
                let image = image(Some(digit)).unwrap();
                assert!(image.name.ends_with(&format!("-is-{digit}")));
                let logits = &model.run(&image.input).unwrap()[0];
                let best = (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
                assert_eq!(best, usize::from(digit), "{} {}", shipped.name(), image.name);
            }
        }
        assert!(image(Some(10)).is_err());
    }
}
