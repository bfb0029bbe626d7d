//! Drives one connection, and hands its events to the shared state.

use std::sync::Arc;
use std::time::Instant;

use iot_cli::{debug, print_packet};
use iot_core::{Connection, Event, Handle};

use super::coalesce::AckCoalescer;
use super::shared::Shared;

/// Drives a connection until it is closed.
pub(super) async fn drive(
    shared: Arc<Shared>,
    link: usize,
    mut connection: Connection,
    mut coalescer: AckCoalescer,
) {
    let handle = connection.handle();
    debug(&handle);
    while let Some(event) = connection.next().await {
        if take_events(&shared, link, (&handle, &mut connection), &event) {
            shared.changed.notify_one();
        }
        coalescer.pause(&mut connection).await;
    }
}

/// Takes an event and all that have come together with it, at one time and under one lock. Returns
/// whether the engine has to look at the state.
fn take_events(
    shared: &Shared,
    link: usize,
    (handle, connection): (&Handle, &mut Connection),
    first: &Event,
) -> bool {
    let now = Instant::now();
    let mut state = shared.lock();
    let mut take = |event: &Event| {
        print_packet(handle, event);
        state.event(link, event, now)
    };
    let mut is_news = take(first);
    while let Some(event) = connection.try_next() {
        is_news |= take(&event);
    }
    is_news
}
