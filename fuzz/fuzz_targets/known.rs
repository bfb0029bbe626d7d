//! Known devices: the first byte chooses the topic.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    iot_decode::fuzz::decode("known", data);
});
