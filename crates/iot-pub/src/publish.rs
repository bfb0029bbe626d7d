//! Sends the messages; done when the broker has acknowledged the last one.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use iot_core::cli::{Notices, Printer, Signals};
use iot_core::{Connection, Error, Event, Handle, Message, QoS};

use crate::args::Plan;
use crate::schedule::Schedule;

/// How long acknowledgements are waited for after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the broker may take to close the connection.
const GOODBYE: Duration = Duration::from_secs(3);

/// Publishes as planned.
pub(crate) async fn run(plan: Plan) -> Result<()> {
    let mut signals = Signals::listen()?;
    let connection = Connection::new(plan.config.clone())?;
    let printer = Printer::new(std::io::stdout())?;
    let mut publisher = Publisher {
        handle: connection.handle(),
        connection,
        notices: Notices::new(plan.config.address()),
        printer,
        schedule: None,
        held: None,
        ticks: 0,
        dropped: 0,
        failed: 0,
        plan,
    };
    let sent = publisher.send(&mut signals).await;
    publisher.end(sent).await
}

struct Publisher {
    plan: Plan,
    connection: Connection,
    handle: Handle,
    notices: Notices,
    printer: Printer,
    /// Starts with the first connection.
    schedule: Option<Schedule>,
    /// A payload that found no room; the schedule waits for it.
    held: Option<Bytes>,
    /// Messages that were due so far.
    ticks: u64,
    /// QoS 0 messages that were due while the broker was away.
    dropped: u64,
    /// Messages that the broker rejected.
    failed: u64,
}

impl Publisher {
    /// Sends until all is sent and acknowledged, or a signal asks for the end.
    async fn send(&mut self, signals: &mut Signals) -> Result<()> {
        while !self.is_done() {
            let due = match &self.schedule {
                Some(schedule) if self.has_more() && self.held.is_none() => Some(schedule.due()),
                _ => None,
            };
            let tick = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.connection.next() => match event {
                    Some(event) => self.handle_event(&event)?,
                    None => bail!("the connection has ended"),
                },
                () = tick => self.tick()?,
                () = signals.next() => return self.acknowledged(signals).await,
            }
        }
        Ok(())
    }

    fn has_more(&self) -> bool {
        self.plan.count.is_none_or(|count| self.ticks < count)
    }

    fn is_done(&self) -> bool {
        !self.has_more() && self.held.is_none() && self.handle.unacknowledged() == 0
    }

    /// After a signal: nothing new is sent, and what was sent gets its time.
    async fn acknowledged(&mut self, signals: &mut Signals) -> Result<()> {
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        self.held = None;
        while self.handle.unacknowledged() > 0 {
            tokio::select! {
                event = self.connection.next() => match event {
                    Some(event) => self.handle_event(&event)?,
                    None => break,
                },
                () = &mut patience => break,
                () = signals.next() => break,
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        let payload = self.plan.source.next(&mut rand::rng());
        self.ticks += 1;
        self.publish(payload)?;
        if let Some(schedule) = &mut self.schedule {
            schedule.advance(Instant::now());
        }
        Ok(())
    }

    fn publish(&mut self, payload: Bytes) -> Result<()> {
        let message = Message::new(self.plan.topic.clone(), payload.clone())
            .with_qos(self.plan.qos)
            .with_retain(self.plan.retain);
        match self.handle.publish(message) {
            Ok(_) => {
                let topic = &self.plan.topic;
                self.printer.print(|out| {
                    out.extend_from_slice(topic.as_str().as_bytes());
                    out.push(b' ');
                    out.extend_from_slice(&payload);
                    out.push(b'\n');
                });
                Ok(())
            }
            Err(Error::NotConnected) => {
                self.dropped += 1;
                Ok(())
            }
            Err(Error::QueueFull { .. }) => {
                self.held = Some(payload);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn handle_event(&mut self, event: &Event) -> Result<()> {
        let notice = self.notices.line(event);
        match event {
            Event::Connected(_) => {
                let interval = self.plan.interval;
                self.schedule
                    .get_or_insert_with(|| Schedule::new(Instant::now(), interval));
                self.send_held()?;
            }
            Event::Writable => self.send_held()?,
            Event::Published {
                result: Err(error), ..
            } => {
                self.failed += 1;
                eprintln!("iot-pub: a message was not accepted: {error}");
            }
            Event::ConnectFailed(error) | Event::Disconnected(Err(error))
                if self.plan.fail_fast || error.is_permanent() =>
            {
                return Err(error.clone().into());
            }
            _ => {}
        }
        if let Some(notice) = notice {
            eprintln!("iot-pub: {notice}");
        }
        Ok(())
    }

    /// The message that found no room, and then the schedule from now on.
    fn send_held(&mut self) -> Result<()> {
        if let Some(payload) = self.held.take() {
            self.publish(payload)?;
            if let (None, Some(schedule)) = (&self.held, &mut self.schedule) {
                schedule.advance(Instant::now());
            }
        }
        Ok(())
    }

    /// Says goodbye to the broker, and what is missing.
    async fn end(mut self, sent: Result<()>) -> Result<()> {
        let missing = u64::try_from(self.handle.unacknowledged())?;
        self.handle.disconnect();
        // A broker that doesn't answer the goodbye changes nothing.
        let _ = tokio::time::timeout(GOODBYE, async {
            while self.connection.next().await.is_some() {}
        })
        .await;
        self.printer.finish(GOODBYE);
        sent?;
        let mut problems = Vec::new();
        if missing > 0 {
            problems.push(format!("{missing} not acknowledged by the broker"));
        }
        if self.failed > 0 {
            problems.push(format!("{} rejected by the broker", self.failed));
        }
        if self.dropped > 0 {
            let dropped = format!("{} dropped while the broker was away", self.dropped);
            if problems.is_empty() && self.plan.count.is_none() && self.plan.qos == QoS::AtMostOnce
            {
                eprintln!("iot-pub: of {} messages {dropped}", self.ticks);
            } else {
                problems.push(dropped);
            }
        }
        if !problems.is_empty() {
            bail!("of {} messages {}", self.ticks, problems.join(", "));
        }
        Ok(())
    }
}
