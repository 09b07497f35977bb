//! Sizes of a model's symbolic axes.

use super::Failure;
use std::path::Path;
use zkinfer::model::{Model, ReadOptions};

/// What a model's file leaves open.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct DimArgs {
    /// The size of a symbolic axis of the model's inputs, such as sequence=32; may be given several times. `input[1]=32`
    /// names an axis that has no symbol. Another size is another model, with another id [default: the first axis is the
    /// batch, of size 1].
    #[arg(long = "dim", value_name = "NAME=N", value_parser = parse)]
    dims: Vec<(String, u64)>,
}

fn parse(text: &str) -> Result<(String, u64), String> {
    let (name, size) = text.rsplit_once('=').ok_or("write NAME=N, for example batch_size=1")?;
    match size.parse() {
        Ok(size) if size > 0 && !name.is_empty() => Ok((name.to_owned(), size)),
        _ => Err(format!("`{size}` is no size: write NAME=N with N at least 1")),
    }
}

impl DimArgs {
    /// Reads a model, and says on standard error what was taken for granted.
    pub(crate) fn read(&self, path: &Path) -> Result<Model, Failure> {
        let model = self.read_quietly(path)?;
        for remark in model.remarks() {
            eprintln!("zkinfer: {}: {remark}", path.display());
        }
        Ok(model)
    }

    /// Reads a model.
    pub(crate) fn read_quietly(&self, path: &Path) -> Result<Model, Failure> {
        let mut options = ReadOptions::default();
        for (name, size) in &self.dims {
            if options.dims.insert(name.clone(), *size).is_some_and(|other| other != *size) {
                return Err(Failure::Input(format!("--dim {name}: two sizes for one axis")));
            }
        }
        Ok(Model::read_with(path, &options)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_name_and_a_number() {
        assert_eq!(parse("batch=4"), Ok(("batch".into(), 4)));
        assert_eq!(parse("x[1]=32"), Ok(("x[1]".into(), 32)));
        for bad in ["batch", "batch=", "=3", "batch=0", "batch=-1", "batch=99999999999999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
