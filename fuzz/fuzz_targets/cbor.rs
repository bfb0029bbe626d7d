//! CBOR, whole and by its leaves.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    iot_decode::fuzz::decode("cbor", data);
    iot_decode::fuzz::decode("cbor+leaves", data);
});
