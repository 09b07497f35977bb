//! Writing a text: the floating-point model drafts a window, the circuit runs once on the draft, and its scores decide.

use super::{MAX_CHARACTERS, Text, TextError, TextModel};
use crate::{
    backend::{Control, Witness},
    ezkl::ProofGenerator,
    model::Model,
};

/// A text that was written, and what can be proven of it.
#[derive(Debug)]
pub struct Written {
    /// The prompt and what follows.
    pub text: Text,
    /// One per window, in order: [`TextModel::check`] takes what they show.
    pub witnesses: Vec<Witness>,
    /// How often the floating-point model would have chosen another character than the circuit.
    pub other_choices: usize,
}

impl TextModel {
    /// Continues a prompt with the floating-point model alone; `each` gets every character as it is chosen.
    ///
    /// # Errors
    /// [`TextError`].
    pub fn draft(
        &self,
        model: &Model,
        prompt: &str,
        count: usize,
        mut each: impl FnMut(char),
    ) -> Result<Text, TextError> {
        let mut text = self.begin(prompt)?;
        expect_few(count)?;
        while text.written() < count {
            let token = self.draft_one(model, &mut text)?;
            self.tokenizer().decode(&[token]).chars().for_each(&mut each);
        }
        Ok(text)
    }

    /// Continues a prompt with the circuit: every choice is the greatest of the scores that can be proven. `each` gets every
    /// character as it is chosen.
    ///
    /// # Errors
    /// [`TextError`]; of the pipeline's, [`PipelineError::OtherAnswer`](crate::ezkl::PipelineError::OtherAnswer) when the scores
    /// are not the model's.
    pub fn write(
        &self,
        model: &Model,
        generator: &ProofGenerator<'_>,
        prompt: &str,
        count: usize,
        control: &Control,
        mut each: impl FnMut(char),
    ) -> Result<Written, TextError> {
        let mut text = self.begin(prompt)?;
        expect_few(count)?;
        let (mut witnesses, mut other_choices) = (Vec::new(), 0);
        while text.written() < count {
            let start = text.start;
            let mut draft = text.clone();
            while draft.start == start && draft.written() < count {
                self.draft_one(model, &mut draft)?;
            }
            let input = self.input(&draft.tokens[start..])?;
            let witness = generator.witness(&input, control)?;
            let outputs = generator.outputs(&witness.public_values, 0, None, &input)?;
            let scores = outputs.tensors.first().and_then(|tensor| tensor.values.as_deref());
            let scores = scores.ok_or_else(|| TextError::Shape("its scores are hidden".into()))?;
            let mut same = true;
            while same && text.start == start && text.written() < count {
                let drafted = draft.tokens.get(text.tokens.len()).copied();
                let token = self.choose(&mut text, scores)?;
                same = drafted == Some(token);
                other_choices += usize::from(!same);
                self.tokenizer().decode(&[token]).chars().for_each(&mut each);
            }
            // Behind another choice than the draft's, the window is read again.
            if text.start != start || text.written() == count {
                witnesses.push(witness);
            }
        }
        Ok(Written { text, witnesses, other_choices })
    }

    fn draft_one(&self, model: &Model, text: &mut Text) -> Result<usize, TextError> {
        let scores = model.run(&self.input(text.window())?)?;
        let scores: Vec<f64> = scores.into_iter().flatten().map(f64::from).collect();
        self.choose(text, &scores)
    }
}

fn expect_few(asked: usize) -> Result<(), TextError> {
    if asked <= MAX_CHARACTERS { Ok(()) } else { Err(TextError::TooMany { asked }) }
}
