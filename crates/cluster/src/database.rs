//! The replica set: three mongod, each on a machine of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, ServerAddress};
use testkit::eventually;
use tokio::runtime::Runtime;

use crate::network::Network;
use crate::service::Service;

const NAME: &str = "rs";
const PORT: u16 = 27017;
const ELECTION_TIMEOUT: Duration = Duration::from_mins(1);
/// For a question to one server, which may be frozen or cut off.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);

/// The replica set.
pub(crate) struct Database {
    servers: Vec<Service>,
    runtime: Runtime,
}

impl Database {
    /// Starts the servers. Returns once there are a primary and two secondaries.
    pub(crate) fn start(network: &mut Network, folder: &Path) -> Self {
        let program = testkit::mongod();
        let servers = (1..=3).map(|number| {
            let machine = network.add(&format!("mongod{number}"));
            let folder = folder.join(&machine.name);
            fs::create_dir_all(folder.join("data")).expect("room for a folder");
            let bind = format!("127.0.0.1,{}", machine.address);
            let mut server = Service::new(machine, &program, &folder).args([
                "--replSet",
                NAME,
                "--dbpath",
                "data",
                "--logpath",
                "mongod.log",
                "--logappend",
                "--nounixsocket",
                "--wiredTigerCacheSizeGB",
                "0.25",
                "--setParameter",
                "diagnosticDataCollectionEnabled=false",
                // A secondary that ends tells its clients, and waits so long for them to leave.
                "--setParameter",
                "shutdownTimeoutMillisForSignaledShutdown=1000",
                "--bind_ip",
                &bind,
            ]);
            server.start();
            server
        });
        let database = Self {
            servers: servers.collect(),
            runtime: Runtime::new().expect("a runtime"),
        };
        database.initiate();
        database.wait_until_whole();
        database
    }

    fn initiate(&self) {
        let members: Vec<_> = (0..)
            .zip(&self.servers)
            .map(|(id, server): (i32, _)| doc! {"_id": id, "host": host(server)})
            .collect();
        let settings = doc! {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500};
        let config = doc! {"_id": NAME, "members": members, "settings": settings};
        eventually(ELECTION_TIMEOUT, "the replica set is initiated", || {
            self.ask(0, doc! {"replSetInitiate": config.clone()})
                .is_some()
        });
    }

    /// Waits for a primary and two secondaries.
    pub(crate) fn wait_until_whole(&self) {
        let count = |what| {
            let states = (0..self.servers.len()).filter(|which| self.says(*which, what));
            states.count()
        };
        eventually(ELECTION_TIMEOUT, "a primary and two secondaries", || {
            count("secondary") == 2 && count("isWritablePrimary") == 1
        });
    }

    /// Waits for a primary that answers, and returns which one it is.
    pub(crate) fn primary(&self) -> usize {
        eventually(ELECTION_TIMEOUT, "a primary", || {
            (0..self.servers.len()).find(|which| self.says(*which, "isWritablePrimary"))
        })
    }

    /// Ends a server as an operator does: a primary steps down first, so that another server takes
    /// over at once and the shutdown does not wait for it.
    pub(crate) fn shut_down(&mut self, which: usize) {
        let name = self.servers[which].machine.name.clone();
        eventually(ELECTION_TIMEOUT, format_args!("{name} steps down"), || {
            let is_primary = self.says(which, "isWritablePrimary");
            if is_primary {
                // Refused until a secondary has caught up.
                let step_down = doc! {"replSetStepDown": 60, "secondaryCatchUpPeriodSecs": 1};
                self.ask(which, step_down);
            }
            !is_primary && self.primary() != which
        });
        let succeeded = self.servers[which].terminate();
        assert!(succeeded, "{name} fails at its end");
    }

    fn says(&self, which: usize, what: &str) -> bool {
        let reply = self.ask(which, doc! {"hello": 1});
        reply.is_some_and(|reply| reply.get_bool(what).unwrap_or(false))
    }

    /// Sends one server a command; `None` if it does not answer.
    fn ask(&self, which: usize, command: Document) -> Option<Document> {
        let server = &self.servers[which];
        let mut options = ClientOptions::builder()
            .hosts(vec![ServerAddress::Tcp {
                host: server.machine.address.to_string(),
                port: Some(PORT),
            }])
            .build();
        options.direct_connection = Some(true);
        options.server_selection_timeout = Some(ANSWER_TIMEOUT);
        options.connect_timeout = Some(ANSWER_TIMEOUT);
        self.runtime.block_on(async {
            let client = Client::with_options(options).ok()?;
            let database = client.database("admin");
            let asking = tokio::spawn(async move { database.run_command(command).await });
            // A frozen server accepts the connection and never answers.
            let reply = tokio::time::timeout(2 * ANSWER_TIMEOUT, asking).await;
            reply.ok()?.ok()?.ok()
        })
    }

    /// How many fsyncs all servers together have done.
    pub(crate) fn fsyncs(&self) -> i64 {
        let fsyncs = |which| {
            let status = self.ask(which, doc! {"serverStatus": 1})?;
            let engine = status.get_document("wiredTiger").ok()?;
            let connection = engine.get_document("connection").ok()?;
            let count = connection.get("total fsync I/Os")?;
            count.as_i64().or_else(|| count.as_i32().map(i64::from))
        };
        (0..self.servers.len()).filter_map(fsyncs).sum()
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> = self.servers.iter().map(host).collect();
        format!("mongodb://{}/?replicaSet={NAME}", hosts.join(","))
    }

    pub(crate) fn server(&mut self, which: usize) -> &mut Service {
        &mut self.servers[which]
    }

    pub(crate) fn servers(&mut self) -> &mut [Service] {
        &mut self.servers
    }
}

fn host(server: &Service) -> String {
    format!("{}:{PORT}", server.machine.address)
}
