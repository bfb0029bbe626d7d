//! The members of the group: `iot-sub`, each on a machine of its own.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::network::Network;
use crate::service::Service;
use crate::witness::Witness;

const GROUP: &str = "group";
/// The topic filter of the group.
const FILTER: &str = "iot/few/#";

const SPOOL: &str = "spool";
/// The messages' number.
const ID_KEY: &str = "/n";

/// What a member logs once the broker has accepted it.
const CONNECTED: &str = "Connected with result code 0";

const METRICS_PORT: u16 = 9464;
/// A session has nothing more for a member that receives nothing for so long.
const QUIET: Duration = Duration::from_secs(4);

/// Where members find everything.
pub(crate) struct Group {
    program: PathBuf,
    folder: PathBuf,
    store: String,
    brokers: Vec<String>,
    members: Vec<Service>,
    /// How many there ever were: a new member is a new client.
    count: usize,
}

impl Group {
    /// A group without members yet.
    pub(crate) fn new(program: &Path, folder: &Path, store: String, brokers: Vec<String>) -> Self {
        Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            store,
            brokers,
            members: Vec::new(),
            count: 0,
        }
    }

    /// Starts one more member. Returns once the broker has granted its subscription.
    pub(crate) fn join(&mut self, network: &mut Network) {
        self.count += 1;
        let machine = network.add(&format!("member{}", self.count));
        let folder = self.folder.join(&machine.name);
        // The first broker differs, so that the members are spread.
        let mut brokers = self.brokers.clone();
        brokers.rotate_left((self.count - 1) % self.brokers.len());
        let mut member = Service::new(machine.clone(), &self.program, &folder)
            .args(["--host", &brokers.join(","), "-k", "5"])
            .args(["--durable", "--id", &machine.name, "-N", "-F", ""])
            .args(["--store", &self.store, "--spool", SPOOL, "--id-key", ID_KEY])
            .args(["--share", GROUP, "-t", FILTER])
            .args(["--metrics", &format!("{}:{METRICS_PORT}", machine.address)]);
        member.start();
        member.wait_for_log(CONNECTED);
        self.members.push(member);
    }

    pub(crate) fn members(&mut self) -> &mut [Service] {
        &mut self.members
    }

    pub(crate) fn member(&mut self, which: usize) -> &mut Service {
        &mut self.members[which]
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Ends each member with SIGTERM and starts it again, one after the other: it subscribes again.
    pub(crate) fn restart(&mut self) {
        for member in &mut self.members {
            assert!(member.terminate(), "{}", member.latest_log());
            member.start();
            member.wait_for_log(CONNECTED);
        }
    }

    /// Kills a member, which is none of the group from now on.
    pub(crate) fn take_out(&mut self, which: usize) -> Service {
        let mut member = self.members.remove(which);
        member.kill();
        member
    }

    /// Lets a killed member leave for good, as an operator does: its machine is dead, its disk is
    /// not. Other processes deliver its spool, take its session over without its filters, receive
    /// what the broker has kept for it, and forget the session. Returns how many messages were in
    /// the spool.
    pub(crate) fn leave(&self, mut member: Service, witness: &Witness) -> u64 {
        let store = ["--store", &self.store, "--id-key", ID_KEY];
        member.run_to_end(&[&["--drain-spool", SPOOL], &store[..]].concat());
        let log = member.latest_log();
        let found = found_in_spool(&log).unwrap_or_else(|| panic!("nothing in the spool: {log}"));
        let id = member.machine.name.clone();
        let received = || witness.evidence().members.get(&id).copied().unwrap_or(0);
        member.start_with(&["-U", FILTER]);
        let mut latest = (received(), Instant::now());
        while latest.1.elapsed() < QUIET {
            sleep(Duration::from_millis(100));
            member.check();
            let now = received();
            if now > latest.0 {
                latest = (now, Instant::now());
            }
        }
        assert!(member.terminate(), "{}", member.latest_log());
        member.run_to_end(&[
            "--forget",
            "--durable",
            "--id",
            &id,
            "--host",
            &self.brokers[0],
        ]);
        found
    }

    /// What each member has done in its latest run, from its metrics.
    pub(crate) fn work(&self) -> BTreeMap<String, Work> {
        let work = |member: &Service| {
            let work = Work::of(member.machine.address).unwrap_or_default();
            (member.machine.name.clone(), work)
        };
        self.members.iter().map(work).collect()
    }
}

/// Reads how many messages were in a spool from the totals of a run; `None` if it was empty.
fn found_in_spool(log: &str) -> Option<u64> {
    let (_, found) = log.rsplit_once("found in the spool ")?;
    let digits = found.split(|character: char| !character.is_ascii_digit());
    digits.into_iter().next()?.parse().ok()
}

/// What a member has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    pub(crate) received: f64,
    /// In the store: now, or by an earlier attempt.
    pub(crate) stored: f64,
    pub(crate) commits: f64,
    /// Seconds that these took.
    pub(crate) commit_seconds: f64,
    /// Batches inserted into the database.
    pub(crate) deliveries: f64,
    /// Seconds that these took.
    pub(crate) delivery_seconds: f64,
}

impl Work {
    /// Asks the member at this address.
    pub(crate) fn of(member: Ipv4Addr) -> io::Result<Self> {
        get((member, METRICS_PORT).into()).map(|page| Self::read(&page))
    }

    fn read(page: &str) -> Self {
        let value = |name: &str| {
            let mut lines = page.lines().filter_map(|line| line.strip_prefix(name));
            // Other labels may follow the name.
            let line = lines.find(|rest| rest.starts_with([' ', '{']));
            let value = line.and_then(|line| line.rsplit(' ').next());
            value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
        };
        Self {
            received: value("iot_sub_received_total"),
            stored: value("iot_sub_stored_total") + value("iot_sub_duplicates_total"),
            commits: value("iot_sub_commit_duration_seconds_count"),
            commit_seconds: value("iot_sub_commit_duration_seconds_sum"),
            deliveries: value("iot_sub_delivery_duration_seconds_count"),
            delivery_seconds: value("iot_sub_delivery_duration_seconds_sum"),
        }
    }

    /// What was done since an earlier moment of the same run.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            received: self.received - earlier.received,
            stored: self.stored - earlier.stored,
            commits: self.commits - earlier.commits,
            commit_seconds: self.commit_seconds - earlier.commit_seconds,
            deliveries: self.deliveries - earlier.deliveries,
            delivery_seconds: self.delivery_seconds - earlier.delivery_seconds,
        }
    }
}

/// Returns the metrics page at an address.
fn get(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
