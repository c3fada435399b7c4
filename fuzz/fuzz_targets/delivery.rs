//! See calendly_keeper::fuzzing::delivery.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    calendly_keeper::fuzzing::delivery(bytes);
});
