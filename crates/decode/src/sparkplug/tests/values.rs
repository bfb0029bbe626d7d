use iot_sparkplug::{
    Array, DataSet, DataSetValue, DataType, Metric, MetricValue, Parameter, ParameterValue, Row,
    Scalar, Template,
};
use iot_store::Value;
use serde_json::json;

use super::host::{Host, SENT, double, lines, payload};

use MetricValue::{Boolean, Bytes, DataSet as Table, Double, Float, Int, Long, String as Words};

/// Decodes a metric with this value.
#[track_caller]
fn case(data_type: DataType, value: MetricValue, expected: impl Into<Option<Value>>) {
    let mut host = Host::new();
    let data = payload(0, vec![Metric::new("m", data_type, value)]);
    let decoded = host.take("spBv1.0/g/NDATA/n", &data);
    let found = decoded.readings.first().map(|it| it.value.clone());
    assert_eq!(found, expected.into());
    assert_eq!(decoded.rejection, None);
}

fn number(number: f64) -> Value {
    Value::Number(number)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn plain_data_types() {
    case(DataType::Int8, Int(0xE9), number(-23.0));
    // As the Java library of the specification's authors sends it.
    case(DataType::Int8, Int(0xFFFF_FFE9), number(-23.0));
    case(DataType::Int16, Int(0x8000), number(-32_768.0));
    case(DataType::Int32, Int(u32::MAX), number(-1.0));
    case(DataType::Int64, Long(u64::MAX - 4), number(-5.0));
    case(DataType::UInt8, Int(255), number(255.0));
    case(DataType::UInt16, Int(65_535), number(65_535.0));
    case(DataType::UInt32, Int(u32::MAX), number(4_294_967_295.0));
    case(DataType::UInt32, Long(7), number(7.0));
    case(
        DataType::UInt64,
        Long(1 << 53),
        number(9_007_199_254_740_992.0),
    );
    case(DataType::Float, Float(20.1), number(20.1));
    case(DataType::Double, Double(-0.5), number(-0.5));
    case(DataType::Double, Double(f64::NAN), None);
    case(DataType::Float, Float(f32::INFINITY), None);
    case(DataType::Boolean, Boolean(true), Value::Json(json!(true)));
    case(DataType::Boolean, Int(0), Value::Json(json!(false)));
    case(DataType::String, Words("on".into()), text("on"));
    case(DataType::Text, Words(String::new()), text(""));
    case(DataType::Uuid, Words("d3a1".into()), text("d3a1"));
    case(
        DataType::DateTime,
        Long(SENT),
        text("2026-09-21T14:13:20.000Z"),
    );
    case(
        DataType::DateTime,
        Long(u64::MAX),
        number(1.844_674_407_370_955_2e19),
    );
    case(DataType::Bytes, Bytes(vec![0, 0xFF]), text("AP8="));
    case(DataType::File, Bytes(Vec::new()), text(""));
    case(DataType::Unknown, Long(9), number(9.0));
}

#[test]
fn arrays_are_json() {
    for (array, expected) in [
        (Array::Int16(vec![-1, 2]), json!([-1, 2])),
        (Array::UInt64(vec![u64::MAX]), json!([u64::MAX])),
        (Array::Float(vec![0.1, f32::NAN]), json!([0.1, null])),
        (Array::Boolean(vec![true, false]), json!([true, false])),
        (
            Array::String(vec!["a".into(), String::new()]),
            json!(["a", ""]),
        ),
        (
            Array::DateTime(vec![SENT]),
            json!(["2026-09-21T14:13:20.000Z"]),
        ),
    ] {
        let (data_type, bytes) = array.write();
        case(data_type, Bytes(bytes), Value::Json(expected));
    }
}

#[test]
fn data_sets_and_templates_are_json() {
    let cell = |value| DataSetValue { value: Some(value) };
    let table = DataSet {
        num_of_columns: Some(2),
        columns: vec!["id".into(), "name".into()],
        types: vec![DataType::Int64.number(), DataType::String.number()],
        rows: vec![
            Row {
                elements: vec![
                    cell(Scalar::Long(u64::MAX)),
                    cell(Scalar::String("x".into())),
                ],
            },
            Row {
                elements: vec![DataSetValue { value: None }],
            },
        ],
    };
    case(
        DataType::DataSet,
        Table(Box::new(table)),
        Value::Json(json!([{"id": -1, "name": "x"}, {"id": null}])),
    );
    let mut template = Template {
        version: Some("v1".into()),
        metrics: vec![
            Metric::new("on", DataType::Boolean, Boolean(true)),
            Metric::default(),
        ],
        parameters: vec![Parameter {
            name: Some("size".into()),
            r#type: Some(DataType::Float.number()),
            value: Some(ParameterValue::Float(2.5)),
        }],
        template_ref: Some("Pump".into()),
        is_definition: None,
    };
    let value = MetricValue::Template(Box::new(template.clone()));
    case(
        DataType::Template,
        value,
        Value::Json(
            json!({"template": "Pump", "version": "v1", "parameters": {"size": 2.5}, "metrics": {"on": true}}),
        ),
    );
    template.is_definition = Some(true);
    case(
        DataType::Template,
        MetricValue::Template(Box::new(template)),
        None,
    );
}

#[test]
fn null_is_no_reading_and_of_two_the_last_counts() {
    let mut host = Host::new();
    let null = Metric {
        name: Some("a".into()),
        is_null: Some(true),
        ..Metric::default()
    };
    let twice = |number| Metric::new("b", DataType::Double, double(number));
    let data = vec![null, twice(1.0), twice(2.0)];
    let decoded = host.take("spBv1.0/g/NDATA/n", &payload(0, data));
    assert_eq!(lines(&decoded), ["g/n#b=2.0"]);
}

#[test]
fn arrays_and_tables_take_limited_memory() {
    let mut host = Host::new();
    let array = Metric::new(
        "a",
        DataType::Int8Array,
        MetricValue::Bytes(vec![0; 8 << 20]),
    );
    let decoded = host.take("spBv1.0/g/NDATA/n", &payload(0, vec![array]));
    assert!(decoded.rejection.is_some());
    let table = DataSet {
        columns: vec!["c".repeat(1 << 20)],
        rows: vec![
            Row {
                elements: vec![DataSetValue { value: None }]
            };
            1000
        ],
        ..DataSet::default()
    };
    let table = Metric::new(
        "t",
        DataType::DataSet,
        MetricValue::DataSet(Box::new(table)),
    );
    let decoded = host.take("spBv1.0/g/NDATA/n", &payload(1, vec![table]));
    assert!(decoded.rejection.is_some() && decoded.readings.is_empty());
}
