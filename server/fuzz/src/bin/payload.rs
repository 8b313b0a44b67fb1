//! RESTORE: payloads of every type.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| respect_server::fuzzing::payload(input));
