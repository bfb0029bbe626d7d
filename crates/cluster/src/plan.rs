//! What a round is made of.

use crate::broker::Mode;
use crate::fault::Fault;

/// The seed decides the order of the faults, and whom they strike.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    /// Messages a second; as many as possible without it.
    pub(crate) rate: Option<u32>,
    pub(crate) members: usize,
    pub(crate) faults: Vec<Fault>,
}

impl Plan {
    /// Whether the brokers write down what happens to each message. If nothing strikes, the store
    /// alone shows that nothing is missing, and what is measured is not slowed down.
    pub(crate) fn has_witness(&self) -> bool {
        !self.faults.is_empty()
    }
}
