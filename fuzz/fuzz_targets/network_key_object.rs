#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (zkinfer_fuzz::targets::named("network_key_object").run)(data);
});
