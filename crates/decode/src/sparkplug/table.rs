//! What a BIRTH says of the metrics of a node or device: alias, type and unit by name.

use std::sync::Arc;

use iot_sparkplug::{DataType, Metric};
use prost::Message as _;

use super::record::{DefinitionRecord, TableRecord};

/// A metric as a BIRTH defines it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Definition {
    pub(super) name: Arc<str>,
    pub(super) alias: Option<u64>,
    pub(super) data_type: DataType,
    pub(super) unit: Option<Arc<str>>,
}

/// The metrics of one BIRTH. Found by bisection: a stranger chooses names and aliases.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    /// By name.
    definitions: Vec<Definition>,
    /// Aliases, and the place of the definition of each.
    by_alias: Vec<(u64, usize)>,
}

/// The property with the unit.
const UNIT: &str = "engUnit";

impl Table {
    /// Returns the table of the metrics of a BIRTH. Those without a name define nothing.
    pub(super) fn of(metrics: &[Metric]) -> Self {
        let definition = |metric: &Metric| {
            Some(Definition {
                name: metric.name.as_deref()?.into(),
                alias: metric.alias,
                data_type: DataType::of(metric.datatype.unwrap_or_default()),
                unit: unit_of(metric),
            })
        };
        Self::new(metrics.iter().filter_map(definition).collect())
    }

    fn new(mut definitions: Vec<Definition>) -> Self {
        // A stable sort: of two with one name, or one alias, the first counts.
        definitions.sort_by(|a, b| a.name.cmp(&b.name));
        definitions.dedup_by(|a, b| a.name == b.name);
        definitions.shrink_to_fit();
        let aliases = definitions.iter().zip(0..);
        let mut by_alias: Vec<_> = aliases
            .filter_map(|(definition, at)| Some((definition.alias?, at)))
            .collect();
        by_alias.sort_unstable();
        by_alias.dedup_by_key(|(alias, _)| *alias);
        Self {
            definitions,
            by_alias,
        }
    }

    pub(super) fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Returns the definition that a metric of DATA means: by its name, or else by its alias.
    pub(super) fn find(&self, metric: &Metric) -> Option<&Definition> {
        let Some(name) = metric.name.as_deref() else {
            return self.by_alias(metric.alias?);
        };
        let place = { &self.definitions }.binary_search_by(|it| (*it.name).cmp(name));
        match (place, metric.alias) {
            (Ok(at), _) => self.definitions.get(at),
            // mqtt-spb-wrapper writes `DATA/temp` in the BIRTH, and `temp` with its alias in DATA.
            (Err(_), Some(alias)) => {
                let definition = self.by_alias(alias)?;
                let end = definition.name.strip_suffix(name)?;
                end.ends_with('/').then_some(definition)
            }
            (Err(_), None) => None,
        }
    }

    fn by_alias(&self, alias: u64) -> Option<&Definition> {
        let place = self.by_alias.binary_search_by_key(&alias, |(it, _)| *it);
        self.definitions.get(self.by_alias[place.ok()?].1)
    }

    /// Returns roughly how many bytes it holds on the heap.
    pub(super) fn heap_size(&self) -> usize {
        /// Two counters before a shared text.
        const COUNTERS: usize = 16;
        let text = |text: &Arc<str>| COUNTERS + text.len();
        let texts = self
            .definitions
            .iter()
            .map(|definition| text(&definition.name) + definition.unit.as_ref().map_or(0, text));
        self.definitions.len() * size_of::<Definition>()
            + self.by_alias.capacity() * size_of::<(u64, usize)>()
            + texts.sum::<usize>()
    }

    /// Returns the table as it is kept.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let record = |definition: &Definition| DefinitionRecord {
            name: definition.name.as_ref().into(),
            alias: definition.alias,
            data_type: definition.data_type.number(),
            unit: definition.unit.as_deref().map(str::to_owned),
        };
        let definitions = self.definitions.iter().map(record).collect();
        TableRecord { definitions }.encode_to_vec()
    }

    /// Reads a table that was kept.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record = TableRecord::decode(bytes).ok()?;
        let definition = |record: DefinitionRecord| Definition {
            name: record.name.into(),
            alias: record.alias,
            data_type: DataType::of(record.data_type),
            unit: record.unit.map(Arc::from),
        };
        Some(Self::new(
            record.definitions.into_iter().map(definition).collect(),
        ))
    }
}

/// Returns the unit that the properties of a metric name.
pub(super) fn unit_of(metric: &Metric) -> Option<Arc<str>> {
    let unit = metric.text_property(UNIT)?.trim();
    (!unit.is_empty()).then(|| unit.into())
}
