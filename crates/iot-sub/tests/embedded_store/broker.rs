//! What it is to other clients: a broker with sessions and retained messages, and with files of its
//! own.

use testkit::{Mongo, Program, Running};

use crate::common::{documents, interrupt, sub};
use crate::limits::walk;
use crate::{Files, ended};

/// Starts one of mosquitto's clients.
#[track_caller]
fn client(name: &str, port: u16, args: &str) -> Running {
    let port = port.to_string();
    Program::new(name)
        .args(["-p", &port])
        .args(args.split(' '))
        .spawn()
}

#[track_caller]
fn run(name: &str, port: u16, args: &str) -> String {
    let mut running = client(name, port, args);
    let status = running.wait();
    assert!(status.success(), "{name} {args}: {}", running.stderr());
    running.stdout()
}

#[test]
fn it_serves_both_versions_and_every_qos_and_both_ends_of_a_session() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    for version in ["mqttv311", "mqttv5"] {
        for qos in 0..=2 {
            // `-E` ends it at the SUBACK; the session stays.
            let session = format!("-i s{version}{qos} -c -q {qos} -t iot/# -V {version}");
            let expiry = if version == "mqttv5" { " -x 600" } else { "" };
            run("mosquitto_sub", port, &format!("{session}{expiry} -E"));
            run(
                "mosquitto_pub",
                port,
                &format!("-t iot/a -q 2 -m {qos} -V {version}"),
            );
            if qos > 0 {
                let received = run("mosquitto_sub", port, &format!("{session}{expiry} -C 1"));
                assert_eq!(received, format!("{qos}\n"), "{version}");
            }
        }
    }
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn it_keeps_sessions_and_retained_messages_over_a_clean_end() {
    let files = Files::new();
    let session = "-i durable -c -q 2 -t iot/#";
    let (mut broker, port) = files.start(&[]);
    run("mosquitto_sub", port, &format!("{session} -E"));
    run("mosquitto_pub", port, "-t iot/retained -q 1 -r -m 0");
    run("mosquitto_pub", port, "-t iot/a -q 1 -m 1");
    run("mosquitto_pub", port, "-t iot/a -q 2 -m 2");
    broker.terminate();
    ended(broker, 0);

    let (mut broker, port) = files.start(&[]);
    let received = run("mosquitto_sub", port, &format!("{session} -R -C 3"));
    assert_eq!(received, "0\n1\n2\n");
    let retained = run("mosquitto_sub", port, "-t # -C 1 -F %r%p");
    assert_eq!(retained, "10\n");
    broker.terminate();
    let stderr = ended(broker, 0);
    // The retained message is received at the start, and known.
    assert!(
        stderr.contains("received 1, stored 0, rejected 0, skipped 1"),
        "{stderr}"
    );
}

#[test]
fn damaged_files_are_counted_at_the_start() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    run("mosquitto_sub", port, "-i durable -c -q 1 -t iot/# -E");
    run("mosquitto_pub", port, "-t iot/a -q 1 -r -m 0");
    broker.terminate();
    ended(broker, 0);
    let mut damaged = 0;
    walk(&files.broker(), &mut |path| {
        if path.extension().is_some_and(|it| it == "json") {
            std::fs::write(path, "{").unwrap();
            damaged += 1;
        }
    });
    assert_eq!(damaged, 2);
    let (mut broker, _) = files.start(&[]);
    broker.terminate();
    let stderr = ended(broker, 0);
    let folder = files.broker().display().to_string();
    let line = format!(
        "iot-sub: lost the messages or sessions in 2 damaged files of the embedded broker in `{folder}` (set aside there)\n"
    );
    assert!(stderr.contains(&line), "{stderr}");
}

#[test]
fn its_end_disconnects_clients_and_frees_the_port() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    run("mosquitto_pub", port, "-t iot/a -r -m 1");
    let subscriber = client("mosquitto_sub", port, "-t iot/#");
    subscriber.wait_for_stdout("1");
    broker.terminate();
    ended(broker, 0);
    let (mut broker, again) = files.start(&["--listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(again, port);
    broker.terminate();
    ended(broker, 0);
}

/// The last line of a broker that does not start.
#[track_caller]
fn refusal(args: &[&str]) -> String {
    let mut program = sub(&["--embedded", "--listen", "127.0.0.1:0"])
        .args(args)
        .spawn();
    assert_eq!(program.wait().code(), Some(1), "{}", program.stderr());
    program.stderr()
}

#[test]
fn what_it_cannot_use_is_named_in_one_line() {
    assert_eq!(
        refusal(&["--listen", "192.0.2.1:1883"]),
        "iot-sub: cannot listen on `192.0.2.1:1883`: this machine does not have that address (choose another address with --listen)\n"
    );
    let files = Files::new();
    let store = format!("sqlite:{}", files.path().display());
    let (mut broker, _) = files.start(&[]);
    let folder = files.broker().display().to_string();
    assert_eq!(
        refusal(&["--store", &store]),
        format!("iot-sub: cannot use the broker's files in `{folder}`: another broker uses them\n")
    );
    broker.terminate();
    ended(broker, 0);
    std::fs::remove_dir_all(files.broker()).unwrap();
    std::fs::write(files.broker(), "").unwrap();
    assert_eq!(
        refusal(&["--store", &store]),
        format!("iot-sub: cannot create folder `{folder}` for the broker's files: file exists\n")
    );
}

#[test]
fn a_session_at_another_broker_is_refused() {
    for option in ["--durable", "--forget"] {
        let mut program = sub(&["--embedded", "--listen", "127.0.0.1:0", option]).spawn();
        assert_eq!(program.wait().code(), Some(2), "{}", program.stderr());
    }
}

#[test]
fn it_supplies_mongodb_with_and_without_a_spool() {
    let mongo = Mongo::start();
    for ack_after in ["spool", "store"] {
        let args = [
            "--embedded",
            "--listen",
            "127.0.0.1:0",
            "--store",
            &mongo.url(),
        ];
        let program = sub(&args).args(["--ack-after", ack_after]).spawn();
        let line = program.wait_for_stderr("broker listens on");
        let port = line.rsplit_once(':').unwrap().1.parse().unwrap();
        for qos in ["1", "2"] {
            let args = format!("-t iot/{ack_after} -m {qos} -q {qos}");
            run("mosquitto_pub", port, &args);
        }
        let stderr = interrupt(program);
        assert!(
            stderr.contains("received 2, stored 2, rejected 0"),
            "{stderr}"
        );
    }
    assert_eq!(documents(&mongo, "sensors").len(), 4);
}
