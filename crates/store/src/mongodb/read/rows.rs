//! Readings, document by document.

use std::ops::ControlFlow;

use mongodb::action::{Action, Find};
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};

use super::questions::{of_filter, of_range};
use super::server::Server;
use super::value::row;
use crate::read::{Order, ReadError, Row, RowQuestion};

/// Passes the rows that are asked for to `take`.
pub(super) fn rows(
    server: &Server,
    question: &RowQuestion,
    take: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    if question.limit == Some(0) {
        return Ok(());
    }
    let mut filter = of_filter(&question.filter);
    filter.extend(of_range(question.range));
    if let Some(after) = after(question) {
        filter = doc! {"$and": [filter, after]};
    }
    // Rows of the same time are put in order here: an index by time does not know the ids, and the
    // server would sort all of them.
    let sorts_here = question.filter.exact().is_some() && question.limit.is_none();
    let way = if question.order == Order::TimeDescending {
        -1
    } else {
        1
    };
    let mut sort = Document::new();
    if question.order == Order::Series && question.filter.exact().is_none() {
        sort.extend(doc! {"topic": 1, "metric": 1});
    }
    sort.insert("reg_date", way);
    if !sorts_here {
        sort.insert("_id", way);
    }
    let (readings, max_time) = (server.collections.readings.clone(), server.max_time());
    let limit = question
        .limit
        .map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let find = async move {
        let find = readings.find(filter).sort(sort).allow_disk_use(true);
        find.optional(max_time, Find::max_time)
            .optional(limit, Find::limit)
            .await
    };
    let mut same_time: Vec<Row> = Vec::new();
    let is_selected = |row: &Row| question.filter.matches(&row.key);
    let mut pass = |rows: &mut Vec<Row>| {
        rows.sort_by_key(|row| row.id);
        if way < 0 {
            rows.reverse();
        }
        rows.drain(..).try_for_each(&mut *take)
    };
    let mut ended = false;
    server.documents(find, &mut |document| {
        let Some(row) = row(document).filter(is_selected) else {
            return ControlFlow::Continue(());
        };
        let belongs = sorts_here && same_time.last().is_some_and(|last| last.time == row.time);
        let passed = if belongs {
            ControlFlow::Continue(())
        } else {
            pass(&mut same_time)
        };
        same_time.push(row);
        ended = passed.is_break();
        passed
    })?;
    if !ended {
        let _ = pass(&mut same_time);
    }
    Ok(())
}

/// Selects what comes after a position.
fn after(question: &RowQuestion) -> Option<Document> {
    let after = question.after?;
    let comparison = match question.order {
        Order::TimeDescending => "$lt",
        Order::Time | Order::Series => "$gt",
    };
    let time = DateTime::from_millis(after.time.timestamp_millis());
    let id = ObjectId::from_bytes(after.id.bytes());
    Some(doc! {"$or": [
        {"reg_date": {comparison: time}},
        {"reg_date": time, "_id": {comparison: id}},
    ]})
}
