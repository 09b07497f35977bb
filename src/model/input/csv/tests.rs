use crate::model::{InputForm, InputTensor, TensorInfo, graph::Element};

fn tensor(name: &str, shape: &[u64]) -> InputTensor {
    InputTensor {
        info: TensorInfo { name: name.into(), shape: shape.to_vec() },
        element: Element::Float32,
        batch: shape.len() > 1,
    }
}

fn one() -> InputForm {
    InputForm::new(vec![tensor("x", &[1, 3])])
}

/// As scikit-learn's exporter makes them of a table: a tensor per column.
fn columns() -> InputForm {
    InputForm::new(vec![tensor("age", &[1, 1]), tensor("weight", &[1, 1])])
}

fn rows(form: &InputForm, csv: &str) -> (Vec<Vec<f64>>, Vec<String>) {
    let found = form.csv(csv.as_bytes()).unwrap_or_else(|error| panic!("{csv}: {error}"));
    (found.inputs.iter().map(|input| input.tensors().concat()).collect(), found.remarks)
}

fn refusal(form: &InputForm, csv: &str) -> String {
    form.csv(csv.as_bytes()).expect_err(csv).to_string()
}

#[test]
fn every_line_is_an_inference() {
    let expected = vec![vec![1.0, 2.5, -3.0], vec![4.0, 5.0, 6e2]];
    for csv in [
        "a,b,c\n1,2.5,-3\n4,5,6e2\n",
        "a,b,c\r\n1,2.5,-3\r\n4,5,6e2",
        "\u{feff}0,1,2\n1, 2.5 ,-3\n\n4,5,\"6e2\"\n\n",
        "x[0],x[1],x[2]\n1,2.5,-3\n4,5,6e2\n",
    ] {
        assert_eq!(rows(&one(), csv), (expected.clone(), vec![]), "{csv}");
    }
    let rank_1 = InputForm::new(vec![tensor("x", &[3])]);
    assert_eq!(rows(&rank_1, "a,b,c\n1,true,False\n").0, [[1.0, 1.0, 0.0]]);
}

#[test]
fn columns_are_found_by_their_names() {
    let (found, remarks) = rows(&one(), "id,x_2,x_1,x_0\n7,3,2,1\n");
    assert_eq!((found, remarks), (vec![vec![1.0, 2.0, 3.0]], vec!["ignored: `id`".to_owned()]));
    assert_eq!(rows(&columns(), "weight,age\n70,30\n80,40\n").0, [[30.0, 70.0], [40.0, 80.0]]);
    let (found, remarks) = rows(&columns(), "w,a\n70,30\n");
    assert_eq!(found, [[70.0, 30.0]]);
    assert!(remarks[0].contains("taken in their order"), "{remarks:?}");
    let (found, remarks) = rows(&one(), ",a,b,c\n0,1,2,3\n");
    assert_eq!(found, [[1.0, 2.0, 3.0]]);
    assert!(remarks[0].contains("first column"));
}

#[test]
fn what_does_not_fit_is_named() {
    for (csv, why) in [
        ("a,b\n1,2\n", "it has 2 columns; the model takes 3, of `x`"),
        ("x[0],x[1],other\n1,2,3\n", "the column `x[2]` is missing"),
        ("x[0],x[0],x[1],x[2]\n1,2,3,4\n", "two columns are called `x[0]`"),
        ("a,b,c\n1,2\n", "line 2 has 2 fields, the first one 3"),
        ("a,b,c\n1,2,\n", "line 2 has `` in the column `c`, which is no number"),
        ("a,b,c\n1,2,3\n1,two,3\n", "line 3 has `two` in the column `b`"),
        ("a,b,c\n1,2,NaN\n", "which is not finite"),
        ("a,b,c\n", "no line follows"),
        ("", "columns"),
        ("1,2,3\n4,5,6\n", "where the columns' names are wanted"),
        ("a,b,c\n1,2,\"3", ""),
    ] {
        let found = one().csv(csv.as_bytes()).map_err(|error| error.to_string());
        if why.is_empty() {
            // A quote that is not closed ends with the file, as other readers of CSV have it.
            assert!(found.is_ok());
        } else {
            assert!(found.as_ref().is_err_and(|error| error.contains(why)), "{csv}: {found:?}");
        }
    }
    let image = InputForm::new(vec![tensor("image", &[1, 2, 2])]);
    assert!(refusal(&image, "a,b,c,d\n1,2,3,4\n").contains("no row of numbers"));
    assert!(refusal(&one(), &format!("a,b,c\n1,2,{}\n", "3".repeat(5000))).contains("4096 bytes in one field"));
    assert!(one().csv(b"a,b,c\n1,2,\xff\n").unwrap_err().to_string().contains("UTF-8"));
}
