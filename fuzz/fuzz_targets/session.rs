//! A whole session, whose broker sends any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iot_core::fuzz::session(data));
