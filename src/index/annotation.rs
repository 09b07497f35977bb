//! What a caller wants noted of bundles, before they are there.

use super::{
    Embedding, IndexError, Note,
    entry::hides_inputs,
    note::{NoteFile, Noted},
};
use crate::proof::{Bundle, Schema, Statement, Structure, schema::Direction};
use alloy::primitives::B256;

/// What is to be noted of every statement of what is proven next: words, and where embeddings come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotation {
    note: Note,
    /// Names of an output and of a space.
    output: Option<(String, String)>,
    consent: bool,
}

impl From<Note> for Annotation {
    fn from(note: Note) -> Self {
        Self { note, ..Self::default() }
    }
}

impl Annotation {
    /// Also takes a public output of the model, by its name in the ONNX graph, as an embedding in this space: its real
    /// numbers, row-major.
    #[must_use]
    pub fn with_output_as_embedding(mut self, tensor: impl Into<String>, space: impl Into<String>) -> Self {
        self.output = Some((tensor.into(), space.into()));
        self
    }

    /// Says that embeddings may be entered although they are of inputs that the statements hide: whoever reads the index
    /// learns much of those inputs.
    #[must_use]
    pub const fn allowing_embedding_of_hidden_input(mut self) -> Self {
        self.consent = true;
        self
    }

    /// Finds out before anything is proven whether [`Annotation::notes`] and [`Entry::annotate`](super::Entry::annotate) would
    /// refuse it for what a model's schema says.
    ///
    /// # Errors
    /// As those, but for what depends on the answer; [`IndexError::HiddenInput`] names no statement yet.
    pub fn check(&self, schema: &Schema, statements: usize) -> Result<(), IndexError> {
        if self.note.embeddings().len() * statements > self.note.embeddings().len() {
            return Err(IndexError::Embedding(format!("one is given, and there are {statements} statements")));
        }
        if let Some((name, space)) = &self.output {
            super::note::check_text(space, "the name of a space", super::note::MAX_KEY_BYTES)?;
            let mut outputs = schema.public_tensors().filter(|tensor| tensor.direction == Direction::Output);
            if !outputs.any(|tensor| tensor.name == *name) {
                return Err(no_output(name));
            }
        }
        let embeds = self.output.is_some() || !self.note.embeddings().is_empty();
        let consent = self.consent || self.note.embedding_of_hidden_input;
        if embeds && hides_inputs(schema) && !consent { Err(IndexError::HiddenInput(B256::ZERO)) } else { Ok(()) }
    }

    /// The notes of the statements of a structure.
    ///
    /// # Errors
    /// [`IndexError::Embedding`] when the model has no such public output, or it has no direction, or one embedding is given
    /// for several statements; [`IndexError::TooLong`].
    pub fn notes(&self, structure: &Structure) -> Result<NoteFile, IndexError> {
        let ids = structure.statement_ids();
        if self.note.embeddings().len() * ids.len() > self.note.embeddings().len() {
            return Err(IndexError::Embedding(format!("one is given, and there are {} statements", ids.len())));
        }
        let common = Note {
            embedding_of_hidden_input: self.consent || self.note.embedding_of_hidden_input,
            ..self.note.clone()
        };
        if self.output.is_none() {
            return Ok(NoteFile::new(vec![Noted { statements: ids, note: common }]));
        }
        let bundles = structure.bundles().into_iter();
        let all = bundles.flat_map(|bundle| bundle.statements().iter().map(move |statement| (bundle, statement)));
        let noted = all.map(|(bundle, statement)| {
            let note = self.embedding(bundle, statement)?.into_iter().fold(common.clone(), Note::with_embedding);
            Ok(Noted { statements: vec![statement.id()], note })
        });
        Ok(NoteFile::new(noted.collect::<Result<_, IndexError>>()?))
    }

    fn embedding(&self, bundle: &Bundle, statement: &Statement) -> Result<Option<Embedding>, IndexError> {
        let Some((name, space)) = &self.output else { return Ok(None) };
        let Ok(schema) = bundle.schema() else { return Err(no_output(name)) };
        // A bundle that exists has values that its schema reads.
        let values = schema.decode(&statement.public_values).unwrap_or_default();
        let mut outputs = schema.public_tensors().zip(values);
        let output = outputs.find(|(tensor, _)| tensor.direction == Direction::Output && tensor.name == *name);
        let (tensor, elements) = output.ok_or_else(|| no_output(name))?;
        let numbers = elements.iter().enumerate().map(|(at, &element)| tensor.dequantize(at, element) as f32);
        Embedding::new(space, numbers.collect()).map(Some)
    }
}

fn no_output(name: &str) -> IndexError {
    IndexError::Embedding(format!("the model has no public output called `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::bundle::tests::{numbered, numbered_batch};

    #[test]
    fn an_output_is_an_embedding_of_every_statement() {
        let structure = numbered_batch(1, 2).into();
        let notes = Annotation::default().with_output_as_embedding("logits", "s").notes(&structure).unwrap();
        let ids: Vec<_> = notes.notes().iter().flat_map(|noted| noted.statements.clone()).collect();
        assert_eq!(ids, structure.statement_ids());
        // The scale of the test's schema is 2^-7.
        assert_eq!(notes.notes()[1].note.embeddings()[0].values(), [2.0 / 128.0; 3]);
        for name in ["image", "nothing", ""] {
            let error = Annotation::default().with_output_as_embedding(name, "s").notes(&structure).unwrap_err();
            assert!(error.to_string().contains("no public output"), "{error}");
        }
        let zero = Annotation::default().with_output_as_embedding("logits", "s").notes(&numbered(0).into());
        assert!(zero.unwrap_err().to_string().contains("no direction"));
    }

    #[test]
    fn one_embedding_is_of_one_statement() {
        let note = Note::new().with_embedding(Embedding::new("s", vec![1.0]).unwrap());
        assert!(Annotation::from(note.clone()).notes(&numbered_batch(1, 2).into()).is_err());
        assert_eq!(Annotation::from(note).notes(&numbered(1).into()).unwrap().notes().len(), 1);
    }
}
