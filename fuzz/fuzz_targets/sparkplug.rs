//! Messages of Sparkplug edge nodes, one after the other: each begins with its type and its length.

#![no_main]

use bytes::Bytes;
use iot_decode::{Decoder, Format, Message, Settings};

const TOPICS: [&str; 8] = [
    "spBv1.0/g/NBIRTH/n",
    "spBv1.0/g/NDATA/n",
    "spBv1.0/g/NDEATH/n",
    "spBv1.0/g/DBIRTH/n/d",
    "spBv1.0/g/DDATA/n/d",
    "spBv1.0/g/DDEATH/n/d",
    "spBv1.0/g/NCMD/n",
    "spBv1.0/STATE/h",
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::new(Format::Sparkplug, Settings::default()).expect("a decoder");
    let mut rest = data;
    while let [topic, length, after @ ..] = rest {
        let (payload, next) = after.split_at(after.len().min(usize::from(*length)));
        rest = next;
        let payload = Bytes::copy_from_slice(payload);
        let topic = TOPICS[usize::from(*topic) % TOPICS.len()];
        let received = chrono::DateTime::UNIX_EPOCH;
        let _ = decoder.decode(&Message::new(topic, &payload, received));
    }
});
