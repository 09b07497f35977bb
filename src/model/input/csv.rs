//! Tables whose first line names the columns.

use super::{
    InputError, MAX_NUMBERS,
    array::Array,
    form::{InputTensor, ignored, shown},
    json::without_mark,
};
use csv_core::{ReadFieldResult, Reader};
use std::collections::HashMap;

/// Bytes of one field.
const MAX_FIELD: usize = 4096;
/// Columns that are read.
const MAX_COLUMNS: usize = 1 << 20;

/// One array per tensor, with a row per line.
pub(super) fn read(bytes: &[u8], tensors: &[InputTensor], remarks: &mut Vec<String>) -> Result<Vec<Array>, InputError> {
    if let Some(tensor) = tensors.iter().find(|tensor| !is_row(tensor)) {
        return Err(InputError::tensor(tensor, "is no row of numbers, which is all that CSV has; use .npy or .npz"));
    }
    let mut table = Table::new(without_mark(bytes).map_err(refuse)?);
    let header: Vec<String> = table.line()?.into_iter().map(|field| field.trim().to_owned()).collect();
    expect_names(&header)?;
    let columns = columns(&header, tensors, remarks)?;
    let (mut numbers, mut rows) = (vec![Vec::new(); tensors.len()], 0usize);
    loop {
        let (line, fields) = (table.number, table.line()?);
        match fields.as_slice() {
            [] => break,
            // An empty line, which some editors leave at the end.
            [only] if only.trim().is_empty() && header.len() > 1 => continue,
            _ if fields.len() != header.len() => {
                return Err(refuse(format!("line {line} has {} fields, the first one {}", fields.len(), header.len())));
            }
            _ => {}
        }
        rows += 1;
        for (list, columns) in numbers.iter_mut().zip(&columns) {
            for &column in columns {
                list.push(number(&fields[column], line, &header[column])?);
            }
        }
    }
    if rows == 0 {
        return Err(refuse("no line follows the one that names the columns"));
    }
    let arrays = numbers.into_iter().zip(&columns);
    Ok(arrays.map(|(numbers, columns)| Array { shape: vec![rows, columns.len()], numbers }).collect())
}

fn refuse(reason: impl Into<String>) -> InputError {
    InputError::Format { format: "CSV file", reason: reason.into() }
}

/// Whether a tensor is a row: of one axis beside that of a batch.
fn is_row(tensor: &InputTensor) -> bool {
    tensor.info.shape.len() <= 1 + usize::from(tensor.batch)
}

/// Numbers in the place of names are most likely the first inference, which would be lost. `0,1,2,…` are names: pandas
/// writes them.
fn expect_names(header: &[String]) -> Result<(), InputError> {
    let counted = header.iter().enumerate().all(|(at, name)| *name == at.to_string());
    if !counted && !header.is_empty() && header.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(refuse("its first line has numbers, where the columns' names are wanted"));
    }
    Ok(())
}

/// The columns of every tensor, in order.
fn columns(
    header: &[String],
    tensors: &[InputTensor],
    remarks: &mut Vec<String>,
) -> Result<Vec<Vec<usize>>, InputError> {
    let elements: Vec<usize> = tensors.iter().map(|tensor| tensor.info.elements()).collect();
    let all = elements.iter().fold(0usize, |all, &more| all.saturating_add(more));
    if all > MAX_COLUMNS {
        return Err(InputError::TooMuch { limit: MAX_COLUMNS, unit: "columns" });
    }
    if let Some(columns) = by_name(header, tensors)? {
        let taken: std::collections::HashSet<usize> = columns.iter().flatten().copied().collect();
        let others = header.iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, name)| name.as_str());
        remarks.extend(ignored(others));
        return Ok(columns);
    }
    // pandas writes the rows' numbers into a column without a name.
    let indexed = header.len() == all + 1 && header[0].is_empty();
    if header.len() != all && !indexed {
        let expected = tensors.iter().map(|tensor| tensor.info.name.as_str());
        return Err(refuse(format!(
            "it has {} columns; the model takes {all}, of {}. Name them `name[0]`, `name[1]`, …, or leave out the others",
            header.len(),
            shown(expected)
        )));
    }
    let mut next = 0..header.len();
    if indexed {
        next.next();
        remarks.push("ignored: the first column, which has no name".into());
    }
    if tensors.len() > 1 {
        remarks.push(
            "the columns are taken in their order, tensor by tensor: their names are not those of the tensors".into(),
        );
    }
    Ok(elements.iter().map(|&count| next.by_ref().take(count).collect()).collect())
}

/// The columns that are named after the tensors; `None` when none is.
fn by_name(header: &[String], tensors: &[InputTensor]) -> Result<Option<Vec<Vec<usize>>>, InputError> {
    let mut places: HashMap<&str, Option<usize>> = HashMap::new();
    for (at, name) in header.iter().enumerate() {
        places.entry(name).and_modify(|place| *place = None).or_insert(Some(at));
    }
    let (mut found, mut missing) = (0usize, None);
    let mut columns = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let (name, count) = (&tensor.info.name, tensor.info.elements());
        let mut of_tensor = Vec::with_capacity(count);
        for at in 0..count {
            let mut names = vec![format!("{name}[{at}]"), format!("{name}_{at}")];
            if count == 1 {
                names.insert(0, name.clone());
            }
            match names.iter().find_map(|name| Some((name, places.get(name.as_str())?))) {
                Some((_, Some(place))) => of_tensor.push(*place),
                Some((name, None)) => return Err(refuse(format!("two columns are called `{name}`"))),
                None => {
                    missing.get_or_insert_with(|| names.swap_remove(0));
                    continue;
                }
            }
            found += 1;
        }
        columns.push(of_tensor);
    }
    match missing {
        _ if found == 0 => Ok(None),
        None => Ok(Some(columns)),
        Some(name) => Err(refuse(format!("the column `{name}` is missing"))),
    }
}

fn number(field: &str, line: usize, column: &str) -> Result<f64, InputError> {
    match field.trim() {
        "true" | "True" | "TRUE" => Ok(1.0),
        "false" | "False" | "FALSE" => Ok(0.0),
        text => text.parse().map_err(|_| {
            let (text, column) = (shown([text].into_iter()), shown([column].into_iter()));
            refuse(format!("line {line} has {text} in the column {column}, which is no number"))
        }),
    }
}

/// Lines of fields.
struct Table<'b> {
    reader: Reader,
    rest: &'b [u8],
    /// Of the next line, from 1.
    number: usize,
    budget: usize,
}

impl<'b> Table<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { reader: Reader::new(), rest: bytes, number: 1, budget: MAX_NUMBERS }
    }

    /// The next line's fields; none at the end.
    fn line(&mut self) -> Result<Vec<String>, InputError> {
        let (mut fields, mut field) = (Vec::new(), [0; MAX_FIELD]);
        let mut length = 0;
        loop {
            let (result, read, written) = self.reader.read_field(self.rest, &mut field[length..]);
            self.rest = &self.rest[read..];
            length += written;
            let record_end = match result {
                ReadFieldResult::InputEmpty => continue,
                ReadFieldResult::OutputFull => {
                    return Err(InputError::TooMuch { limit: MAX_FIELD, unit: "bytes in one field" });
                }
                ReadFieldResult::Field { record_end } => record_end,
                ReadFieldResult::End => break,
            };
            self.budget =
                self.budget.checked_sub(1).ok_or(InputError::TooMuch { limit: MAX_NUMBERS, unit: "numbers" })?;
            if fields.len() > MAX_COLUMNS {
                return Err(InputError::TooMuch { limit: MAX_COLUMNS, unit: "columns" });
            }
            let text = std::str::from_utf8(&field[..length]).map_err(|_| refuse("it is not UTF-8"))?;
            fields.push(text.to_owned());
            length = 0;
            if record_end {
                break;
            }
        }
        self.number = usize::try_from(self.reader.line()).unwrap_or(usize::MAX);
        Ok(fields)
    }
}

#[cfg(test)]
mod tests;
