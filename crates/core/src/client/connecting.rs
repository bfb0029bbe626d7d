//! `connect` and `disconnect`.

use std::net::IpAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::event_loop::EventLoop;
use super::running_callbacks;
use super::shared::Client;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::Properties;
use crate::mutex::{lock, try_lock};
use crate::reason::ReasonCode;
use crate::request::DisconnectRequest;
use crate::session::Event;

impl<U: Send + 'static> Client<U> {
    /// Connects to a broker, and returns when CONNECT is sent.
    ///
    /// Blocks for up to twice [`connect_timeout`](ClientConfig::connect_timeout) (to connect, to
    /// send), and while a callback runs. `on_connect` follows from the loop. An existing connection
    /// is cut first, without a DISCONNECT: `on_disconnect` gets [`Error::Replaced`], and the broker
    /// publishes the will. Inside a callback `connect` returns at once, and the loop connects
    /// afterwards; `on_connect_fail` reports a failure.
    ///
    /// `keep_alive` is in whole seconds up to 65,535, 0 for none (see
    /// [`ClientConfig::keep_alive`]); Paho's default is 60 s. `bind_address` is the local address
    /// to connect from, `None` for the system's choice.
    ///
    /// # Errors
    /// [`Error::Connect`] if the broker cannot be reached within `connect_timeout`; a running loop
    /// tries again. [`Error::ConnectTimeout`], [`Error::Closed`] and [`Error::Io`] if CONNECT
    /// cannot be sent. [`Error::Config`] for a keep alive out of range and for a host name that is
    /// not valid for TLS or the proxy; nothing changes then.
    pub fn connect(
        &self,
        host: &str,
        port: u16,
        keep_alive: Duration,
        bind_address: Option<IpAddr>,
    ) -> Result<(), Error> {
        self.request_connect(|config| Self::aimed(config, host, port, keep_alive, bind_address))
    }

    /// Sets the broker, and returns at once. [`loop_start`](Self::loop_start) or
    /// [`loop_forever`](Self::loop_forever) connects, and tries until it succeeds.
    ///
    /// The arguments are those of [`connect`](Self::connect). An existing connection is kept; the
    /// next one goes to this broker.
    ///
    /// # Errors
    /// [`Error::Config`] as for [`connect`](Self::connect).
    pub fn connect_async(
        &self,
        host: &str,
        port: u16,
        keep_alive: Duration,
        bind_address: Option<IpAddr>,
    ) -> Result<(), Error> {
        let mut control = lock(&self.inner.control);
        control.config = Self::aimed(&control.config, host, port, keep_alive, bind_address)?.into();
        control.has_target = true;
        drop(control);
        // An earlier `disconnect` no longer counts.
        self.inner.handle.forget_disconnect();
        self.inner.wake.notify_one();
        Ok(())
    }

    /// The configuration with this broker in it.
    fn aimed(
        config: &ClientConfig,
        host: &str,
        port: u16,
        keep_alive: Duration,
        bind_address: Option<IpAddr>,
    ) -> Result<ClientConfig, Error> {
        let config = ClientConfig {
            host: host.to_owned(),
            port,
            keep_alive,
            bind_address,
            ..config.clone()
        };
        config.checked()
    }

    /// Connects again, as [`connect`](Self::connect) does, with what the setters have changed.
    /// Without an earlier `connect`, the broker is that of the configuration.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn reconnect(&self) -> Result<(), Error> {
        self.request_connect(|config| Ok(config.clone()))
    }

    /// Connects now, to the broker that `aim` makes of the present one.
    fn request_connect(
        &self,
        aim: impl FnOnce(&ClientConfig) -> Result<ClientConfig, Error>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let (sender, result) = mpsc::sync_channel(1);
        let in_callback = running_callbacks::runs_here(inner.number);
        {
            // Broker and request at once: a loop that saw the one without the other would connect
            // by itself, and then once more.
            let mut control = lock(&inner.control);
            control.config = aim(&control.config)?.into();
            control.has_target = true;
            let waiting = control.connect.get_or_insert_default();
            if !in_callback {
                waiting.push(sender);
            }
        }
        if in_callback {
            return Ok(());
        }
        inner.wake.notify_one();
        loop {
            // A loop on another thread connects for us. If there is none, this thread does.
            self.serve_requests();
            match result.recv_timeout(Duration::from_millis(50)) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Error::NotRunning),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Makes the connection that `request_connect` has asked for. Returns the configuration, once a
    /// broker is set.
    pub(super) fn connect_requested(
        &self,
        event_loop: &mut EventLoop,
    ) -> Option<Arc<ClientConfig>> {
        let (waiting, config) = {
            let mut control = lock(&self.inner.control);
            let config = control.has_target.then(|| Arc::clone(&control.config));
            (control.connect.take(), config)
        };
        if let (Some(waiting), Some(config)) = (waiting, &config) {
            let result = event_loop.connect(config);
            if let (Err(error), true) = (&result, waiting.is_empty()) {
                // A callback has asked, and does not wait: the loop tries again by itself.
                self.dispatch(Event::ConnectFailed(error.clone()), &mut Vec::new());
            }
            for sender in waiting {
                // The receiver may have given up.
                let _ = sender.send(result.clone());
            }
        }
        config
    }

    /// Ends the connection cleanly, and the loop with it.
    ///
    /// Packets that are ready are sent, then DISCONNECT, so that the broker publishes no will (MQTT
    /// 3.1.1 §3.14). Answers that still arrive count. The loop ends with `Ok`, Paho's 0. A broker
    /// that does not read, or does not close its side, is given five seconds for each. Returns at
    /// once if a loop runs and inside a callback, otherwise after the end.
    ///
    /// Messages with QoS 1 and 2 that wait for room in the window or for their acknowledgement are
    /// kept for the next connection. To have them delivered first, wait with
    /// [`MessageInfo::wait_for_publish`](super::MessageInfo::wait_for_publish).
    ///
    /// # Errors
    /// [`Error::NotConnected`] if there is no connection; the loop ends all the same.
    pub fn disconnect(&self) -> Result<(), Error> {
        self.end(self.inner.handle.disconnect(ReasonCode::SUCCESS)?)
    }

    /// Disconnects as [`disconnect`](Self::disconnect) does, with a reason code and properties for
    /// an MQTT 5 broker (§3.14.2): [`ReasonCode::DISCONNECT_WITH_WILL`] asks for the will to be
    /// published; a session expiry interval replaces that of CONNECT; a reason string and user
    /// properties are for its log. The earlier versions send none of it.
    ///
    /// # Errors
    /// As [`disconnect`](Self::disconnect). [`Error::Config`] for a code that only brokers send,
    /// for properties out of range, and for a session expiry interval if CONNECT has set none
    /// (§3.14.2.2.2). The connection stays then.
    pub fn disconnect_with(
        &self,
        reason: ReasonCode,
        properties: Option<Properties>,
    ) -> Result<(), Error> {
        let request = DisconnectRequest { reason, properties };
        self.end(self.inner.handle.disconnect(request)?)
    }

    /// Closes the connection if no loop does so; `ended`: there is a connection.
    fn end(&self, ended: bool) -> Result<(), Error> {
        let inner = &self.inner;
        inner.wake.notify_one();
        if !running_callbacks::runs_here(inner.number)
            && let Some(mut event_loop) = try_lock(&inner.event_loop)
        {
            event_loop.finish();
            self.dispatch_ready(&mut event_loop);
        }
        if ended {
            Ok(())
        } else {
            Err(Error::NotConnected)
        }
    }

    /// Does what `connect` and `disconnect` ask for, unless another thread runs the loop.
    pub(super) fn serve_requests(&self) {
        if let Some(mut event_loop) = try_lock(&self.inner.event_loop) {
            self.connect_requested(&mut event_loop);
            if event_loop.is_ending() {
                event_loop.finish();
                self.dispatch_ready(&mut event_loop);
            }
        }
    }
}
