//! Protobuf, of several types.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iot_decode::fuzz::protobuf(data));
