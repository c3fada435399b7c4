//! See calendly_keeper::fuzzing::oauth_callback.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    calendly_keeper::fuzzing::oauth_callback(bytes);
});
