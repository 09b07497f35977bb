//! Input files: one inference each, a directory of them, or one per line.

use super::Failure;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};
use zkinfer::model::{Input, MAX_INPUT_BYTES};

/// An input and where it came from.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) input: Input,
}

/// Reads every input of these files and directories, in order, at most `max` of them.
pub(crate) fn read(paths: &[PathBuf], max: usize) -> Result<Vec<Named>, Failure> {
    let mut inputs = Vec::new();
    for path in paths {
        for file in files(path)? {
            if file.extension().is_some_and(|extension| extension == "jsonl") {
                read_lines(&file, max, &mut inputs)?;
            } else {
                inputs.push(Named { name: file.display().to_string(), input: Input::read(&file)? });
            }
            if inputs.len() > max {
                return Err(Failure::Input(format!("there are more than {max} inputs")));
            }
        }
    }
    Ok(inputs)
}

/// The file itself, or a directory's input files in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {}: {error}", path.display()));
    let entries = fs::read_dir(path).map_err(cannot)?.collect::<Result<Vec<_>, _>>().map_err(cannot)?;
    let is_input = |file: &PathBuf| file.extension().is_some_and(|end| end == "json" || end == "jsonl");
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_input).collect();
    files.sort();
    if files.is_empty() {
        return Err(Failure::Input(format!("there is no .json and no .jsonl file in {}", path.display())));
    }
    Ok(files)
}

fn read_lines(path: &Path, max: usize, inputs: &mut Vec<Named>) -> Result<(), Failure> {
    let shown = path.display();
    let cannot = |error: std::io::Error| Failure::Input(format!("cannot read {shown}: {error}"));
    let file = fs::File::open(path).map_err(cannot)?;
    if file.metadata().map_err(cannot)?.len() > MAX_INPUT_BYTES {
        return Err(Failure::Input(format!("{shown} is larger than the {MAX_INPUT_BYTES} bytes that are read")));
    }
    let before = inputs.len();
    for (number, line) in BufReader::new(file.take(MAX_INPUT_BYTES)).lines().enumerate() {
        let line = line.map_err(cannot)?;
        if line.trim().is_empty() {
            continue;
        }
        let name = format!("{shown}:{}", number + 1);
        let input = Input::from_json(line.as_bytes()).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
        inputs.push(Named { name, input });
        if inputs.len() > max {
            return Err(Failure::Input(format!("there are more than {max} inputs")));
        }
    }
    if inputs.len() == before {
        return Err(Failure::Input(format!("there is no input in {shown}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(read(&[empty.path().into()], 4).unwrap_err().to_string().contains("no .json"));
        assert!(read(&[dir.path().join("missing.json")], 4).is_err());
    }
}
