//! See calendly_keeper::fuzzing::rate_headers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    calendly_keeper::fuzzing::rate_headers(bytes);
});
