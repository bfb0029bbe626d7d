//! A leaf of a document, and what takes leaves.

/// A value without values within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Leaf<'a> {
    Number(f64),
    Bool(bool),
    Text(&'a str),
}

/// Takes leaves with their paths.
pub(crate) trait TakeLeaf {
    /// Takes a leaf; the path is empty if it is the whole document.
    fn take(&mut self, path: &str, leaf: Leaf<'_>);
}

impl<F: FnMut(&str, Leaf<'_>)> TakeLeaf for F {
    fn take(&mut self, path: &str, leaf: Leaf<'_>) {
        self(path, leaf);
    }
}
