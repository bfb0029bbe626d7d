//! The embedded broker, for `--embedded`: the `mqtt5` crate's, set up for one machine.
//!
//! What its acknowledgement promises: **memory, not disk**. It acknowledges a message of QoS 1 or 2 once it is in the
//! memory queues of those who subscribed to it. When it is stopped (Ctrl-C, SIGTERM) nothing is lost: what durable
//! clients (clean session off) haven't acknowledged is in its files, and comes after the next start. Killed with -9, it
//! has lost what it acknowledged in the last quarter of a second, and what was waiting behind a connected client's
//! 1,000 unacknowledged messages. A loss of power can take more of the queue, which is written without fsync. Retained
//! messages and sessions are synced to disk before the acknowledgement.
//!
//! Its limits, as tried: MQTT 3.1 is refused without a word; a client id with a `/` is refused; a retained message whose
//! topic is too long for a file name stays in memory only.
//!
//! It logs through `tracing` with targets that begin with `mqtt5`, and writes nothing by itself.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, anyhow};
use mqtt5::broker::config::{AuthConfig, BrokerConfig, RateLimitConfig, StorageConfig};
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Clients that can be connected at once.
const MAX_CLIENTS: usize = 10_000;
/// The longest packet that MQTT has, 256 MiB.
const MAX_PACKET_SIZE: usize = 1 << 28;
/// QoS 0 messages that wait for one client; the broker drops what comes beyond it, as MQTT allows.
const QOS_0_QUEUE: usize = 65_536;
/// Messages of QoS 1 and 2 that wait for one client, connected or not. Beyond either limit the broker drops the oldest
/// of them, acknowledged or not: so the limits are high.
const QUEUE_MESSAGES: usize = 1_000_000;
/// The same in bytes of memory.
const QUEUE_BYTES: usize = 256 << 20;
/// Messages sent to one client and not yet acknowledged; an MQTT 5 client may ask for fewer.
const MAX_INFLIGHT: u16 = 1_000;

/// A broker that runs inside this process, on the runtime that started it.
pub(crate) struct EmbeddedBroker {
    address: SocketAddr,
    stop: BrokerShutdownHandle,
    running: JoinHandle<mqtt5::Result<()>>,
}

impl EmbeddedBroker {
    /// Starts a broker that listens on `listen` and keeps its files in `dir`, which it makes if it isn't there.
    ///
    /// Port 0 means any free one: [`address`](Self::address) tells which. It takes MQTT 3.1.1 and 5, from anybody who
    /// can reach the address. When this returns, clients can connect.
    ///
    /// # Errors
    ///
    /// The address can't be listened on, or the files are not ours to use.
    pub(crate) async fn start(listen: SocketAddr, dir: &Path) -> anyhow::Result<Self> {
        let mut broker = match MqttBroker::with_config(config(listen, dir)).await {
            Ok(broker) => broker,
            Err(error) => return Err(explain(listen, dir, &error).await),
        };
        let address = broker.local_addr().unwrap_or(listen);
        let stop = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let files = broker.storage();
        let running = tokio::spawn(async move {
            broker.run().await?;
            // The broker writes its queues out before the clients' tasks end, which hand back what was not acknowledged.
            match files {
                Some(files) => files.shutdown().await,
                None => Ok(()),
            }
        });
        if ready.wait_for(|&ready| ready).await.is_err() {
            let why = match running.await {
                Ok(Err(error)) => error.to_string(),
                _ => "it ended at once".to_owned(),
            };
            return Err(anyhow!(why)).context("cannot start the embedded broker");
        }
        Ok(Self {
            address,
            stop,
            running,
        })
    }

    /// Returns the address it listens on, with the real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Disconnects all clients, writes what is queued for durable ones to its files, and returns when that is done.
    pub(crate) async fn shutdown(self) -> anyhow::Result<()> {
        self.stop.shutdown();
        self.running
            .await
            .context("the embedded broker broke down")?
            .map_err(|error| anyhow!("cannot stop the embedded broker: {error}"))
    }
}

fn config(listen: SocketAddr, dir: &Path) -> BrokerConfig {
    let storage = StorageConfig::new()
        .with_base_dir(dir.to_owned())
        .with_max_queued_messages_per_client(QUEUE_MESSAGES)
        .with_max_queued_bytes_per_client(QUEUE_BYTES);
    let mut auth = AuthConfig::new().with_allow_anonymous(true);
    // It guards passwords, and there are none.
    auth.rate_limit = RateLimitConfig {
        enabled: false,
        ..RateLimitConfig::default()
    };
    BrokerConfig::new()
        .with_bind_address(listen)
        .with_max_clients(MAX_CLIENTS)
        .with_max_packet_size(MAX_PACKET_SIZE)
        .with_client_channel_capacity(QOS_0_QUEUE)
        .with_max_outbound_inflight(MAX_INFLIGHT)
        .with_storage(storage)
        .with_auth(auth)
        .with_sys_topics_enabled(false)
}

/// Returns why the broker didn't start, in one line: its own error has five, with the address's fault among them as text.
async fn explain(listen: SocketAddr, dir: &Path, error: &mqtt5::MqttError) -> anyhow::Error {
    if let Err(error) = TcpListener::bind(listen).await {
        return match error.kind() {
            io::ErrorKind::AddrInUse => anyhow!(
                "cannot listen on `{listen}`: the address is already in use (another broker running? choose another with --listen)"
            ),
            io::ErrorKind::AddrNotAvailable => anyhow!(
                "cannot listen on `{listen}`: it is no address of this machine (choose another with --listen)"
            ),
            kind => anyhow!("cannot listen on `{listen}`: {kind} (choose another with --listen)"),
        };
    }
    if let Err(error) = std::fs::create_dir_all(dir) {
        return anyhow!(
            "cannot make folder `{}` for the broker's files: {}",
            dir.display(),
            error.kind()
        );
    }
    let dir = dir.display();
    let text = error.to_string();
    if text.contains("already in use by another broker") {
        return anyhow!("cannot use the broker's files in `{dir}`: another broker is using them");
    }
    let first_line = text.lines().next().unwrap_or_default();
    anyhow!("cannot start the embedded broker with its files in `{dir}`: {first_line}")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use testkit::{Program, Running};

    use super::*;

    const ANY_PORT: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    async fn start(dir: &TempDir) -> EmbeddedBroker {
        EmbeddedBroker::start(ANY_PORT, dir.path()).await.unwrap()
    }

    /// Starts one of mosquitto's clients.
    #[track_caller]
    fn client(name: &str, broker: &EmbeddedBroker, args: &str) -> Running {
        let address = broker.address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        Program::new(name)
            .args(["-h", &host, "-p", &port])
            .args(args.split(' '))
            .spawn()
    }

    #[track_caller]
    fn run(name: &str, broker: &EmbeddedBroker, args: &str) -> String {
        let mut running = client(name, broker, args);
        let status = running.wait();
        assert!(status.success(), "{name} {args}: {}", running.stderr());
        running.stdout()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn takes_both_versions_and_every_qos_and_both_ends_of_a_session() {
        let dir = TempDir::new().unwrap();
        let broker = start(&dir).await;
        for version in ["mqttv311", "mqttv5"] {
            for qos in 0..=2 {
                // `-E` ends it at the SUBACK; the session stays.
                let session = format!("-i s{version}{qos} -c -q {qos} -t iot/# -V {version}");
                let expiry = if version == "mqttv5" { " -x 600" } else { "" };
                run("mosquitto_sub", &broker, &format!("{session}{expiry} -E"));
                run(
                    "mosquitto_pub",
                    &broker,
                    &format!("-t iot/a -q 2 -m {qos} -V {version}"),
                );
                if qos > 0 {
                    let received =
                        run("mosquitto_sub", &broker, &format!("{session}{expiry} -C 1"));
                    assert_eq!(received, format!("{qos}\n"), "{version}");
                }
            }
        }
        broker.shutdown().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn stopped_it_keeps_what_it_acknowledged() {
        let dir = TempDir::new().unwrap();
        let session = "-i durable -c -q 2 -t iot/#";
        let broker = start(&dir).await;
        run("mosquitto_sub", &broker, &format!("{session} -E"));
        run("mosquitto_pub", &broker, "-t retained -q 1 -r -m r");
        run("mosquitto_pub", &broker, "-t iot/a -q 1 -m one");
        run("mosquitto_pub", &broker, "-t iot/a -q 2 -m two");
        broker.shutdown().await.unwrap();

        let broker = start(&dir).await;
        let received = run("mosquitto_sub", &broker, &format!("{session} -C 2"));
        assert_eq!(received, "one\ntwo\n");
        let retained = run("mosquitto_sub", &broker, "-t # -C 1 -F %r%p");
        assert_eq!(retained, "1r\n");
        broker.shutdown().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn stopping_ends_connections_and_frees_the_port() {
        let dir = TempDir::new().unwrap();
        let broker = start(&dir).await;
        let address = broker.address();
        run("mosquitto_pub", &broker, "-t iot/a -r -m here");
        let subscriber = client("mosquitto_sub", &broker, "-t iot/#");
        subscriber.wait_for_stdout("here");
        broker.shutdown().await.unwrap();
        let broker = EmbeddedBroker::start(address, dir.path()).await.unwrap();
        assert_eq!(broker.address(), address);
        broker.shutdown().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_port_that_is_taken_is_said_in_one_line() {
        let dir = TempDir::new().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = EmbeddedBroker::start(address, dir.path())
            .await
            .err()
            .unwrap();
        assert_eq!(
            format!("{error:#}"),
            format!(
                "cannot listen on `{address}`: the address is already in use (another broker running? choose another with --listen)"
            )
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_address_of_another_machine_is_said_in_one_line() {
        let dir = TempDir::new().unwrap();
        let elsewhere = "192.0.2.1:1883".parse().unwrap();
        let error = EmbeddedBroker::start(elsewhere, dir.path())
            .await
            .err()
            .unwrap();
        assert_eq!(
            format!("{error:#}"),
            "cannot listen on `192.0.2.1:1883`: it is no address of this machine (choose another with --listen)"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_brokers_never_share_files() {
        let dir = TempDir::new().unwrap();
        let broker = start(&dir).await;
        let error = EmbeddedBroker::start(ANY_PORT, dir.path())
            .await
            .err()
            .unwrap();
        assert_eq!(
            format!("{error:#}"),
            format!(
                "cannot use the broker's files in `{}`: another broker is using them",
                dir.path().display()
            )
        );
        broker.shutdown().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_that_cannot_be_made_are_said_in_one_line() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = EmbeddedBroker::start(ANY_PORT, &file).await.err().unwrap();
        assert_eq!(
            format!("{error:#}"),
            format!(
                "cannot make folder `{}` for the broker's files: entity already exists",
                file.display()
            )
        );
    }
}
