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
