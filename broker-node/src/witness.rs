//! Writes down what the broker received, what subscribers acknowledged, and what it dropped: the
//! evidence for whether a missing message was lost by the broker or after it.
//!
//! A line is `P TOPIC NUMBER` (received), `A TOPIC NUMBER CLIENT` (acknowledged by CLIENT) or `D
//! TOPIC NUMBER REASON` (dropped). NUMBER is the member `n` of the payload `{"n":…`. Each line is
//! written at once, so that it survives the end of the process.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::types::Publish;

struct Witness {
    file: Arc<File>,
}

/// Writes the events of this node to the end of a file.
pub async fn register(scx: &ServerContext, path: &Path) -> io::Result<()> {
    let file = Arc::new(OpenOptions::new().create(true).append(true).open(path)?);
    let register = scx.extends.hook_mgr().register();
    for event in [
        Type::MessagePublish,
        Type::MessageAcked,
        Type::MessageDropped,
    ] {
        register
            .add(
                event,
                Box::new(Witness {
                    file: Arc::clone(&file),
                }),
            )
            .await;
    }
    register.start().await;
    Ok(())
}

#[async_trait]
impl Handler for Witness {
    async fn hook(&self, parameter: &Parameter, result: Option<HookResult>) -> ReturnType {
        let line = match parameter {
            Parameter::MessagePublish(_, _, publish) => line("P", publish, ""),
            Parameter::MessageAcked(session, _, publish) => {
                line("A", publish, &session.id.client_id)
            }
            Parameter::MessageDropped(_, _, publish, reason) => {
                line("D", publish, &format!("{reason:?}"))
            }
            _ => None,
        };
        if let Some(line) = line
            && let Err(error) = (&*self.file).write_all(line.as_bytes())
        {
            // A witness that misses something is none.
            eprintln!("cannot write the witness file: {error}");
            std::process::exit(1);
        }
        (true, result)
    }
}

/// Returns a line about a numbered message, or nothing for another one.
fn line(event: &str, publish: &Publish, more: &str) -> Option<String> {
    let payload =
        std::str::from_utf8(publish.payload.get(..publish.payload.len().min(24))?).ok()?;
    let number = payload.strip_prefix("{\"n\":")?.split([',', '}']).next()?;
    Some(format!("{event} {} {number} {more}\n", publish.topic))
}
