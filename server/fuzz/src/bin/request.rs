//! The request parser: a client's stream, cut anywhere.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| respect_server::fuzzing::request(input));
