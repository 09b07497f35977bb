#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (zkinfer_fuzz::targets::named("input_npz").run)(data);
});
