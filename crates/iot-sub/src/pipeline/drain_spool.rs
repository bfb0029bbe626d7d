//! `--drain-spool`: delivers what another run left in its spool, and ends. For the spool of a
//! member of a group that does not come back.

use std::sync::Arc;

use anyhow::{Result, bail};
use iot_cli::Signals;

use super::destination::{self, Opened};
use super::store_writer::StoreWriter;
use crate::acknowledge::Acknowledger;
use crate::args::Plan;
use crate::counts::Counts;
use crate::output::Messages;
use crate::spool::spool_file::Spool;

/// Delivers the entries of the spool to the store, and reports how many.
///
/// # Errors
/// There is no spool at the path, another process uses it, the store refuses this program, or a
/// signal came before all entries were delivered.
pub(crate) async fn drain_spool(
    plan: Plan,
    counts: &Arc<Counts>,
    signals: &mut Signals,
    messages: &Messages,
) -> Result<()> {
    let spool = plan.store.spool.as_ref();
    let Some(path) = spool.and_then(|spool| spool.path.as_deref()) else {
        bail!("there is no spool to drain");
    };
    let name = path.display();
    // A typing error must not make a new spool, and report that it is empty.
    if !Spool::is_at(path) {
        bail!("there is no spool `{name}`");
    }
    let interrupted = format!("spool `{name}` is not drained: it was interrupted");
    let opened = destination::open(&plan, signals, &counts.gauges, messages).await?;
    let Opened::Open(destination) = opened else {
        bail!(interrupted);
    };
    let acknowledger = Acknowledger::without_broker();
    let Some(mut writer) = StoreWriter::start(destination, acknowledger, counts, messages)? else {
        bail!("there is no store to deliver to");
    };
    // Nothing is received: the thread ends when all is delivered.
    writer.queue.close();
    let mut ended = false;
    tokio::select! {
        result = writer.ended() => {
            result?;
            ended = true;
        }
        () = signals.next() => {}
    }
    if !ended {
        if let Some(spool) = &writer.spool {
            spool.give_up();
        }
        writer.ended().await?;
    }
    let totals = counts.totals();
    messages.report(&totals.line(true, true));
    if totals.spooled > 0 {
        bail!("{interrupted} (messages in it: {})", totals.spooled);
    }
    Ok(())
}
