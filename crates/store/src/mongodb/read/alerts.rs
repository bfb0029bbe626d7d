//! What alerts have reported, and which of them are not ok.

use std::ops::ControlFlow;

use mongodb::action::{Action, Find};
use mongodb::bson::{Document, RawDocument, doc};

use super::questions::{of_filter, of_range};
use super::server::Server;
use crate::alerts::{CurrentAlert, Event};
use crate::mongodb::alerts::{HISTORY, STATES, to_current, to_event};
use crate::read::{ReadError, SeriesFilter, TimeRange};

/// Returns the alerts that are not ok.
pub(super) fn current(
    server: &Server,
    filter: &SeriesFilter,
) -> Result<Vec<CurrentAlert>, ReadError> {
    let (states, max_time) = (server.beside(STATES), server.max_time());
    let filter = of_filter(filter);
    let all = server
        .all(async move { { states.find(filter).optional(max_time, Find::max_time) }.await })?;
    let mut found: Vec<_> = all.iter().filter_map(to_current).collect();
    CurrentAlert::sort(&mut found);
    Ok(found)
}

/// Returns reports, the latest first.
pub(super) fn history(
    server: &Server,
    filter: &SeriesFilter,
    range: TimeRange,
    limit: usize,
) -> Result<Vec<Event>, ReadError> {
    let (history, max_time) = (server.beside(HISTORY), server.max_time());
    let mut query = of_filter(filter);
    query.extend(of_range(range));
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let find = async move {
        let found = history.find(query).sort(doc! {"_id": -1}).limit(most);
        found.optional(max_time, Find::max_time).await
    };
    let mut found = Vec::new();
    server.documents(find, &mut |document: &RawDocument| {
        let document = Document::try_from(document).ok();
        found.extend(document.as_ref().and_then(to_event));
        if found.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(found)
}
