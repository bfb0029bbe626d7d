//! MessagePack, whole and by its leaves.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    iot_decode::fuzz::decode("msgpack", data);
    iot_decode::fuzz::decode("msgpack+leaves", data);
});
