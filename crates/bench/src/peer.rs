//! The other end of a measured connection: as much of a broker as the client needs. It sends
//! messages that were encoded before, and only counts those that it receives.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use iot_core::QoS;

use crate::{TOPICS, WINDOW};

/// Messages with QoS 1 that are encoded before, with packet identifiers from 1 on.
const ROUND: usize = 60_000;
/// Bytes that are written or read at once.
const CHUNK: usize = 256 * 1024;
/// How long a client may be silent: `mosquitto_sub` under strace needs half a minute for what a
/// socket holds.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// The end of a run of QoS 0: a message with QoS 1, whose PUBACK confirms that everything was
/// received.
const LAST: &[u8] = b"\x32\x15\x00\x0fiot/home00/temp\xff\xff25";

/// A listener on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Peer(TcpListener);

/// A client that has connected.
#[derive(Debug)]
pub struct Guest(TcpStream);

/// How many messages were transferred, and how long that took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Messages.
    pub messages: u64,
    /// From the first to the last.
    pub time: Duration,
}

impl Peer {
    /// Listens.
    pub fn listen() -> Result<Self> {
        Ok(Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?))
    }

    /// Returns the port.
    pub fn port(&self) -> Result<u16> {
        Ok(self.0.local_addr()?.port())
    }

    /// Accepts a client and its CONNECT.
    pub fn accept(&self) -> Result<Guest> {
        // A client that could not start never comes.
        self.0.set_nonblocking(true)?;
        let end = Instant::now() + IDLE_TIMEOUT;
        let stream = loop {
            match self.0.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ensure!(Instant::now() < end, "no client comes");
                    sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error.into()),
            }
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
        stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
        let mut guest = Guest(stream);
        let connect = guest.read_packet()?;
        ensure!(connect[0] == 0x10, "no CONNECT but {connect:02x?}");
        guest.0.write_all(b"\x20\x02\x00\x00")?;
        Ok(guest)
    }

    /// Accepts a bare connection.
    pub fn accept_bare(&self) -> Result<TcpStream> {
        let (stream, _) = self.0.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Guest {
    fn read_packet(&mut self) -> Result<Vec<u8>> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        ensure!(head[1] < 0x80, "a longer packet than was expected");
        let mut packet = vec![0; 2 + usize::from(head[1])];
        packet[..2].copy_from_slice(&head);
        self.0.read_exact(&mut packet[2..])?;
        Ok(packet)
    }

    /// Answers the SUBSCRIBE to one filter.
    pub fn accept_subscription(&mut self) -> Result<()> {
        let subscribe = self.read_packet()?;
        ensure!(subscribe[0] == 0x82, "no SUBSCRIBE but {subscribe:02x?}");
        self.0
            .write_all(&[0x90, 3, subscribe[2], subscribe[3], 1])?;
        Ok(())
    }

    /// Sends messages as fast as the client takes them, for a while, and waits until it has taken
    /// the last one.
    pub fn send(&mut self, qos: QoS, duration: Duration) -> Result<Run> {
        match qos {
            QoS::AtMostOnce => self.send_qos0(duration),
            _ => self.send_qos1(duration),
        }
    }

    fn send_qos0(&mut self, duration: Duration) -> Result<Run> {
        let size = publish(QoS::AtMostOnce, 0).len();
        let count = CHUNK / size / TOPICS * TOPICS;
        let chunk: Vec<u8> = (0..count)
            .flat_map(|n| publish(QoS::AtMostOnce, n))
            .collect();
        let start = Instant::now();
        let mut messages = 1;
        while start.elapsed() < duration {
            self.0.write_all(&chunk)?;
            messages += count as u64;
        }
        self.0.write_all(LAST)?;
        // A ping that arrives meanwhile needs no reply.
        while self.read_packet()?[0] != 0x40 {}
        Ok(Run {
            messages,
            time: start.elapsed(),
        })
    }

    fn send_qos1(&mut self, duration: Duration) -> Result<Run> {
        self.send_while(usize::from(WINDOW), number, |_, time| time < duration)
    }

    /// Sends so many messages with QoS 1, and waits until all are acknowledged; no more than
    /// `window` are ever not.
    pub fn send_count(&mut self, count: usize, window: usize) -> Result<Run> {
        self.send_while(window, number, |sent, _| sent < count)
    }

    /// Does the same with other payloads, all as long, of at most 100 bytes.
    pub fn send_payloads(
        &mut self,
        count: usize,
        window: usize,
        payload: impl Fn(usize) -> String,
    ) -> Result<Run> {
        self.send_while(window, payload, |sent, _| sent < count)
    }

    /// Sends as long as `goes_on` says, of what was sent and how long that took; then waits for the
    /// rest of the answers.
    fn send_while(
        &mut self,
        window: usize,
        payload: impl Fn(usize) -> String,
        goes_on: impl Fn(usize, Duration) -> bool,
    ) -> Result<Run> {
        let message = |n| publish_payload(QoS::AtLeastOnce, n, &payload(n));
        let size = message(0).len();
        let round: Vec<u8> = (0..ROUND).flat_map(message).collect();
        let mut acks = vec![0; CHUNK];
        let (mut sent, mut acknowledged) = (0, 0);
        let start = Instant::now();
        loop {
            while goes_on(sent, start.elapsed()) && sent < acknowledged / 4 + window {
                let from = sent % ROUND;
                let until = (from + acknowledged / 4 + window - sent).min(ROUND);
                self.0.write_all(&round[from * size..until * size])?;
                sent += until - from;
            }
            if acknowledged == 4 * sent {
                break;
            }
            // Each PUBACK has four bytes.
            let read = self.0.read(&mut acks)?;
            ensure!(read > 0, "the client has closed the connection");
            acknowledged += read;
        }
        Ok(Run {
            messages: sent as u64,
            time: start.elapsed(),
        })
    }

    /// Sends one message with QoS 1; returns how long it took to be acknowledged.
    pub fn send_one(&mut self) -> Result<Duration> {
        let message = publish(QoS::AtLeastOnce, 0);
        let start = Instant::now();
        self.0.write_all(&message)?;
        let answer = self.read_packet()?;
        ensure!(answer[0] == 0x40, "no PUBACK but {answer:02x?}");
        Ok(start.elapsed())
    }

    /// Takes messages, all as long as the first, and acknowledges those with QoS 1. Counts them for
    /// a while, after a shorter while that ends with a call of `begin`: what was queued before
    /// CONNACK is no measure of speed.
    pub fn take(&mut self, qos: QoS, duration: Duration, begin: impl FnOnce()) -> Result<Run> {
        let mut bytes = vec![0; CHUNK];
        let mut acks = Vec::with_capacity(CHUNK);
        let mut filled = self.0.read(&mut bytes)?;
        ensure!(filled > 2, "the client has closed the connection");
        let size = 2 + usize::from(bytes[1]);
        let id_at = 4 + usize::from(bytes[3]);
        let mut start = Instant::now();
        let mut messages = 0;
        let mut begin = Some(begin);
        while begin.is_some() || start.elapsed() < duration {
            if start.elapsed() > duration / 5
                && let Some(begin) = begin.take()
            {
                begin();
                messages = 0;
                start = Instant::now();
            }
            let whole = filled / size;
            if qos == QoS::AtLeastOnce {
                acks.clear();
                for packet in bytes[..filled].chunks_exact(size) {
                    acks.extend([0x40, 2, packet[id_at], packet[id_at + 1]]);
                }
                self.0.write_all(&acks)?;
            }
            messages += whole as u64;
            bytes.copy_within(whole * size..filled, 0);
            filled -= whole * size;
            let read = self.0.read(&mut bytes[filled..])?;
            ensure!(read > 0, "the client has closed the connection");
            filled += read;
        }
        Ok(Run {
            messages,
            time: start.elapsed(),
        })
    }

    /// Acknowledges one message after the other until the client goes. Each comes alone, so that
    /// one read takes it, as on a bare connection.
    pub fn acknowledge(&mut self) -> Result<()> {
        let mut packet = [0; 64];
        while let Ok(1..) = self.0.read(&mut packet) {
            if packet[0] == 0x32 {
                let id_at = 4 + usize::from(packet[3]);
                let ack = [0x40, 2, packet[id_at], packet[id_at + 1]];
                self.0.write_all(&ack)?;
            }
        }
        Ok(())
    }
}

/// The `n`th message: a topic and a reading, always as long.
fn publish(qos: QoS, n: usize) -> Vec<u8> {
    publish_payload(qos, n, &number(n))
}

/// The `n`th reading.
fn number(n: usize) -> String {
    let hundredths = u8::try_from(n % 250).unwrap_or(0);
    format!("{:.2}", 20.0 + f64::from(hundredths) / 100.0)
}

fn publish_payload(qos: QoS, n: usize, payload: &str) -> Vec<u8> {
    let topic = topic(n % TOPICS);
    let mut body = vec![0, u8::try_from(topic.len()).expect("a short topic")];
    body.extend(topic.as_bytes());
    if qos == QoS::AtLeastOnce {
        let id = u16::try_from(n % ROUND + 1).expect("an id");
        body.extend(id.to_be_bytes());
    }
    body.extend(payload.as_bytes());
    let length = u8::try_from(body.len()).expect("a short message");
    let mut packet = vec![0x30 | ((qos as u8) << 1), length];
    packet.extend(body);
    packet
}

/// Returns the name of the `n`th topic.
pub fn topic(n: usize) -> String {
    format!("iot/home{n:02}/temp")
}
