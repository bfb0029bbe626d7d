//! QoS 2 packet ids that are held: noted in the transaction that commits the message, before PUBREC, and removed in one that
//! is committed before PUBCOMP. They lie beside the readings and outlive their delivery.
//!
//! # What a crash can do
//!
//! One message with QoS 2 passes these points. “We” is this process; the broker keeps the session, and after the crash a new
//! process takes it up with what is on the disk. In each row the message ends up in the store exactly once.
//!
//! | killed after | on the disk | the broker has | what it sends next | what we make of it |
//! |---|---|---|---|---|
//! | PUBLISH was received | nothing | PUBLISH under way | PUBLISH again | the id isn't held: a new message, committed now |
//! | the commit began | nothing: the transaction is rolled back | PUBLISH under way | PUBLISH again | the same |
//! | the commit | reading and id | PUBLISH under way | PUBLISH again, with or without DUP | id held, fingerprint equal: a duplicate; PUBREC, nothing is committed |
//! | PUBREC was handed to the system | reading and id | either: PUBREC may be lost | PUBLISH, or PUBREL | a duplicate as above; or PUBREL for a held id, as below |
//! | PUBREL was received | reading and id | PUBREL under way | PUBREL again | the id's removal is committed, PUBCOMP |
//! | the removal was committed | reading | PUBREL under way | PUBREL again | the id isn't held: PUBCOMP at once, nothing else |
//! | PUBCOMP was handed to the system | reading | either | PUBREL, or a new message under this id | PUBCOMP at once; or a new message, for the id isn't held |
//!
//! With the other order, PUBCOMP before the removal, the last row would lose the new message: its id would still be held, and if
//! its content is the same, it would pass for the old one.
//!
//! What dies beside us:
//!
//! | what happens | what we make of it |
//! |---|---|
//! | the connection breaks at any point, we live | the same rows: what was received is committed in its order, what is acknowledged for an earlier connection is never sent |
//! | the broker has lost the session (session present = 0) | all ids of the session are removed in a commit before we subscribe, so before the new session can bring its first PUBLISH. Killed before that commit, the next process finds a session without subscriptions, and ids that belong to the one before: it suppresses only a message with the same id, topic and payload, which can't come before it has subscribed |
//! | the broker was killed and rolled back | it may use a held id for another message: the fingerprint differs, the message is stored and a line says so. It may send a finished message again as new: the id isn't held any more, it is stored twice, and no client can know |
//! | MQTT 3.1, whose CONNACK doesn't tell whether the session is there | nothing is noted, and nothing held in memory outlives a connection: at least once |
//! | the disk fails | nothing is acknowledged, the program ends |
//!
//! A message with QoS 1 leaves no trace here. Where the connection breaks and we live, the client recognizes one that comes
//! again: its PUBACK never left, so it waits in the queue or is committed
//! already, and only its acknowledgement is due. Where we die, or the PUBACK may have left, it is stored again.

use std::num::NonZeroU16;
use std::sync::Arc;

use rusqlite::{Connection, params};

/// The table.
pub const SCHEMA: &str = include_str!("held.sql");

/// What makes a file of version 1 one of version 2: a table that was never used.
pub(super) const UPGRADE: &str = concat!("DROP TABLE IF EXISTS held;", include_str!("held.sql"));

/// Whose session it is that the broker keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// Its address.
    pub broker: String,
    /// Who we are to it.
    pub client_id: String,
}

/// QoS 2 packet ids that are held, each with its message's fingerprint.
pub type Held = Vec<(NonZeroU16, u64)>;

/// A change of what a session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This packet id stands for the message of this fingerprint.
    Hold(NonZeroU16, u64),
    /// It does no more.
    Release(NonZeroU16),
    /// None does any more.
    Forget,
}

/// A change, and whose session it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// The session.
    pub session: Arc<SessionKey>,
    /// The change.
    pub change: Change,
}

/// A packet identifier that is held: its client, itself, and its message's fingerprint.
pub type HeldId = (String, NonZeroU16, u64);

/// Returns the packet identifiers that the sessions at a broker hold.
pub fn read_all(connection: &Connection, broker: &str) -> rusqlite::Result<Vec<HeldId>> {
    let held = "SELECT client_id, packet_id, fingerprint FROM held WHERE broker = ?";
    let mut held = connection.prepare(held)?;
    let rows = held.query_map([broker], |row| {
        Ok((row.get(0)?, row.get::<_, u16>(1)?, row.get::<_, i64>(2)?))
    })?;
    rows.filter_map(|row| match row {
        Ok((client_id, id, fingerprint)) => {
            let id = NonZeroU16::new(id)?;
            Some(Ok((client_id, id, fingerprint.cast_unsigned())))
        }
        Err(error) => Some(Err(error)),
    })
    .collect()
}

/// Returns the ids that a session holds, each with its message's fingerprint.
pub fn read(connection: &Connection, key: &SessionKey) -> rusqlite::Result<Held> {
    let held = "SELECT packet_id, fingerprint FROM held WHERE broker = ? AND client_id = ?";
    let mut held = connection.prepare(held)?;
    let rows = held.query_map((&key.broker, &key.client_id), |row| {
        Ok((row.get::<_, u16>(0)?, row.get::<_, i64>(1)?))
    })?;
    rows.filter_map(|row| match row {
        Ok((id, fingerprint)) => Some(Ok((NonZeroU16::new(id)?, fingerprint.cast_unsigned()))),
        Err(error) => Some(Err(error)),
    })
    .collect()
}

/// Does the changes in their order, within the transaction that `connection` is in.
pub fn apply(connection: &Connection, changes: &[SessionChange]) -> rusqlite::Result<()> {
    for SessionChange { session, change } in changes {
        let SessionKey { broker, client_id } = &**session;
        match *change {
            Change::Hold(id, fingerprint) => connection
                .prepare_cached("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)")?
                .execute(params![
                    broker,
                    client_id,
                    id.get(),
                    fingerprint.cast_signed()
                ])?,
            Change::Release(id) => connection
                .prepare_cached(
                    "DELETE FROM held WHERE broker = ? AND client_id = ? AND packet_id = ?",
                )?
                .execute(params![broker, client_id, id.get()])?,
            Change::Forget => connection
                .prepare_cached("DELETE FROM held WHERE broker = ? AND client_id = ?")?
                .execute(params![broker, client_id])?,
        };
    }
    Ok(())
}
