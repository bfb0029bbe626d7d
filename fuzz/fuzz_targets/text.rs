//! Payloads of one value: numbers, JSON, text, measures and states.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    iot_decode::fuzz::decode("auto", data);
    iot_decode::fuzz::decode("number", data);
    iot_decode::fuzz::decode("json", data);
    iot_decode::fuzz::decode("text", data);
    iot_decode::fuzz::decode("measure", data);
    iot_decode::fuzz::decode("state", data);
});
