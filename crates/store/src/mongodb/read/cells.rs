//! What a series did in a minute or an hour, as the server adds it up and as it is cached.

use mongodb::action::{Action, Aggregate};
use mongodb::bson::{Bson, DateTime, Document, doc};

use super::questions::of_key;
use super::server::Server;
use crate::mongodb::numbers::{double, whole};
use crate::read::{ReadError, SeriesKey};

/// A minute and an hour in milliseconds.
pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// Text that is a number, as [`crate::Value::as_number`] takes it.
const DECIMAL: &str = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$";

/// Numbers, added up in order of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) count: u64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
    pub(super) first: f64,
    pub(super) last: f64,
}

/// Where a cell starts, in milliseconds since 1970, and what is in it.
pub(super) type Timed = (i64, Cell);

impl Cell {
    /// Returns the cell of one number.
    pub(super) fn of(value: f64) -> Self {
        Self {
            count: 1,
            min: value,
            max: value,
            sum: value,
            first: value,
            last: value,
        }
    }

    /// Adds another one, which is later than all so far.
    pub(super) fn add(&mut self, other: &Self) {
        if self.count == 0 {
            *self = *other;
            return;
        }
        if other.count == 0 {
            return;
        }
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.last = other.last;
    }
}

/// Returns the cells of so many milliseconds each that these are in.
pub(super) fn coarser(cells: &[Timed], length: i64) -> Vec<Timed> {
    let mut coarse: Vec<Timed> = Vec::new();
    for (start, cell) in cells {
        let start = start.div_euclid(length) * length;
        match coarse.last_mut() {
            Some((last, sum)) if *last == start => sum.add(cell),
            _ => coarse.push((start, *cell)),
        }
    }
    coarse
}

/// Has the server add up a series from one time to another, by minute or hour.
pub(super) fn added_up(
    server: &Server,
    key: &SeriesKey,
    (from, to): (i64, i64),
    length: i64,
) -> Result<Vec<Timed>, ReadError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let mut filter = of_key(key);
    let times = doc! {"$gte": DateTime::from_millis(from), "$lt": DateTime::from_millis(to)};
    filter.insert("reg_date", times);
    let unit = if length == HOUR { "hour" } else { "minute" };
    let pipeline = [
        doc! {"$match": filter},
        doc! {"$project": {"reg_date": 1, "number": number()}},
        // Also leaves out what is no number.
        doc! {"$match": {"number": {"$gt": f64::NEG_INFINITY, "$lt": f64::INFINITY}}},
        doc! {"$group": {
            "_id": {"$dateTrunc": {"date": "$reg_date", "unit": unit}},
            "count": {"$sum": 1},
            "min": {"$min": "$number"},
            "max": {"$max": "$number"},
            "sum": {"$sum": "$number"},
            // Documents are compared field by field: time, then id.
            "first": {"$min": {"at": "$reg_date", "id": "$_id", "number": "$number"}},
            "last": {"$max": {"at": "$reg_date", "id": "$_id", "number": "$number"}},
        }},
        doc! {"$sort": {"_id": 1}},
    ];
    let (readings, max_time) = (server.collections.readings.clone(), server.max_time());
    let all = server.all(async move {
        let found = readings.aggregate(pipeline).allow_disk_use(true);
        found
            .optional(max_time, Aggregate::max_time)
            .with_type()
            .await
    })?;
    let cell = |document: &Document| {
        let end = |key| Some(double(document.get_document(key).ok()?, "number"));
        let cell = Cell {
            count: whole(document, "count").unsigned_abs(),
            min: double(document, "min"),
            max: double(document, "max"),
            sum: double(document, "sum"),
            first: end("first")?,
            last: end("last")?,
        };
        Some((document.get_datetime("_id").ok()?.timestamp_millis(), cell))
    };
    Ok(all.iter().filter_map(cell).collect())
}

/// Returns the expression for a value as a number.
fn number() -> Document {
    let is_type = |name: &str| doc! {"$eq": [{"$type": "$value"}, name]};
    let decimal = doc! {"$regexMatch": {"input": "$value", "regex": DECIMAL}};
    let as_double = doc! {"$convert": {
        "input": "$value", "to": "double", "onError": Bson::Null, "onNull": Bson::Null,
    }};
    doc! {"$switch": {
        "branches": [
            {"case": {"$isNumber": "$value"}, "then": as_double.clone()},
            {"case": is_type("bool"), "then": as_double.clone()},
            {"case": {"$and": [is_type("string"), decimal]}, "then": as_double},
        ],
        "default": Bson::Null,
    }}
}

/// Bytes of a cell.
const SIZE: usize = 46;

/// Returns cells within a day, which begins at `day`, as bytes.
pub(super) fn encode(cells: &[Timed], day: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(cells.len() * SIZE);
    for (start, cell) in cells {
        let minute = u16::try_from((start - day) / MINUTE).unwrap_or(u16::MAX);
        let count = u32::try_from(cell.count).unwrap_or(u32::MAX);
        bytes.extend(minute.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        for number in [cell.min, cell.max, cell.sum, cell.first, cell.last] {
            bytes.extend(number.to_le_bytes());
        }
    }
    bytes
}

/// Returns the cells that bytes are; nothing if they are none.
pub(super) fn decode(bytes: &[u8], day: i64) -> Option<Vec<Timed>> {
    let (cells, []) = bytes.as_chunks::<SIZE>() else {
        return None;
    };
    let cell = |bytes: &[u8; SIZE]| {
        let minute = u16::from_le_bytes([bytes[0], bytes[1]]);
        let count = u32::from_le_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]);
        let (numbers, _) = bytes[6..].as_chunks::<8>();
        let number = |index: usize| numbers.get(index).copied().map(f64::from_le_bytes);
        let cell = Cell {
            count: u64::from(count),
            min: number(0)?,
            max: number(1)?,
            sum: number(2)?,
            first: number(3)?,
            last: number(4)?,
        };
        Some((day + i64::from(minute) * MINUTE, cell))
    };
    cells.iter().map(cell).collect()
}
