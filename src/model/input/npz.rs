//! NumPy's `.npz`: a zip archive of `.npy` files, stored or deflated.

use super::{
    InputError, MAX_INPUT_BYTES,
    array::Array,
    form::{Arrays, InputTensor, ignored, misses, shown},
    npy,
};
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Files that an archive may have.
const MAX_FILES: usize = 1024;

pub(super) fn read(bytes: &[u8], tensors: &[InputTensor], remarks: &mut Vec<String>) -> Result<Arrays, InputError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| refuse(error.to_string()))?;
    if archive.len() > MAX_FILES {
        return Err(InputError::TooMuch { limit: MAX_FILES, unit: "files in it" });
    }
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let arrays: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".npy")).collect();
    if arrays.is_empty() {
        return Err(refuse("there is no .npy file in it; numpy.savez writes one"));
    }
    let wanted = wanted(&arrays, tensors, remarks)?;
    let mut left = MAX_INPUT_BYTES;
    let read = wanted.into_iter().map(|name| {
        let file = archive.by_name(&format!("{name}.npy")).map_err(|error| refuse(error.to_string()))?;
        array(file, &mut left).map_err(|error| match error {
            InputError::Format { reason, .. } => refuse(format!("{}: {reason}", shown([name.as_str()].into_iter()))),
            error => error,
        })
    });
    Ok(Arrays::Listed(read.collect::<Result<_, _>>()?))
}

fn refuse(reason: impl Into<String>) -> InputError {
    InputError::Format { format: ".npz file", reason: reason.into() }
}

/// The arrays' names in the order of the tensors: the tensors' own names; or `arr_0`, `arr_1`, …, as NumPy calls arrays that
/// have none; or the only array for the only tensor.
fn wanted(arrays: &[&str], tensors: &[InputTensor], remarks: &mut Vec<String>) -> Result<Vec<String>, InputError> {
    let own: Vec<String> = tensors.iter().map(|tensor| tensor.info.name.clone()).collect();
    if own.iter().all(|name| arrays.contains(&name.as_str())) {
        remarks.extend(ignored(arrays.iter().filter(|array| !own.iter().any(|name| name == *array)).copied()));
        return Ok(own);
    }
    let numbered: Vec<String> = (0..tensors.len()).map(|at| format!("arr_{at}")).collect();
    if arrays.len() == tensors.len() && numbered.iter().all(|name| arrays.contains(&name.as_str())) {
        return Ok(numbered);
    }
    match (arrays, tensors) {
        ([only], [tensor]) => {
            let only_one = [*only].into_iter();
            remarks.push(format!("{} is taken for `{}`, the model's only input", shown(only_one), tensor.info.name));
            Ok(vec![(*only).to_owned()])
        }
        _ => Err(misses(tensors, format!("the arrays {}", shown(arrays.iter().copied())))),
    }
}

/// Decompresses one, at most as far as the limit: what an archive says of its sizes is not believed.
fn array(file: impl Read, left: &mut u64) -> Result<Array, InputError> {
    let mut content = Vec::new();
    file.take(*left + 1).read_to_end(&mut content).map_err(|error| refuse(error.to_string()))?;
    *left = left
        .checked_sub(content.len() as u64)
        .ok_or(InputError::TooMuch { limit: MAX_INPUT_BYTES as usize, unit: "bytes when decompressed" })?;
    npy::read(&content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{InputForm, InputTensor, TensorInfo, graph::Element};
    use std::io::Write;
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    fn tensor(name: &str, shape: &[u64]) -> InputTensor {
        InputTensor {
            info: TensorInfo { name: name.into(), shape: shape.to_vec() },
            element: Element::Float32,
            batch: true,
        }
    }

    fn one() -> InputForm {
        InputForm::new(vec![tensor("x", &[1, 2])])
    }

    fn two() -> InputForm {
        InputForm::new(vec![tensor("a", &[1, 2]), tensor("b", &[1, 1])])
    }

    fn npy(shape: &str, data: &[u8]) -> Vec<u8> {
        let dict = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        npy::tests::file(1, &dict, data)
    }

    fn archive(method: CompressionMethod, files: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            // NumPy writes every file with 64-bit sizes.
            let options = SimpleFileOptions::default().compression_method(method).large_file(true);
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn rows(form: &InputForm, files: &[(&str, Vec<u8>)]) -> (Vec<Vec<f64>>, Vec<String>) {
        let [stored, deflated] = [CompressionMethod::Stored, CompressionMethod::Deflated].map(|method| {
            let found = form.npz(&archive(method, files)).unwrap();
            (found.inputs.iter().map(|input| input.tensors().concat()).collect::<Vec<_>>(), found.remarks)
        });
        assert_eq!(stored, deflated);
        stored
    }

    #[test]
    fn arrays_are_found_by_their_names() {
        let (a, b) = (npy("(2, 2)", &[1, 2, 3, 4]), npy("(2, 1)", &[5, 6]));
        let expected = vec![vec![1.0, 2.0, 5.0], vec![3.0, 4.0, 6.0]];
        let named = [("b.npy", b.clone()), ("other.npy", vec![]), ("a.npy", a.clone())];
        assert_eq!(rows(&two(), &named), (expected.clone(), vec!["ignored: `other`".to_owned()]));
        let numbered = [("arr_1.npy", b.clone()), ("arr_0.npy", a.clone())];
        assert_eq!(rows(&two(), &numbered), (expected, vec![]));
        let (found, remarks) = rows(&one(), &[("samples.npy", a.clone())]);
        assert_eq!(found, [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(remarks, ["`samples` is taken for `x`, the model's only input"]);
        for files in [&[("a.npy", a.clone()), ("c.npy", b)][..], &[("a.npy", a)]] {
            let error = two().npz(&archive(CompressionMethod::Stored, files)).unwrap_err().to_string();
            assert!(
                error.contains("the arrays `a`") && error.contains("takes `a` (float32, shape [1, 2]), `b`"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let fine = archive(CompressionMethod::Deflated, &[("x.npy", npy("(2,)", &[1, 2]))]);
        assert!(one().npz(&fine).is_ok());
        (0..fine.len()).step_by(7).for_each(|end| assert!(one().npz(&fine[..end]).is_err(), "cut at {end}"));
        for (files, why) in [
            (&[("readme.txt", vec![1])][..], "no .npy file"),
            (&[("x.npy", vec![1])], "`x`: it does not begin as one"),
            (&[("x.npy", npy("(3,)", &[1, 2]))], "`x`: 2 bytes follow"),
        ] {
            let error = one().npz(&archive(CompressionMethod::Stored, files)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    /// 65 MB of zeros are some 64 kB when they are deflated.
    #[test]
    fn what_is_decompressed_is_bounded() {
        let bomb = archive(CompressionMethod::Deflated, &[("x.npy", vec![0; MAX_INPUT_BYTES as usize + 1])]);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(
            one().npz(&bomb).unwrap_err(),
            InputError::TooMuch { limit: MAX_INPUT_BYTES as usize, unit: "bytes when decompressed" }
        );
    }
}
