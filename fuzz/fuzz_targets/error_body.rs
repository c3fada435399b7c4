//! See calendly_keeper::fuzzing::error_body.
#![no_main]

libfuzzer_sys::fuzz_target!(|answer: (u16, &[u8])| {
    let (status, body) = answer;
    calendly_keeper::fuzzing::error_body(300 + status % 300, body);
});
