//! The documents of one command.

use mongodb::bson::{RawArrayBuf, RawDocumentBuf};

/// Most bytes in one command, but for a single document that is larger.
const BYTES: usize = 8 << 20;

/// Documents of one command, each beside what it was made of.
pub(super) struct Batch<T> {
    /// In the form in which they are sent.
    pub(super) documents: RawArrayBuf,
    pub(super) of: Vec<T>,
    bytes: usize,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self {
            documents: RawArrayBuf::new(),
            of: Vec::new(),
            bytes: 0,
        }
    }
}

impl<T> Batch<T> {
    /// Whether `document` would make it more than `limit` documents, or too many bytes.
    pub(super) fn is_full_for(&self, document: &RawDocumentBuf, limit: usize) -> bool {
        let bytes = self.bytes + document.as_bytes().len();
        self.of.len() >= limit || (bytes > BYTES && !self.of.is_empty())
    }

    pub(super) fn push(&mut self, document: &RawDocumentBuf, of: T) {
        self.bytes += document.as_bytes().len();
        self.documents.push(document);
        self.of.push(of);
    }
}
