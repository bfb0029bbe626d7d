//! The metrics in Prometheus' text format, or as `OpenMetrics`. No label of the program's own
//! metrics holds a topic, because the number of topics has no limit; exported readings have one.

use std::fmt::Write;

use chrono::Utc;

use super::alert_numbers::AlertNumbers;
use super::exported::{Exported, label};
use super::gauges::{Gauges, StoreMode};
use super::histogram::Histogram;
use crate::counts::{Counts, Totals};

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.0: a counter's family has no `_total`, and the page has an end.
    OpenMetrics,
}

impl Format {
    /// Returns the format that a request's `Accept` header asks for.
    pub(super) fn accepted(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            _ => Self::Text,
        }
    }

    /// Returns its media type.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Returns all current metrics. The counts among them are consistent with each other.
pub(super) fn render(counts: &Counts, format: Format) -> String {
    let mut page = Page {
        text: String::with_capacity(8 << 10),
        format,
        instance: counts.instance.as_deref().map(|name| {
            let mut instance = String::new();
            label(&mut instance, "instance", name);
            instance
        }),
    };
    messages(&mut page, counts.totals());
    let gauges = &counts.gauges;
    formats(&mut page, gauges);
    broker(&mut page, gauges);
    if gauges.store_mode() != StoreMode::Nowhere {
        store(&mut page, gauges);
    }
    let version = env!("CARGO_PKG_VERSION");
    page.head("iot_sub_build_info", "gauge", "The program's version.");
    page.line(&format!("iot_sub_build_info{{version=\"{version}\"}}"), 1);
    if let Some(numbers) = gauges.alerts() {
        alerts(&mut page, numbers);
    }
    if let Some(exported) = &counts.exported {
        readings(&mut page, exported);
    }
    if format == Format::OpenMetrics {
        page.text.push_str("# EOF\n");
    }
    page.text
}

/// Alerts, and their reports by destination: the number of destinations is limited.
fn alerts(page: &mut Page, numbers: &AlertNumbers) {
    page.gauge(
        "iot_sub_alerts_firing",
        "Alerts of series that are firing.",
        numbers.firing(),
    );
    page.gauge(
        "iot_sub_alerts_pending",
        "Alerts of series whose condition does not hold for long enough yet.",
        numbers.pending(),
    );
    let families = [
        (
            "iot_sub_alert_reports_waiting",
            "gauge",
            "Reports that a destination does not have yet.",
        ),
        (
            "iot_sub_alert_reports_delivered_total",
            "counter",
            "Reports that a destination got since the start.",
        ),
        (
            "iot_sub_alert_reports_dropped_total",
            "counter",
            "Reports that a destination never got, earlier runs included.",
        ),
    ];
    for (at, (name, kind, help)) in families.into_iter().enumerate() {
        page.head(name, kind, help);
        for destination in numbers.destinations() {
            let labels = format!("{name}{{destination=\"{}\"}}", destination.name);
            page.line(&labels, destination.numbers()[at]);
        }
    }
}

/// The latest value of each series that is exported.
fn readings(page: &mut Page, exported: &Exported) {
    let rows = exported.rows(Utc::now());
    let labels: usize = rows.iter().map(|row| row.labels.len()).sum();
    page.text.reserve(3 * (labels + rows.len() * SAMPLE_BYTES));
    let name = "iot_reading";
    page.head(name, "gauge", "The latest value of a series.");
    for row in &rows {
        if let Some(value) = row.value {
            page.sample(name, &row.labels, value);
        }
    }
    let name = "iot_reading_timestamp_seconds";
    page.head(name, "gauge", "Time of the latest reading of a series.");
    for row in &rows {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds fit")]
        let seconds = row.time.timestamp_millis() as f64 / 1000.0;
        page.sample(name, &row.labels, seconds);
    }
    let name = "iot_readings_total";
    page.head(name, "counter", "Readings of a series since the start.");
    for row in &rows {
        page.sample(name, &row.labels, row.count);
    }
    page.counter(
        "iot_sub_unexported_readings_total",
        "Readings of series beyond --export-limit.",
        exported.left_out(),
    );
}

/// `received + found = stored + duplicates + rejected + skipped + spooled + in flight`.
fn messages(page: &mut Page, totals: Totals) {
    page.counter(
        "iot_sub_received_total",
        "Messages from the broker, redeliveries included.",
        totals.received,
    );
    page.counter(
        "iot_sub_found_total",
        "Messages that an earlier run left in the spool.",
        totals.found,
    );
    page.counter(
        "iot_sub_stored_total",
        "Messages whose readings the store has.",
        totals.stored,
    );
    page.counter(
        "iot_sub_readings_total",
        "Readings that the store has; a message has any number of them.",
        totals.readings,
    );
    page.counter(
        "iot_sub_duplicates_total",
        "Redeliveries of messages that were received before.",
        totals.duplicates,
    );
    page.counter(
        "iot_sub_rejected_total",
        "Messages that are not a reading, or that the store cannot hold.",
        totals.rejected,
    );
    page.counter(
        "iot_sub_skipped_total",
        "Messages that were skipped by options, and messages without a reading.",
        totals.skipped,
    );
    page.gauge(
        "iot_sub_spooled",
        "Messages in the spool that are not in the store yet.",
        totals.spooled,
    );
    page.gauge(
        "iot_sub_in_flight",
        "Messages that are neither stored nor spooled yet.",
        totals.in_flight,
    );
}

/// The number of formats is limited, so they can be a label.
fn formats(page: &mut Page, gauges: &Gauges) {
    let name = "iot_sub_decoded_total";
    page.head(
        name,
        "counter",
        "Messages by the format that was recognised.",
    );
    for (format, count) in gauges.formats() {
        page.line(&format!("{name}{{format=\"{format}\"}}"), count);
    }
}

fn broker(page: &mut Page, gauges: &Gauges) {
    page.gauge(
        "iot_sub_broker_connected",
        "Whether there is a connection to the broker.",
        gauges.is_connected().into(),
    );
    page.counter(
        "iot_sub_broker_reconnects_total",
        "Connections to the broker after the first.",
        gauges.connections().saturating_sub(1),
    );
    page.gauge(
        "iot_sub_refused_filters",
        "Topic filters to which the broker refuses the subscription.",
        gauges.refused_filters(),
    );
    page.counter(
        "iot_sub_forgotten_topics_total",
        "Series that --on-change and --min-interval have forgotten because there are too many.",
        gauges.forgotten_topics(),
    );
    page.gauge(
        "iot_sub_ready",
        "Whether readings can be received and kept, as in /readyz.",
        gauges.unready().is_none().into(),
    );
}

fn store(page: &mut Page, gauges: &Gauges) {
    page.gauge(
        "iot_sub_store_up",
        "Whether the store accepts readings.",
        gauges.is_store_up().into(),
    );
    page.histogram(
        "iot_sub_commit_duration_seconds",
        "Time of a commit, after which messages are acknowledged.",
        &gauges.commit_time,
        MICROSECONDS,
    );
    page.histogram(
        "iot_sub_commit_batch_size",
        "Messages in a commit.",
        &gauges.commit_size,
        ONE,
    );
    if gauges.store_mode() != StoreMode::Spooled {
        return;
    }
    page.histogram(
        "iot_sub_delivery_duration_seconds",
        "Time of a successful attempt to deliver a batch from the spool to the store.",
        &gauges.delivery_time,
        MICROSECONDS,
    );
    page.histogram(
        "iot_sub_delivery_batch_size",
        "Messages in a delivered batch.",
        &gauges.delivery_size,
        ONE,
    );
    page.counter(
        "iot_sub_delivery_failures_total",
        "Failed attempts to deliver, which are repeated.",
        gauges.failed_deliveries(),
    );
    let (used, limit) = gauges.spool_bytes();
    page.gauge("iot_sub_spool_bytes", "Size of the spool on disk.", used);
    page.gauge(
        "iot_sub_spool_limit_bytes",
        "Size of the spool at which reading from the broker stops.",
        limit,
    );
    page.gauge(
        "iot_sub_spool_full",
        "Whether reading from the broker has stopped because the spool is full or cannot be written.",
        gauges.is_spool_full().into(),
    );
    let age = gauges.age_of_oldest().unwrap_or_default();
    page.head(
        "iot_sub_spool_oldest_age_seconds",
        "gauge",
        "Time since the oldest message in the spool was received; 0 if the spool is empty.",
    );
    page.line("iot_sub_spool_oldest_age_seconds", age.as_secs_f64());
}

/// Usual length of a sample without its labels.
const SAMPLE_BYTES: usize = 48;

/// Divisors of a histogram's values.
const ONE: u32 = 1;
const MICROSECONDS: u32 = 1_000_000;

struct Page {
    text: String,
    format: Format,
    /// The label of each line, if the program has a name.
    instance: Option<String>,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let name = match (self.format, kind) {
            (Format::OpenMetrics, "counter") => name.trim_end_matches("_total"),
            _ => name,
        };
        // Writing to memory does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a sample; its name may have labels.
    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        let _ = match (&self.instance, name.strip_suffix('}')) {
            (None, _) => writeln!(self.text, "{name} {value}"),
            (Some(instance), None) => writeln!(self.text, "{name}{{{instance}}} {value}"),
            (Some(instance), Some(labels)) => writeln!(self.text, "{labels},{instance}}} {value}"),
        };
    }

    /// Adds a sample with labels.
    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        for part in [name, "{", labels] {
            self.text.push_str(part);
        }
        if let Some(instance) = &self.instance {
            self.text.push(',');
            self.text.push_str(instance);
        }
        let _ = writeln!(self.text, "}} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.line(name, value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        self.line(name, value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram, divisor: u32) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "what is lost is below what is shown"
        )]
        let scale = |value: u64| value as f64 / f64::from(divisor);
        let (buckets, count, sum) = histogram.snapshot();
        self.head(name, "histogram", help);
        for (bound, count) in buckets {
            let bound = scale(bound);
            self.line(&format!("{name}_bucket{{le=\"{bound}\"}}"), count);
        }
        self.line(&format!("{name}_bucket{{le=\"+Inf\"}}"), count);
        self.line(&format!("{name}_sum"), scale(sum));
        self.line(&format!("{name}_count"), count);
    }
}
