//! See calendly_keeper::fuzzing::import_csv.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    calendly_keeper::fuzzing::import_csv(bytes);
});
