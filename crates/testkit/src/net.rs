//! A faulty network: a TCP proxy that fails on command.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A direction through a [`FaultyNet`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From the server to the client that has connected.
    ToClient,
    /// From the client to the server.
    ToServer,
}

/// A network between a client and a server on 127.0.0.1: the client connects to
/// [`port`](Self::port), and the bytes of both sides pass until the test says otherwise. Ends with
/// all its connections on drop.
#[derive(Debug)]
pub struct FaultyNet {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    thawed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ended: bool,
    refusing: bool,
    frozen: bool,
    latency: Duration,
    cuts: usize,
    connections: usize,
    refused: usize,
    /// Both ends of each connection that is open.
    open: Vec<Connection>,
    to_client: Line,
    to_server: Line,
}

/// How much has passed in one direction, and how much may still pass.
#[derive(Debug, Default)]
struct Line {
    passed: u64,
    /// The connection that would pass more than this is cut instead.
    left: Option<u64>,
    /// Bytes are dropped.
    losing: bool,
}

#[derive(Debug)]
struct Connection {
    number: usize,
    client: Arc<TcpStream>,
    server: Arc<TcpStream>,
    ways_open: u8,
}

impl FaultyNet {
    /// Listens on a free port, and connects each client to the server on port `server`, which need
    /// not be there yet.
    #[track_caller]
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener
            .local_addr()
            .expect("a listener has an address")
            .port();
        let shared = Arc::new(Shared::default());
        let net = Self {
            port,
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.lock().ended {
                    break;
                }
                shared.connect(client, server);
            }
        });
        net
    }

    /// Returns the port for the client to connect to, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections; bytes in transit are lost. New connections come through.
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        state.cuts += 1;
        state.open.drain(..).for_each(Connection::close);
        drop(state);
        self.shared.thawed.notify_all();
    }

    /// Closes new connections as soon as they come in, from now on (`true`) or no more (`false`).
    /// Open ones stay.
    pub fn refuse(&self, refuse: bool) {
        self.shared.lock().refusing = refuse;
    }

    /// Lets no byte through any more, in both directions; connections stay open, and new ones open.
    pub fn freeze(&self) {
        self.shared.lock().frozen = true;
    }

    /// Lets the bytes through again, those that have waited first.
    pub fn thaw(&self) {
        self.shared.lock().frozen = false;
        self.shared.thawed.notify_all();
    }

    /// Lets exactly this many further bytes through in this direction, over all connections, and
    /// then cuts the connection that would carry the next one. After that everything passes again.
    pub fn drop_after(&self, way: Way, bytes: u64) {
        self.shared.lock().line(way).left = Some(bytes);
    }

    /// Delays everything, in both directions, by this time.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.lock().latency = latency;
    }

    /// Drops everything in this direction, from now on (`true`): the other one still passes,
    /// so that requests are delivered whose replies get lost. Once that ends (`false`), all
    /// connections are cut, for bytes are missing in them.
    pub fn lose(&self, way: Way, lose: bool) {
        self.shared.lock().line(way).losing = lose;
        if !lose {
            self.cut();
        }
    }

    /// Returns how many connections have come through so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Returns how many were refused so far, by [`refuse`](Self::refuse) or because the server was
    /// away.
    pub fn refused(&self) -> usize {
        self.shared.lock().refused
    }

    /// Returns how many bytes have passed in this direction so far.
    pub fn bytes(&self, way: Way) -> u64 {
        self.shared.lock().line(way).passed
    }
}

impl Drop for FaultyNet {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.cut();
        // The listener waits for a connection, and ends with this one.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Self>, client: TcpStream, server: u16) {
        let (refusing, cuts) = {
            let state = self.lock();
            (state.refusing, state.cuts)
        };
        let server = (!refusing).then(|| TcpStream::connect((Ipv4Addr::LOCALHOST, server)));
        let Some(Ok(server)) = server else {
            self.lock().refused += 1;
            return;
        };
        let (client, server) = (Arc::new(client), Arc::new(server));
        let mut state = self.lock();
        // Cut while it was being made: the test must not find it alive.
        if state.cuts != cuts {
            return;
        }
        let number = state.connections;
        state.connections += 1;
        state.open.push(Connection {
            number,
            client: Arc::clone(&client),
            server: Arc::clone(&server),
            ways_open: 2,
        });
        drop(state);
        for (way, from, to) in [
            (Way::ToServer, Arc::clone(&client), Arc::clone(&server)),
            (Way::ToClient, server, client),
        ] {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.pass(number, way, &from, &to));
        }
    }

    /// Passes bytes in one direction of one connection, until its end.
    fn pass(&self, number: usize, way: Way, mut from: &TcpStream, mut to: &TcpStream) {
        let mut buffer = [0; 16 * 1024];
        loop {
            // A reset becomes an end of the stream.
            let length = from.read(&mut buffer).unwrap_or(0);
            self.delay();
            let Some(allowed) = self.allow(number, way, length) else {
                return;
            };
            if length > 0 && self.lock().line(way).losing {
                continue;
            }
            if to.write_all(&buffer[..allowed]).is_err() || allowed < length {
                self.lock().close(number);
                return;
            }
            if length == 0 {
                let _ = to.shutdown(Shutdown::Write);
                self.lock().close_half(number);
                return;
            }
        }
    }

    fn delay(&self) {
        let latency = self.lock().latency;
        if !latency.is_zero() {
            thread::sleep(latency);
        }
    }

    /// Waits while frozen; then returns how many of `length` bytes may pass, or `None` if the
    /// connection was cut.
    fn allow(&self, number: usize, way: Way, length: usize) -> Option<usize> {
        let mut state = self.lock();
        while state.frozen && state.is_open(number) {
            state = self
                .thawed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_open(number).then(|| state.line(way).take(length))
    }
}

impl State {
    fn line(&mut self, way: Way) -> &mut Line {
        match way {
            Way::ToClient => &mut self.to_client,
            Way::ToServer => &mut self.to_server,
        }
    }

    fn is_open(&self, number: usize) -> bool {
        self.open.iter().any(|open| open.number == number)
    }

    /// One side has closed its half; the other may continue.
    fn close_half(&mut self, number: usize) {
        let Some(open) = self.open.iter_mut().find(|open| open.number == number) else {
            return;
        };
        open.ways_open -= 1;
        if open.ways_open == 0 {
            self.close(number);
        }
    }

    fn close(&mut self, number: usize) {
        self.open
            .extract_if(.., |open| open.number == number)
            .for_each(Connection::close);
    }
}

impl Line {
    /// Counts as many of `length` bytes as may pass, and returns that; if not all may, the limit
    /// has done its work.
    fn take(&mut self, length: usize) -> usize {
        let length = length as u64;
        let allowed = self.left.map_or(length, |left| left.min(length));
        self.left = self
            .left
            .filter(|_| allowed == length)
            .map(|left| left - allowed);
        self.passed += allowed;
        usize::try_from(allowed).expect("not above the length")
    }
}

impl Connection {
    /// Both halves at once, so that the threads that wait for bytes wake up.
    fn close(self) {
        // Fails only where the other side has closed it already.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Broker, Conversation, DEADLINE, ScriptedPeer, eventually};

    const SHORT: Duration = Duration::from_millis(30);

    /// A network with one connection through it: the client's end, and the server's.
    fn net() -> (FaultyNet, ScriptedPeer, Conversation, Conversation) {
        let peer = ScriptedPeer::listen();
        let net = FaultyNet::to(peer.port());
        let client = Conversation::connect(net.port());
        let server = peer.accept();
        (net, peer, client, server)
    }

    #[test]
    fn carries_a_real_client_to_a_real_broker() {
        let mut broker = Broker::start();
        let net = FaultyNet::to(broker.port());
        let port = net.port().to_string();
        let subscriber = broker.mosquitto_sub(["-p", &port, "-t", "iot"]);
        broker.wait_for_log("Received SUBSCRIBE", DEADLINE);
        broker.mosquitto_pub(["-p", &port, "-t", "iot", "-m", "25.5"]);
        subscriber.wait_for_stdout("25.5");
        net.cut();
        eventually(DEADLINE, "mosquitto_sub comes again", || {
            net.connections() == 3
        });
        broker.stop();
    }

    #[test]
    fn counts_bytes_and_connections() {
        let (net, peer, mut client, mut server) = net();
        client.send(b"one");
        server.expect(b"one");
        server.send(b"three");
        client.expect(b"three");
        assert_eq!((net.bytes(Way::ToServer), net.bytes(Way::ToClient)), (3, 5));
        Conversation::connect(net.port()).send(b"second");
        peer.accept().expect(b"second");
        assert_eq!((net.connections(), net.refused()), (2, 0));
    }

    #[test]
    fn passes_on_an_end_in_each_direction() {
        let (_net, peer, client, mut server) = net();
        client.close();
        server.expect_end();
        let net = FaultyNet::to(peer.port());
        let mut client = Conversation::connect(net.port());
        peer.accept().close();
        client.expect_end();
    }

    #[test]
    fn cut_ends_what_is_open_and_lets_new_ones_in() {
        let (net, peer, mut client, mut server) = net();
        net.cut();
        client.expect_end();
        server.expect_end();
        let mut again = Conversation::connect(net.port());
        again.send(b"again");
        peer.accept().expect(b"again");
    }

    #[test]
    fn refuse_ends_new_ones_and_leaves_what_is_open() {
        let (net, peer, mut client, mut server) = net();
        net.refuse(true);
        Conversation::connect(net.port()).expect_end();
        client.send(b"still here");
        server.expect(b"still here");
        net.refuse(false);
        Conversation::connect(net.port()).send(b"again");
        peer.accept().expect(b"again");
        assert_eq!((net.connections(), net.refused()), (2, 1));
    }

    #[test]
    fn a_server_that_is_away_refuses() {
        let broker = Broker::reserve();
        let net = FaultyNet::to(broker.port());
        Conversation::connect(net.port()).expect_end();
        assert_eq!((net.connections(), net.refused()), (0, 1));
    }

    #[test]
    fn frozen_nothing_passes_and_thawed_everything_that_waited() {
        let (net, _peer, mut client, mut server) = net();
        net.freeze();
        client.send(b"waiting");
        server.send(b"as well");
        server.expect_silence(SHORT);
        client.expect_silence(SHORT);
        net.thaw();
        server.expect(b"waiting");
        client.expect(b"as well");
    }

    #[test]
    fn frozen_and_then_cut_loses_what_waited() {
        let (net, _peer, mut client, mut server) = net();
        net.freeze();
        client.send(b"lost");
        server.expect_silence(SHORT);
        net.cut();
        server.expect_end();
        client.expect_end();
        net.thaw();
        assert_eq!(net.bytes(Way::ToServer), 0);
    }

    #[test]
    fn drops_after_exactly_so_many_bytes_once() {
        let (net, peer, mut client, mut server) = net();
        net.drop_after(Way::ToClient, 4);
        client.send(b"the other direction is free");
        server.expect(b"the other direction is free");
        server.send(b"on");
        client.expect(b"on");
        server.send(b"line");
        client.expect(b"li");
        client.expect_end();
        server.expect_end();
        assert_eq!(net.bytes(Way::ToClient), 4);

        let mut client = Conversation::connect(net.port());
        peer.accept().send(b"free again");
        client.expect(b"free again");
    }

    #[test]
    fn dropped_it_ends_everything() {
        let (net, _peer, mut client, mut server) = net();
        let port = net.port();
        drop(net);
        client.expect_end();
        server.expect_end();
        eventually(DEADLINE, "nobody listens", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
        });
    }

    #[test]
    fn holds_up_what_passes() {
        let (net, _peer, mut client, mut server) = net();
        net.set_latency(SHORT);
        let start = std::time::Instant::now();
        client.send(b"one");
        server.expect(b"one");
        assert!(start.elapsed() >= SHORT);
    }

    #[test]
    fn loses_replies_and_delivers_requests() {
        let (net, peer, mut client, mut server) = net();
        net.lose(Way::ToClient, true);
        server.send(b"reply");
        client.send(b"request");
        server.expect(b"request");
        client.expect_silence(SHORT);
        net.lose(Way::ToClient, false);
        client.expect_end();
        let mut client = Conversation::connect(net.port());
        peer.accept().send(b"reply");
        client.expect(b"reply");
    }
}
