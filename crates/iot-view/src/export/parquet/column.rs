//! A column of a row group.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::{Type, TypePtr};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Count,
    Text,
    /// Milliseconds since 1970, UTC.
    Time,
}

/// The values of a column that are not written yet.
#[derive(Debug)]
pub(super) struct Column {
    name: String,
    kind: Kind,
    is_required: bool,
    numbers: Vec<f64>,
    whole: Vec<i64>,
    texts: Vec<ByteArray>,
    /// Of each row, 1 if there is a value.
    levels: Vec<i16>,
}

impl Column {
    pub(super) fn required(name: &str, kind: Kind) -> Self {
        Self {
            is_required: true,
            ..Self::optional(name, kind)
        }
    }

    pub(super) fn optional(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            is_required: false,
            numbers: Vec::new(),
            whole: Vec::new(),
            texts: Vec::new(),
            levels: Vec::new(),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns its place in the schema.
    pub(super) fn field(&self) -> Result<TypePtr> {
        let (physical, logical) = match self.kind {
            Kind::Number => (Physical::DOUBLE, None),
            Kind::Count => (Physical::INT64, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Time => {
                let unit = TimeUnit::MILLIS;
                let time = LogicalType::timestamp(true, unit);
                (Physical::INT64, Some(time))
            }
        };
        let repetition = if self.is_required {
            Repetition::REQUIRED
        } else {
            Repetition::OPTIONAL
        };
        let built = Type::primitive_type_builder(&self.name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build();
        built.map(Arc::new)
    }

    pub(super) fn push_nothing(&mut self) {
        self.levels.push(0);
    }

    pub(super) fn push_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => {
                self.texts.push(text.into());
                self.levels.push(1);
            }
            None => self.push_nothing(),
        }
    }

    pub(super) fn push_number(&mut self, number: Option<f64>) {
        match number {
            Some(number) => {
                self.numbers.push(number);
                self.levels.push(1);
            }
            None => self.push_nothing(),
        }
    }

    pub(super) fn push_count(&mut self, count: u64) {
        self.whole.push(i64::try_from(count).unwrap_or(i64::MAX));
        self.levels.push(1);
    }

    pub(super) fn push_time(&mut self, time: DateTime<Utc>) {
        self.whole.push(time.timestamp_millis());
        self.levels.push(1);
    }

    /// Writes the values, and forgets them.
    pub(super) fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let levels = (!self.is_required).then_some(self.levels.as_slice());
        match self.kind {
            Kind::Number => {
                let writer = writer.typed::<DoubleType>();
                writer.write_batch(&self.numbers, levels, None)?;
            }
            Kind::Text => {
                let writer = writer.typed::<ByteArrayType>();
                writer.write_batch(&self.texts, levels, None)?;
            }
            Kind::Count | Kind::Time => {
                let writer = writer.typed::<Int64Type>();
                writer.write_batch(&self.whole, levels, None)?;
            }
        }
        self.numbers.clear();
        self.whole.clear();
        self.texts.clear();
        self.levels.clear();
        Ok(())
    }
}
