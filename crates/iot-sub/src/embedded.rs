//! `--embedded`: runs a broker and the store in this process; no other server is needed.
//!
//! Clients connect to a **gateway**. It forwards their packets to the inner broker, copies every
//! PUBLISH to the store, and sends the acknowledgement when the reading is on disk.

mod admission;
mod backlog;
mod broker;
mod budget;
mod connection;
mod downstream;
mod fault;
mod gateway;
mod inner_events;
mod limits;
mod open_files;
mod phase;
mod private_files;
mod raw_packet;
mod retained;
mod sessions;
mod side;
mod subscribers;
mod topics;
mod upstream;
mod wanted;
mod will;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use iot_cli::{Signals, StoreUrl, io_reason};
use iot_core::PacketId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use self::admission::Admission;
use self::broker::{Broker, MAX_CLIENTS};
use self::connection::Connection;
use self::gateway::{Arrival, Gateway, Parts};
use self::inner_events::InnerEvents;
use self::limits::Limits;
use self::sessions::{BROKER, Sessions, session_key};
use self::wanted::Wanted;
use crate::acknowledge::Acknowledger;
use crate::args::Plan;
use crate::counts::Counts;
use crate::decode::select::TimedOut;
use crate::output::Messages;
use crate::pipeline::destination::Destination;
use crate::pipeline::queue::OnCommit;
use crate::pipeline::store_writer::StoreWriter;
use crate::pipeline::{Intake, drain};

/// Timeout for the acknowledgements of what is on disk, and for closing the connections.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(4);
/// Delay after a failed accept.
const ACCEPT_DELAY: Duration = Duration::from_millis(100);

/// A broker, its gateway, and the writer to the store.
struct Embedded {
    listener: TcpListener,
    broker: Broker,
    admission: Arc<Admission>,
    gateway: Arc<Gateway>,
    connections: JoinSet<()>,
    writer: Option<StoreWriter>,
    counts: Arc<Counts>,
    messages: Messages,
    inner_events: InnerEvents,
}

/// Why receiving ended.
enum End {
    /// A signal came, stdout was closed, or `-C` and the like were reached.
    Requested,
    /// The time of `-W` is over.
    TimedOut,
    /// The thread that stores has ended.
    Store(Result<()>),
}

/// Runs the broker on `listen`, and stores what its clients publish, until the run ends.
///
/// # Errors
/// The address or the broker's files cannot be used, the store fails, or readings were not stored
/// in time; [`TimedOut`].
pub(crate) async fn run(
    plan: Plan,
    listen: SocketAddr,
    destination: Destination,
    mut signals: Signals,
    deadline: Option<Instant>,
    counts: Arc<Counts>,
    messages: &Messages,
) -> Result<()> {
    // Boxed: it holds all that is made on the way.
    let starting = Box::pin(Embedded::start(plan, listen, destination, counts, messages));
    let mut embedded = starting.await?;
    let received = embedded.receive(&mut signals, deadline).await;
    embedded.counts.gauges.stopping();
    embedded.gateway.phases.stop_reading();
    let stored = match (&received, &mut embedded.writer) {
        (End::Store(_), _) | (_, None) => Ok(()),
        (_, Some(writer)) => drain(writer, &embedded.counts, messages, &mut signals, || {}).await,
    };
    let printed = embedded.finish().await?;
    match received {
        End::Requested => stored.and(printed),
        End::TimedOut => stored.and(printed).and(Err(TimedOut.into())),
        End::Store(result) => result.and(printed),
    }
}

impl Embedded {
    async fn start(
        plan: Plan,
        listen: SocketAddr,
        destination: Destination,
        counts: Arc<Counts>,
        messages: &Messages,
    ) -> Result<Self> {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(|error| explain(listen, &error))?;
        let address = listener.local_addr()?;
        open_files::raise_limit();
        let dir = files(&plan.store.url);
        private_files::make_folder(&dir)?;
        let inner_events = InnerEvents::count();
        let admission = Arc::new(Admission::default());
        let broker = Broker::start(&dir, Arc::clone(&admission)).await?;
        let sessions = Sessions::default();
        let held = destination.held_at(BROKER)?;
        let persists_ids = held.is_some();
        for (client_id, id, fingerprint) in held.into_iter().flatten() {
            sessions.load(&client_id, PacketId(id), fingerprint);
        }
        let acknowledger = Acknowledger::without_broker();
        let state = destination.decoder_state()?;
        let writer = StoreWriter::start(destination, acknowledger.clone(), &counts, messages)?;
        let queue = writer.as_ref().map(|writer| Arc::clone(&writer.queue));
        let mut intake = Intake::new(
            plan.intake,
            &address.to_string(),
            queue.clone(),
            acknowledger,
            Arc::clone(&counts),
            messages.clone(),
        )?;
        intake.decoding.decoder.restore(&state);
        let identifiers = plan.properties.subscribe.subscription_identifiers.clone();
        let limits = Limits::new(plan.config.payload_limit, messages);
        let retained = broker.retained(&plan.subscriptions, &limits.retained).await;
        let gateway = Gateway::new(Parts {
            intake,
            queue,
            wanted: Wanted::new(plan.subscriptions, identifiers),
            publisher: broker.publisher(),
            sessions,
            messages: messages.clone(),
            persists_ids,
            limits,
        });
        inner_events.report_files(broker.folder(), messages);
        forget_ended(&gateway, &broker).await;
        messages.report(&format_args!("broker listens on {address}"));
        messages.connected(0);
        counts.gauges.connected();
        counts.gauges.subscribed(0);
        {
            let mut intake = gateway.intake();
            intake.begin();
            intake.set_connected(true);
            for message in retained {
                intake.message(message, None);
            }
            gateway.flush(&mut intake);
            // Stands for SUBACK and UNSUBACK, which a subscriber waits for.
            intake.selector.answered();
            intake.selector.answered();
        }
        Ok(Self {
            listener,
            broker,
            admission,
            gateway: Arc::new(gateway),
            connections: JoinSet::new(),
            writer,
            counts,
            messages: messages.clone(),
            inner_events,
        })
    }

    async fn receive(&mut self, signals: &mut Signals, deadline: Option<Instant>) -> End {
        let second = Duration::from_secs(1);
        let mut seconds = tokio::time::interval_at(Instant::now() + second, second);
        let printer = self.gateway.intake().output.printer();
        let prints_rate = self.gateway.intake().output.prints_rate();
        loop {
            self.counts.gauges.receiving.beat();
            if self.gateway.intake().selector.has_ended() {
                return End::Requested;
            }
            if self.writer.is_none() {
                self.counts.gauges.set_unread(self.gateway.is_full());
            }
            let ended = async {
                match &mut self.writer {
                    Some(writer) => writer.ended().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((client, _)) => self.serve(client),
                    Err(error) => {
                        self.gateway.not_connected(&error);
                        tokio::time::sleep(ACCEPT_DELAY).await;
                    }
                },
                Some(_) = self.connections.join_next() => {}
                () = printer.progress() => {
                    if printer.is_closed() && self.writer.is_none() {
                        return End::Requested;
                    }
                    self.gateway.intake().output.report_failure(&self.messages);
                    self.gateway.set_printed();
                }
                result = ended => return End::Store(result),
                () = self.gateway.ended.notified() => {}
                () = signals.next() => return End::Requested,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return End::TimedOut;
                }
                // Runs the loop at least once a second, so that it reports progress.
                _ = seconds.tick() => {
                    if prints_rate {
                        self.gateway.intake().output.print_rate();
                    }
                    self.gateway.publish_outgoing();
                    self.report_files();
                }
            }
        }
    }

    fn report_files(&self) {
        let folder = self.broker.folder();
        self.inner_events.report_files(folder, &self.messages);
    }

    /// Serves a client, in a task of its own.
    fn serve(&mut self, client: TcpStream) {
        if self.connections.len() >= MAX_CLIENTS {
            return;
        }
        let gateway = Arc::clone(&self.gateway);
        let (admission, address) = (Arc::clone(&self.admission), self.broker.address());
        self.connections.spawn(async move {
            // Without a connection to the broker the client is disconnected; it will try again.
            let broker = match TcpStream::connect(address).await {
                Ok(broker) => broker,
                Err(error) => return gateway.not_connected(&error),
            };
            let Ok(own) = broker.local_addr() else {
                return;
            };
            let admitted = admission.admit(own);
            Connection::new(gateway, client, broker, admitted)
                .run()
                .await;
        });
    }

    /// Acknowledges what is on disk, stops the broker, and reports how much was stored. Returns
    /// whether everything was printed.
    async fn finish(mut self) -> Result<Result<()>> {
        drop(self.listener);
        self.gateway.phases.close();
        let closed = async { while self.connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closed).await;
        self.connections.shutdown().await;
        let printed = self.gateway.intake().output.finish(&self.messages);
        self.inner_events.report(&self.messages);
        let folder = self.broker.folder();
        self.inner_events.report_files(folder, &self.messages);
        self.gateway.limits.report(&self.messages);
        let totals = self.counts.totals();
        let spools = self
            .writer
            .as_ref()
            .is_some_and(|writer| writer.spool.is_some());
        self.messages.report_repeats();
        self.messages
            .report(&totals.line(self.writer.is_some(), spools));
        self.broker.shutdown().await?;
        Ok(printed)
    }
}

/// Returns the folder of the broker's own files, beside the store's file.
fn files(store: &StoreUrl) -> PathBuf {
    let mut name = match store {
        StoreUrl::Sqlite(path) => path.clone().into_os_string(),
        _ => "iot".into(),
    };
    name.push(".broker");
    name.into()
}

/// Forgets what is held for sessions that have expired, or that the broker has lost.
async fn forget_ended(gateway: &Gateway, broker: &Broker) {
    for client_id in gateway.sessions.clients() {
        if !broker.has_session(&client_id).await {
            gateway.sessions.forget(&client_id);
            let change = OnCommit::Forget(session_key(&client_id), oneshot::channel().0);
            gateway.receive(&mut vec![Arrival::Change(change)]);
        }
    }
}

fn explain(listen: SocketAddr, error: &io::Error) -> anyhow::Error {
    let problem = match error.kind() {
        ErrorKind::AddrInUse => {
            return anyhow!(
                "cannot listen on `{listen}`: the address is already in use (is another broker running? choose another address with --listen)"
            );
        }
        ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        _ => io_reason(error),
    };
    anyhow!("cannot listen on `{listen}`: {problem} (choose another address with --listen)")
}
