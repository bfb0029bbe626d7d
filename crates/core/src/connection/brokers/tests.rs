use tokio::time::{advance, pause};

use super::*;
use crate::message::Properties;
use crate::reason::ReasonCode;

const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));

fn config(hosts: &[&str]) -> Arc<ClientConfig> {
    let address = |host: &&str| BrokerAddress::new(*host, 1883);
    Arc::new(ClientConfig {
        host: hosts[0].to_owned(),
        brokers: hosts[1..].iter().map(address).collect(),
        broker_order: BrokerOrder::Given,
        reconnect_delay: DELAYS,
        follow_redirects: true,
        ..ClientConfig::default()
    })
}

struct Tried {
    brokers: Brokers,
    config: Arc<ClientConfig>,
}

impl Tried {
    fn new(hosts: &[&str]) -> Self {
        let config = config(hosts);
        Self {
            brokers: Brokers::new(&config),
            config,
        }
    }

    /// The address that is dialled next; `None` if none is due.
    fn dial(&mut self) -> Option<String> {
        match self.brokers.next(&self.config) {
            Next::Dial(config) => Some(config.address()),
            Next::Wait(_) => None,
        }
    }

    fn fail(&mut self) {
        self.fail_with(&Error::Closed);
    }

    fn fail_with(&mut self, error: &Error) {
        self.brokers.failed(error, &self.config, DELAYS);
    }

    fn accept(&mut self) {
        self.brokers.opened();
        self.brokers.accepted(DELAYS.1);
    }

    /// Lets a connection that was accepted last, and loses it.
    async fn lose_after(&mut self, seconds: u64) {
        advance(Duration::from_secs(seconds)).await;
        self.brokers.lost(&Err(Error::Closed), true);
        self.fail();
    }
}

fn refers(code: ReasonCode, to: &str) -> Error {
    Error::ServerDisconnect {
        reason: code,
        reason_string: None,
        properties: Some(Box::new(Properties {
            server_reference: Some(to.into()),
            ..Properties::default()
        })),
    }
}

#[tokio::test]
async fn the_client_waits_only_after_all_were_tried() {
    pause();
    let mut tried = Tried::new(&["a", "b", "c"]);
    for expected in ["a:1883", "b:1883", "c:1883"] {
        assert_eq!(tried.dial().as_deref(), Some(expected));
        assert_eq!(tried.brokers.has_another(), expected != "c:1883");
        tried.fail();
    }
    assert_eq!(tried.dial(), None);
    advance(DELAYS.0).await;
    assert_eq!(tried.dial().as_deref(), Some("a:1883"));
}

#[tokio::test]
async fn a_dead_broker_does_not_delay_a_living_one() {
    pause();
    let mut tried = Tried::new(&["dead", "living"]);
    for round in 0..6 {
        assert_eq!(tried.dial().as_deref(), Some("dead:1883"));
        tried.fail();
        if round > 0 {
            let Next::Wait(until) = tried.brokers.next(&tried.config) else {
                panic!("it has just lost the connection");
            };
            assert_eq!(until, Instant::now() + DELAYS.0, "round {round}");
            advance(DELAYS.0).await;
        }
        assert_eq!(tried.dial().as_deref(), Some("living:1883"));
        tried.accept();
        tried.lose_after(60).await;
    }
}

#[tokio::test]
async fn after_a_loss_the_given_order_starts_with_the_first_one_again() {
    pause();
    let mut tried = Tried::new(&["a", "b", "c"]);
    tried.dial();
    tried.fail();
    assert_eq!(tried.dial().as_deref(), Some("b:1883"));
    tried.accept();
    tried.lose_after(60).await;
    assert_eq!(tried.dial().as_deref(), Some("a:1883"));
    tried.fail();
    assert_eq!(tried.dial().as_deref(), Some("c:1883"));
}

#[tokio::test]
async fn at_random_each_is_tried_once_in_a_round() {
    pause();
    let hosts = ["a", "b", "c", "d"];
    let mut firsts = std::collections::HashSet::new();
    for _ in 0..200 {
        let mut tried = Tried::new(&hosts);
        Arc::make_mut(&mut tried.config).broker_order = BrokerOrder::Random;
        let mut round: Vec<_> = (0..4)
            .map(|_| {
                let address = tried.dial().unwrap();
                tried.fail();
                address
            })
            .collect();
        firsts.insert(round[0].clone());
        round.sort();
        assert_eq!(round, ["a:1883", "b:1883", "c:1883", "d:1883"]);
    }
    assert_eq!(firsts.len(), 4);
}

#[tokio::test]
async fn a_reference_is_followed_once_and_then_the_broker_is_used_again() {
    pause();
    let mut tried = Tried::new(&["a"]);
    tried.dial();
    tried.fail_with(&refers(
        ReasonCode::USE_ANOTHER_SERVER,
        "b c:1884 [::1]:1885",
    ));
    assert!(tried.brokers.has_another());
    for expected in ["b:1883", "c:1884", "[::1]:1885"] {
        assert_eq!(tried.dial().as_deref(), Some(expected));
        if expected != "[::1]:1885" {
            tried.fail();
        }
    }
    tried.accept();
    tried.lose_after(60).await;
    advance(DELAYS.0).await;
    assert_eq!(tried.dial().as_deref(), Some("a:1883"));
}

#[tokio::test]
async fn a_moved_server_replaces_the_one_that_said_so() {
    pause();
    let mut tried = Tried::new(&["a"]);
    tried.dial();
    tried.fail_with(&refers(ReasonCode::SERVER_MOVED, "b:1884"));
    assert_eq!(tried.dial().as_deref(), Some("b:1884"));
    tried.accept();
    tried.lose_after(60).await;
    advance(DELAYS.0).await;
    assert_eq!(tried.dial().as_deref(), Some("b:1884"));
}

#[tokio::test]
async fn loops_and_long_chains_end() {
    pause();
    let mut tried = Tried::new(&["a"]);
    tried.dial();
    tried.fail_with(&refers(ReasonCode::USE_ANOTHER_SERVER, "b"));
    assert_eq!(tried.dial().as_deref(), Some("b:1883"));
    tried.accept();
    tried.fail_with(&refers(ReasonCode::USE_ANOTHER_SERVER, "a b"));
    assert_eq!(tried.dial(), None, "they refer to each other");
    advance(DELAYS.1).await;
    assert_eq!(tried.dial().as_deref(), Some("a:1883"));
    for host in ["b", "c", "d", "e"] {
        tried.fail_with(&refers(ReasonCode::USE_ANOTHER_SERVER, host));
        assert_eq!(tried.dial(), Some(format!("{host}:1883")));
    }
    tried.fail_with(&refers(ReasonCode::USE_ANOTHER_SERVER, "f"));
    assert_eq!(tried.dial(), None, "too many in a row");
}

#[tokio::test]
async fn references_of_slow_brokers_end_too() {
    pause();
    let mut tried = Tried::new(&["a"]);
    assert_eq!(tried.dial().as_deref(), Some("a:1883"));
    for host in ["b", "c", "d", "e"] {
        tried.brokers.opened();
        advance(DELAYS.0 * 2).await;
        tried.fail_with(&refers(ReasonCode::USE_ANOTHER_SERVER, host));
        assert_eq!(tried.dial(), Some(format!("{host}:1883")));
    }
    tried.brokers.opened();
    advance(DELAYS.0 * 2).await;
    tried.fail_with(&refers(ReasonCode::USE_ANOTHER_SERVER, "f"));
    assert_eq!(tried.dial(), None, "too many in a row");
}

#[tokio::test]
async fn references_that_fail_delay_the_broker_once() {
    pause();
    let mut tried = Tried::new(&["a"]);
    tried.dial();
    tried.fail_with(&refers(ReasonCode::USE_ANOTHER_SERVER, "b c d"));
    for expected in ["b:1883", "c:1883", "d:1883"] {
        assert_eq!(tried.dial().as_deref(), Some(expected));
        tried.fail();
    }
    let Next::Wait(until) = tried.brokers.next(&tried.config) else {
        panic!("all have just failed");
    };
    assert_eq!(until, Instant::now() + DELAYS.0);
}

#[tokio::test]
async fn what_is_no_reference_is_not_followed() {
    pause();
    let mut tried = Tried::new(&["a"]);
    for error in [
        refers(ReasonCode::SERVER_BUSY, "b"),
        refers(ReasonCode::USE_ANOTHER_SERVER, "ada:secret@b"),
        refers(ReasonCode::USE_ANOTHER_SERVER, "b:70000 ::1 %41"),
    ] {
        tried.brokers.restart();
        tried.dial();
        tried.fail_with(&error);
        assert!(!tried.brokers.has_another(), "{error}");
    }
    Arc::make_mut(&mut tried.config).follow_redirects = false;
    tried.brokers.restart();
    tried.dial();
    tried.fail_with(&refers(ReasonCode::USE_ANOTHER_SERVER, "b"));
    assert!(!tried.brokers.has_another());
}
