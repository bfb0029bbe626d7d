//! The leaves of a tree of values.

use serde_json::Value as Json;

use super::leaf::{Leaf, TakeLeaf};
use super::path::Path;
use crate::reason::Reason;

/// Gives each leaf of `json` to `taker`, with `path` before its own path. Null is skipped.
///
/// # Errors
/// A path is too long.
pub(crate) fn walk_tree(
    json: &Json,
    path: &mut Path,
    taker: &mut dyn TakeLeaf,
) -> Result<(), Reason> {
    match json {
        Json::Null => {}
        Json::Bool(state) => taker.take(path.text(), Leaf::Bool(*state)),
        Json::Number(number) => {
            if let Some(number) = number.as_f64() {
                taker.take(path.text(), Leaf::Number(number));
            }
        }
        Json::String(text) => taker.take(path.text(), Leaf::Text(text)),
        Json::Array(items) => {
            path.descend()?;
            for (index, item) in items.iter().enumerate() {
                let end = path.end();
                path.push_index(index)?;
                walk_tree(item, path, taker)?;
                path.cut(end);
            }
            path.ascend();
        }
        Json::Object(fields) => {
            path.descend()?;
            for (key, item) in fields {
                let end = path.end();
                path.push_key(key)?;
                walk_tree(item, path, taker)?;
                path.cut(end);
            }
            path.ascend();
        }
    }
    Ok(())
}
