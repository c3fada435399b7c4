//! See calendly_keeper::fuzzing::token_answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|answer: (u16, &[u8])| {
    let (status, body) = answer;
    calendly_keeper::fuzzing::token_answer(100 + status % 500, body);
});
