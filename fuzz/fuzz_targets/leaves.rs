//! Leaves of JSON documents.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    iot_decode::fuzz::decode("leaves", data);
});
