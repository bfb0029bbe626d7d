//! A thread that waits for the end of a message waits for the socket itself, in the place of the runtime's thread.

mod bell;

use std::task::Waker;
use std::time::Instant;

use super::super::{driver, lock, pool};
use super::{Polled, Rest};
use crate::connection::Attention;
use bell::Bell;
pub(super) use bell::Ring;

thread_local! {
    /// This thread's; `None` where the system has no room for it.
    static BELL: Option<Bell> = Bell::new();
}

/// Has this thread wait for what the broker sends to a client at rest, until `has_ended`, the deadline, or the end
/// of the rest. Returns at once where the client isn't at rest, another thread does so already, or something lies
/// between the socket and the packets.
pub(in super::super) fn attend(
    client: u64,
    deadline: Option<Instant>,
    has_ended: impl Fn() -> bool,
) {
    if let Some(rest) = pool::resting(client).filter(|rest| rest.attendable) {
        let _ = BELL.try_with(|bell| {
            if let Some(bell) = bell {
                rest.attend(bell, deadline, has_ended);
            }
        });
    }
}

impl Rest {
    fn attend(&self, bell: &Bell, deadline: Option<Instant>, has_ended: impl Fn() -> bool) {
        let Ok(_inside) = driver::inside() else {
            return;
        };
        let waker = {
            let mut state = lock(&self.state);
            let Some(waker) = state.waker.clone() else {
                return;
            };
            if state.attended || self.handle.twin().is_none() {
                return;
            }
            state.attended = true;
            waker
        };
        loop {
            // It rings whenever the runtime's thread has polled from now on.
            lock(&self.state).bell = Some(bell.ring());
            let is_elsewhere = self.see_to(&waker, Attention::Thread);
            let is_over = has_ended() || lock(&self.state).is_over();
            let goes_on = match (self.handle.twin(), self.handle.attention()) {
                _ if is_over => false,
                (Some(_), _) if is_elsewhere => bell.wait(None, deadline),
                (Some(socket), Attention::Drained) => bell.wait(Some(&*socket), deadline),
                // The runtime's thread has polled since.
                (Some(_), Attention::Runtime) => true,
                // So much is to be written that nothing is read.
                (Some(_), Attention::Thread) | (None, _) => false,
            };
            if lock(&self.state).bell.take().is_none() {
                bell.heard();
            }
            if !goes_on {
                break;
            }
        }
        self.see_to(&waker, Attention::Runtime);
        lock(&self.state).attended = false;
    }

    /// Polls in the place of the runtime's thread. Returns whether another thread is at it.
    fn see_to(&self, waker: &Waker, attention: Attention) -> bool {
        match self.poll(waker, attention) {
            Polled::Ready(job) => {
                pool::woken(self.client, job);
                waker.wake_by_ref();
                false
            }
            Polled::Pending => false,
            Polled::Elsewhere => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Deref;
    use std::sync::{Arc, mpsc};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    use testkit::{Conversation, DEADLINE, ScriptedPeer, eventually};

    use super::*;
    use crate::client::{Client, MessageInfo};
    use crate::config::ClientConfig;
    use crate::error::Error;

    const CONNACK: &[u8] = b"\x20\x02\x00\x00";
    const RESUMED: &[u8] = b"\x20\x02\x01\x00";

    /// A client whose loop ends with it: it would go on dialling, and find the peer of another test.
    struct Connected(Client);

    impl Deref for Connected {
        type Target = Client;

        fn deref(&self) -> &Client {
            &self.0
        }
    }

    impl Drop for Connected {
        fn drop(&mut self) {
            let _ = self.disconnect();
        }
    }

    /// A client whose loop is at rest, and the broker's end of its connection.
    fn at_rest() -> (Connected, ScriptedPeer, Conversation) {
        let peer = ScriptedPeer::listen();
        let config = ClientConfig {
            client_id: "a".into(),
            clean_session: false,
            reconnect_delay: (Duration::ZERO, Duration::ZERO),
            ..ClientConfig::default()
        };
        let client = Connected(Client::new(config, ()).unwrap());
        let keep_alive = Duration::from_mins(1);
        client
            .connect("127.0.0.1", peer.port(), keep_alive, None)
            .unwrap();
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(CONNACK);
        client.loop_start().unwrap();
        eventually(DEADLINE, "the client is connected", || {
            client.is_connected()
        });
        rests(&client);
        (client, peer, broker)
    }

    fn rests(client: &Client) -> Arc<Rest> {
        eventually(DEADLINE, "the client rests", || {
            pool::resting(client.inner.number).filter(|rest| lock(&rest.state).waker.is_some())
        })
    }

    /// Publishes with QoS 1 and waits on a thread of its own, which attends when this returns.
    fn waits(client: &Client, topic: &str) -> (MessageInfo, JoinHandle<Result<(), Error>>) {
        let sent = client.publish(topic, "x", 1, false).unwrap();
        let rest = rests(client);
        let waiting = {
            let sent = sent.clone();
            thread::spawn(move || sent.wait_for_publish(Some(DEADLINE)))
        };
        eventually(DEADLINE, "the thread attends", || {
            lock(&rest.state).bell.is_some()
        });
        (sent, waiting)
    }

    fn acknowledge(broker: &mut Conversation, sent: &MessageInfo) {
        broker.send(&[&b"\x40\x02"[..], &sent.mid().get().to_be_bytes()].concat());
    }

    /// Has the runtime's thread do nothing until the sender is dropped.
    fn stop_the_runtime() -> mpsc::Sender<()> {
        let (go_on, stopped) = mpsc::channel::<()>();
        let (tell, is_stopped) = mpsc::channel();
        let _inside = driver::inside().unwrap();
        tokio::spawn(async move {
            tell.send(()).unwrap();
            let _ = stopped.recv();
        });
        is_stopped.recv_timeout(DEADLINE).unwrap();
        go_on
    }

    #[test]
    fn who_waits_sends_and_reads_without_the_runtime_s_thread() {
        let (client, _peer, mut broker) = at_rest();
        let runtime = stop_the_runtime();
        let answering = thread::spawn(move || {
            for mid in 1..=50_u8 {
                broker.expect(&[b'\x32', 6, 0, 1, b't', 0, mid, b'x']);
                broker.send(&[0x40, 2, 0, mid]);
            }
            broker
        });
        for _ in 0..50 {
            let sent = client.publish("t", "x", 1, false).unwrap();
            sent.wait_for_publish(Some(DEADLINE)).unwrap();
        }
        drop(runtime);
        answering.join().unwrap();
    }

    /// It doesn't linger on a thread then, though there is always something to do.
    #[test]
    fn who_waits_for_each_message_lets_the_client_rest() {
        let (client, _peer, mut broker) = at_rest();
        thread::spawn(move || {
            loop {
                let packet = broker.read_packet();
                broker.try_send(&[&b"\x40\x02"[..], &packet[5..7]].concat());
            }
        });
        let busy = |count| {
            let sent = (0..count).map(|_| client.publish("t", "x", 1, false).unwrap());
            for sent in sent.collect::<Vec<_>>() {
                sent.wait_for_publish(Some(DEADLINE)).unwrap();
            }
        };
        eventually(DEADLINE, "the client is busy", || {
            busy(20);
            pool::resting(client.inner.number).is_none()
        });
        let mut rests = (0..10_000).map(|_| {
            busy(1);
            pool::resting(client.inner.number).is_some()
        });
        assert!(rests.any(|rests| rests));
    }

    #[test]
    fn the_loop_is_stopped_and_goes_on_while_a_thread_waits() {
        let (client, _peer, mut broker) = at_rest();
        let (sent, waiting) = waits(&client, "t");
        client.loop_stop().unwrap();
        acknowledge(&mut broker, &sent);
        assert!(!waiting.is_finished());
        client.loop_start().unwrap();
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn a_message_that_comes_meanwhile_is_handed_over() {
        let (client, _peer, mut broker) = at_rest();
        let (tell, told) = mpsc::channel();
        client.on_message(move |_, (), message| tell.send(message.payload.clone()).unwrap());
        let (sent, waiting) = waits(&client, "t");
        broker.send(b"\x30\x04\x00\x01ty");
        assert_eq!(told.recv_timeout(DEADLINE).unwrap(), "y");
        acknowledge(&mut broker, &sent);
        waiting.join().unwrap().unwrap();
        // All is as before.
        let (sent, waiting) = waits(&client, "t");
        acknowledge(&mut broker, &sent);
        waiting.join().unwrap().unwrap();
    }

    /// Nothing else would wake a client that rests.
    #[test]
    fn a_callback_that_wants_another_connection_gets_it_though_the_message_ends_with_it() {
        let (client, peer, mut broker) = at_rest();
        let (sent, waiting) = waits(&client, "t");
        let awaited = sent.clone();
        client.on_message(move |client, (), _| {
            eventually(DEADLINE, "the thread waits for the loop", || {
                awaited.is_awaited()
            });
            client.reconnect().unwrap();
        });
        let [high, low] = sent.mid().get().to_be_bytes();
        broker.send(&[0x30, 4, 0, 1, b't', b'y', 0x40, 2, high, low]);
        waiting.join().unwrap().unwrap();
        peer.accept().read_packet();
    }

    /// tokio lets a task do only so much at a time.
    #[tokio::test]
    async fn a_task_of_another_runtime_waits_though_it_has_had_its_share() {
        let (client, _peer, mut broker) = at_rest();
        let stopped = stop_the_runtime();
        let answering = thread::spawn(move || {
            let packet = broker.read_packet();
            broker.send(&[&b"\x40\x02"[..], &packet[5..7]].concat());
            broker
        });
        while tokio::task::coop::has_budget_remaining() {
            tokio::task::coop::consume_budget().await;
        }
        let sent = client.publish("t", "x", 1, false).unwrap();
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
        drop(stopped);
        answering.join().unwrap();
    }

    #[test]
    fn another_thread_waits_meanwhile() {
        let (client, _peer, mut broker) = at_rest();
        let (first, waiting) = waits(&client, "t");
        let second = client.publish("u", "x", 1, false).unwrap();
        broker.read_packet();
        broker.read_packet();
        acknowledge(&mut broker, &second);
        second.wait_for_publish(Some(DEADLINE)).unwrap();
        assert!(!first.is_published());
        acknowledge(&mut broker, &first);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn a_connection_that_is_lost_meanwhile_is_made_again() {
        let (client, peer, mut broker) = at_rest();
        let (sent, waiting) = waits(&client, "t");
        broker.read_packet();
        broker.close();
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(RESUMED);
        assert_eq!(broker.read_packet()[0], 0x3a);
        acknowledge(&mut broker, &sent);
        waiting.join().unwrap().unwrap();
    }

    /// The peer sees the end at once, though a thread still waits for the socket.
    #[test]
    fn a_connection_is_ended_while_a_thread_waits() {
        let (client, peer, mut broker) = at_rest();
        let (sent, waiting) = waits(&client, "t");
        broker.read_packet();
        client.disconnect().unwrap();
        broker.expect(b"\xe0\x00");
        broker.expect_end();
        broker.close();
        client.loop_stop().unwrap();
        client.reconnect().unwrap();
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(RESUMED);
        client.loop_start().unwrap();
        assert_eq!(broker.read_packet()[0], 0x3a);
        acknowledge(&mut broker, &sent);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn who_waits_for_some_time_leaves_the_rest_to_the_loop() {
        let (client, _peer, mut broker) = at_rest();
        let sent = client.publish("t", "x", 1, false).unwrap();
        for _ in 0..2 {
            let result = sent.wait_for_publish(Some(Duration::from_millis(20)));
            assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
        }
        acknowledge(&mut broker, &sent);
        eventually(DEADLINE, "the message is acknowledged", || {
            sent.is_published()
        });
    }
}
