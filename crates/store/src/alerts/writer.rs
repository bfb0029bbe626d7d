//! What all stores do with alerts.

use super::current::StateChange;
use super::event::Event;

/// A store that is open for writing alerts. It blocks; a failed call may be repeated, and stores
/// nothing twice.
pub trait AlertWriter: Send {
    /// Returns what a person calls the store: its path, or its URL without the password.
    fn name(&self) -> &str;

    /// Stores reports; one whose id is stored already is skipped.
    ///
    /// # Errors
    /// The store is away, full, or does not allow it.
    fn write_events(&mut self, events: &[Event]) -> anyhow::Result<()>;

    /// Stores states in place of those that were there.
    ///
    /// # Errors
    /// The store is away, full, or does not allow it.
    fn write_states(&mut self, changes: &[StateChange]) -> anyhow::Result<()>;
}
