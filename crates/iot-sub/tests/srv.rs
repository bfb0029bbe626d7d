//! `mongodb+srv://`: the hosts come from a DNS server, which the test is, in a network of its own.

#![cfg(target_os = "linux")]

mod common;

use std::env;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

use common::sub;
use testkit::{Broker, DEADLINE, MongoSet, Program, eventually};

/// Set in the process that runs in the namespaces.
const INSIDE: &str = "SRV_TEST_INSIDE";
/// The domain of all names.
const ZONE: &str = "iot.example";

/// Needs namespaces of networks and mounts: as root, or where users may make them. `scripts/test`
/// says where it can't, and leaves this one out then.
#[test]
fn hosts_are_those_of_the_dns_records() {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("resolv.conf");
    fs::write(&settings, "nameserver 127.0.0.1\n").unwrap();
    // `/etc/resolv.conf` may be a link to a file that is not there.
    let script = "ip link set lo up && mount --bind \"$0\" \"$(readlink -f /etc/resolv.conf)\" && exec \"$@\"";
    let mut test = Program::new("unshare")
        .args(["--map-root-user", "--mount", "--net", "sh", "-c", script])
        .args([&settings, &env::current_exe().unwrap()])
        .args([
            "--exact",
            "hosts_are_those_of_the_dns_records",
            "--nocapture",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env(INSIDE, "1")
        .spawn();
    let status = test.wait();
    assert!(status.success(), "{}{}", test.stdout(), test.stderr());
}

/// The same test, in the namespaces.
fn inside() {
    let mut mongo = MongoSet::start();
    let ports: Vec<u16> = (0..3).map(|member| mongo.node(member).port()).collect();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
    thread::spawn(move || serve(&socket, &ports));

    let broker = Broker::start();
    let port = broker.port().to_string();
    let url = format!("mongodb+srv://db.{ZONE}/home?tls=false");
    let program = sub(&["-p", &port, "-q", "1", "--store", &url]).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    for value in ["1.5", "2.5"] {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", value]);
    }
    let primary = mongo.primary();
    let url = format!(
        "mongodb://127.0.0.1:{}/?directConnection=true",
        mongo.node(primary).port()
    );
    eventually(DEADLINE, "both are stored", || stored(&url) == 2);
    let totals = common::interrupt(program);
    assert!(totals.contains("received 2, stored 2"), "{totals}");

    let url = format!("mongodb+srv://u:secret@nothing.{ZONE}/home?tls=false");
    let mut program = sub(&["-p", &port, "--store", &url]).spawn();
    assert_eq!(program.wait().code(), Some(1));
    let stderr = program.stderr();
    let start =
        format!("iot-sub: cannot use store `mongodb+srv://u@nothing.{ZONE}/home.sensors`: ");
    assert!(stderr.starts_with(&start), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// How many readings the database `home` has.
fn stored(url: &str) -> u64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(url).await.unwrap();
        let readings = client
            .database("home")
            .collection::<mongodb::bson::Document>("sensors");
        readings
            .count_documents(mongodb::bson::doc! {})
            .await
            .unwrap()
    })
}

/// Answers questions about the zone, for as long as the test runs.
fn serve(socket: &UdpSocket, ports: &[u16]) {
    let mut question = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut question) {
        let _ = socket.send_to(&answer(&question[..length], ports), from);
    }
}

/// The answer to a DNS query with one question (RFC 1035 §4).
fn answer(query: &[u8], ports: &[u16]) -> Vec<u8> {
    const A: u16 = 1;
    const TXT: u16 = 16;
    const SRV: u16 = 33;
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let question = &query[12..end];
    let kind = u16::from_be_bytes([question[question.len() - 4], question[question.len() - 3]]);
    let asked = String::from_utf8_lossy(&question[..question.len() - 5]).to_lowercase();
    let is = |name: &str| asked.as_bytes() == &encoded(name)[..encoded(name).len() - 1];
    let hosts = ["a", "b", "c"].map(|host| format!("{host}.{ZONE}"));
    let data: Vec<Vec<u8>> = match kind {
        SRV if is(&format!("_mongodb._tcp.db.{ZONE}")) => {
            let record = |(host, port): (&String, &u16)| {
                [&[0; 4], &port.to_be_bytes()[..], &encoded(host)].concat()
            };
            hosts.iter().zip(ports).map(record).collect()
        }
        TXT if is(&format!("db.{ZONE}")) => vec![b"\x0dreplicaSet=rs".to_vec()],
        A if hosts.iter().any(|host| is(host)) => vec![vec![127, 0, 0, 1]],
        _ => Vec::new(),
    };
    let is_known = !asked.contains("nothing");
    // A response that is authoritative, to a query that wished recursion.
    let flags = [0x85, if is_known { 0x80 } else { 0x83 }];
    let counts = [0, 1, 0, u8::try_from(data.len()).unwrap(), 0, 0, 0, 0];
    let mut answer = [&query[..2], &flags, &counts, question].concat();
    for data in data {
        // The name of the question, the class of the internet, a minute to live.
        answer.extend(b"\xc0\x0c");
        answer.extend(kind.to_be_bytes());
        answer.extend(b"\x00\x01\x00\x00\x00\x3c");
        answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend(data);
    }
    answer
}

/// A name as DNS encodes it.
fn encoded(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    let mut labels: Vec<u8> = name.split('.').flat_map(label).collect();
    labels.push(0);
    labels
}
