//! The measured clients of iot-core. Each runs in a process of its own until it is ended.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use iot_core::{
    Client, ClientConfig, Connection, Error, Event, Message, MessageInfo, QoS, TopicFilter,
    TopicName,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{Face, WINDOW, measure, peer};

const HOST: &str = "127.0.0.1";
const FILTER: &str = "iot/#";
const PAYLOAD: &str = "25.37";
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// A message that takes longer is lost with the connection.
const PUBLISH_TIMEOUT: Option<Duration> = Some(Duration::from_secs(1));
/// Messages in flight before a publisher with callbacks waits for the oldest.
const AHEAD: usize = 10_000;

fn config(port: u16) -> ClientConfig {
    ClientConfig {
        host: HOST.into(),
        port,
        keep_alive: KEEP_ALIVE,
        max_inflight: WINDOW,
        ..ClientConfig::default()
    }
}

/// Receives until the connection ends; returns how many messages came.
pub fn receive(face: Face, port: u16) -> Result<u64> {
    match face {
        Face::Callbacks => receive_callbacks(port),
        Face::Connection => block_on(receive_connection(port)),
    }
}

/// Publishes to one topic until the connection ends.
pub fn publish(face: Face, port: u16, qos: QoS) -> Result<()> {
    match face {
        Face::Callbacks => publish_callbacks(port, qos),
        Face::Connection => block_on(publish_connection(port, qos)),
    }
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

fn receive_callbacks(port: u16) -> Result<u64> {
    let client = Client::new(config(port), 0)?;
    client.on_connect(|client, _, _, _| {
        client.subscribe(FILTER, 1).expect("the filter is right");
    });
    client.on_message(|_, count, message| {
        black_box(message.payload.len());
        *count += 1;
    });
    let (tell, count) = mpsc::channel();
    client.on_disconnect(move |client, count, _| {
        let _ = tell.send(*count);
        // It has ended already.
        let _ = client.disconnect();
    });
    client.connect(HOST, port, KEEP_ALIVE, None)?;
    client.loop_forever()?;
    count.recv().context("the loop has ended first")
}

async fn receive_connection(port: u16) -> Result<u64> {
    let mut connection = Connection::new(config(port))?;
    connection.set_reconnects(false);
    connection.connect().await?;
    let handle = connection.handle();
    let mut count = 0;
    while let Some(event) = connection.next().await {
        match event {
            Event::Connected(_) => {
                handle.subscribe([(TopicFilter::new(FILTER)?, QoS::AtLeastOnce)])?;
            }
            Event::Received { message, .. } => {
                black_box(message.payload.len());
                count += 1;
            }
            _ => {}
        }
    }
    Ok(count)
}

fn publish_callbacks(port: u16, qos: QoS) -> Result<()> {
    let client = connected(port)?;
    let topic = peer::topic(0);
    let mut under_way: VecDeque<MessageInfo> = VecDeque::with_capacity(AHEAD + 1);
    loop {
        match client.publish(topic.as_str(), PAYLOAD, qos, false) {
            Ok(info) => under_way.push_back(info),
            Err(Error::QueueFull { .. }) => {}
            Err(_) => break,
        }
        if under_way.len() > AHEAD
            && let Some(oldest) = under_way.pop_front()
            && oldest.wait_for_publish(PUBLISH_TIMEOUT).is_err()
        {
            break;
        }
    }
    // It has ended already.
    let _ = client.disconnect();
    Ok(())
}

/// A client whose loop runs, and that the peer has accepted.
fn connected(port: u16) -> Result<Client> {
    let client = Client::new(config(port), ())?;
    let (tell, is_connected) = mpsc::channel();
    client.on_connect(move |_, (), _, _| {
        let _ = tell.send(());
    });
    client.connect(HOST, port, KEEP_ALIVE, None)?;
    client.loop_start()?;
    is_connected
        .recv_timeout(Duration::from_secs(10))
        .context("the peer doesn't accept")?;
    Ok(client)
}

async fn publish_connection(port: u16, qos: QoS) -> Result<()> {
    let mut connection = Connection::new(config(port))?;
    connection.set_reconnects(false);
    connection.connect().await?;
    let handle = connection.handle();
    let topic = peer::topic(0);
    while let Some(event) = connection.next().await {
        if let Event::Connected(_) | Event::Writable = event {
            while handle.publish(message(&topic, qos)?).is_ok() {}
        }
    }
    Ok(())
}

fn message(topic: &str, qos: QoS) -> Result<Message> {
    Ok(Message::new(TopicName::new(topic)?, PAYLOAD).with_qos(qos))
}

/// Bytes of the PUBLISH that is timed; its PUBACK has [`BACK`].
pub const THERE: usize = 26;
/// See [`THERE`].
pub const BACK: usize = 4;

/// Prints medians of times in µs: from publishing to PUBACK, of as many bytes there and back on a
/// bare socket to `bare`, and of the same with two threads, or on the client's runtime. Each
/// follows a pause of its own, because the first one after a pause pays for waking the machine.
pub fn round_trips(face: Face, port: u16, bare: u16, times: usize, pause: Duration) -> Result<()> {
    let mut echo = TcpStream::connect((Ipv4Addr::LOCALHOST, bare))?;
    echo.set_nodelay(true)?;
    let mut bare_echo = move || -> Result<Duration> {
        std::thread::sleep(pause);
        let start = Instant::now();
        echo.write_all(&[7; THERE])?;
        echo.read_exact(&mut [0; BACK])?;
        Ok(start.elapsed())
    };
    let (mut ours, mut echoes, mut alike) = (Vec::new(), Vec::new(), Vec::new());
    match face {
        Face::Callbacks => {
            let client = connected(port)?;
            let mut writer = TcpStream::connect((Ipv4Addr::LOCALHOST, bare))?;
            writer.set_nodelay(true)?;
            let mut reader = writer.try_clone()?;
            let (tell, answer) = mpsc::channel();
            std::thread::spawn(move || {
                while reader.read_exact(&mut [0; BACK]).is_ok() && tell.send(()).is_ok() {}
            });
            for _ in 0..times {
                std::thread::sleep(pause);
                let start = Instant::now();
                let info = client.publish(peer::topic(0), PAYLOAD, 1, false)?;
                info.wait_for_publish(Some(Duration::from_secs(5)))?;
                ours.push(start.elapsed());
                echoes.push(bare_echo()?);
                std::thread::sleep(pause);
                let start = Instant::now();
                writer.write_all(&[7; THERE])?;
                answer.recv()?;
                alike.push(start.elapsed());
            }
        }
        Face::Connection => block_on(async {
            let mut connection = Connection::new(config(port))?;
            connection.connect().await?;
            let handle = connection.handle();
            connection.next().await;
            let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, bare)).await?;
            stream.set_nodelay(true)?;
            for _ in 0..times {
                // The connection is served meanwhile, as a program would.
                let _ = tokio::time::timeout(pause, connection.next()).await;
                let start = Instant::now();
                handle.publish(message(&peer::topic(0), QoS::AtLeastOnce)?)?;
                let Some(Event::Published { .. }) = connection.next().await else {
                    bail!("the message isn't acknowledged");
                };
                ours.push(start.elapsed());
                echoes.push(bare_echo()?);
                tokio::time::sleep(pause).await;
                let start = Instant::now();
                stream.write_all(&[7; THERE]).await?;
                stream.read_exact(&mut [0; BACK]).await?;
                alike.push(start.elapsed());
            }
            Ok(())
        })?,
    }
    let medians = [ours, echoes, alike].map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_micros().to_string()
    });
    println!("{}", medians.join(" "));
    Ok(())
}

/// Prints how many bytes of memory a thread takes that only waits.
pub fn threads(count: usize) -> Result<()> {
    let start = || -> Result<mpsc::Sender<()>> {
        let (begun, is_begun) = mpsc::channel();
        let (keep, end) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            let _ = begun.send(());
            let _ = end.recv();
        });
        is_begun.recv()?;
        Ok(keep)
    };
    let _one = start()?;
    let first = measure::resident()?;
    let threads = (0..count).map(|_| start()).collect::<Result<Vec<_>>>()?;
    println!("{}", (measure::resident()? - first) / count as u64);
    drop(threads);
    Ok(())
}

/// Connects many clients, waits until all are accepted, and prints how many bytes of memory each
/// of them takes, beside what the first one takes that all share.
pub fn idle(face: Face, port: u16, clients: usize) -> Result<()> {
    let bytes = match face {
        Face::Callbacks => {
            let _one = connected(port)?;
            let first = measure::resident()?;
            let clients = (0..clients).map(|_| connected(port));
            let clients = clients.collect::<Result<Vec<_>>>()?;
            let taken = measure::resident()? - first;
            drop(clients);
            taken
        }
        Face::Connection => block_on(async {
            let mut tasks = Vec::new();
            let (tell, mut accepted) = tokio::sync::mpsc::unbounded_channel();
            let mut first = 0;
            for number in 0..=clients {
                if number == 1 {
                    first = measure::resident()?;
                }
                let mut connection = Connection::new(config(port))?;
                let tell = tell.clone();
                tasks.push(tokio::spawn(async move {
                    while let Some(event) = connection.next().await {
                        if let Event::Connected(_) = event {
                            let _ = tell.send(());
                        }
                    }
                }));
                accepted.recv().await;
            }
            Ok(measure::resident()? - first)
        })?,
    };
    println!("{}", bytes / clients as u64);
    Ok(())
}
