//! The payload of `--map`: any bytes through jq programs.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iot_decode::fuzz::map(data));
