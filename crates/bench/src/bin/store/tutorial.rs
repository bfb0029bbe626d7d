//! The tutorial's way to store: paho-mqtt and pymongo, one insert for each message.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::peer::Peer;

use crate::server::{RUN_TIMEOUT, Server};
use crate::subject::WINDOW;

/// The same by the tutorial's way, which is slow.
const TUTORIAL: usize = 10_000;

pub(crate) fn tutorial(server: &Server) -> Result<(f64, f64)> {
    let python = std::env::var_os("BENCH_PYTHON").context("BENCH_PYTHON is not set")?;
    let peer = Peer::listen()?;
    let mut child = Command::new(python)
        // Without the script's folder in its path: another one there is called `paho`.
        .args(["-I", "scripts/peers/tutorial.py"])
        .args([
            peer.port()?.to_string(),
            server.mongo.url(),
            TUTORIAL.to_string(),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the tutorial's program")?;
    let mut guest = peer.accept()?;
    guest.accept_subscription()?;
    let sent = guest.send_count(TUTORIAL, WINDOW);
    let output = child.wait_with_output_or_kill()?;
    // It may have gone before its last acknowledgement was read.
    drop(sent);
    let (time, used) = output.trim().split_once(' ').context("an odd result")?;
    let count = f64::from(u32::try_from(TUTORIAL)?);
    Ok((
        count / time.parse::<f64>()?,
        used.parse::<f64>()? * 1e6 / count,
    ))
}

/// Takes what a program prints, and its end.
trait Output {
    fn wait_with_output_or_kill(&mut self) -> Result<String>;
}

impl Output for Child {
    fn wait_with_output_or_kill(&mut self) -> Result<String> {
        let end = Instant::now() + RUN_TIMEOUT;
        while self.try_wait()?.is_none() {
            if Instant::now() >= end {
                self.kill()?;
                bail!("the tutorial's program does not end");
            }
            sleep(Duration::from_millis(20));
        }
        let mut text = String::new();
        let stdout = self.stdout.as_mut().context("a pipe")?;
        std::io::Read::read_to_string(stdout, &mut text)?;
        Ok(text)
    }
}
