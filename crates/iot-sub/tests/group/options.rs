//! What `--share` subscribes to, and what does not go with it.

use testkit::{Broker, DEADLINE};

use crate::common::{interrupt, sub};

#[track_caller]
fn refused(args: &[&str], expected: &str) {
    let mut program = sub(args).spawn();
    assert_eq!(program.wait().code(), Some(2), "{}", program.stderr());
    assert_eq!(program.stderr(), format!("iot-sub: {expected}\n"));
}

#[test]
fn each_filter_is_shared_and_topics_are_those_that_were_published() {
    for version in ["311", "5"] {
        let broker = Broker::start();
        let port = broker.port().to_string();
        let args = [
            "-p", &port, "-V", version, "--share", "g", "--store", "none",
        ];
        let program = sub(&args)
            .args(["-t", "a/+", "-t", "b@1", "-T", "a/skipped", "-F", "%t %p"])
            .spawn();
        broker.wait_for_log("Sending SUBACK", DEADLINE);
        let log = broker.log();
        for filter in ["\t$share/g/a/+ (QoS 0)", "\t$share/g/b (QoS 1)"] {
            assert!(log.contains(filter), "{log}");
        }
        for (topic, payload) in [("a/skipped", "1"), ("a/x", "2"), ("b", "3")] {
            broker.mosquitto_pub(["-q", "1", "-t", topic, "-m", payload]);
        }
        program.wait_for_stdout("b 3");
        assert_eq!(program.stdout(), "a/x 2\nb 3\n");
        assert_eq!(program.stderr(), "Connected with result code 0\n");
        interrupt(program);
    }
}

#[test]
fn each_message_goes_to_one_member() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let member = |id: &str| {
        let args = [
            "-p", &port, "-i", id, "-q", "1", "--share", "g", "--store", "none",
        ];
        let program = sub(&args).spawn();
        broker.wait_for_log(&format!("Sending SUBACK to {id}"), DEADLINE);
        program
    };
    let members = ["m1", "m2"].map(member);
    for number in 1..=10 {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", &number.to_string()]);
    }
    testkit::eventually(DEADLINE, "all are received", || {
        members
            .iter()
            .map(|it| it.stdout().lines().count())
            .sum::<usize>()
            == 10
    });
    for member in members {
        assert_eq!(member.stdout().lines().count(), 5, "{}", member.stdout());
        interrupt(member);
    }
}

#[test]
fn overlapping_filters_of_a_group_are_reported() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let args = [
        "-p", &port, "-V", "5", "--share", "g", "--store", "none", "-t", "a/#", "-t", "a/b",
    ];
    let program = sub(&args).spawn();
    let line = program.wait_for_stderr("overlap");
    let expected = "iot-sub: topic filters `$share/g/a/#` and `$share/g/a/b` overlap: each message that both match \
                    arrives twice, maybe at two members of the group (leave one of them out, if the other covers it)";
    assert_eq!(line, expected);
    interrupt(program);
}

#[test]
fn what_does_not_go_with_a_group_is_refused() {
    refused(
        &["--share", "a/b"],
        "invalid value `a/b` for `--share`: the name of a group is not empty, and has no `/`, `+` or `#`",
    );
    refused(
        &["--share", "g", "-t", "$share/h/a"],
        "`--share` cannot be used with the shared subscription `$share/h/a` of `-t` (leave one of them out)",
    );
    refused(
        &["--share", "g", "--embedded"],
        "`--share` cannot be used with `--embedded` (leave one of them out)",
    );
    refused(
        &["--share", "g", "--retained-only"],
        "`--retained-only` cannot be used with `--share`: brokers send no retained messages for a shared subscription",
    );
    refused(
        &["--share", "g", "-V", "5", "--no-local"],
        "`--no-local` cannot be used with the shared subscription `$share/g/iot/#` (MQTT 5 forbids it)",
    );
    refused(
        &["--share", "g", "--decode", "sparkplug"],
        "`--share` cannot be used with Sparkplug: another member would receive the births that explain this one's messages",
    );
}
