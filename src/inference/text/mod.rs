//! Text from a model that predicts the next character, and who can check every choice.
//!
//! The model reads `context` characters at once and gives, for each of them, scores of the one that follows. No score depends on
//! characters behind it, so that **one proof of a window shows every choice that was made in it**: the statement holds the
//! window's characters and all scores, and whoever knows the prompt takes the greatest scores again ([`TextModel::check`]).
//! What is behind the last character is filled up with the first one of the alphabet, and changes nothing.
//!
//! A window that is full is followed by one that begins with the last half of it, which is a statement of its own.

mod tokenizer;
mod write;

pub use tokenizer::Tokenizer;
pub use write::Written;

use crate::{
    FailureClass,
    ezkl::{PipelineError, answer},
    model::{Input, Model, ModelError, quantize::argmax},
    proof::{PublicValues, Schema, schema::Direction},
};

/// The most characters that are asked for at once.
pub const MAX_CHARACTERS: usize = 4096;

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The model's file does not say how text becomes numbers.
    #[error(
        "the model's file names no tokenizer: its metadata needs `tokenizer` = `characters` and `alphabet`, a JSON string of \
         its characters in order"
    )]
    NoTokenizer,
    /// It says so in a way that is not known.
    #[error("the model's tokenizer cannot be used: {0}")]
    Tokenizer(String),
    /// Its tensors are not those of a model of text.
    #[error("this is no model that predicts characters: {0}")]
    Shape(String),
    /// A character that the model does not know.
    #[error(
        "the prompt has the character {character:?} (number {at}), which the model does not know; it knows {known:?}"
    )]
    Character {
        /// The character.
        character: char,
        /// Its number, from 0.
        at: usize,
        /// What the model knows.
        known: String,
    },
    /// There has to be a first character.
    #[error("the prompt is empty: the model continues a text that has one character at least")]
    Empty,
    /// Too much was asked for.
    #[error("{asked} characters were asked for; at most {MAX_CHARACTERS} are written at once")]
    TooMany {
        /// How many.
        asked: usize,
    },
    /// Statements that do not belong to the text.
    #[error("statement {statement} does not show this text: {reason}")]
    Statement {
        /// Its number, from 0.
        statement: usize,
        /// Why.
        reason: String,
    },
    /// The model cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The pipeline failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

impl TextError {
    /// Whose fault it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Pipeline(error) => error.class(),
            Self::Statement { .. } => FailureClass::Invalid,
            _ => FailureClass::BadInput,
        }
    }
}

/// A model of text: its alphabet, and how much it reads.
#[derive(Clone, Debug)]
pub struct TextModel {
    tokenizer: Tokenizer,
    context: usize,
}

/// A text that grows. Its window, from `start` on, has at least one character and at most as many as the model reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    tokens: Vec<usize>,
    prompt: usize,
    start: usize,
}

/// What a statement says: the numbers that entered, and the scores that came out, in real numbers, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// One per character of the window, filled up.
    pub inputs: Vec<f64>,
    /// As many as there are characters in the alphabet, for each of them.
    pub scores: Vec<f64>,
}

impl Shown {
    /// What public values say of the only input and the only output of a model.
    ///
    /// # Errors
    /// [`TextError::Shape`] when a side is hidden or has several tensors, [`TextError::Pipeline`] when the values are not canonical.
    pub fn read(schema: &Schema, values: &PublicValues) -> Result<Self, TextError> {
        let numbers = answer::numbers(schema, values, None).map_err(PipelineError::from)?;
        let of = |direction| {
            let mut own = numbers.iter().filter(|(tensor, _)| tensor.direction == direction);
            match (own.next(), own.next()) {
                (Some((_, Some(numbers))), None) => Ok(numbers.clone()),
                _ => Err(TextError::Shape("the statement hides its characters or its scores".into())),
            }
        };
        Ok(Self { inputs: of(Direction::Input)?, scores: of(Direction::Output)? })
    }
}

impl Text {
    /// Its characters, as numbers of the alphabet.
    #[must_use]
    pub fn tokens(&self) -> &[usize] {
        &self.tokens
    }

    /// How many characters were written behind the prompt.
    #[must_use]
    pub fn written(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    fn window(&self) -> &[usize] {
        &self.tokens[self.start..]
    }
}

impl TextModel {
    /// What a model's file says of text.
    ///
    /// # Errors
    /// [`TextError::NoTokenizer`], [`TextError::Tokenizer`], [`TextError::Shape`].
    pub fn of(model: &Model) -> Result<Self, TextError> {
        let tokenizer = Tokenizer::of(model.graph().metadata())?;
        let ([input], [output]) = (model.inputs(), model.outputs()) else {
            return Err(TextError::Shape("it has several inputs or outputs".into()));
        };
        let (context, scores) = (input.elements(), output.elements());
        if context < 2 || scores != context.saturating_mul(tokenizer.len()) {
            let known = tokenizer.len();
            return Err(TextError::Shape(format!(
                "it reads {context} numbers and gives {scores}, which is not {known} scores for each of at least two characters"
            )));
        }
        Ok(Self { tokenizer, context })
    }

    /// How many characters it reads.
    #[must_use]
    pub const fn context(&self) -> usize {
        self.context
    }

    /// Its alphabet.
    #[must_use]
    pub const fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// A text that begins with a prompt. Of one that is longer than the model reads, the last characters count:
    /// [`Self::left_out`] says how many do not.
    ///
    /// # Errors
    /// [`TextError::Empty`], [`TextError::Character`].
    pub fn begin(&self, prompt: &str) -> Result<Text, TextError> {
        let tokens = self.tokenizer.encode(prompt)?;
        if tokens.is_empty() {
            return Err(TextError::Empty);
        }
        let (prompt, start) = (tokens.len(), tokens.len().saturating_sub(self.context));
        Ok(Text { tokens, prompt, start })
    }

    /// How many characters of a prompt of this length the model does not read.
    #[must_use]
    pub const fn left_out(&self, prompt: usize) -> usize {
        prompt.saturating_sub(self.context)
    }

    /// The next character is the one with the greatest score behind the last character; of equal scores the first one.
    fn choose(&self, text: &mut Text, scores: &[f64]) -> Result<usize, TextError> {
        let row = text.window().len() - 1;
        let known = self.tokenizer.len();
        let scores = scores.get(row * known..(row + 1) * known);
        let token = argmax(scores.ok_or_else(|| TextError::Shape("its scores are too few".into()))?);
        text.tokens.push(token);
        if text.window().len() > self.context {
            text.start = text.tokens.len() - self.context / 2;
        }
        Ok(token)
    }

    /// The window as the model's input.
    fn input(&self, window: &[usize]) -> Result<Input, TextError> {
        let mut numbers: Vec<f64> = window.iter().take(self.context).map(|token| *token as f64).collect();
        numbers.resize(self.context, 0.0);
        Ok(Input::new(vec![numbers])?)
    }

    /// The text that statements show: the prompt, and `count` characters behind it, each the greatest of the scores that a
    /// statement holds for exactly the characters before it. Whether the statements are proven is for a verifier of proofs to say.
    ///
    /// # Errors
    /// [`TextError::Statement`] when a statement is about other characters, is missing, or is left over; and those of
    /// [`Self::begin`].
    pub fn check(&self, prompt: &str, count: usize, statements: &[Shown]) -> Result<String, TextError> {
        let mut text = self.begin(prompt)?;
        let mut at = 0;
        while text.written() < count {
            let refuse = |reason: &str| TextError::Statement { statement: at, reason: reason.into() };
            let shown = statements.get(at).ok_or_else(|| refuse("it is missing"))?;
            if shown.inputs.len() != self.context || shown.scores.len() != self.context * self.tokenizer.len() {
                return Err(refuse("it has other tensors than the model"));
            }
            let start = text.start;
            while text.start == start && text.written() < count {
                let same = text.window().iter().zip(&shown.inputs).all(|(token, x)| *token as f64 == *x);
                if !same {
                    return Err(refuse("other characters enter"));
                }
                self.choose(&mut text, &shown.scores)?;
            }
            at += 1;
        }
        match statements.len() == at {
            true => Ok(self.tokenizer.decode(&text.tokens)),
            false => Err(TextError::Statement { statement: at, reason: "nothing is left for it to show".into() }),
        }
    }
}

#[cfg(test)]
mod tests;
