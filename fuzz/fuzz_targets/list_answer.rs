//! See calendly_keeper::fuzzing::list_answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    calendly_keeper::fuzzing::list_answer(bytes);
});
