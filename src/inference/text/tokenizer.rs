//! Characters and their numbers, as a model's file has them in its metadata.

use super::TextError;
use std::collections::BTreeMap;

/// The most characters of an alphabet: numbers enter as 16 bits.
const MOST: usize = 1 << 15;

/// An alphabet: a character's number is its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokenizer {
    alphabet: Vec<char>,
    /// Whether text is written in small letters first.
    lower: bool,
}

impl Tokenizer {
    /// From metadata: `tokenizer` is `characters`, `alphabet` a JSON string; `case` may be `lower`.
    ///
    /// # Errors
    /// [`TextError::NoTokenizer`], [`TextError::Tokenizer`].
    pub fn of(metadata: &BTreeMap<String, String>) -> Result<Self, TextError> {
        let refuse = |reason: String| Err(TextError::Tokenizer(reason));
        let (Some(kind), Some(alphabet)) = (metadata.get("tokenizer"), metadata.get("alphabet")) else {
            return Err(TextError::NoTokenizer);
        };
        if kind != "characters" {
            return refuse(format!("it is of the kind `{kind}`, and only `characters` is known"));
        }
        let lower = match metadata.get("case").map(String::as_str) {
            None => false,
            Some("lower") => true,
            Some(other) => return refuse(format!("its case is `{other}`, and only `lower` is known")),
        };
        let alphabet: String = match serde_json::from_str(alphabet) {
            Ok(alphabet) => alphabet,
            Err(error) => return refuse(format!("its alphabet is no JSON string: {error}")),
        };
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut sorted = alphabet.clone();
        sorted.sort_unstable();
        sorted.dedup();
        match (2..=MOST).contains(&alphabet.len()) && sorted.len() == alphabet.len() {
            true => Ok(Self { alphabet, lower }),
            false => refuse(format!("its alphabet has {} characters, or one of them twice", alphabet.len())),
        }
    }

    /// How many characters there are: never none.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an alphabet is never empty")]
    pub const fn len(&self) -> usize {
        self.alphabet.len()
    }

    /// The numbers of a text's characters.
    ///
    /// # Errors
    /// [`TextError::Character`] names the first one that is not in the alphabet.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, TextError> {
        let number = |(at, character): (usize, char)| {
            // Of a letter whose small form is several characters there is none.
            let mut small = character.to_lowercase();
            let own = match (self.lower, small.next(), small.next()) {
                (true, Some(own), None) => own,
                _ => character,
            };
            let unknown = || TextError::Character { character, at, known: self.alphabet.iter().collect() };
            self.alphabet.iter().position(|of| *of == own).ok_or_else(unknown)
        };
        text.chars().enumerate().map(number).collect()
    }

    /// The text of numbers; what is no number of a character is left out.
    #[must_use]
    pub fn decode(&self, tokens: &[usize]) -> String {
        tokens.iter().filter_map(|token| self.alphabet.get(*token)).collect()
    }
}
