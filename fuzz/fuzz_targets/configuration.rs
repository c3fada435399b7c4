//! See calendly_keeper::fuzzing::configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    calendly_keeper::fuzzing::configuration(text);
});
