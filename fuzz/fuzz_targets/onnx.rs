#![no_main]

libfuzzer_sys::fuzz_target!(
    // The reader of models turns panics of the ONNX parser into errors. libFuzzer's hook would end the process before.
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| {
        (zkinfer_fuzz::targets::named("onnx").run)(data);
    }
);
