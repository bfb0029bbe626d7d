//! What `-F`, `-v`, `-N` and `--pretty` print is what `mosquitto_sub` prints, byte for byte.

mod common;

use common::sub;
use serde_json::Value;
use testkit::{Broker, DEADLINE, Program};

/// Messages of many kinds, published by `mosquitto_pub`: topic and payload.
const MESSAGES: [(&str, &[u8]); 12] = [
    ("x/1", b"25.50"),
    ("x/a longer topic", b"hello"),
    ("x/3", b""),
    ("x/ü", "ü".as_bytes()),
    ("x/5", b"{\"b\": 25.0, \"a\": [1, {\"x\": {}, \"y\": []}, -0.0, 0.30000000000000004], \"b\": null}"),
    ("x/6", b" [1e21, 12345678901234567890, 123456.789e3, 1.5e-7, 0.0001, true, false] "),
    ("x/7", b"\"\\u00e9\\n\\/\\ud83d\\ude00\""),
    ("x/8", b"a\tb\x01\x7f\"\\"),
    ("x/9", b"0007"),
    ("x/10", b"[]"),
    ("x/11", b"{}"),
    ("x/12", b"-12"),
];

/// Not those whose JSON would be none.
const JSON: [usize; 8] = [0, 4, 5, 6, 8, 9, 10, 11];

struct Pair {
    version: &'static str,
    ours: String,
    theirs: String,
}

/// Runs `mosquitto_sub` and `iot-sub` with the same arguments, while `publish` publishes `count`
/// messages.
#[track_caller]
fn both(version: &'static str, args: &[&str], count: usize, publish: impl Fn(&Broker)) -> Pair {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let count = count.to_string();
    let common = [
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-V",
        version,
        "-t",
        "x/#",
        "-C",
        &count,
    ];
    let mut theirs = Program::new("mosquitto_sub")
        .args(common)
        .args(["-i", "theirs"])
        .args(args)
        .env("TZ", "America/New_York")
        .spawn();
    let mut ours = sub(&common)
        .args(["-i", "ours", "--store", "none"])
        .args(args)
        .env("TZ", "America/New_York")
        .spawn();
    for id in ["theirs", "ours"] {
        broker.wait_for_log(&format!("Sending SUBACK to {id}"), DEADLINE);
    }
    publish(&broker);
    assert!(theirs.wait().success(), "{}", theirs.stderr());
    assert!(ours.wait().success(), "{}", ours.stderr());
    Pair {
        version,
        ours: ours.stdout(),
        theirs: theirs.stdout(),
    }
}

impl Pair {
    #[track_caller]
    fn is_the_same(&self) -> &Self {
        assert_eq!(self.ours, self.theirs, "MQTT {}", self.version);
        self
    }
}

fn publish(broker: &Broker, which: impl IntoIterator<Item = usize>, args: &[&str]) {
    for at in which {
        let (topic, payload) = MESSAGES[at];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), payload).unwrap();
        let path = file.path().display().to_string();
        let source = if payload.is_empty() {
            vec!["-n"]
        } else {
            vec!["-f", &path]
        };
        broker.mosquitto_pub(["-t", topic].iter().chain(&source).chain(args));
    }
}

const VERSIONS: [&str; 3] = ["mqttv31", "mqttv311", "mqttv5"];

#[test]
fn topic_payload_and_facts_with_width_and_precision() {
    let format = "%t|%p|%l|%m|%q|%r|%x|%X|%%|\
                  %10t|%-10t|%.3t|%12.3t|%-12.3t|%010t|\
                  %8p|%-8p|%08p|%3p|%-p|%.2p|\
                  %-x|\
                  %5l|%-5l|%05l|%5m|%05m|%-05l|%2q|%05r|\
                  @@ \\\\ \\t\\a\\e[0m\\v\\r.";
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            let all = |broker: &Broker| publish(broker, 0..MESSAGES.len(), &["-q", qos]);
            let pair = both(version, &["-F", format, "-q", "2"], MESSAGES.len(), all);
            pair.is_the_same();
            assert!(pair.ours.contains(&format!("|{qos}|0|")), "{}", pair.ours);
        }
    }
}

#[test]
fn without_a_format() {
    for version in VERSIONS {
        for args in [
            &["-v"][..],
            &["-N"],
            &["-v", "-N"],
            &["-v", "-F", "%p"],
            &["-N", "-F", "<%p>"],
        ] {
            let all = |broker: &Broker| publish(broker, 0..MESSAGES.len(), &[]);
            both(version, args, MESSAGES.len(), all).is_the_same();
        }
    }
}

#[test]
fn properties_of_mqtt_5() {
    let format = "%C|%D|%E|%F|%P|%R|%S|%A|\
                  %12C|%-12C|%.3C|%8.2C|%6E|%-6E|%06E|%3F|%-3F|%03F|%12R|%.1R|%5S|%05S|%4A|%04A.";
    let properties = [
        "content-type text/plain",
        "correlation-data abc",
        "message-expiry-interval 60",
        "payload-format-indicator 1",
        "response-topic r/t",
        "user-property k v",
        "user-property k w",
        "user-property ä ü",
    ];
    for version in VERSIONS {
        let with_and_without = |broker: &Broker| {
            let mut args = vec!["-V", "mqttv5"];
            for property in properties {
                args.extend(["-D", "publish"]);
                args.extend(property.split(' '));
            }
            publish(broker, [0], &args);
            publish(broker, [0], &["-V", "mqttv5"]);
        };
        let pair = both(version, &["-F", format], 2, with_and_without);
        pair.is_the_same();
        let has = pair.ours.contains("|k:v k:w ä:ü|");
        assert_eq!(has, version == "mqttv5", "{}", pair.ours);
    }
}

#[test]
fn json_with_and_without_line_breaks() {
    for version in VERSIONS {
        for (format, which) in [("%j", (0..MESSAGES.len()).collect()), ("%J", JSON.to_vec())] {
            for pretty in [false, true] {
                let args: &[&str] = if pretty {
                    &["-F", format, "--pretty"]
                } else {
                    &["-F", format]
                };
                let some = |broker: &Broker| publish(broker, which.clone(), &[]);
                let pair = both(version, args, which.len(), some);
                assert_eq!(without_times(&pair.ours), without_times(&pair.theirs));
                let objects = serde_json::Deserializer::from_str(&pair.ours).into_iter::<Value>();
                assert_eq!(objects.filter_map(Result::ok).count(), which.len());
            }
        }
    }
}

/// Text whose times are zeros; what else has such a form is not in these tests.
fn without_times(text: &str) -> String {
    let mut masked = String::new();
    for (at, part) in text.split("\"tst\":").enumerate() {
        if at == 0 {
            masked.push_str(part);
            continue;
        }
        let (time, rest) = part.split_once("Z-").expect("a time and its offset");
        masked.push_str(&time.replace(|c: char| c.is_ascii_digit(), "0"));
        masked.push_str(rest);
    }
    masked
}

#[test]
fn packet_ids_and_properties_in_json() {
    for qos in ["1", "2"] {
        let properties = |broker: &Broker| {
            let args = [
                "-V",
                "mqttv5",
                "-q",
                qos,
                "-D",
                "publish",
                "content-type",
                "a/b",
            ];
            let more = ["-D", "publish", "message-expiry-interval", "60"];
            publish(broker, [0], &[&args[..], &more].concat());
        };
        let pair = both("mqttv5", &["-q", "2", "-F", "%j %J"], 1, properties);
        assert_eq!(without_times(&pair.ours), without_times(&pair.theirs));
        assert!(
            pair.ours
                .contains(r#""payloadlen":5,"mid":1,"properties":{"#),
            "{}",
            pair.ours
        );
    }
}

#[test]
fn json_is_json_where_mosquitto_s_is_not() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let mut ours = sub(&["-p", &port, "-V", "5", "--store", "none", "-t", "x/#"])
        .args(["-C", "3", "-F", "%j\\n%J"])
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let user = [
        "-D",
        "publish",
        "user-property",
        "k",
        "v",
        "-D",
        "publish",
        "user-property",
        "k",
        "w",
    ];
    broker.mosquitto_pub(["-V", "5", "-t", "x/1", "-m", "hello"].iter().chain(&user));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\xff\xfe").unwrap();
    broker.mosquitto_pub(["-t", "x/2", "-f", &file.path().display().to_string()]);
    std::fs::write(file.path(), b"7\0x").unwrap();
    broker.mosquitto_pub(["-t", "x/3", "-f", &file.path().display().to_string()]);
    assert!(ours.wait().success());
    let output = ours.stdout();
    let lines: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["payload"], "hello");
    assert_eq!(lines[1]["payload"], "hello");
    let user = serde_json::json!([{"k": "v"}, {"k": "w"}]);
    assert_eq!(lines[0]["properties"]["user-properties"], user);
    for line in &lines[2..4] {
        assert_eq!(
            (&line["payload"], &line["encoding"]),
            (&"//4=".into(), &"base64".into())
        );
        let keys: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            [
                "tst",
                "topic",
                "qos",
                "retain",
                "payloadlen",
                "payload",
                "encoding"
            ]
        );
    }
    assert_eq!(lines[4]["payload"], "7\0x");
}

#[test]
fn times_letter_by_letter() {
    let letters = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%";
    let mut format = String::from("%I|%30I|%-30I|%.10I|%U|@N");
    for letter in letters.chars() {
        format.extend(['|', '@', letter]);
    }
    for version in VERSIONS {
        let pair = both(version, &["-F", &format], 1, |broker| {
            publish(broker, [0], &[]);
        });
        let mask = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(mask(&pair.ours), mask(&pair.theirs));
        assert!(pair.ours.contains("|EST|"), "{}", pair.ours);
        // To the hour it is the same time.
        assert_eq!(pair.ours[..13], pair.theirs[..13]);
    }
}

#[test]
fn what_2_1_adds() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let mut ours = sub(&["-p", &port, "--store", "none", "-t", "x/#", "-C", "2"])
        .args(["-F", "%.2:x|%.4-X|%d|%.1f"])
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    std::fs::write(file.path(), 2.5_f64.to_ne_bytes()).unwrap();
    broker.mosquitto_pub(["-t", "x/d", "-f", &path]);
    std::fs::write(file.path(), 2.5_f32.to_ne_bytes()).unwrap();
    broker.mosquitto_pub(["-t", "x/f", "-f", &path]);
    assert!(ours.wait().success());
    assert_eq!(
        ours.stdout(),
        "00:00:00:00:00:00:04:40|0000-0000-0000-0440|2.500000|\n00:00:20:40|0000-2040||2.5\n"
    );
    ours.wait_for_stderr("`x/d`: `%f` needs a payload of 4 bytes");
}

#[test]
fn a_wrong_format_is_reported_before_anything_connects() {
    for (format, message) in [
        ("%k", "there is no `%k`"),
        ("%t %", "the format ends inside a `%` sequence"),
        ("@Q", "there is no `@Q`"),
        ("\\q", "there is no `\\q`"),
    ] {
        // Nothing listens on port 1.
        let mut program = sub(&["-p", "1", "--store", "none", "-F", format]).spawn();
        assert_eq!(program.wait().code(), Some(2), "{format}");
        assert!(program.stderr().contains(message), "{}", program.stderr());
        assert!(
            !program.stderr().contains("connect"),
            "{}",
            program.stderr()
        );
    }
    let mut program = sub(&["-p", "1", "--store", "none", "--pretty", "-F", "%p"]).spawn();
    assert_eq!(program.wait().code(), Some(2));
    program.wait_for_stderr("`--pretty` needs %j or %J in `-F`");
}
