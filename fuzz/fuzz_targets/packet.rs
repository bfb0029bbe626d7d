//! Packets of MQTT 3.1, 3.1.1 and 5, in pieces of any length.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iot_core::fuzz::packet(data));
