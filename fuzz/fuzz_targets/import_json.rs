//! See calendly_keeper::fuzzing::import_json.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    calendly_keeper::fuzzing::import_json(bytes);
});
