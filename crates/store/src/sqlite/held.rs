//! QoS 2 packet identifiers that are held. They are noted in the transaction that commits the
//! message, before PUBREC, and removed in one that is committed before PUBCOMP. They lie beside the
//! readings and outlive their delivery.
//!
//! # What a crash can do
//!
//! One message with QoS 2 passes these points. The broker keeps the session, and after the crash a
//! new process resumes it with what is on the disk. In each case the message is stored exactly
//! once. The process is killed after
//!
//! 1. **PUBLISH was received, or the commit began.** Nothing is on the disk, and the broker sends
//!    PUBLISH again. The identifier isn't held, so that is a new message, and it is committed.
//! 2. **the commit.** Reading and identifier are on the disk. The broker sends PUBLISH again, with
//!    or without DUP. The identifier is held and the fingerprint is equal: a duplicate. It gets its
//!    PUBREC, and nothing is committed.
//! 3. **PUBREC was passed to the system.** It may be lost. The broker sends PUBLISH, which is a
//!    duplicate as in 2, or PUBREL for a held identifier as in 4.
//! 4. **PUBREL was received.** The broker sends it again. The removal of the identifier is
//!    committed, then PUBCOMP is sent.
//! 5. **the removal was committed.** The broker sends PUBREL again. The identifier isn't held, so
//!    PUBCOMP is sent at once.
//! 6. **PUBCOMP was passed to the system.** The broker sends PUBREL, as in 5, or a new message
//!    under this identifier, which isn't held.
//!
//! With the other order, PUBCOMP before the removal, 6 would lose the new message: its identifier
//! would still be held, and if its content is the same, it would count as the old one.
//!
//! Other faults:
//!
//! - **The connection breaks, and the process lives.** The same holds. What was received is
//!   committed in its order. What is acknowledged for an earlier connection is never sent.
//! - **The broker has lost the session** (session present is 0). All identifiers of the session are
//!   removed in a commit before SUBSCRIBE, so before the new session can bring its first PUBLISH.
//!   If the process is killed before that commit, the next one finds a session without
//!   subscriptions, and identifiers of the session before. They suppress only a message with the
//!   same identifier, topic and payload, which can't come before SUBSCRIBE.
//! - **The broker was killed and rolled back.** If it uses a held identifier for another message,
//!   the fingerprint differs: the message is stored, and a line reports it. If it sends a finished
//!   message again as a new one, the identifier isn't held any more: it is stored twice, and no
//!   client can know.
//! - **MQTT 3.1**, whose CONNACK doesn't say whether the session is present. Nothing is noted, and
//!   nothing held in memory outlives a connection: at least once.
//! - **The disk fails.** Nothing is acknowledged, and the program ends.
//!
//! A message with QoS 1 leaves no trace here. If the connection breaks and the process lives, the
//! client recognizes one that comes again: its PUBACK never left, so it waits in the queue or is
//! committed already, and only its acknowledgement is due. If the process dies, or the PUBACK may
//! have left, the message is stored again.

use std::num::NonZeroU16;
use std::sync::Arc;

use rusqlite::{Connection, params};

/// The table.
pub const SCHEMA: &str = include_str!("held.sql");

/// What makes a file of version 1 one of version 2: a table that was never used.
const UPGRADE: &str = concat!("DROP TABLE IF EXISTS held;", include_str!("held.sql"));

/// Brings the table from an earlier version of a file to the present one.
///
/// # Errors
/// SQLite's.
pub fn upgrade(connection: &Connection, version: i32) -> rusqlite::Result<()> {
    if version < 2 {
        connection.execute_batch(UPGRADE)?;
    }
    Ok(())
}

/// Whose session it is that the broker keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// Its address.
    pub broker: String,
    /// Our client identifier at it.
    pub client_id: String,
}

/// QoS 2 packet identifiers that are held, each with its message's fingerprint.
pub type Held = Vec<(NonZeroU16, u64)>;

/// A change of what a session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This packet identifier stands for the message of this fingerprint.
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
