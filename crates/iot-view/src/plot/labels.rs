//! What the curves are called beside them.

use super::panel::Panel;

/// Returns a name for each curve of a panel: without the topic levels that all of them begin with.
pub(crate) fn labels(panel: &Panel) -> Vec<String> {
    let names: Vec<String> = panel
        .curves
        .iter()
        .map(|(_, curve)| curve.key.to_string())
        .collect();
    let [first, others @ ..] = &names[..] else {
        return names;
    };
    if others.is_empty() {
        return names;
    }
    let common = |end: &usize| others.iter().all(|name| name.starts_with(&first[..*end]));
    let mut levels = first.rmatch_indices('/').map(|(at, _)| at + 1);
    let start = levels.find(common).unwrap_or_default();
    names.iter().map(|name| name[start..].to_owned()).collect()
}

/// Returns a text of at most so many characters; the middle is left out, as topics differ at both
/// ends.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let head = kept / 2;
    let tail = kept - head;
    let start = text.chars().take(head);
    let end = text.chars().skip(length - tail);
    start.chain(['…']).chain(end).collect()
}
