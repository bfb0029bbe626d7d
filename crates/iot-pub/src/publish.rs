//! Sends the messages; done when the broker has acknowledged the last one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use iot_cli::{Notices, Printer, Signals, debug, tell, tell_debug};
use iot_core::{Connection, Error, Event, Handle, Message, QoS};

use crate::NAME;
use crate::device::Device;
use crate::engine::coalesce::Gatherer;
use crate::engine::counts::{Counts, messages_were};
use crate::engine::timer::Alarm;
use crate::plan::Plan;
use crate::report::progress::{self, Progress};
use crate::schedule::by_device::Fleet;

/// How long acknowledgements are waited for after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(10);
/// After how much of that it is said what is waited for.
const SILENCE: Duration = Duration::from_secs(1);
/// How long the broker may take to close the connection, and the reader of stdout to read the rest.
const GOODBYE: Duration = Duration::from_secs(3);
/// The same after a second Ctrl-C.
const SHORT_GOODBYE: Duration = Duration::from_millis(200);

/// How many messages that are due are handed over before the connection gets its turn.
const TOGETHER: usize = 256;

/// Publishes as planned.
pub(crate) async fn run(mut plan: Plan) -> Result<()> {
    let mut signals = Signals::listen()?;
    let connection = Connection::new(plan.config.clone())?;
    let printer = Printer::new(std::io::stdout())?;
    let mut publisher = Publisher {
        handle: connection.handle(),
        connection,
        gatherer: Gatherer::new(true),
        notices: Notices::new(plan.config.address()),
        printer,
        fleet: Fleet::new(std::mem::take(&mut plan.devices)),
        until: None,
        alarm: Alarm::new(),
        held: None,
        counts: Counts::default(),
        dropped_before: 0,
        told_full: false,
        told_rejection: None,
        progress: Progress::new(),
        start: Instant::now(),
        delivered: None,
        plan,
    };
    debug(&publisher.handle);
    let end = publisher.send(&mut signals).await;
    publisher.end(end, &mut signals).await
}

/// Why nothing more is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All is done, or a signal asked for the end.
    InPeace,
    /// A second signal asks to end now.
    Now,
}

struct Publisher {
    plan: Plan,
    connection: Connection,
    gatherer: Gatherer,
    handle: Handle,
    notices: Notices,
    printer: Printer,
    /// Starts with the first connection.
    fleet: Fleet,
    /// Nothing is due from then on.
    until: Option<Instant>,
    alarm: Alarm,
    /// A message that found no room, and its device; all schedules wait for it.
    held: Option<(usize, Message)>,
    counts: Counts,
    /// How many were dropped when the connection last stood.
    dropped_before: u64,
    /// It was said, since the connection last stood, that the schedule waits.
    told_full: bool,
    /// Why messages are rejected, as it was said last.
    told_rejection: Option<String>,
    /// Of lines, on a terminal.
    progress: Progress,
    start: Instant,
    /// When the last message was delivered.
    delivered: Option<Instant>,
}

impl Publisher {
    /// Sends until all is sent and acknowledged, or a signal asks for the end.
    async fn send(&mut self, signals: &mut Signals) -> Result<End> {
        while !self.is_done() {
            let mut wake = self.next_tick();
            if self.plan.is_lines {
                self.show();
                wake = wake.into_iter().chain(self.progress.next()).min();
            }
            self.alarm.set(wake);
            tokio::select! {
                event = self.connection.next() => {
                    self.event(event)?;
                    while let Some(event) = self.connection.try_next() {
                        self.event(Some(event))?;
                    }
                    self.gatherer.gather(&mut self.connection).await;
                }
                () = self.alarm.ring() => {
                    if let Err(error) = self.ticks() {
                        // What was sent before that gets its time as well.
                        self.finish(signals).await?;
                        return Err(error);
                    }
                }
                () = self.fleet.ready() => {}
                () = signals.next() => return self.finish(signals).await,
            }
        }
        Ok(End::InPeace)
    }

    fn has_more(&self) -> bool {
        let count = self.plan.count;
        !self.fleet.is_over()
            && !self.is_time_over()
            && count.is_none_or(|count| self.counts.messages < count)
    }

    /// Whether no tick is due within the time to publish.
    fn is_time_over(&self) -> bool {
        let due = self.fleet.due();
        self.until.zip(due).is_some_and(|(until, due)| due >= until)
    }

    fn is_done(&self) -> bool {
        !self.has_more() && self.held.is_none() && self.counts.pending == 0
    }

    fn next_tick(&self) -> Option<Instant> {
        let waits = self.held.is_some() || !self.has_more();
        let due = self.fleet.due().filter(|_| !waits)?;
        let Some(delay) = self.plan.repeat_delay else {
            return Some(due);
        };
        if self.counts.pending > 0 {
            return None;
        }
        let next = self.delivered.map(|at| at.checked_add(delay));
        next.map_or(Some(due), |next| next.map(|next| next.max(due)))
    }

    /// Does what is due, but not so much that acknowledgements have to wait.
    fn ticks(&mut self) -> Result<()> {
        let now = Instant::now();
        for _ in 0..TOGETHER {
            if self.next_tick().is_none_or(|due| due > now) {
                break;
            }
            self.tick()?;
        }
        Ok(())
    }

    /// Shows how far the lines are, where somebody watches.
    fn show(&mut self) {
        let elapsed = self.start.elapsed();
        let counts = &self.counts;
        let missing = counts.dropped + counts.rejected;
        let sent = counts.messages.saturating_sub(counts.pending + missing);
        let pending = counts.pending;
        let share = self.fleet.devices().first().and_then(Device::share);
        self.progress.say(Instant::now(), || {
            progress::line(share, elapsed, [sent, pending, missing])
        });
    }

    /// After a signal: nothing new is sent, and what was sent gets its time.
    async fn finish(&mut self, signals: &mut Signals) -> Result<End> {
        if self.held.take().is_some() {
            self.counts.messages -= 1;
        }
        let silence = tokio::time::sleep(SILENCE);
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(silence, patience);
        while self.counts.pending > 0 {
            tokio::select! {
                event = self.connection.next() => self.event(event)?,
                () = &mut silence, if !silence.is_elapsed() => {
                    let waits = messages_were(self.counts.pending);
                    tell(NAME, &format!(
                        "{waits} not acknowledged yet: waiting for the broker, up to {} s; Ctrl-C again ends now",
                        PATIENCE.as_secs()
                    ));
                }
                () = &mut patience => break,
                () = signals.next() => return Ok(End::Now),
            }
        }
        Ok(End::InPeace)
    }

    fn tick(&mut self) -> Result<()> {
        let Some((device, mut message)) = self.fleet.next()? else {
            return Ok(());
        };
        message.properties.clone_from(&self.plan.properties.publish);
        self.counts.messages += 1;
        self.publish(device, message)
    }

    /// Publishes the message of the tick that is due, or holds it where there is no room.
    fn publish(&mut self, device: usize, message: Message) -> Result<()> {
        match self.handle.publish_tracked(message.clone()) {
            Ok(_) => {
                self.counts.pending += 1;
                self.print(&message);
            }
            Err(Error::NotConnected) if self.plan.waits() => {
                self.held = Some((device, message));
                return Ok(());
            }
            Err(Error::NotConnected) => self.counts.dropped += 1,
            Err(Error::QueueFull { .. }) => {
                self.held = Some((device, message));
                self.tell_full();
                return Ok(());
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot publish to topic `{}`", message.topic));
            }
        }
        self.fleet.advance(device, Instant::now());
        Ok(())
    }

    /// Tells that the schedule waits. With a connection that is no news: there is room again soon.
    fn tell_full(&mut self) {
        if self.held.is_some()
            && self.counts.pending > 0
            && !self.handle.is_connected()
            && !self.told_full
        {
            self.told_full = true;
            let wait = match self.counts.pending {
                1 => "1 message waits".to_owned(),
                count => format!("{count} messages wait"),
            };
            tell(
                NAME,
                &format!("{wait} for the broker; the next one waits until there is room"),
            );
        }
    }

    fn print(&self, message: &Message) {
        if !self.plan.is_shown {
            return;
        }
        self.printer.print(|out| {
            out.extend_from_slice(message.topic.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(&message.payload);
            out.push(b'\n');
        });
    }

    fn cannot_publish(&self) -> String {
        let topic = match self.fleet.devices() {
            [device] => device.only_topic(),
            _ => None,
        };
        match topic {
            Some(topic) => format!("cannot publish to topic `{topic}`"),
            None => "cannot publish".into(),
        }
    }

    /// The highest QoS of all devices.
    fn qos(&self) -> QoS {
        let devices = self.fleet.devices().iter();
        devices.map(|device| device.qos).max().unwrap_or_default()
    }

    fn event(&mut self, event: Option<Event>) -> Result<()> {
        let Some(event) = event else {
            bail!("the connection has ended");
        };
        tell_debug(&self.handle, &event);
        let was_lost = self.notices.is_lost();
        let notice = self.notices.line(&event);
        match event {
            Event::Connected(_) => self.connected(was_lost)?,
            Event::Writable => self.send_held()?,
            Event::Published { result, .. } => self.published(result),
            Event::ConnectFailed(error) | Event::Disconnected(Err(error))
                if self.plan.fail_fast || error.is_permanent() =>
            {
                return Err(self.notices.failure(error));
            }
            _ => {}
        }
        if let Some(notice) = notice {
            tell(NAME, &notice);
        }
        self.tell_full();
        Ok(())
    }

    fn connected(&mut self, again: bool) -> Result<()> {
        if again {
            let address = self.plan.config.address();
            let meanwhile = match self.counts.dropped - self.dropped_before {
                0 => String::new(),
                dropped => format!("; {} dropped meanwhile", messages_were(dropped)),
            };
            tell(
                NAME,
                &format!("connected to broker `{address}` again{meanwhile}"),
            );
        }
        self.dropped_before = self.counts.dropped;
        self.told_full = false;
        let now = Instant::now();
        self.fleet.start(now);
        if let (None, Some(length)) = (self.until, self.plan.load.duration) {
            self.until = now.checked_add(length);
        }
        self.send_held()
    }

    /// The message that found no room, and then the schedule from now on.
    fn send_held(&mut self) -> Result<()> {
        match self.held.take() {
            Some((device, message)) => self.publish(device, message),
            None => Ok(()),
        }
    }

    fn published<T>(&mut self, result: Result<T, Error>) {
        self.counts.pending -= 1;
        self.delivered = self.plan.repeat_delay.map(|_| Instant::now());
        let Err(error) = result else { return };
        match error {
            Error::Rejected(_)
            | Error::PacketTooLarge { .. }
            | Error::QosNotSupported { .. }
            | Error::RetainNotSupported => {
                self.counts.rejected += 1;
                // One line for all that are rejected for the same reason.
                let reason = error.to_string();
                if self.told_rejection.as_ref() != Some(&reason) {
                    tell(NAME, &format!("{}: {reason}", self.cannot_publish()));
                    self.told_rejection = Some(reason);
                }
            }
            // QoS 0: the connection was lost before the message was written.
            _ => self.counts.dropped += 1,
        }
    }

    /// Says goodbye to the broker, and what is missing.
    async fn end(mut self, end: Result<End>, signals: &mut Signals) -> Result<()> {
        let patience = match end {
            Ok(End::Now) => SHORT_GOODBYE,
            _ => GOODBYE,
        };
        self.progress.clear();
        self.plan.properties.disconnect(&self.handle);
        // A broker that doesn't answer the goodbye changes nothing.
        let goodbye = async {
            while let Some(event) = self.connection.next().await {
                tell_debug(&self.handle, &event);
            }
        };
        tokio::select! {
            () = goodbye => {}
            () = tokio::time::sleep(patience) => {}
            () = signals.next() => {}
        }
        let reader_has_gone = self.printer.is_closed();
        let left_out = self.printer.finish(patience);
        if left_out > 0 && !reader_has_gone {
            let lines = messages_were(left_out);
            tell(
                NAME,
                &format!("{lines} not printed: the reader of stdout is too slow"),
            );
        }
        for words in self.fleet.devices().iter().filter_map(Device::last_words) {
            tell(NAME, &words);
        }
        let missing = self.counts.missing(self.qos());
        match (end, missing) {
            (Err(error), None) => Err(error),
            (Err(error), Some(missing)) => Err(error.context(missing)),
            (Ok(_), None) => Ok(()),
            (Ok(_), Some(missing)) => {
                // QoS 0 promises nothing to a publisher that just goes on.
                let is_allowed = self.qos() == QoS::AtMostOnce
                    && self.plan.count.is_none()
                    && !self.fleet.is_over()
                    && self.counts.rejected == 0;
                if !is_allowed {
                    bail!(missing);
                }
                tell(NAME, &missing);
                Ok(())
            }
        }
    }
}
