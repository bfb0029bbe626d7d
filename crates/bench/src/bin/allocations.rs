//! Counts the allocations that iot-core makes for each message.

use std::alloc::System;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use bench::peer::{Peer, Run};
use bench::{Face, QOS, client};
use iot_core::QoS;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DURATION: Duration = Duration::from_secs(1);

fn main() -> Result<()> {
    println!("{:<40} {:>11} {:>9}", "", "allocations", "bytes");
    println!("{:<40} {:>11} {:>9}", "", "a message", "a message");
    for face in [Face::Callbacks, Face::Connection] {
        for qos in QOS {
            count(&format!("receive, QoS {qos}, {}", face.name()), |peer| {
                receive(peer, face, qos)
            })?;
        }
    }
    for face in [Face::Callbacks, Face::Connection] {
        for qos in QOS {
            count(&format!("publish, QoS {qos}, {}", face.name()), |peer| {
                publish(peer, face, qos)
            })?;
        }
    }
    Ok(())
}

fn count(name: &str, run: impl FnOnce(&Peer) -> Result<Run>) -> Result<()> {
    let peer = Peer::listen()?;
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let run = run(&peer)?;
    let change = region.change();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = |count: usize| count as f64 / run.messages as f64;
    println!(
        "{name:<40} {:>11.3} {:>9.1}",
        each(change.allocations + change.reallocations),
        each(change.bytes_allocated)
    );
    Ok(())
}

fn receive(peer: &Peer, face: Face, qos: QoS) -> Result<Run> {
    let port = peer.port()?;
    thread::scope(|scope| {
        let client = scope.spawn(move || client::receive(face, port));
        let mut guest = peer.accept()?;
        guest.accept_subscription()?;
        let run = guest.send(qos, DURATION);
        drop(guest);
        client.join().expect("the client doesn't panic")?;
        run
    })
}

fn publish(peer: &Peer, face: Face, qos: QoS) -> Result<Run> {
    let port = peer.port()?;
    thread::scope(|scope| {
        let client = scope.spawn(move || client::publish(face, port, qos));
        let mut guest = peer.accept()?;
        let run = guest.take(qos, DURATION, || ());
        drop(guest);
        client.join().expect("the client doesn't panic")?;
        run
    })
}
