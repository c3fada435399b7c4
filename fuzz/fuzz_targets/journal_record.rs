//! See calendly_keeper::fuzzing::journal_record.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    calendly_keeper::fuzzing::journal_record(bytes);
});
