//! `-w` on a real terminal: tmux runs a shell in one, and shows what is on its screen.

#[path = "../common/mod.rs"]
mod common;
mod tmux;

use common::publish;
use testkit::{Broker, DEADLINE, eventually};
use tmux::Tmux;

fn send(broker: &Broker, topic: &str, value: &str) {
    publish(broker.port(), &["-q", "1", "-t", topic, "-m", value]);
}

/// Starts `iot-sub -w` in a shell on a terminal, and waits for its first picture.
fn watch(broker: &Broker, args: &str) -> Tmux {
    let tmux = Tmux::start(80, 12);
    let program = env!("CARGO_BIN_EXE_iot-sub");
    let port = broker.port();
    tmux.line(&format!(
        "clear; {program} -w -p {port} --store none -t '#' -q 1 {args}; echo ended with $?"
    ));
    tmux.wait_for("q ends");
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    tmux
}

/// The terminal is as it was: the shell's own screen, its cursor, no mouse, and lines.
#[track_caller]
fn assert_restored(tmux: &Tmux) {
    assert_eq!(tmux.modes(), "alternate 0, mouse 0, cursor 1");
    tmux.line(
        "stty -a | tr ';' '\\n' | grep -o '[-]*icanon\\|[-]*echo\\b' | tr '\\n' ' '; echo done",
    );
    let screen = tmux.wait_for("done");
    assert!(screen.contains("icanon echo done"), "{screen}");
}

#[test]
fn the_table_has_a_row_for_each_series_and_q_gives_the_terminal_back() {
    let broker = Broker::start();
    let tmux = watch(&broker, "--decode leaves");
    assert_eq!(tmux.modes(), "alternate 1, mouse 1, cursor 0");
    send(&broker, "iot/b", r#"{"temp": 20.5, "hum": 40}"#);
    send(&broker, "iot/a", "1");
    let screen = tmux.wait_for("iot/a          1.0");
    let lines: Vec<_> = screen.lines().collect();
    assert!(lines[0].starts_with("topic  metric  value"), "{screen}");
    assert!(lines[0].ends_with("unit  age  rate"), "{screen}");
    assert!(lines[1].starts_with("iot/a          1.0"), "{screen}");
    assert!(lines[2].starts_with("iot/b  hum     40.0"), "{screen}");
    send(&broker, "iot/a", "2");
    let screen = tmux.wait_for("iot/a          2.0");
    assert_eq!(screen.matches("iot/a").count(), 1, "{screen}");
    // Lines for stderr are below the table, and paint over nothing.
    send(&broker, "iot/c", "no number {");
    let screen = tmux.wait_for("rejected a message on `iot/c`");
    assert!(screen.contains("iot/a          2.0"), "{screen}");
    tmux.key("q");
    // They are printed once the table is gone.
    let screen = tmux.wait_for("ended with 0");
    assert!(screen.contains("rejected a message on `iot/c`"), "{screen}");
    assert_restored(&tmux);
}

#[test]
fn it_scrolls_with_keys_and_the_wheel_and_follows_the_size() {
    let broker = Broker::start();
    let tmux = watch(&broker, "");
    for number in 10..50 {
        send(&broker, &format!("t/{number}"), "1");
    }
    tmux.wait_for("40 series, 1 to");
    let first = |screen: &str| screen.lines().nth(1).unwrap_or_default()[..4].to_owned();
    for (key, expected) in [
        ("Down", "t/11"),
        ("Up", "t/10"),
        ("j", "t/11"),
        ("Home", "t/10"),
    ] {
        tmux.key(key);
        tmux.wait_until(key, |screen| first(screen) == expected);
    }
    tmux.key("End");
    tmux.wait_until("End", |screen| {
        screen.contains("t/49") && screen.contains("to 40")
    });
    tmux.key("PageUp");
    tmux.wait_until("PageUp", |screen| !screen.contains("t/49"));
    tmux.key("Home");
    tmux.wait_until("Home", |screen| first(screen) == "t/10");
    // The wheel, as a terminal sends it.
    tmux.bytes("1b 5b 3c 36 35 3b 35 3b 35 4d");
    tmux.wait_until("wheel down", |screen| first(screen) == "t/13");
    tmux.bytes("1b 5b 3c 36 34 3b 35 3b 35 4d");
    tmux.wait_until("wheel up", |screen| first(screen) == "t/10");
    tmux.resize(60, 30);
    tmux.wait_until("larger", |screen| {
        screen.lines().filter(|line| line.starts_with("t/")).count() > 20
    });
    tmux.resize(20, 5);
    tmux.wait_until("smaller", |screen| {
        screen.lines().filter(|line| line.starts_with("t/")).count() == 3
    });
    tmux.key("C-c");
    tmux.resize(80, 12);
    tmux.wait_for("ended with 0");
    assert_restored(&tmux);
}

#[test]
fn foreign_text_is_made_printable_and_a_silent_series_is_dim() {
    let broker = Broker::start();
    let tmux = watch(&broker, "--decode text");
    send(&broker, "iot/evil", "\u{1b}[2J\u{1b}[31mred\u{7}");
    tmux.wait_for("\\u{1b}[2J\\u{1b}[31mred\\u{7}");
    for _ in 0..7 {
        send(&broker, "iot/dies", "alive");
    }
    tmux.wait_for("alive");
    let is_dim = |line: &str| line.contains("\u{1b}[2m") || line.contains("\u{1b}[0;2m");
    assert!(!is_dim(&tmux.colours()), "{}", tmux.colours());
    // After 5 s without its usual reading.
    tmux.wait_until("the row is dim", |_| {
        let dim = tmux.colours();
        dim.lines()
            .any(|line| is_dim(line) && line.contains("alive"))
    });
    tmux.key("q");
    tmux.wait_for("ended with 0");
}

#[test]
fn it_ends_when_its_terminal_is_gone() {
    let broker = Broker::start();
    let tmux = watch(&broker, "");
    let id = tmux.foreground();
    drop(tmux);
    let path = format!("/proc/{id}");
    eventually(DEADLINE, "the program has ended", || {
        !std::path::Path::new(&path).exists()
    });
}

#[test]
fn sigterm_gives_the_terminal_back() {
    let broker = Broker::start();
    let tmux = watch(&broker, "");
    tmux.signal_foreground("TERM");
    tmux.wait_for("ended with");
    assert_restored(&tmux);
}

#[test]
#[cfg(feature = "failpoints")]
fn a_panic_gives_the_terminal_back_and_is_shown() {
    let broker = Broker::start();
    let tmux = Tmux::start(80, 12);
    let program = env!("CARGO_BIN_EXE_iot-sub");
    let port = broker.port();
    tmux.line(&format!(
        "IOT_FAILPOINT=in-watch:3 {program} -w -p {port} --store none"
    ));
    let screen = tmux.wait_for("a failpoint");
    assert!(screen.contains("panicked at"), "{screen}");
    assert_eq!(tmux.modes(), "alternate 0, mouse 0, cursor 1");
    tmux.key("C-c");
    tmux.wait_for("received");
    assert_restored(&tmux);
}
