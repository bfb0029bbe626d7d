//! Readings as CSV, as fast as the browser reads them.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use bytes::Bytes;
use futures_util::stream;
use iot_store::read::{ReadError, Reader, RowQuestion, SeriesFilter};
use iot_store::{CSV_HEADER, TimeText, push_csv_row};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::parameters::Parameters;
use crate::queries::{Kind, Queries};

/// Bytes that are sent at once, and how many of these wait.
const CHUNK_BYTES: usize = 32 << 10;
const WAITING_CHUNKS: usize = 4;

type Chunk = Result<Bytes, ReadError>;

/// Returns a response that goes on until all is sent. One that ends early is broken off, so that no
/// browser takes it for the whole.
pub(super) fn respond(queries: &Arc<Queries>, parameters: Parameters) -> Response<Body> {
    let (sender, receiver) = channel(WAITING_CHUNKS);
    let queries = Arc::clone(queries);
    tokio::spawn(async move {
        let rows = sender.clone();
        let write = move |reader: &mut dyn Reader| write(reader, &parameters, &rows);
        if let Err(error) = queries.ask(Kind::Export, write).await {
            let _ = sender.send(Err(error)).await;
        }
    });
    let chunks = stream::unfold(receiver, async |mut receiver: Receiver<Chunk>| {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    });
    Response::builder()
        .header(CONTENT_TYPE, "text/csv; charset=utf-8")
        .header(CONTENT_DISPOSITION, "attachment; filename=\"readings.csv\"")
        .header(CACHE_CONTROL, "no-store")
        .body(Body::from_stream(chunks))
        .unwrap_or_default()
}

fn write(
    reader: &mut dyn Reader,
    parameters: &Parameters,
    sender: &Sender<Chunk>,
) -> Result<(), ReadError> {
    let mut text = CSV_HEADER.as_bytes().to_vec();
    let mut time = TimeText::default();
    for key in &parameters.series {
        let question = RowQuestion::new(SeriesFilter::of(key), parameters.range());
        reader.rows(&question, &mut |row| {
            push_csv_row(&row, &mut time, &mut text);
            if text.len() < CHUNK_BYTES {
                return ControlFlow::Continue(());
            }
            // Waits for the browser. One that has gone away ends the answer.
            match sender.blocking_send(Ok(std::mem::take(&mut text).into())) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
    }
    let _ = sender.blocking_send(Ok(text.into()));
    Ok(())
}
