//! The end of a run: stores what was received, with a timeout.

use std::time::Duration;

use anyhow::{Result, bail};
use iot_cli::Signals;
use tokio::time::Instant;

use crate::counts::Counts;
use crate::output::Messages;
use crate::pipeline::store_writer::StoreWriter;

/// Timeout for storing what was received, after Ctrl-C.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for closing the spool.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Waits until what was received is stored and acknowledged; gives up after a timeout or at a
/// signal. If entries still wait for the store when everything is acknowledged, `acknowledged` is
/// called. Must not be dropped at the await.
///
/// # Errors
/// The thread that stores has failed, or messages are not stored.
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
        messages.report(&format_args!(
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
                // From here on, the broker is not needed any more.
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
        messages.report(&format_args!(
            "messages in the spool `{}`: {} (the next run delivers them)",
            spool.name, totals.spooled
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
