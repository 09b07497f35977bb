//! Models as users have them: each is a small likeness of what a public bug report was about.

use super::{
    Input, LowerError, Mlp, Model, ModelError, ReadOptions,
    graph::{
        Attribute, Element, GraphError, Operator, Tensor,
        testing::{File, attribute, node},
    },
};

fn read(file: File) -> Result<Model, ModelError> {
    Model::from_onnx(file.bytes())
}

fn refusal(file: File) -> String {
    read(file).unwrap_err().to_string()
}

fn run(model: &Model, inputs: &[&[f64]]) -> Vec<f32> {
    model.run(&Input::new(inputs.iter().map(|list| list.to_vec()).collect()).unwrap()).unwrap().concat()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    assert!(
        found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0)),
        "{found:?} {expected:?}"
    );
}

fn operators(model: &Model) -> Vec<&'static str> {
    model.graph().nodes().iter().map(|node| node.operator.name()).collect()
}

/// `y = [x0 + 2 x1 + 0.5, -x0]`.
const W: [f32; 4] = [1.0, 2.0, -1.0, 0.0];
const B: [f32; 2] = [0.5, 0.0];

fn dense(file: File, input: &str, output: &str) -> File {
    let write = |writer: &mut _| attribute(writer, "transB", 1);
    file.weights("w", &[2, 2], &W).weights("b", &[2], &B).node_with("Gemm", &[input, "w", "b"], &[output], write)
}

fn small(axes: &[&str]) -> File {
    dense(File::of(17).floats("x", axes), "x", "y").output("y")
}

#[test]
fn a_symbolic_or_empty_first_axis_is_the_batch() {
    for axis in ["batch_size", "unk__12", ""] {
        let model = read(small(&[axis, "2"])).unwrap();
        assert_eq!(model.inputs()[0].shape, [1, 2]);
        let symbol = if axis.is_empty() { "x[0]" } else { axis };
        assert_eq!(model.dims(), [(symbol.to_owned(), 1)]);
        assert!(model.remarks()[0].contains(symbol) && model.remarks()[0].contains("--dim"), "{:?}", model.remarks());
        close(&run(&model, &[&[1.0, 1.0]]), &[3.5, -1.0]);
    }
    assert!(read(small(&["1", "2"])).unwrap().remarks().is_empty());
}

#[test]
fn symbols_agree_and_can_be_given() {
    let both = |second: &[&str]| {
        let file = File::of(17).floats("x", &["batch", "2"]).floats("h", second);
        file.node("Add", &["x", "h"], "y").output("y").bytes()
    };
    let model = Model::from_onnx(both(&["batch", "2"])).unwrap();
    assert_eq!(model.outputs()[0].shape, [1, 2]);
    let dims =
        |list: &[(&str, u64)]| ReadOptions { dims: list.iter().map(|&(name, size)| (name.into(), size)).collect() };
    let three = Model::from_onnx_with(&both(&["batch", "2"]), &dims(&[("batch", 3)])).unwrap();
    assert_eq!((&three.outputs()[0].shape[..], three.remarks().len()), (&[3, 2][..], 0));
    assert_ne!(three.hash(), model.hash(), "another size is another model");
    let error = Model::from_onnx(both(&["1", "width"])).unwrap_err();
    assert!(
        matches!(&error, ModelError::Graph(GraphError::Symbol { tensor, axis: 1, symbol }) if tensor == "h" && symbol == "width")
    );
    assert!(error.to_string().contains("--dim width=N"), "{error}");
    assert!(Model::from_onnx_with(&both(&["1", "width"]), &dims(&[("width", 2)])).is_ok());
    let unnamed = Model::from_onnx_with(&both(&["1", ""]), &dims(&[("h[1]", 2)]));
    assert_eq!(unnamed.unwrap().dims(), [("batch".to_owned(), 1), ("h[1]".to_owned(), 2)]);
    let unknown = Model::from_onnx_with(&both(&["batch", "2"]), &dims(&[("bach", 2)])).unwrap_err();
    assert!(unknown.to_string().contains("there are: batch"), "{unknown}");
}

#[test]
fn a_batch_normalization_and_a_scaler_are_put_into_layers() {
    let file =
        File::of(17).floats("x", &["1", "2"]).weights("mean", &[2], &[100.0, 0.0]).weights("sd", &[2], &[50.0, 2.0]);
    let file = file.node("Sub", &["x", "mean"], "c").node("Div", &["c", "sd"], "s");
    let mut file = dense(file, "s", "z");
    for (name, list) in [("g", [2.0, 0.5]), ("h", [1.0, -1.0]), ("m", [0.25, 0.5]), ("v", [1.0, 4.0])] {
        file = file.weights(name, &[2], &list);
    }
    let file = file.node("BatchNormalization", &["z", "g", "h", "m", "v"], "n").node("Relu", &["n"], "y").output("y");
    let model = read(file).unwrap();
    let mlp = Mlp::from_model(&model).unwrap();
    assert_eq!(mlp.hidden.len(), 1);
    close(&run(&model, &[&[150.0, 4.0]]), &[11.499_97, 0.0]);
}

#[test]
fn dead_branches_and_their_constants_are_nothing() {
    let file = small(&["1", "2"]).weights("nan", &[1], &[f32::NAN]).node("Nonsense", &["y", "nan"], "dead");
    let model = read(file).unwrap();
    assert_eq!(operators(&model), ["Gemm"]);
    assert_eq!(model.parameters(), 6);
    assert!(!model.operators().contains("Nonsense"));
}

#[test]
fn shapes_are_computed_while_the_file_is_read() {
    // `x.view(x.size(0), -1)` as exporters write it.
    let file = File::of(13).floats("x", &["n", "1", "2"]).list("zero", &[0]).list("rest", &[-1]);
    let file = file.node("Shape", &["x"], "s").node("Gather", &["s", "zero"], "n");
    let file = file.node_with("Concat", &["n", "rest"], &["t"], |writer| attribute(writer, "axis", 0));
    let model = read(dense(file.node("Reshape", &["x", "t"], "f"), "f", "y").output("y")).unwrap();
    assert_eq!(operators(&model), ["Reshape", "Gemm"]);
    assert!(Mlp::from_model(&model).is_ok());
}

#[test]
fn weights_may_be_turned_at_run_time() {
    let file = File::of(17).floats("x", &["1", "2"]).weights("w", &[2, 2], &W).weights("b", &[2], &B);
    let file =
        file.node("Transpose", &["w"], "t").node("MatMul", &["x", "t"], "z").node("Add", &["b", "z"], "y").output("y");
    let model = read(file).unwrap();
    assert_eq!(operators(&model), ["MatMul", "Add"]);
    close(&run(&model, &[&[1.0, 1.0]]), &[3.5, -1.0]);
    assert!(Mlp::from_model(&model).is_ok());
}

#[test]
fn vectors_and_columns_are_rows() {
    let file = File::of(17).floats("x", &["2"]).weights("w", &[2, 2], &[1.0, -1.0, 2.0, 0.0]);
    let model = read(file.node("MatMul", &["x", "w"], "y").output("y")).unwrap();
    assert_eq!((&model.inputs()[0].shape[..], &model.outputs()[0].shape[..]), (&[2][..], &[2][..]));
    close(&run(&model, &[&[1.0, 1.0]]), &[3.0, -1.0]);
    assert!(Mlp::from_model(&model).is_ok());
    let write = |writer: &mut _| {
        attribute(writer, "transA", 1);
        attribute(writer, "alpha", 0.5);
    };
    let file = File::of(17).floats("x", &["2", "1"]).weights("w", &[2, 2], &[1.0, -1.0, 2.0, 0.0]);
    let model = read(file.node_with("Gemm", &["x", "w"], &["y"], write).output("y")).unwrap();
    close(&run(&model, &[&[1.0, 1.0]]), &[1.5, -0.5]);
    assert!(Mlp::from_model(&model).is_ok());
}

#[test]
fn integers_that_become_floats_are_floats() {
    let file = File::of(17).input("x", 7, &["n", "2"]);
    let file = file.node_with("Cast", &["x"], &["f"], |writer| attribute(writer, "to", 1));
    let model = read(dense(file, "f", "y").output("y")).unwrap();
    assert_eq!(operators(&model), ["Gemm"]);
    assert_eq!(model.input_form().tensors()[0].element, Element::Int64);
    close(&run(&model, &[&[3.0, 1.0]]), &[5.5, -3.0]);
    let index = File::of(17).input("x", 7, &["1"]).weights("table", &[3, 1], &[5.0, 6.0, 7.0]);
    let model = read(index.node("Gather", &["table", "x"], "y").output("y")).unwrap();
    close(&run(&model, &[&[2.0]]), &[7.0]);
}

#[test]
fn half_precision_and_sparse_weights_are_floats() {
    let file = File::of(17).input("x", 10, &["1", "2"]).raw(5, |tensor| {
        tensor.int(1, 2);
        tensor.int(1, 1);
        tensor.int(2, 10);
        // Bits of 1.5 and -2 in `int32_data`.
        tensor.int(5, 0x3e00);
        tensor.int(5, 0xc000);
        tensor.text(8, "w");
    });
    close(&run(&read(file.node("MatMul", &["x", "w"], "y").output("y")).unwrap(), &[&[2.0, 1.0]]), &[1.0]);
    let file = File::of(17).floats("x", &["1", "2"]).raw(15, |sparse| {
        sparse
            .message(1, |tensor| super::graph::testing::tensor(tensor, "w", &Tensor::floats(vec![2], vec![1.0, 2.0])));
        sparse.message(2, |tensor| super::graph::testing::tensor(tensor, "", &Tensor::list(&[0, 3])));
        sparse.int(3, 2);
        sparse.int(3, 2);
    });
    let model = read(file.node("MatMul", &["x", "w"], "y").output("y")).unwrap();
    close(&run(&model, &[&[3.0, 4.0]]), &[3.0, 8.0]);
}

#[test]
fn functions_are_inlined_with_their_attributes() {
    let refer = |writer: &mut super::graph::testing::Writer| {
        writer.message(5, |attribute| {
            attribute.text(1, "transB");
            attribute.int(20, 2);
            attribute.text(21, "turned");
        });
    };
    let body = [node("Gemm", &["a", "m", "c"], &["z"], refer), node("Relu", &["z"], &["r"], |_| {})];
    let file =
        File::of(18).domain("local", 1).floats("x", &["1", "2"]).weights("w", &[2, 2], &W).weights("b", &[2], &B);
    let file = file.function("aten_linear", &["a", "m", "c"], &["r"], &body, 18);
    let call = |writer: &mut _| attribute(writer, "turned", 1);
    let file = file.node_with("local:aten_linear", &["x", "w", "b"], &["y"], call).output("y");
    let model = read(file).unwrap();
    assert_eq!(operators(&model), ["Gemm", "Relu"]);
    assert_eq!(model.graph().nodes()[1].name, "node of y/node of r");
    close(&run(&model, &[&[1.0, 1.0]]), &[3.5, 0.0]);
    // One that calls itself ends.
    let body = [node("local:f", &["a"], &["r"], |_| {})];
    let file = File::of(18).domain("local", 1).floats("x", &["1"]).function("f", &["a"], &["r"], &body, 18);
    assert!(refusal(file.node("local:f", &["x"], "y").output("y")).contains("do they call themselves"));
}

#[test]
fn a_constant_condition_takes_its_branch() {
    let branch = |operator: &str| File::default().node(operator, &["x"], "r").output("r").graph();
    let with = |file: File| {
        file.node_with("If", &["c"], &["y"], |writer| {
            for (name, operator) in [("then_branch", "Neg"), ("else_branch", "Abs")] {
                writer.message(5, |attribute| {
                    attribute.text(1, name);
                    attribute.int(20, 5);
                    attribute.bytes(6, &branch(operator));
                });
            }
        })
        .output("y")
    };
    let file = File::of(17).floats("x", &["2"]).list("two", &[2]).node("Shape", &["x"], "s");
    let model = read(with(file.node("Equal", &["s", "two"], "c"))).unwrap();
    assert_eq!(operators(&model), ["Neg"]);
    let file = File::of(17).floats("x", &["2"]).input("c", 9, &[]);
    assert!(refusal(with(file)).contains("depends on the input"));
}

#[test]
fn classical_models_are_tensor_operators() {
    let file = File::of(17).domain("ai.onnx.ml", 3).floats("x", &["", "2"]);
    let file = file.node_with("ai.onnx.ml:Scaler", &["x"], &["s"], |writer| {
        attribute(writer, "offset", vec![1.0, 0.0]);
        attribute(writer, "scale", vec![2.0, 1.0]);
    });
    let file = file.node_with("ai.onnx.ml:LinearClassifier", &["s"], &["label", "scores"], |writer| {
        attribute(writer, "coefficients", vec![1.0, 0.0, 0.0, 1.0]);
        attribute(writer, "intercepts", vec![0.5, 0.0]);
        attribute(writer, "classlabels_strings", vec!["cat".to_owned(), "dog".to_owned()]);
    });
    let file = file.node("ai.onnx.ml:ZipMap", &["scores"], "pairs").output("label").output("pairs");
    let model = read(file).unwrap();
    assert_eq!(model.labels().unwrap(), ["cat", "dog"]);
    assert_eq!(model.outputs().len(), 1);
    assert!(model.remarks().iter().any(|remark| remark.contains("`label` names the class")), "{:?}", model.remarks());
    close(&run(&model, &[&[2.0, 3.0]]), &[2.5, 3.0]);
    assert!(Mlp::from_model(&model).is_ok());
}

/// Two trees: one splits twice, one is a leaf alone.
#[test]
fn trees_are_products_of_matrices() {
    let file = File::of(17).domain("ai.onnx.ml", 3).floats("x", &["1", "2"]);
    let ints = |list: &[i64]| Attribute::Ints(list.to_vec());
    let modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"].map(str::to_owned).to_vec();
    let file = file.node_with("ai.onnx.ml:TreeEnsembleRegressor", &["x"], &["y"], |writer| {
        for (name, value) in [
            ("nodes_treeids", ints(&[0, 0, 0, 0, 0, 1])),
            ("nodes_nodeids", ints(&[0, 1, 2, 3, 4, 0])),
            ("nodes_featureids", ints(&[0, 0, 1, 0, 0, 0])),
            ("nodes_values", vec![0.5, 0.0, -1.0, 0.0, 0.0, 0.0].into()),
            ("nodes_truenodeids", ints(&[1, 0, 3, 0, 0, 0])),
            ("nodes_falsenodeids", ints(&[2, 0, 4, 0, 0, 0])),
            ("nodes_modes", modes.into()),
            ("target_treeids", ints(&[0, 0, 0, 1])),
            ("target_nodeids", ints(&[1, 3, 4, 0])),
            ("target_ids", ints(&[0, 0, 0, 0])),
            ("target_weights", vec![1.0, 2.0, 3.0, 10.0].into()),
            ("n_targets", 1.into()),
            ("base_values", vec![100.0].into()),
        ] {
            attribute(writer, name, value);
        }
    });
    let model = read(file.output("y")).unwrap();
    for (x, expected) in [([0.5, 9.0], 111.0), ([0.6, -1.0], 112.0), ([0.6, -0.9], 113.0)] {
        close(&run(&model, &[&x]), &[expected]);
    }
}

#[test]
fn several_inputs_and_outputs_keep_their_order() {
    let file = File::of(17).floats("b", &["1", "1"]).floats("a", &["1", "1"]);
    let file =
        file.node_with("Concat", &["a", "b"], &["z"], |writer| attribute(writer, "axis", 1)).node("Neg", &["b"], "n");
    let model = read(file.output("z").output("n").output("z2").node("Identity", &["z"], "z2")).unwrap();
    let names: Vec<&str> = model.outputs().iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["z", "n", "z2"]);
    close(&run(&model, &[&[1.0], &[2.0]]), &[2.0, 1.0, -1.0, 2.0, 1.0]);
    assert!(matches!(Mlp::from_model(&model), Err(LowerError::Graph(_))));
}

#[test]
fn versions_before_thirteen_mean_what_they_meant() {
    // Softmax over all further axes; bounds, axes and pads as attributes.
    let file =
        File::of(9).floats("x", &["1", "2", "2"]).node_with("Softmax", &["x"], &["s"], |w| attribute(w, "axis", 1));
    let file = file.node_with("ReduceSum", &["s"], &["r"], |writer| attribute(writer, "axes", vec![1, 2]));
    let file = file.node_with("Clip", &["r"], &["c"], |writer| attribute(writer, "max", 0.5));
    let file = file.node_with("Pad", &["c"], &["y"], |writer| {
        attribute(writer, "pads", vec![0, 0, 1, 0, 0, 0]);
        attribute(writer, "value", 7.0);
    });
    close(&run(&read(file.output("y")).unwrap(), &[&[1.0, 2.0, 3.0, 4.0]]), &[7.0, 0.5]);
    // Version 6: the second operand lies along an axis of the first.
    let file = File::of(6).floats("x", &["1", "2", "2"]).weights("b", &[2], &[10.0, 20.0]);
    let along = |writer: &mut _| {
        attribute(writer, "broadcast", 1);
        attribute(writer, "axis", 1);
    };
    let model = read(file.node_with("Add", &["x", "b"], &["y"], along).output("y")).unwrap();
    close(&run(&model, &[&[1.0, 2.0, 3.0, 4.0]]), &[11.0, 12.0, 23.0, 24.0]);
}

#[test]
fn what_is_not_finite_or_empty_is_named() {
    let gemm = |writer: &mut _| attribute(writer, "alpha", f32::INFINITY);
    let file = File::of(17).floats("x", &["1", "2"]).weights("w", &[2, 2], &W);
    let error = refusal(file.node_with("Gemm", &["x", "w"], &["y"], gemm).output("y"));
    assert!(error.contains("alpha") && error.contains("node of y") && error.contains("not finite"), "{error}");
    let file = File::of(17).floats("x", &["2"]).weights("zero", &[1], &[0.0]).node("Reciprocal", &["zero"], "i");
    let error = refusal(file.node("Add", &["x", "i"], "y").output("y"));
    assert!(error.contains("Reciprocal") && error.contains("inf"), "{error}");
    let error = refusal(small(&["0", "2"]));
    assert!(error.contains("`x`") && error.contains("empty"), "{error}");
}

#[test]
fn what_cannot_be_proven_is_named_with_what_helps() {
    let cases = [
        (File::of(17).floats("x", &["1"]).node("Nonsense", &["x"], "y").output("y"), "Nonsense (node `node of y`)"),
        (File::of(17).floats("x", &["1"]).node("Relu", &["z"], "y").output("y"), "reads `z`, which nothing makes"),
        (File::of(17).floats("x", &["1"]).output("y"), "nothing makes the output `y`"),
        (File::of(29).floats("x", &["1"]).output("x"), "version_converter"),
        (File::of(17).input("x", 8, &["1"]).output("x"), "is an input of text"),
        (
            File::of(17)
                .domain("ai.onnx.ml", 3)
                .floats("x", &["1"])
                .node("ai.onnx.ml:ZipMap", &["x"], "z")
                .node("Neg", &["z"], "y")
                .output("y"),
            "zipmap",
        ),
        (File::of(17).floats("x", &["2"]).node("NonZero", &["x"], "y").output("y"), "depends on the input"),
        (
            File::of(17)
                .floats("x", &["2", "3"])
                .weights("w", &[2, 3], &[0.0; 6])
                .node("MatMul", &["x", "w"], "y")
                .output("y"),
            "do not fit: [2, 3] and [2, 3]",
        ),
    ];
    for (file, words) in cases {
        let error = refusal(file);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn graphs_that_do_not_hang_together_are_refused() {
    let cycle = File::of(17).floats("x", &["1"]).node("Add", &["x", "b"], "a").node("Neg", &["a"], "b").output("b");
    assert!(refusal(cycle).contains("form a cycle"));
    let twice = File::of(17).floats("x", &["1"]).node("Neg", &["x"], "a").node("Abs", &["x"], "a").output("a");
    assert!(refusal(twice).contains("the name `a` is given to two tensors"));
    let shadow = File::of(17).floats("x", &["1"]).node("Neg", &["x"], "x").output("x");
    assert!(refusal(shadow).contains("the name `x`"));
    let wide = File::of(17).floats("x", &["1048576", "1048576"]).output("x");
    assert!(refusal(wide).contains("too large"));
    let large =
        File::of(17).floats("x", &["1"]).list("s", &[1 << 30, 1 << 30]).node("Expand", &["x", "s"], "y").output("y");
    assert!(refusal(large).contains("too large"));
    let much = File::of(17).floats("x", &["1"]).list("s", &[1 << 29]).node("ConstantOfShape", &["s"], "c");
    assert!(refusal(much.node("Add", &["x", "c"], "y").output("y")).contains("constants"));
    // Nodes out of order are only that.
    let order = File::of(17).floats("x", &["1"]).node("Neg", &["a"], "y").node("Abs", &["x"], "a").output("y");
    assert_eq!(operators(&read(order).unwrap()), ["Abs", "Neg"]);
}

/// Bounded in time: a file of as many nodes as are read, and one that calls functions exponentially often.
#[test]
fn many_nodes_end() {
    let mut file = File::of(17).floats("x", &["1"]);
    let mut name = "x".to_owned();
    for at in 0..20_000 {
        let next = format!("n{at}");
        file = file.node("Relu", &[&name], &next);
        name = next;
    }
    assert_eq!(read(file.output(&name)).unwrap().graph().nodes().len(), 20_000);
    // Functions of two calls each, so many levels deep.
    let nested = |levels: usize| {
        let mut file = File::of(17).domain("local", 1).floats("x", &["1"]);
        for at in 0..levels {
            let inner = format!("local:f{}", at + 1);
            let body = [node(&inner, &["a"], &["b"], |_| {}), node(&inner, &["b"], &["r"], |_| {})];
            file = file.function(&format!("f{at}"), &["a"], &["r"], &body, 17);
        }
        let last = [node("Neg", &["a"], &["r"], |_| {})];
        let file = file.function(&format!("f{levels}"), &["a"], &["r"], &last, 17);
        file.node("local:f0", &["x"], "y").output("y")
    };
    assert_eq!(read(nested(10)).unwrap().graph().nodes().len(), 1 << 10);
    // Counted, not walked over.
    assert!(refusal(nested(30)).contains("more than 4000000"));
}

#[test]
fn weights_beside_the_model_are_part_of_it() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("model");
    std::fs::create_dir(&dir).unwrap();
    let file = |location: &str| {
        let file = File::of(17).floats("x", &["1", "2"]).raw(5, |tensor| {
            tensor.int(1, 2);
            tensor.int(1, 1);
            tensor.int(2, 1);
            tensor.text(8, "w");
            for (key, value) in [("location", location), ("offset", "4"), ("length", "8")] {
                tensor.message(13, |entry| {
                    entry.text(1, key);
                    entry.text(2, value);
                });
            }
            tensor.int(14, 1);
        });
        file.node("MatMul", &["x", "w"], "y").output("y").bytes()
    };
    let path = dir.join("model.onnx");
    let data = |numbers: [f32; 3]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    std::fs::write(&path, file("model.onnx.data")).unwrap();
    let missing = Model::read(&path).unwrap_err().to_string();
    assert!(missing.contains("model.onnx.data") && missing.contains("missing"), "{missing}");
    std::fs::write(dir.join("model.onnx.data"), data([9.0, 1.0, 2.0])).unwrap();
    let first = Model::read(&path).unwrap();
    close(&run(&first, &[&[3.0, 4.0]]), &[11.0]);
    std::fs::write(dir.join("model.onnx.data"), data([9.0, 1.0, 3.0])).unwrap();
    assert_ne!(Model::read(&path).unwrap().hash(), first.hash(), "the artifacts are keyed by both contents");
    std::fs::write(outer.path().join("secret"), data([0.0; 3])).unwrap();
    std::fs::write(&path, file("../secret")).unwrap();
    assert!(Model::read(&path).unwrap_err().to_string().contains("not in the model's folder"));
    assert!(Model::from_onnx(file("model.onnx.data")).unwrap_err().to_string().contains("beside the model"));
}

#[test]
fn names_of_classes_may_be_metadata() {
    let model = read(small(&["1", "2"]).metadata("names", "{0: 'no', 1: 'yes'}")).unwrap();
    assert_eq!(model.labels().unwrap(), ["no", "yes"]);
    assert_eq!(model.graph().nodes()[0].operator, Operator::Gemm);
}

/// Two towers that are put together, and two heads on the same hidden layer.
#[test]
fn several_inputs_and_outputs_are_one_network() {
    let towers = || {
        let file = File::of(17).floats("left", &["1", "1", "2"]).floats("right", &["1", "2"]);
        let file = file.list("row", &[1, 2]).node("Reshape", &["left", "row"], "flat");
        let file = file.node_with("Concat", &["right", "flat"], &["x"], |writer| attribute(writer, "axis", 1));
        let hidden: Vec<f32> = (0..12).map(|i| (i * 5 % 7) as f32 / 4.0 - 0.5).collect();
        let file = file.weights("v", &[4, 3], &hidden).node("MatMul", &["x", "v"], "z").node("Relu", &["z"], "h");
        let file = file.weights("w", &[3, 2], &[1.0, 2.0, -1.0, 0.5, 0.0, 3.0]).node("MatMul", &["h", "w"], "scores");
        file.output("scores")
    };
    let heads = towers().weights("u", &[3, 1], &[1.0, -2.0, 0.25]).node("MatMul", &["h", "u"], "value").output("value");
    for file in [towers(), heads] {
        let model = read(file).unwrap();
        let mlp = Mlp::from_model(&model).unwrap();
        assert_eq!((mlp.inputs(), mlp.hidden.len()), (4, 1));
        let found: Vec<f32> = mlp.run(&[0.5, -1.0, 2.0, 0.25]).iter().map(|&x| x as f32).collect();
        close(&found, &run(&model, &[&[0.5, -1.0], &[2.0, 0.25]]));
    }
    let deeper = towers().node("Relu", &["scores"], "more").output("more");
    let refused = Mlp::from_model(&read(deeper).unwrap()).unwrap_err().to_string();
    assert!(refused.contains("same hidden layers"), "{refused}");
    // What enters in the middle is no part of a chain.
    let file = towers().floats("late", &["1", "2"]).node("Add", &["scores", "late"], "sum");
    let refused = Mlp::from_model(&read(file.output("sum")).unwrap()).unwrap_err().to_string();
    assert!(refused.contains("`late`"), "{refused}");
}

#[test]
fn inputs_may_be_transposed() {
    let file = File::of(17).floats("x", &["1", "2", "3"]);
    let file = file.node_with("Transpose", &["x"], &["t"], |writer| attribute(writer, "perm", vec![0i64, 2, 1]));
    let file = file.list("row", &[1, 6]).node("Reshape", &["t", "row"], "flat");
    let weights: Vec<f32> = (0..12).map(|i| i as f32 / 8.0).collect();
    let model = read(file.weights("w", &[6, 2], &weights).node("MatMul", &["flat", "w"], "y").output("y")).unwrap();
    let numbers = [0.5, 1.0, -2.0, 3.0, 0.25, 4.0];
    let found: Vec<f32> = Mlp::from_model(&model).unwrap().run(&numbers).iter().map(|&x| x as f32).collect();
    close(&found, &run(&model, &[&numbers]));
}
