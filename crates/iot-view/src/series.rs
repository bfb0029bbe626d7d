//! The series that several filters select.

use iot_store::read::{ReadError, Reader, Series, SeriesFilter};

/// Returns each series that one of the filters selects once, in order of topic and metric. With
/// `counted`, it has its count and the time of its first reading, which takes longer.
///
/// # Errors
/// The store can't be read.
pub(crate) fn selected(
    reader: &mut dyn Reader,
    filters: &[SeriesFilter],
    counted: bool,
) -> Result<Vec<Series>, ReadError> {
    let mut all = Vec::new();
    for filter in filters {
        all.extend(if counted {
            reader.series(filter)?
        } else {
            reader.latest(filter)?
        });
    }
    if filters.len() > 1 {
        all.sort_by(|one, other| one.key.cmp(&other.key));
        all.dedup_by(|one, other| one.key == other.key);
    }
    Ok(all)
}
