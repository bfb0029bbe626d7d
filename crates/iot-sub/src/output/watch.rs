//! `--watch`: a table of all series on the whole screen of the terminal.
//!
//! What is received goes into a table. A thread of its own draws it, some times a second, and
//! listens to keys. Lines for stderr are shown below the table, and printed when it is gone.

mod draw;
mod keys;
mod rate;
mod table;
mod terminal;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use iot_store::Reading;

use self::draw::View;
use self::keys::{Scroll, Wish};
use self::table::Table;
use self::terminal::Screen;
pub(crate) use self::terminal::restore;
use super::status::Status;
use crate::failpoint::{self, Point};

/// Delay between two pictures: what comes faster nobody can read.
const FRAME: Duration = Duration::from_millis(100);
/// A picture is drawn at least so often, for the ages.
const IDLE_FRAME: Duration = Duration::from_millis(500);

/// The table on the screen, until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    ends: AtomicBool,
    has_changed: AtomicBool,
    status: Arc<Status>,
    broker: String,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Takes the screen over.
    ///
    /// # Errors
    /// The terminal cannot be used so, or a thread cannot be started.
    pub(super) fn begin(broker: &str, status: &Arc<Status>) -> Result<Self> {
        let mut screen = Screen::open().context("cannot use the terminal for --watch")?;
        status.begin();
        let shared = Arc::new(Shared {
            table: Mutex::new(Table::new()),
            ends: AtomicBool::new(false),
            has_changed: AtomicBool::new(true),
            status: Arc::clone(status),
            broker: broker.to_owned(),
        });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || run(&own, &mut screen))
            .context("cannot start a thread")?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Shows a reading in the row of its series.
    pub(super) fn reading(&mut self, reading: &Reading) {
        let mut table = self.shared.table();
        let key = (&*reading.topic, reading.metric.as_deref());
        let value = reading.value.to_string();
        table.show(key, &value, reading.unit.as_deref(), Instant::now());
        drop(table);
        self.shared.has_changed.store(true, Ordering::Relaxed);
    }

    /// Shows a text in the row of its topic.
    pub(super) fn text(&mut self, topic: &str, text: &[u8]) {
        // A second line would be another row's.
        let first = text.split(|byte| matches!(byte, b'\n' | b'\r')).next();
        let text = String::from_utf8_lossy(first.unwrap_or_default());
        let mut table = self.shared.table();
        table.show((topic, None), &text, None, Instant::now());
        drop(table);
        self.shared.has_changed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Gives the screen back when the thread ends, also by a panic.
struct Taken<'a>(&'a Status);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        restore();
        self.0.end();
    }
}

fn run(shared: &Shared, screen: &mut Screen) {
    let _taken = Taken(&shared.status);
    let mut scroll = Scroll::default();
    let mut drawn: Option<Instant> = None;
    while !shared.ends.load(Ordering::Relaxed) {
        let due = drawn.is_none_or(|at| at.elapsed() >= IDLE_FRAME);
        let has_news = shared.has_changed.swap(false, Ordering::Relaxed) | shared.status.has_news();
        if due || has_news {
            if draw(shared, screen, &mut scroll).is_err() {
                // The terminal is gone, or was given back after a panic.
                return;
            }
            drawn = Some(Instant::now());
        }
        for wish in keys::next(FRAME) {
            match wish {
                Wish::Nothing => {}
                Wish::Scroll(step) => {
                    scroll.by(step);
                    shared.has_changed.store(true, Ordering::Relaxed);
                }
                Wish::Redraw => shared.has_changed.store(true, Ordering::Relaxed),
                Wish::End => keys::interrupt(),
                Wish::Gone => return,
            }
        }
    }
}

fn draw(shared: &Shared, screen: &mut Screen, scroll: &mut Scroll) -> std::io::Result<()> {
    failpoint::pass(Point::InWatch);
    screen.draw(|frame| {
        let status = shared.status.latest(draw::STATUS_LINES);
        let rows = draw::rows_on(frame.area(), status.len());
        let mut table = shared.table();
        let first = scroll.first(table.len(), rows);
        let view = View {
            broker: &shared.broker,
            series: table.len(),
            dropped: table.dropped(),
            first,
            rows: table.rows(first, rows, Instant::now()),
            status,
        };
        drop(table);
        draw::draw(frame, &view);
    })
}
