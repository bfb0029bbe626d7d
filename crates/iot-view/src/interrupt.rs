//! Ctrl-C and SIGTERM, for work that is not asynchronous.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use anyhow::Result;
use iot_cli::{Interrupted, Signals};

/// Tells whether a signal asks the program to end. The second signal ends it at once.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    /// The exit code, once there was a signal.
    code: Arc<AtomicU8>,
}

impl Interrupt {
    /// Takes the signals over, from now on.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn listen() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut signals = {
            let _context = runtime.enter();
            Signals::listen()?
        };
        let code = Arc::new(AtomicU8::new(0));
        let own = Arc::clone(&code);
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                runtime.block_on(async {
                    signals.next().await;
                    own.store(signals.exit_code(), Ordering::Relaxed);
                    signals.next().await;
                    process::exit(signals.exit_code().into());
                });
            })?;
        Ok(Self { code })
    }

    /// Returns whether there was a signal.
    pub(crate) fn is_set(&self) -> bool {
        self.code.load(Ordering::Relaxed) != 0
    }

    /// Returns the error of work that a signal has interrupted.
    pub(crate) fn error(&self, line: &str) -> Interrupted {
        Interrupted::new(line, self.code.load(Ordering::Relaxed))
    }
}
