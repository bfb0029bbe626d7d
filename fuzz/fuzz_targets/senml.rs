//! SenML in JSON and CBOR.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    iot_decode::fuzz::decode("senml", data);
});
