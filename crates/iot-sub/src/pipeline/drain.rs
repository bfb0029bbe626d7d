//! The end of a run: what was received is stored, for a while.

use std::time::Duration;

use anyhow::{Result, bail};
use iot_cli::Signals;
use tokio::time::Instant;

use crate::counts::Counts;
use crate::output::Messages;
use crate::pipeline::store_writer::StoreWriter;

/// How long what was received may take to be stored after Ctrl-C.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the spool may take to be closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Waits until what was received is stored and acknowledged; gives up after a while or at a signal. `acknowledged` is called
/// once nothing more is to be acknowledged, if something still waits for the store then. May not be dropped at the await.
///
/// # Errors
/// What stores has failed, or messages are not stored.
pub(crate) async fn drain(
    writer: &mut StoreWriter,
    counts: &Counts,
    messages: &Messages,
    signals: &mut Signals,
    mut acknowledged: impl FnMut(),
) -> Result<()> {
    writer.queue.close();
    let totals = counts.totals();
    if totals.in_flight + totals.spooled > 0 {
        messages.say(&format_args!(
            "storing what was received, for {} s at most; {} ends at once",
            STORE_TIMEOUT.as_secs(),
            signals.key()
        ));
    }
    let (mut has_acknowledged, mut gave_up) = (false, false);
    let committed = writer.committed();
    let timeout = tokio::time::sleep(STORE_TIMEOUT);
    tokio::pin!(committed, timeout);
    loop {
        let over = tokio::select! {
            result = writer.ended() => {
                result?;
                break;
            }
            () = &mut committed, if !has_acknowledged => {
                // What is left is between us and the store.
                acknowledged();
                has_acknowledged = true;
                false
            }
            () = &mut timeout => true,
            () = signals.next() => true,
        };
        match &writer.spool {
            _ if !over => {}
            Some(spool) if !gave_up => {
                spool.give_up();
                gave_up = true;
                timeout.as_mut().reset(Instant::now() + CLOSE_TIMEOUT);
            }
            _ => break,
        }
    }
    let totals = counts.totals();
    if let Some(spool) = &writer.spool
        && totals.spooled > 0
    {
        messages.say(&format_args!(
            "{} stay in the spool `{}`, to be delivered by the next run",
            totals.spooled, spool.name
        ));
    }
    if totals.in_flight > 0 {
        match totals.in_flight {
            1 => bail!("1 message that was received is not stored"),
            count => bail!("{count} messages that were received are not stored"),
        }
    }
    Ok(())
}
