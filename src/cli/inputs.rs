//! Input files, each with one or several inferences, directories of them, or one inference per line.

use super::Failure;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};
use zkinfer::model::{Input, InputForm, Inputs, MAX_INPUT_BYTES, Model, ModelError};

/// The ends of the names of those files in a directory that are read.
const ENDS: [&str; 5] = ["json", "jsonl", "npy", "npz", "csv"];
/// Inferences that samples may have.
const MAX_SAMPLES: usize = 1 << 20;

/// An input and where it came from.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) input: Input,
}

/// What stands where an input is looked for: the input, or why there is none.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) input: Result<Input, Failure>,
}

/// Reads every inference of these files and directories, in order, at most `max` of them, and says on standard error what
/// was taken for granted.
pub(crate) fn read(paths: &[PathBuf], max: usize, model: &Model) -> Result<Vec<Named>, Failure> {
    read_as(paths, max, &model.input_form())
}

/// As [`read`], but a file or line that holds no input of the model is found as such. What cannot be read at all is still an
/// error.
pub(crate) fn find(paths: &[PathBuf], max: usize, model: &Model) -> Result<Vec<Found>, Failure> {
    find_as(paths, max, &model.input_form())
}

/// Samples for calibration, in one input whose lists hold all of them.
pub(crate) fn samples(path: &Path, model: &Model) -> Result<Input, Failure> {
    let all = read_as(&[path.to_owned()], MAX_SAMPLES, &model.input_form().samples())?;
    let mut lists = vec![Vec::new(); model.inputs().len()];
    for named in &all {
        lists.iter_mut().zip(named.input.tensors()).for_each(|(list, numbers)| list.extend_from_slice(numbers));
    }
    Ok(Input::new(lists)?)
}

fn read_as(paths: &[PathBuf], max: usize, form: &InputForm) -> Result<Vec<Named>, Failure> {
    find_as(paths, max, form)?.into_iter().map(|Found { name, input }| Ok(Named { name, input: input? })).collect()
}

fn find_as(paths: &[PathBuf], max: usize, form: &InputForm) -> Result<Vec<Found>, Failure> {
    let mut reading = Reading { form, max, found: Vec::new() };
    for path in paths {
        for file in files(path)? {
            if ends_in(&file, &["jsonl"]) { reading.lines(&file)? } else { reading.file(&file)? }
        }
    }
    Ok(reading.found)
}

/// The file itself, or a directory's input files in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {}: {error}", path.display()));
    let entries = fs::read_dir(path).map_err(cannot)?.collect::<Result<Vec<_>, _>>().map_err(cannot)?;
    let mut files: Vec<PathBuf> =
        entries.into_iter().map(|entry| entry.path()).filter(|file| ends_in(file, &ENDS)).collect();
    files.sort();
    if files.is_empty() {
        return Err(Failure::Input(format!(
            "there is no file in {} that ends in .{}",
            path.display(),
            ENDS.join(", .")
        )));
    }
    Ok(files)
}

fn ends_in(file: &Path, ends: &[&str]) -> bool {
    file.extension().is_some_and(|found| ends.iter().any(|end| found.eq_ignore_ascii_case(end)))
}

struct Reading<'f> {
    form: &'f InputForm,
    max: usize,
    found: Vec<Found>,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display().to_string();
        let inputs = match self.form.read(path) {
            // It names the file.
            Err(error @ ModelError::Input(_)) => Err(error.into()),
            inputs => Ok(inputs?),
        };
        self.add(&name, inputs, &mut BTreeSet::new())
    }

    fn lines(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display();
        let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {shown}: {error}"));
        let file = fs::File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.len() > MAX_INPUT_BYTES {
            return Err(Failure::Input(format!("{shown} is larger than the {MAX_INPUT_BYTES} bytes that are read")));
        }
        let (before, mut said) = (self.found.len(), BTreeSet::new());
        for (number, line) in BufReader::new(file.take(MAX_INPUT_BYTES)).lines().enumerate() {
            let line = line.map_err(cannot)?;
            if line.trim().is_empty() {
                continue;
            }
            let name = format!("{shown}:{}", number + 1);
            let inputs = self.form.json(line.as_bytes());
            self.add(&name, inputs.map_err(|error| Failure::Input(format!("{name}: {error}"))), &mut said)?;
        }
        if self.found.len() == before {
            return Err(Failure::Input(format!("there is no input in {shown}")));
        }
        Ok(())
    }

    /// Adds what a place has: one inference is called as the place, several are numbered from 0. A remark that was made of
    /// the same file is not repeated.
    fn add(
        &mut self,
        place: &str,
        inputs: Result<Inputs, Failure>,
        said: &mut BTreeSet<String>,
    ) -> Result<(), Failure> {
        let inputs: Vec<_> = match inputs {
            Err(error) => vec![Err(error)],
            Ok(Inputs { inputs, remarks }) => {
                let new = remarks.into_iter().filter(|remark| said.insert(remark.clone()));
                new.for_each(|remark| eprintln!("zkinfer: {place}: {remark}"));
                inputs.into_iter().map(Ok).collect()
            }
        };
        if self.found.len() + inputs.len() > self.max {
            return Err(Failure::Input(format!("there are more than {} inputs", self.max)));
        }
        let several = inputs.len() > 1;
        let name = |at| if several { format!("{place}[{at}]") } else { place.to_owned() };
        self.found.extend(inputs.into_iter().enumerate().map(|(at, input)| Found { name: name(at), input }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zkinfer::model::{InputTensor, TensorInfo, graph::Element};

    /// Of a model that takes one number.
    fn form() -> InputForm {
        let info = TensorInfo { name: "x".into(), shape: vec![1, 1] };
        InputForm::new(vec![InputTensor { info, element: Element::Float32, batch: true }])
    }

    fn read(paths: &[PathBuf], max: usize) -> Result<Vec<Named>, Failure> {
        read_as(paths, max, &form())
    }

    #[test]
    fn files_lines_and_directories_are_read_in_order_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        file("b.json", r#"{"input_data": [[2]]}"#);
        file("a.json", r#"{"input_data": [[1]]}"#);
        file("notes.txt", "no input");
        let lines = file("c.jsonl", "{\"input_data\": [[3]]}\n\n{\"input_data\": [[4]]}\n");
        let numbers = |paths: &[PathBuf]| -> Vec<f64> {
            read(paths, 4).unwrap().iter().map(|named| named.input.tensors()[0][0]).collect()
        };
        assert_eq!(numbers(&[dir.path().into()]), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(numbers(&[lines.clone(), dir.path().join("a.json")]), [3.0, 4.0, 1.0]);
        assert!(read(&[dir.path().into()], 3).unwrap_err().to_string().contains("more than 3"));
        assert!(
            read(&[file("bad.jsonl", "{\"input_data\": [[1]]}\nx\n")], 4)
                .unwrap_err()
                .to_string()
                .contains("bad.jsonl:2")
        );
        assert!(read(&[file("empty.jsonl", "\n")], 4).is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(read(&[empty.path().into()], 4).unwrap_err().to_string().contains("no file in"));
        assert!(read(&[dir.path().join("missing.json")], 4).is_err());
    }
    #[test]
    fn rows_of_a_file_are_inferences_with_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let names = |paths: &[PathBuf]| -> Vec<(String, f64)> {
            let name = |named: &Named| named.name.rsplit('/').next().unwrap().to_owned();
            read(paths, 9).unwrap().iter().map(|named| (name(named), named.input.tensors()[0][0])).collect()
        };
        let rows = file("rows.json", r#"{"x": [[1], [2]]}"#);
        assert_eq!(names(&[rows]), [("rows.json[0]".into(), 1.0), ("rows.json[1]".into(), 2.0)]);
        let table = file("table.CSV", "x\n3\n");
        assert_eq!(names(&[table]), [("table.CSV".into(), 3.0)]);
        let lines = file("lines.jsonl", "{\"x\": [4]}\n{\"x\": [[5], [6]]}\n");
        let found = names(&[lines]);
        assert_eq!(found[1], ("lines.jsonl:2[0]".into(), 5.0));
        assert_eq!(names(&[dir.path().into()]).len(), 6);
        assert!(read(&[file("many.csv", &format!("x\n{}", "1\n".repeat(10)))], 9).is_err());
        // A line that is none is found as such; a file that is not there is an error.
        let mixed = file("mixed.jsonl", "{\"x\": [7]}\n{\"x\": [7, 7]}\nno\n");
        let found = find_as(&[mixed], 9, &form()).unwrap();
        assert_eq!(found.iter().map(|found| found.input.is_ok()).collect::<Vec<_>>(), [true, false, false]);
        assert!(found[1].input.as_ref().unwrap_err().to_string().contains("mixed.jsonl:2: the input `x`"));
        assert!(find_as(&[dir.path().join("missing.npy")], 9, &form()).is_err());
        // A flat list of several is one only for samples.
        let flat = [file("flat.json", r#"{"input_data": [[1, 2, 3]]}"#)];
        assert!(read(&flat, 9).unwrap_err().to_string().contains("flat.json: the input `x`"));
        assert_eq!(read_as(&flat, 9, &form().samples()).unwrap().len(), 3);
    }
}
