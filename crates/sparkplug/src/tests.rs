//! Golden bytes of another implementation, and properties of the codec.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

use crate::{
    DataSet, DataSetValue, DataType, Metadata, Metric, MetricValue, Parameter, ParameterValue,
    Payload, Row, Scalar, Template, read_payload,
};

/// What protobuf's Python library writes for [`golden_payload`], with the descriptors of the
/// specification's authors.
const GOLDEN: &str = "08eaf2f5a8a02b122f0a08496e707574732f41100718d4f2f5a8a02b20034a120a07656e67\
556e69741207080c4203c2b04350e9ffffff0f120f1008200a280169000000000080354012230a057461626c652010\
8a011708021201611201621804180c22090a0210050a03320178122e0a0470756d7020139201230a02763112080a02\
6f6e200b70011a0d0a0473697a6510092d00002040220450756d70120a0a046e6f6e652007380112150a0166201242\
0918022a05662e62696e82010200ff1802";

fn golden_payload() -> Payload {
    let mut input = Metric::new("Inputs/A", DataType::Int32, MetricValue::Int(u32::MAX - 22));
    input.alias = Some(7);
    input.timestamp = Some(1_486_144_502_100);
    input.set_text_property("engUnit", "°C");
    let by_alias = Metric {
        alias: Some(8),
        datatype: Some(DataType::Double.number()),
        is_historical: Some(true),
        value: Some(MetricValue::Double(21.5)),
        ..Metric::default()
    };
    let cell = |value| DataSetValue { value: Some(value) };
    let table = DataSet {
        num_of_columns: Some(2),
        columns: vec!["a".into(), "b".into()],
        types: vec![4, 12],
        rows: vec![Row {
            elements: vec![cell(Scalar::Long(5)), cell(Scalar::String("x".into()))],
        }],
    };
    let pump = Template {
        version: Some("v1".into()),
        metrics: vec![Metric::new(
            "on",
            DataType::Boolean,
            MetricValue::Boolean(true),
        )],
        parameters: vec![Parameter {
            name: Some("size".into()),
            r#type: Some(DataType::Float.number()),
            value: Some(ParameterValue::Float(2.5)),
        }],
        template_ref: Some("Pump".into()),
        is_definition: None,
    };
    let null = Metric {
        name: Some("none".into()),
        datatype: Some(DataType::UInt32.number()),
        is_null: Some(true),
        ..Metric::default()
    };
    let mut file = Metric::new("f", DataType::File, MetricValue::Bytes(vec![0, 0xFF]));
    file.metadata = Some(Box::new(Metadata {
        size: Some(2),
        file_name: Some("f.bin".into()),
        ..Metadata::default()
    }));
    Payload {
        timestamp: Some(1_486_144_502_122),
        metrics: vec![
            input,
            by_alias,
            Metric::new(
                "table",
                DataType::DataSet,
                MetricValue::DataSet(Box::new(table)),
            ),
            Metric::new(
                "pump",
                DataType::Template,
                MetricValue::Template(Box::new(pump)),
            ),
            null,
            file,
        ],
        seq: Some(2),
        ..Payload::default()
    }
}

fn golden_bytes() -> Vec<u8> {
    let digits = GOLDEN.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn golden_bytes_are_read_and_written() {
    assert_eq!(golden_payload().encode_to_vec(), golden_bytes());
    assert_eq!(read_payload(&golden_bytes()), Ok(golden_payload()));
    let metric = &golden_payload().metrics[0];
    assert_eq!(metric.text_property("engUnit"), Some("°C"));
    assert_eq!(metric.text_property("none"), None);
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<u32>().prop_map(Scalar::Int),
        any::<u64>().prop_map(Scalar::Long),
        any::<f32>().prop_map(Scalar::Float),
        any::<f64>().prop_map(Scalar::Double),
        any::<bool>().prop_map(Scalar::Boolean),
        ".{0,8}".prop_map(Scalar::String),
    ]
}

fn data_set() -> impl Strategy<Value = MetricValue> {
    let row = vec(option::of(scalar()), 0..4).prop_map(|cells| Row {
        elements: cells
            .into_iter()
            .map(|value| DataSetValue { value })
            .collect(),
    });
    (vec(".{0,4}", 0..4), vec(0..40_u32, 0..4), vec(row, 0..4)).prop_map(
        |(columns, types, rows)| {
            MetricValue::DataSet(Box::new(DataSet {
                num_of_columns: Some(columns.len() as u64),
                columns,
                types,
                rows,
            }))
        },
    )
}

fn metric(value: BoxedStrategy<MetricValue>) -> impl Strategy<Value = Metric> {
    let names = (option::of(".{0,12}"), option::of(any::<u64>()));
    let facts = (
        option::of(any::<u64>()),
        option::of(0..40_u32),
        option::of(any::<bool>()),
    );
    (names, facts, option::of(value), option::of(".{0,4}")).prop_map(
        |((name, alias), (timestamp, datatype, is_null), value, unit)| {
            let mut metric = Metric {
                name,
                alias,
                timestamp,
                datatype,
                is_null,
                value,
                ..Metric::default()
            };
            if let Some(unit) = unit {
                metric.set_text_property("engUnit", &unit);
            }
            metric
        },
    )
}

fn payload() -> impl Strategy<Value = Payload> {
    let plain = prop_oneof![
        scalar().prop_map(MetricValue::from),
        vec(any::<u8>(), 0..9).prop_map(MetricValue::Bytes),
        data_set(),
    ];
    let value = plain.prop_recursive(3, 16, 4, |inner| {
        vec(metric(inner), 0..4).prop_map(|metrics| {
            MetricValue::Template(Box::new(Template {
                metrics,
                ..Template::default()
            }))
        })
    });
    let metrics = vec(metric(value.boxed()), 0..6);
    (option::of(any::<u64>()), metrics, option::of(any::<u64>())).prop_map(
        |(timestamp, metrics, seq)| Payload {
            timestamp,
            metrics,
            seq,
            ..Payload::default()
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(payload in payload()) {
        let bytes = payload.encode_to_vec();
        let read = read_payload(&bytes).unwrap();
        // By bytes, because a NaN is not equal to itself.
        prop_assert_eq!(read.encode_to_vec(), bytes);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read_payload(&bytes);
    }

    #[test]
    fn no_changed_payload_is_a_panic(at in 0..195_usize, byte: u8, cut in 0..195_usize) {
        let mut bytes = golden_bytes();
        bytes[at] = byte;
        let _ = read_payload(&bytes);
        let _ = read_payload(&bytes[..cut]);
    }

    #[test]
    fn arrays_are_read_as_they_were_written(
        booleans in vec(any::<bool>(), 0..40),
        texts in vec("[^\0]{0,5}", 0..5),
        numbers in vec(any::<i16>(), 0..9),
    ) {
        use crate::Array::{Boolean, Int16, String};
        for array in [Boolean(booleans), String(texts), Int16(numbers)] {
            let (data_type, bytes) = array.write();
            prop_assert_eq!(crate::Array::read(data_type, &bytes), Ok(array));
        }
    }
}
