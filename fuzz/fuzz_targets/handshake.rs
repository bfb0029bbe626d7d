//! The answer to a WebSocket request.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iot_core::fuzz::handshake(data));
