//! The ways to the broker: the options of each transport and `-L`, by their effect.

mod common;

use testkit::{Authority, Broker, DEADLINE, ScriptedPeer, SocksProxy};

use common::{bare, ends_well, ends_with};

const VERSIONS: [&str; 3] = ["31", "311", "5"];

fn broker(authority: &Authority) -> Broker {
    let pair = authority.server(&["localhost", "127.0.0.1"]);
    Broker::builder()
        .user("ada", "s3/cret")
        .listener("ws", "protocol websockets")
        .tls("tls", &pair, "")
        .tls("wss", &pair, "protocol websockets")
        .unix_socket()
        .start()
}

/// Publishes with these options and each version of MQTT. The broker receives it.
#[track_caller]
fn publishes(broker: &Broker, options: &str) {
    for version in VERSIONS {
        let args = ["-u", "ada", "-P", "s3/cret", "-t", "#", "-v"];
        let subscriber = common::subscriber(broker, args);
        ends_well(bare(&format!("-V {version} -q 1 -m {version}.5 {options}")).spawn());
        subscriber.wait_for_stdout(&format!("iot/home2/temp {version}.5"));
    }
}

#[test]
fn each_transport_carries_each_version() {
    let authority = Authority::new();
    let broker = broker(&authority);
    let ca = authority.path();
    let ca = ca.display();
    let socks = SocksProxy::with_password("eve", "p@w");
    let who = "-u ada -P s3/cret";
    let (tls, ws, wss) = (
        broker.port_of("tls"),
        broker.port_of("ws"),
        broker.port_of("wss"),
    );
    publishes(
        &broker,
        &format!("{who} --unix {}", broker.socket().display()),
    );
    publishes(&broker, &format!("{who} -p {tls} --cafile {ca}"));
    publishes(
        &broker,
        &format!("{who} -p {ws} --ws --ws-path /any --ws-header X-Test:y"),
    );
    publishes(
        &broker,
        &format!("-L wss://ada:s3%2Fcret@localhost:{wss} --cafile {ca}"),
    );
    publishes(
        &broker,
        &format!(
            "{who} --proxy {} -p {}",
            socks.url_as("eve:p%40w@"),
            broker.port()
        ),
    );
    assert_eq!(
        socks.asked()[0],
        format!("name localhost:{}", broker.port())
    );
}

#[test]
fn a_url_says_where_who_and_what_about() {
    let broker = broker(&Authority::new());
    let port = broker.port();
    let subscriber = broker.mosquitto_sub(["-u", "ada", "-P", "s3/cret", "-t", "#", "-v"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    for (options, expected) in [
        (
            format!("-t other -p 1 -L mqtt://ada:s3%2Fcret@127.0.0.1:{port}/a%20b/c -m 1"),
            "a b/c 1",
        ),
        (
            format!("-L mqtt://ada:wrong@127.0.0.1:{port}/u -P s3/cret -m 2"),
            "u 2",
        ),
        (
            format!("-L mqtt://ada:s3%2Fcret@127.0.0.1:{port}/u -t later -m 3"),
            "later 3",
        ),
        (
            format!("-h nowhere -L MQTT://ada:s3%2Fcret@127.0.0.1/u -p {port} -m 4"),
            "u 4",
        ),
    ] {
        ends_well(bare("").args(options.split(' ')).spawn());
        subscriber.wait_for_stdout(expected);
    }
    // What is typed wins over a variable.
    let url = format!("mqtt://eve:x@nowhere:{port}/variable");
    let typed = "-h 127.0.0.1 -u ada -P s3/cret -t typed -m 5";
    ends_well(bare(typed).env("IOT_URL", &url).spawn());
    subscriber.wait_for_stdout("typed 5");
}

#[track_caller]
fn refused(options: &[&str], expected: &str) {
    let ended = ends_with(bare("").args(options.iter().copied()).spawn(), 2);
    let stderr = ended.stderr();
    let line = stderr.lines().next().unwrap_or_default();
    assert_eq!(line.strip_prefix("iot-pub: ").unwrap_or(line), expected);
    assert!(!stderr.contains("secret"), "{stderr}");
}

#[test]
fn wrong_options_are_reported_before_anything_connects() {
    let form = "invalid value for `-L`: a broker's URL is mqtt://, mqtts://, ws:// or wss://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]";
    refused(&["-L", "http://u:secret@b"], form);
    refused(&["-L", "b:1883"], form);
    let port = "invalid value for `-L`: the URL's port is not 1 to 65535 (a `/`, `@` or `:` in a user name or password is written %2F, %40, %3A)";
    refused(&["-L", "mqtt://u:secret/x@b"], port);
    refused(&["-L", "mqtt://b:0"], port);
    refused(
        &["-L", "mqtt://b/a/#"],
        "invalid value `a/#` for the topic in `-L`: topic name `a/#` contains the wildcard `#` (only topic filters have wildcards)",
    );
    refused(
        &["--unix", "/s", "-h", "b"],
        "`--unix` cannot be used with `-h` (leave one of them out)",
    );
    refused(
        &["--unix", "/s", "-L", "mqtt://b"],
        "`--unix` cannot be used with the host in `-L` (leave one of them out)",
    );
    refused(
        &["--unix", "/s", "--ws"],
        "`--unix` cannot be used with `--ws` (leave one of them out)",
    );
    refused(
        &["--unix", "/s", "--proxy", "socks5h://p"],
        "`--unix` cannot be used with `--proxy` (leave one of them out)",
    );
    refused(
        &["--unix", "/s", "--insecure"],
        "`--unix` cannot be used with `--insecure` (leave one of them out)",
    );
    refused(&["--ws-path", "/x"], "`--ws-path` needs `--ws`");
    refused(&["--ws-header", "a: secret"], "`--ws-header` needs `--ws`");
    refused(
        &["--ws", "--ws-header", "secret"],
        "`--ws-header` needs a name and a value, as in 'NAME: VALUE'",
    );
    refused(
        &["--ws", "--ws-header", "Upgrade: secret"],
        "the header `Upgrade` belongs to WebSocket itself",
    );
    refused(
        &["--ws", "--ws-path", "x"],
        "the WebSocket path `x` does not begin with `/`",
    );
    refused(
        &["--ws", "-L", "mqtt://b"],
        "`--ws` cannot be used with the scheme in `-L` (leave one of them out)",
    );
    refused(
        &["--tls-version", "1.3", "-L", "ws://b"],
        "`--tls-version` cannot be used with the scheme in `-L` (leave one of them out)",
    );
    refused(
        &["--cert", "x"],
        "--cert needs --key FILE, the certificate's private key",
    );
    refused(
        &["--key", "x"],
        "--key needs --cert FILE, the certificate that the key belongs to",
    );
    let proxy = "invalid value for `--proxy`: a proxy is socks5h://[USER:PASSWORD@]HOST[:PORT]";
    refused(&["--proxy", "http://u:secret@p"], proxy);
    refused(
        &["--proxy", "socks5h://:secret@p"],
        "invalid value for `--proxy`: the proxy's user name is empty",
    );
    refused(
        &[
            "-h",
            "a..b",
            "--tls-use-os-certs",
            "--cafile",
            "/etc/ssl/certs/ca-certificates.crt",
        ],
        "`a..b` is not a host name that a certificate can hold",
    );
}

#[test]
fn tls_that_fails_ends_the_program_with_1_and_one_line() {
    let (authority, other) = (Authority::new(), Authority::new());
    let wants = format!(
        "cafile {}\nrequire_certificate true",
        authority.path().display()
    );
    let broker = Broker::builder()
        .tls("other-name", &authority.server(&["elsewhere"]), "")
        .tls("expired", &authority.expired(&["localhost"]), "")
        .tls("mutual", &authority.server(&["localhost"]), &wants)
        .start();
    let ca = authority.path();
    for (name, ca, expected) in [
        (
            "other-name",
            authority.path(),
            "the broker's certificate is not for `localhost`: it names `elsewhere`",
        ),
        (
            "expired",
            authority.path(),
            "the broker's certificate has expired, ",
        ),
        (
            "mutual",
            authority.path(),
            "the broker wants a client certificate (--cert FILE --key FILE)",
        ),
        (
            "mutual",
            other.path(),
            "the broker's certificate comes from an authority that is not trusted here",
        ),
    ] {
        let port = broker.port_of(name);
        let options = format!("-m 1 -q 1 -p {port} --cafile {}", ca.display());
        let ended = ends_with(bare(&options).spawn(), 1);
        let stderr = ended.stderr();
        assert!(
            stderr.starts_with(&format!(
                "iot-pub: cannot connect to broker `localhost:{port}`: {expected}"
            )),
            "{stderr}"
        );
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    // With what helps, all three let it through.
    let ada = authority.client("ada");
    let (cert, key, ca) = (ada.cert.display(), ada.key.display(), ca.display());
    let port = broker.port_of("mutual");
    ends_well(
        bare(&format!(
            "-m 1 -q 1 -p {port} --cafile {ca} --cert {cert} --key {key}"
        ))
        .spawn(),
    );
    let port = broker.port_of("other-name");
    ends_well(bare(&format!("-m 1 -q 1 -p {port} --cafile {ca} --insecure")).spawn());
    let missing = ends_with(bare("-m 1 --cafile /no/such/file").spawn(), 1);
    assert_eq!(
        missing.stderr(),
        "iot-pub: cannot read CA file `/no/such/file`: no such file or directory\n"
    );
}

#[test]
fn a_broker_without_tls_is_reported_once_and_with_fail_fast_ends_it() {
    let broker = Broker::start();
    let port = broker.port();
    let authority = Authority::new();
    let ca = authority.path();
    let why = format!(
        "broker `localhost:{port}`: the broker closed the connection during the TLS handshake (does it speak TLS on this port?)\n"
    );
    let options = format!("-h localhost -p {port} -m 1 --cafile {}", ca.display());
    let ended = ends_with(bare(&format!("{options} --fail-fast")).spawn(), 1);
    assert_eq!(ended.stderr(), format!("iot-pub: cannot connect to {why}"));
    // It may start behind a proxy that is running already.
    let mut waits = bare(&options).spawn();
    waits.wait_for_stderr("does it speak TLS on this port?");
    waits.interrupt();
    waits.wait();
    assert!(
        waits
            .stderr()
            .starts_with(&format!("iot-pub: waiting for {why}")),
        "{}",
        waits.stderr()
    );
}

#[test]
fn the_system_s_authorities_are_trusted_beside_a_file_only_on_request() {
    let (system, other) = (Authority::new(), Authority::new());
    let broker = Broker::builder()
        .tls("tls", &system.server(&["localhost"]), "")
        .start();
    let port = broker.port_of("tls");
    let other = other.path();
    let program = |options: &str| {
        let program = bare(&format!("-h localhost -p {port} -m 1 -q 1 {options}"));
        program.env("SSL_CERT_FILE", system.path()).spawn()
    };
    ends_well(program("--tls-use-os-certs"));
    let file = format!("--cafile {}", other.display());
    ends_well(program(&format!("{file} --tls-use-os-certs")));
    let stderr = ends_with(program(&file), 1).stderr();
    assert!(
        stderr.contains("comes from an authority that is not trusted here"),
        "{stderr}"
    );
}

#[test]
fn the_port_is_8883_with_tls_and_1883_without() {
    let ca = Authority::new();
    let ca = ca.path();
    let ca = ca.display();
    for (options, port) in [
        ("-L mqtt://localhost --fail-fast".into(), 1883),
        (
            format!("-L mqtts://localhost --cafile {ca} --fail-fast"),
            8883,
        ),
        ("-L ws://localhost --fail-fast".into(), 1883),
        (
            format!("-L wss://localhost --cafile {ca} --fail-fast"),
            8883,
        ),
        (format!("--cafile {ca} --fail-fast"), 8883),
    ] {
        let ended = ends_with(bare(&format!("-m 1 {options}")).spawn(), 1);
        let named = format!("cannot connect to broker `localhost:{port}`: ");
        assert!(ended.stderr().contains(&named), "{}", ended.stderr());
    }
}

#[test]
fn alpn_and_version_stand_in_the_first_message() {
    let ca = Authority::new();
    let peer = ScriptedPeer::listen();
    let hello = |version: &str| {
        let options = format!(
            "-m 1 -p {} --cafile {} --tls-alpn mqtt-test --tls-version {version}",
            peer.port(),
            ca.path().display()
        );
        let _running = bare(&options).spawn();
        let mut conversation = peer.accept();
        let head = conversation.read(5);
        assert_eq!(head[0], 22, "a handshake message");
        conversation.read(u16::from_be_bytes([head[3], head[4]]).into())
    };
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    // The supported versions: extension 43, 2 or 4 bytes, of them 0304 is 1.3.
    let only_13 = b"\x00\x2b\x00\x03\x02\x03\x04";
    for version in ["1.3", "tlsv1.3"] {
        let hello = hello(version);
        assert!(has(&hello, b"\x09mqtt-test") && has(&hello, only_13));
    }
    let hello = hello("tlsv1.2");
    assert!(has(&hello, b"\x09mqtt-test") && !has(&hello, b"\x03\x04\x00"));
}

#[test]
fn connections_of_a_fleet_share_the_configuration() {
    let authority = Authority::new();
    let broker = broker(&authority);
    let log = authority.folder().join("secrets");
    let options = format!(
        "-L mqtts://ada:s3%2Fcret@localhost:{}/iot/{{device}} --cafile {} --tls-keylog {} --connections 20 --count 20 -q 1 --report json",
        broker.port_of("tls"),
        authority.path().display(),
        log.display()
    );
    let ended = ends_with(bare(&options).spawn(), 0);
    assert!(
        ended.stdout().contains("\"acknowledged\""),
        "{}",
        ended.stdout()
    );
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("CLIENT_TRAFFIC_SECRET_0 ").count(), 20);
    assert!(broker.log().contains("'iot/20'"));
}
