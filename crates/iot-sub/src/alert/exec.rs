//! `--alert-exec`: runs a program for each report.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use iot_alert::{AlertState, Event};

use super::delivery::{Delivery, Undelivered};
use super::plan::Exec;

/// Runs that fail before a report is given up.
const ATTEMPTS: u32 = 3;

/// Runs a program.
pub(super) struct Program {
    exec: Exec,
    /// The report that failed last, and how often.
    failed: Option<(String, u32)>,
}

impl Program {
    pub(super) fn new(exec: Exec) -> Self {
        Self { exec, failed: None }
    }

    fn run(&self, event: &Event) -> Result<(), String> {
        let json = serde_json::to_string(event).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.exec.program);
        command
            .envs(variables(event))
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        // A group of its own, so that the programs that it starts can be killed with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .spawn()
            .map_err(|error| format!("it cannot be started: {}", iot_cli::io_reason(&error)))?;
        // A program that does not read must not hold the thread: the pipe takes less than the JSON
        // may have.
        if let Some(mut stdin) = child.stdin.take() {
            std::thread::spawn(move || {
                let _ = writeln!(stdin, "{json}");
            });
        }
        wait(child, self.exec.timeout)
    }
}

/// Waits for the end of a program, and kills it with its children after `timeout`.
fn wait(child: std::process::Child, timeout: Duration) -> Result<(), String> {
    let id = child.id();
    let (sender, ended) = mpsc::channel();
    let mut waited = child;
    std::thread::spawn(move || {
        let _ = sender.send(waited.wait());
    });
    match ended.recv_timeout(timeout) {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(match status.code() {
            Some(code) => format!("it ended with exit code {code}"),
            None => "a signal ended it".into(),
        }),
        Ok(Err(error)) => Err(iot_cli::io_reason(&error)),
        Err(_) => {
            kill_group(id);
            Err(format!(
                "it had not ended after {} s, and was killed",
                timeout.as_secs()
            ))
        }
    }
}

#[cfg(unix)]
fn kill_group(id: u32) {
    let id = i32::try_from(id)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_: u32) {}

fn variables(event: &Event) -> Vec<(&'static str, String)> {
    let value = match &event.value {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let state = match event.state {
        AlertState::Firing => "firing",
        AlertState::Ok => "ok",
    };
    // The system refuses variables with a NUL.
    let text = |text: &str| text.replace('\0', "");
    vec![
        ("IOT_ALERT_ID", event.id.clone()),
        ("IOT_ALERT_NAME", text(&event.name)),
        ("IOT_ALERT_TOPIC", text(&event.topic)),
        (
            "IOT_ALERT_METRIC",
            text(event.metric.as_deref().unwrap_or_default()),
        ),
        ("IOT_ALERT_STATE", state.into()),
        ("IOT_ALERT_VALUE", text(&value)),
        (
            "IOT_ALERT_UNIT",
            text(event.unit.as_deref().unwrap_or_default()),
        ),
        ("IOT_ALERT_SINCE", event.since.to_string()),
        ("IOT_ALERT_TIME", event.time.to_string()),
        ("IOT_ALERT_REASON", text(&event.reason)),
    ]
}

impl Delivery for Program {
    fn name(&self) -> String {
        format!("program `{}`", self.exec.program.display())
    }

    fn deliver(&mut self, event: &Event) -> Result<(), Undelivered> {
        let Err(reason) = self.run(event) else {
            self.failed = None;
            return Ok(());
        };
        let before = self.failed.take().filter(|(id, _)| *id == event.id);
        let attempts = before.map_or(0, |(_, attempts)| attempts) + 1;
        if attempts >= ATTEMPTS {
            return Err(Undelivered::Never(reason));
        }
        self.failed = Some((event.id.clone(), attempts));
        Err(Undelivered::Later(reason))
    }
}
