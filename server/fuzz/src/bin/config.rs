//! redis.conf and the program's arguments.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| respect_server::fuzzing::config(input));
