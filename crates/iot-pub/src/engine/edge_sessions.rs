//! The sessions of Sparkplug edge nodes: BIRTH after each connection and on command, DEATH at the
//! end.

use anyhow::{Context, Result};
use chrono::Utc;
use iot_cli::notify;
use iot_core::{Error, Message, QoS};
use iot_sparkplug::{asks_for_rebirth, read_payload};

use super::shared::RunState;
use crate::name::NAME;

impl RunState {
    /// Begins the session of the edge node that has this connection, if it is one: subscribes to
    /// its commands, publishes its BIRTH and those of its devices, and numbers the will of the next
    /// connection.
    pub(super) fn begin_edge_session(&mut self, link: usize, is_new: bool) -> Result<()> {
        let Some(node) = self.edge_nodes.get_mut(link) else {
            return Ok(());
        };
        if !is_new {
            node.reconnected();
        }
        let handle = &self.links[link].handle;
        handle.set_will(Some(node.next_will()?))?;
        let commands = [(node.commands()?, QoS::AtLeastOnce)];
        match handle.subscribe(commands) {
            // The next connection begins again.
            Ok(_) | Err(Error::NotConnected) => {}
            Err(error) => {
                return Err(error).context("cannot subscribe to the commands of the edge node");
            }
        }
        self.publish_births(link)
    }

    /// Publishes the BIRTH of the edge node and those of its devices.
    fn publish_births(&mut self, link: usize) -> Result<()> {
        let now = Utc::now().timestamp_millis().try_into().unwrap_or_default();
        for birth in self.edge_nodes[link].births(now)? {
            match self.links[link].handle.publish(birth) {
                Ok(_) => {}
                Err(Error::NotConnected) => break,
                Err(error) => {
                    return Err(error).context("cannot publish the BIRTH of the edge node");
                }
            }
        }
        Ok(())
    }

    /// Takes a message that was received on the connection of an edge node.
    pub(super) fn edge_command(&mut self, link: usize, message: &Message) {
        if self.is_ending || link >= self.edge_nodes.len() {
            return;
        }
        let is_rebirth = read_payload(&message.payload).is_ok_and(|it| asks_for_rebirth(&it));
        if !is_rebirth {
            return;
        }
        notify(NAME, &format!("rebirth on command (`{}`)", message.topic));
        if let Err(error) = self.publish_births(link) {
            self.fail(error);
        }
    }

    /// Publishes the DEATH of each edge node. The broker publishes no will after DISCONNECT.
    pub(super) fn end_edge_sessions(&self) {
        for (node, link) in self.edge_nodes.iter().zip(&self.links) {
            if let Ok(death) = node.death() {
                // Without a connection, the broker has published the will.
                let _ = link.handle.publish(death);
            }
        }
    }
}
