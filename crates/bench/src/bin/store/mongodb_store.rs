//! Storing into MongoDB through the spool, beside the driver alone and the tutorial's way.

use std::time::Instant;

use anyhow::Result;
use bench::peer::Run;
use mongodb::bson::doc;
use testkit::Mongo;

use crate::figures::{aim, rate};
use crate::server::{BATCH, IN_FLIGHT, Server, number};
use crate::subject::{Subject, WINDOW};
use crate::tutorial::tutorial;

/// Readings into MongoDB, by either way.
pub(crate) const MONGODB: usize = 400_000;

/// The result of one run into MongoDB.
pub(crate) struct Stored {
    pub(crate) run: Run,
    /// Processor time in µs for each reading.
    pub(crate) cost: f64,
    /// Bytes on the server's disk, indexes included.
    pub(crate) space: u64,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Each message is a number.
    Numbers,
    /// Each message is JSON with a value for each of [`METRICS`].
    Documents,
}

/// The values in a message.
const METRICS: [&str; 5] = [
    "temperature",
    "humidity",
    "pressure",
    "battery",
    "linkquality",
];

/// The `n`th message with several values.
fn payload(n: usize) -> String {
    let n = n % 250;
    format!(
        r#"{{"temperature":{:.2},"humidity":48,"pressure":1013.2,"battery":97,"linkquality":120}}"#,
        20.0 + f64::from(u8::try_from(n).unwrap_or(0)) / 100.0
    )
}

pub(crate) fn through_the_spool(
    server: &Server,
    collection: &str,
    sent: Sent,
    options: &[&str],
) -> Result<Stored> {
    let folder = tempfile::tempdir()?;
    let url = server.mongo.url();
    let mut subject = Subject::start(folder.path(), &[&["--store", &url], options].concat())?;
    let start = Instant::now();
    let guest = &mut subject.guest;
    let readings = match sent {
        Sent::Numbers => guest.send_count(MONGODB, WINDOW)?.messages,
        Sent::Documents => {
            let messages = guest.send_payloads(MONGODB / METRICS.len(), WINDOW, payload)?;
            messages.messages * METRICS.len() as u64
        }
    };
    server.wait(collection, readings)?;
    let run = Run {
        messages: readings,
        time: start.elapsed(),
    };
    let cost = subject.cost(readings)?;
    subject.terminate()?;
    // Otherwise what is only in its memory and its log would not count.
    let admin = server.database()?.client().database("admin");
    server
        .runtime
        .block_on(async { admin.run_command(doc! {"fsync": 1}).await })?;
    let statistics = server.statistics(&server.database()?, collection)?;
    let space = number(&statistics, "storageSize") + number(&statistics, "totalIndexSize");
    server.drop_collection(collection)?;
    Ok(Stored { run, cost, space })
}

/// Measures in three rounds, in turn, because the machine may be busy with something else at times;
/// prints and returns the readings/s of the middle one.
fn beside_the_driver(
    server: &Server,
    sent: Sent,
    options: &[&str],
    metrics: &[&str],
) -> Result<f64> {
    let (mut ratios, mut shown) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let alone = server.driver_alone(MONGODB, metrics)?;
        server.drop_collection("driver")?;
        let Stored { run, cost, .. } = through_the_spool(server, "sensors", sent, options)?;
        ratios.push(rate(run) / rate(alone));
        shown.push((rate(run), cost, rate(alone)));
    }
    let mut order = [0, 1, 2];
    order.sort_unstable_by(|a, b| ratios[*a].total_cmp(&ratios[*b]));
    let (ours, cost, alone) = shown[order[1]];
    let ratio = ratios[order[1]];
    println!("the driver alone, {IN_FLIGHT} batches of {BATCH} in flight: {alone:.0} documents/s");
    println!(
        "into MongoDB through the spool: {ours:.0} readings/s, {cost:.2} µs of processor time each: {ratio:.2} × the driver \
         alone (aim: 0.6, {}; all three rounds: {ratios:.2?})",
        aim(ratio >= 0.6)
    );
    Ok(ours)
}

/// Measures JSON with five values.
pub(crate) fn measure_documents() -> Result<()> {
    let server = Server::start(Mongo::start())?;
    println!("JSON with five values, --decode leaves:");
    let options = ["--decode", "leaves"];
    beside_the_driver(&server, Sent::Documents, &options, &METRICS)?;
    println!();
    Ok(())
}

pub(crate) fn measure() -> Result<()> {
    let server = Server::start(Mongo::start())?;
    let ours = beside_the_driver(&server, Sent::Numbers, &[], &[])?;
    let (tutorial, tutorial_cost) = tutorial(&server)?;
    println!(
        "the tutorial's way, insert_one for each message: {tutorial:.0} readings/s, {tutorial_cost:.0} µs each; iot-sub is \
         {:.0} × as fast (aim: 50, {})\n",
        ours / tutorial,
        aim(ours / tutorial >= 50.0)
    );
    Ok(())
}
