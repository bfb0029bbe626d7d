//! One node of a cluster of brokers, for `scripts/cluster`. Each node has an IP address of its own,
//! so that its ports are always the same and its network can be cut.

mod calls;
mod shutdown;
mod unacknowledged;
mod witness;

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rmqtt::args::CommandArgs;
use rmqtt::context::ServerContext;
use rmqtt::net::Builder;
use rmqtt::node::Node;
use rmqtt::server::MqttServer;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: broker-node ID ADDRESS,ADDRESS,... raft|raft+msg [WITNESS-FILE]";
const MQTT_PORT: u16 = 1883;
const RPC_PORT: u16 = 5363;
const RAFT_PORT: u16 = 6003;
/// Messages that a session keeps for a member that is away. The default of 1,000 drops the rest.
const QUEUE_LENGTH: usize = 300_000;
/// Unacknowledged messages of a session; the default of 16 is slow.
const IN_FLIGHT: NonZeroU16 = NonZeroU16::new(1_000).unwrap();

struct Args {
    id: u64,
    addresses: Vec<IpAddr>,
    stores_messages: bool,
    witness: Option<PathBuf>,
}

impl Args {
    fn read() -> Option<Self> {
        let mut args = env::args().skip(1);
        let id: u64 = args.next()?.parse().ok()?;
        let addresses = args.next()?;
        let addresses: Vec<IpAddr> = addresses
            .split(',')
            .map(|it| it.parse().ok())
            .collect::<Option<_>>()?;
        let stores_messages = match args.next()?.as_str() {
            "raft" => false,
            "raft+msg" => true,
            _ => return None,
        };
        let witness = args.next().map(PathBuf::from);
        let fits = (1..=addresses.len() as u64).contains(&id) && args.next().is_none();
        fits.then_some(Self {
            id,
            addresses,
            stores_messages,
            witness,
        })
    }

    /// The nodes as the cluster's settings name them: `"1@10.77.1.1:5363",…`.
    fn peers(&self, port: u16) -> String {
        let mut peers = String::new();
        for (id, address) in (1..).zip(&self.addresses) {
            let _ = write!(peers, "\"{id}@{address}:{port}\",");
        }
        peers
    }

    fn cluster_settings(&self) -> String {
        let (rpc, raft) = (self.peers(RPC_PORT), self.peers(RAFT_PORT));
        format!(
            "node_grpc_addrs = [{rpc}]\n\
             raft_peer_addrs = [{raft}]\n\
             leader_id = 0\n\
             worker_threads = 2\n\
             task_exec_queue_workers = 500\n\
             task_exec_queue_max = 100000\n\
             node_grpc_client_timeout = \"1s\"\n\
             [raft]\n"
        )
    }
}

/// Writes the broker's log to stderr.
struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let time = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            let (level, target) = (record.level(), record.target());
            eprintln!(
                "{}.{:03} {level} {target}: {}",
                time.as_secs(),
                time.subsec_millis(),
                record.args()
            );
        }
    }

    fn flush(&self) {}
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::read().ok_or(USAGE)?;
    log::set_logger(&Stderr).map_err(|error| error.to_string())?;
    log::set_max_level(log::LevelFilter::Info);
    let index = usize::try_from(args.id - 1)?;
    let address = args.addresses[index];
    let scx = ServerContext::new()
        .args(CommandArgs {
            node_id: Some(args.id),
            ..CommandArgs::default()
        })
        // No limits of load and memory: refusal by load is on by default.
        .node(Node::new(args.id, 1e9, 1e9, Duration::from_secs(3600)))
        .busy_check_enable(false)
        .plugins_config_map_add("rmqtt-cluster-raft", args.cluster_settings())
        .plugins_config_map_add("rmqtt-shared-subscription", "strategy = \"round_robin\"\n")
        .plugins_config_map_add("rmqtt-retainer", "storage.type = \"ram\"\n")
        .build()
        .await;
    scx.node
        .start_grpc_server(scx.clone(), (address, RPC_PORT).into(), true, false);
    rmqtt_cluster_raft::register(&scx, true, true).await?;
    rmqtt_retainer::register(&scx, true, false).await?;
    rmqtt_shared_subscription::register(&scx, true, false).await?;
    let unacknowledged = if args.stores_messages {
        Some(unacknowledged::register(&scx).await)
    } else {
        None
    };
    if let Some(path) = &args.witness {
        witness::register(&scx, path).await?;
    }
    let listener = Builder::new()
        .name("tcp")
        .laddr((address, MQTT_PORT).into())
        .nodelay(true)
        // Otherwise a restart within a minute fails.
        .reuseaddr(Some(true))
        .max_inflight(IN_FLIGHT)
        .max_mqueue_len(QUEUE_LENGTH)
        .session_expiry_interval(Duration::from_secs(7200))
        .bind()?
        .tcp()?;
    log::info!("listening on {address}:{MQTT_PORT}");
    let server = MqttServer::new(scx.clone()).listener(listener).build();
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = server.run() => ended?,
        _ = terminate.recv() => shutdown::hand_over(&scx, unacknowledged.as_deref()).await,
    }
    Ok(())
}
