//! What a message says about a series beside its values.

use std::sync::Arc;

/// Facts about a series, to be stored beside it. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesUpdate {
    /// Topic of the series.
    pub topic: Arc<str>,
    /// Its metric, if it has one.
    pub metric: Option<Arc<str>>,
    /// Unit of its values, such as `°C`.
    pub unit: Option<Arc<str>>,
    /// What people call it.
    pub name: Option<Arc<str>>,
    /// The device that it belongs to.
    pub device: Option<Arc<str>>,
    /// The kind of quantity, as Home Assistant's device classes: `temperature`.
    pub class: Option<Arc<str>>,
}

impl SeriesUpdate {
    /// Returns roughly how many bytes it takes.
    pub(crate) fn heap_size(&self) -> usize {
        let texts = [
            &self.metric,
            &self.unit,
            &self.name,
            &self.device,
            &self.class,
        ];
        let texts = texts.into_iter().flatten().map(|text| text.len());
        size_of::<Self>() + self.topic.len() + texts.sum::<usize>()
    }
}
