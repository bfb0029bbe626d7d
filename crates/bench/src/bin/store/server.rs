//! MongoDB as the benchmarks use it: the driver alone, and the statistics of a collection.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench::peer::{Run, topic};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, rawdoc};
use mongodb::options::{Acknowledgment, InsertManyOptions, WriteConcern};
use testkit::Mongo;

/// How long anything may take.
pub(crate) const RUN_TIMEOUT: Duration = Duration::from_mins(5);
/// Documents in one insert, and inserts in flight, as in `iot-sub`.
pub(crate) const BATCH: usize = 5_000;
pub(crate) const IN_FLIGHT: usize = 2;

/// A MongoDB server and a runtime for its driver.
pub(crate) struct Server {
    pub(crate) mongo: Mongo,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(crate) fn start(mongo: Mongo) -> Result<Self> {
        let runtime = tokio::runtime::Runtime::new()?;
        Ok(Self { mongo, runtime })
    }

    pub(crate) fn database(&self) -> Result<mongodb::Database> {
        let client = mongodb::Client::with_uri_str(self.mongo.url());
        Ok(self.runtime.block_on(client)?.database("iot_service"))
    }

    /// Returns the collection's own statistics: a count would slow down what is measured. There are
    /// none before it is made.
    pub(crate) fn statistics(
        &self,
        database: &mongodb::Database,
        collection: &str,
    ) -> Result<Document> {
        let command = doc! {"collStats": collection};
        Ok(self
            .runtime
            .block_on(async { database.run_command(command).await })?)
    }

    /// Waits until the collection has so many documents.
    pub(crate) fn wait(&self, collection: &str, count: u64) -> Result<()> {
        let end = Instant::now() + RUN_TIMEOUT;
        let database = self.database()?;
        loop {
            let statistics = self.statistics(&database, collection)?;
            let found = match statistics.get_document("timeseries") {
                Ok(series) => number(series, "numMeasurementsCommitted"),
                Err(_) => number(&statistics, "count"),
            };
            if found >= count {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{found} of {count} are stored");
            sleep(Duration::from_millis(5));
        }
    }

    /// Inserts as the driver does at its best: raw documents, the same batches, as many in flight.
    /// With metrics, each document has the next one of them.
    pub(crate) fn driver_alone(&self, count: usize, metrics: &[&str]) -> Result<Run> {
        let collection = self.database()?.collection::<RawDocumentBuf>("driver");
        let mut concern = WriteConcern::from(Acknowledgment::Majority);
        concern.journal = Some(true);
        let options = InsertManyOptions::builder()
            .ordered(false)
            .write_concern(concern)
            .build();
        let start = Instant::now();
        self.runtime.block_on(async {
            let mut in_flight = tokio::task::JoinSet::new();
            for batch in 0..count / BATCH {
                if in_flight.len() == IN_FLIGHT {
                    in_flight
                        .join_next()
                        .await
                        .context("one is in flight")???;
                }
                let documents: Vec<RawDocumentBuf> =
                    (0..BATCH).map(|n| document(batch + n, metrics)).collect();
                let (collection, options) = (collection.clone(), options.clone());
                in_flight.spawn(async move {
                    let inserted = collection
                        .insert_many(documents)
                        .with_options(options)
                        .await;
                    inserted.map(drop).map_err(anyhow::Error::from)
                });
            }
            while let Some(done) = in_flight.join_next().await {
                done??;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        Ok(Run {
            messages: (count / BATCH * BATCH) as u64,
            time: start.elapsed(),
        })
    }

    pub(crate) fn drop_collection(&self, name: &str) -> Result<()> {
        let collection = self.database()?.collection::<Document>(name);
        self.runtime.block_on(async { collection.drop().await })?;
        Ok(())
    }
}

/// Returns a document of the driver's.
fn document(n: usize, metrics: &[&str]) -> RawDocumentBuf {
    let value = 20.0 + f64::from(u8::try_from(n % 250).unwrap_or(0)) / 100.0;
    let id = ObjectId::new();
    if metrics.is_empty() {
        let topic = topic(n % 100);
        return rawdoc! {"_id": id, "topic": topic, "value": value, "reg_date": DateTime::now()};
    }
    let (topic, metric) = (topic(n / metrics.len() % 100), metrics[n % metrics.len()]);
    rawdoc! {"_id": id, "topic": topic, "metric": metric, "value": value, "reg_date": DateTime::now()}
}

/// Returns a number that the server may give as any kind of one; 0 where there is none.
pub(crate) fn number(document: &Document, name: &str) -> u64 {
    match document.get(name) {
        Some(Bson::Int32(number)) => u64::try_from(*number).unwrap_or(0),
        Some(Bson::Int64(number)) => u64::try_from(*number).unwrap_or(0),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        Some(Bson::Double(number)) => *number as u64,
        _ => 0,
    }
}
