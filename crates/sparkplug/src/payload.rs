//! The messages of `sparkplug_b.proto`, with its names and field numbers (Sparkplug 3.0, section
//! 6.4).
//!
//! Extensions, which nobody uses, are skipped as unknown fields.

/// The payload of every message but STATE.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Payload {
    /// When it was published, in milliseconds since 1970 (UTC).
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    /// What was measured.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    /// From 0 to 255, counted by the edge node over all its messages but NDEATH.
    #[prost(uint64, optional, tag = "3")]
    pub seq: Option<u64>,
    /// The schema of `body`.
    #[prost(string, optional, tag = "4")]
    pub uuid: Option<String>,
    /// Bytes of the edge node's own.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub body: Option<Vec<u8>>,
}

/// A value with its name or its alias.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metric {
    /// Always in a BIRTH; left out of DATA if there is an alias.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Stands for the name, as the BIRTH says.
    #[prost(uint64, optional, tag = "2")]
    pub alias: Option<u64>,
    /// When it was measured, in milliseconds since 1970 (UTC).
    #[prost(uint64, optional, tag = "3")]
    pub timestamp: Option<u64>,
    /// A number of [`DataType`](crate::DataType). DATA may leave it to the BIRTH.
    #[prost(uint32, optional, tag = "4")]
    pub datatype: Option<u32>,
    /// It was kept while there was no connection, and is not the present value.
    #[prost(bool, optional, tag = "5")]
    pub is_historical: Option<bool>,
    /// The edge node advises against storing it.
    #[prost(bool, optional, tag = "6")]
    pub is_transient: Option<bool>,
    /// There is no value.
    #[prost(bool, optional, tag = "7")]
    pub is_null: Option<bool>,
    /// Of a file, or of a value in several parts.
    #[prost(message, optional, boxed, tag = "8")]
    pub metadata: Option<Box<Metadata>>,
    /// What else is known of the metric, such as its unit in `engUnit`.
    #[prost(message, optional, boxed, tag = "9")]
    pub properties: Option<Box<PropertySet>>,
    /// The value; its field depends on the data type.
    #[prost(oneof = "MetricValue", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18")]
    pub value: Option<MetricValue>,
}

/// The value of a metric.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum MetricValue {
    /// Int8, Int16 and Int32 in two's complement, `UInt8`, `UInt16` and `UInt32`.
    #[prost(uint32, tag = "10")]
    Int(u32),
    /// Int64 in two's complement, `UInt64`, and `DateTime` in milliseconds since 1970 (UTC).
    #[prost(uint64, tag = "11")]
    Long(u64),
    /// Float.
    #[prost(float, tag = "12")]
    Float(f32),
    /// Double.
    #[prost(double, tag = "13")]
    Double(f64),
    /// Boolean.
    #[prost(bool, tag = "14")]
    Boolean(bool),
    /// String, Text and UUID.
    #[prost(string, tag = "15")]
    String(String),
    /// Bytes, File and arrays.
    #[prost(bytes, tag = "16")]
    Bytes(Vec<u8>),
    /// A table.
    #[prost(message, tag = "17")]
    DataSet(Box<DataSet>),
    /// A structure, or its definition.
    #[prost(message, tag = "18")]
    Template(Box<Template>),
}

/// What is known of a file or of one part of a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metadata {
    /// The value comes in several messages.
    #[prost(bool, optional, tag = "1")]
    pub is_multi_part: Option<bool>,
    /// A media type.
    #[prost(string, optional, tag = "2")]
    pub content_type: Option<String>,
    /// In bytes.
    #[prost(uint64, optional, tag = "3")]
    pub size: Option<u64>,
    /// The number of the part.
    #[prost(uint64, optional, tag = "4")]
    pub seq: Option<u64>,
    /// The file's name.
    #[prost(string, optional, tag = "5")]
    pub file_name: Option<String>,
    /// The file's type, such as `json`.
    #[prost(string, optional, tag = "6")]
    pub file_type: Option<String>,
    /// A checksum.
    #[prost(string, optional, tag = "7")]
    pub md5: Option<String>,
    /// For people.
    #[prost(string, optional, tag = "8")]
    pub description: Option<String>,
}

/// Properties: each key belongs to the value at its place.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PropertySet {
    /// Their names.
    #[prost(string, repeated, tag = "1")]
    pub keys: Vec<String>,
    /// Their values.
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<PropertyValue>,
}

/// Several sets of properties.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PropertySetList {
    /// The sets.
    #[prost(message, repeated, tag = "1")]
    pub propertyset: Vec<PropertySet>,
}

/// The value of a property.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PropertyValue {
    /// A number of [`DataType`](crate::DataType).
    #[prost(uint32, optional, tag = "1")]
    pub r#type: Option<u32>,
    /// There is no value.
    #[prost(bool, optional, tag = "2")]
    pub is_null: Option<bool>,
    /// The value; its field depends on the type.
    #[prost(oneof = "TypedProperty", tags = "3, 4, 5, 6, 7, 8, 9, 10")]
    pub value: Option<TypedProperty>,
}

/// The value of a property by its type.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum TypedProperty {
    /// See [`MetricValue::Int`].
    #[prost(uint32, tag = "3")]
    Int(u32),
    /// See [`MetricValue::Long`].
    #[prost(uint64, tag = "4")]
    Long(u64),
    /// Float.
    #[prost(float, tag = "5")]
    Float(f32),
    /// Double.
    #[prost(double, tag = "6")]
    Double(f64),
    /// Boolean.
    #[prost(bool, tag = "7")]
    Boolean(bool),
    /// String and Text.
    #[prost(string, tag = "8")]
    String(String),
    /// Properties within a property.
    #[prost(message, tag = "9")]
    Set(PropertySet),
    /// Several sets of them.
    #[prost(message, tag = "10")]
    Sets(PropertySetList),
}

/// A table.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DataSet {
    /// How many columns there are.
    #[prost(uint64, optional, tag = "1")]
    pub num_of_columns: Option<u64>,
    /// Their names.
    #[prost(string, repeated, tag = "2")]
    pub columns: Vec<String>,
    /// Their types, as numbers of [`DataType`](crate::DataType).
    #[prost(uint32, repeated, packed = "false", tag = "3")]
    pub types: Vec<u32>,
    /// The rows.
    #[prost(message, repeated, tag = "4")]
    pub rows: Vec<Row>,
}

/// A row of a table: a value for each column.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Row {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    pub elements: Vec<DataSetValue>,
}

/// A value in a table.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DataSetValue {
    /// None is null.
    #[prost(oneof = "Scalar", tags = "1, 2, 3, 4, 5, 6")]
    pub value: Option<Scalar>,
}

/// A value in a table by its type.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Scalar {
    /// See [`MetricValue::Int`].
    #[prost(uint32, tag = "1")]
    Int(u32),
    /// See [`MetricValue::Long`].
    #[prost(uint64, tag = "2")]
    Long(u64),
    /// Float.
    #[prost(float, tag = "3")]
    Float(f32),
    /// Double.
    #[prost(double, tag = "4")]
    Double(f64),
    /// Boolean.
    #[prost(bool, tag = "5")]
    Boolean(bool),
    /// String and Text.
    #[prost(string, tag = "6")]
    String(String),
}

/// A structure with metrics of its own, or the definition of one.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Template {
    /// Of the definition.
    #[prost(string, optional, tag = "1")]
    pub version: Option<String>,
    /// Its members.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    /// Its parameters.
    #[prost(message, repeated, tag = "3")]
    pub parameters: Vec<Parameter>,
    /// The name of the definition; not in a definition.
    #[prost(string, optional, tag = "4")]
    pub template_ref: Option<String>,
    /// It defines what its instances look like, and has no values.
    #[prost(bool, optional, tag = "5")]
    pub is_definition: Option<bool>,
}

/// A parameter of a template.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Parameter {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// A number of [`DataType`](crate::DataType).
    #[prost(uint32, optional, tag = "2")]
    pub r#type: Option<u32>,
    /// The value; its field depends on the type.
    #[prost(oneof = "ParameterValue", tags = "3, 4, 5, 6, 7, 8")]
    pub value: Option<ParameterValue>,
}

/// The value of a parameter by its type.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ParameterValue {
    /// See [`MetricValue::Int`].
    #[prost(uint32, tag = "3")]
    Int(u32),
    /// See [`MetricValue::Long`].
    #[prost(uint64, tag = "4")]
    Long(u64),
    /// Float.
    #[prost(float, tag = "5")]
    Float(f32),
    /// Double.
    #[prost(double, tag = "6")]
    Double(f64),
    /// Boolean.
    #[prost(bool, tag = "7")]
    Boolean(bool),
    /// String and Text.
    #[prost(string, tag = "8")]
    String(String),
}

impl Payload {
    /// Returns its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        prost::Message::encode_to_vec(self)
    }
}

impl Metric {
    /// Returns a metric with this name and value, of this type.
    pub fn new(name: &str, data_type: crate::DataType, value: MetricValue) -> Self {
        Self {
            name: Some(name.to_owned()),
            datatype: Some(data_type.number()),
            value: Some(value),
            ..Self::default()
        }
    }

    /// Returns the text of a property.
    pub fn text_property(&self, key: &str) -> Option<&str> {
        let properties = self.properties.as_deref()?;
        let at = properties.keys.iter().position(|it| it == key)?;
        match properties.values.get(at)?.value.as_ref()? {
            TypedProperty::String(text) => Some(text),
            _ => None,
        }
    }

    /// Adds a property that is a text.
    pub fn set_text_property(&mut self, key: &str, text: &str) {
        let properties = self.properties.get_or_insert_default();
        properties.keys.push(key.to_owned());
        properties.values.push(PropertyValue {
            r#type: Some(crate::DataType::String.number()),
            is_null: None,
            value: Some(TypedProperty::String(text.to_owned())),
        });
    }
}

impl From<Scalar> for MetricValue {
    fn from(value: Scalar) -> Self {
        match value {
            Scalar::Int(it) => Self::Int(it),
            Scalar::Long(it) => Self::Long(it),
            Scalar::Float(it) => Self::Float(it),
            Scalar::Double(it) => Self::Double(it),
            Scalar::Boolean(it) => Self::Boolean(it),
            Scalar::String(it) => Self::String(it),
        }
    }
}

impl From<ParameterValue> for MetricValue {
    fn from(value: ParameterValue) -> Self {
        match value {
            ParameterValue::Int(it) => Self::Int(it),
            ParameterValue::Long(it) => Self::Long(it),
            ParameterValue::Float(it) => Self::Float(it),
            ParameterValue::Double(it) => Self::Double(it),
            ParameterValue::Boolean(it) => Self::Boolean(it),
            ParameterValue::String(it) => Self::String(it),
        }
    }
}
