//! Names of classes: from a file, else from the model's.

use crate::cli::Failure;
use std::{fs, io::Read, path::PathBuf};
use zkinfer::model::Model;

/// The largest file of labels, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Where the names of classes come from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct LabelArgs {
    /// Names of the classes in the order of the output's numbers: one on a line, or a JSON list. An output with as many numbers is
    /// shown with them [default: those in the model's file, where it is read and has some].
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

/// Names of classes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    names: Vec<String>,
    /// The file that they were given in.
    given: Option<PathBuf>,
}

impl LabelArgs {
    /// Reads the file, else what the model has.
    pub(crate) fn read(&self, model: Option<&Model>) -> Result<Labels, Failure> {
        let Some(path) = &self.labels else {
            let names = model.and_then(Model::labels).unwrap_or_default();
            return Ok(Labels { names: names.iter().map(|name| printable(name)).collect(), given: None });
        };
        let refuse = |reason: String| Failure::Input(format!("the labels {}: {reason}", path.display()));
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|error| refuse(error.to_string()))?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| refuse(error.to_string()))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(refuse(format!("more than {MAX_BYTES} bytes are not read")));
        }
        let text = String::from_utf8(bytes).map_err(|_| refuse("this is no UTF-8 text".into()))?;
        let names = parse(text.trim_start_matches('\u{feff}')).map_err(refuse)?;
        Ok(Labels { names, given: Some(path.clone()) })
    }
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|error| format!("no JSON list of strings ({error})"))?
    } else {
        text.trim_end().lines().map(|line| line.trim().to_owned()).collect()
    };
    if names.iter().all(String::is_empty) {
        return Err("there is none in it".into());
    }
    Ok(names.iter().map(|name| printable(name)).collect())
}

/// Without what terminals obey.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl Labels {
    pub(crate) fn count(&self) -> Option<usize> {
        Some(self.names.len()).filter(|&count| count > 0)
    }

    /// The names for an output of so many numbers.
    pub(crate) fn all(&self, elements: usize) -> Option<&[String]> {
        (!self.names.is_empty() && self.names.len() == elements).then_some(self.names.as_slice())
    }

    /// The name of one of them.
    pub(crate) fn of(&self, elements: usize, class: usize) -> Option<&str> {
        self.all(elements).and_then(|names| names.get(class)).map(String::as_str)
    }

    /// Refuses a file of labels for which no output has the length.
    pub(crate) fn expect_one_of(&self, mut lengths: impl Iterator<Item = usize>) -> Result<(), Failure> {
        let Some(path) = &self.given else { return Ok(()) };
        let count = self.names.len();
        if lengths.any(|length| length == count) {
            return Ok(());
        }
        Err(Failure::Input(format!("{} names {count} classes, and no output has {count} numbers", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lines_or_a_list() {
        let names = ["cat".to_owned(), "dog".to_owned()];
        for text in ["cat\ndog\n", "cat\r\ndog", "[\"cat\", \"dog\"]\n"] {
            assert_eq!(parse(text).as_deref(), Ok(&names[..]), "{text}");
        }
        assert_eq!(parse("a\n\nb"), Ok(vec!["a".into(), String::new(), "b".into()]), "a class may have no name");
        assert_eq!(parse("[\"\\u001b[2J\"]"), Ok(vec!["\u{fffd}[2J".into()]));
        for bad in ["", "\n \n", "[1, 2]", "[\"a\"", "[]"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn labels_go_with_the_output_of_their_number() {
        let labels = Labels { names: vec!["a".into(), "b".into()], given: Some("labels.txt".into()) };
        assert_eq!((labels.of(2, 1), labels.of(2, 2), labels.of(3, 1)), (Some("b"), None, None));
        assert!(labels.expect_one_of([3, 2].into_iter()).is_ok());
        assert!(labels.expect_one_of([3].into_iter()).unwrap_err().to_string().contains("names 2 classes"));
        let of_model = Labels { given: None, ..labels };
        assert!(of_model.expect_one_of([3].into_iter()).is_ok());
        assert_eq!(Labels::default().all(0), None);
    }
}
