//! What a SOCKS5 proxy answers.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iot_core::fuzz::socks(data));
