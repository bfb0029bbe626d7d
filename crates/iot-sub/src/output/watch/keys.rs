//! Keys and the mouse wheel: what a person wants to see.

use std::io::{IsTerminal, stdin};
use std::time::Duration;

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind, poll, read,
};

/// Rows that the mouse wheel moves by.
const WHEEL: isize = 3;
/// Events between two pictures.
const AT_ONCE: usize = 100;

/// What an event asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// The terminal is gone.
    Gone,
    Scroll(Step),
    /// The terminal has another size.
    Redraw,
    End,
}

/// How far to scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Rows(isize),
    Pages(isize),
    Begin,
    End,
}

/// Waits for events, for so long at most.
pub(super) fn next(longest: Duration) -> Vec<Wish> {
    if !stdin().is_terminal() {
        std::thread::sleep(longest);
        return Vec::new();
    }
    let mut wishes = Vec::new();
    let mut wait = longest;
    loop {
        // crossterm would read the end of a terminal that is gone for ever.
        if is_gone(wait) {
            wishes.push(Wish::Gone);
            return wishes;
        }
        match poll(Duration::ZERO) {
            Ok(true) if wishes.len() < AT_ONCE => wishes.extend(read().map(|event| wish(&event))),
            _ => return wishes,
        }
        wait = Duration::ZERO;
    }
}

/// Waits for input, and returns whether there will never be any more.
#[cfg(unix)]
fn is_gone(longest: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec};
    let stdin = stdin();
    let mut input = [PollFd::new(&stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(longest).ok();
    // A signal ends it early, as that of a new size does.
    let _ = rustix::event::poll(&mut input, timeout.as_ref());
    let [input] = input;
    { input.revents() }.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
}

#[cfg(not(unix))]
fn is_gone(longest: Duration) -> bool {
    // What comes stays in the queue.
    let _ = poll(longest);
    false
}

fn wish(event: &Event) -> Wish {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(*key),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollDown => Wish::Scroll(Step::Rows(WHEEL)),
            MouseEventKind::ScrollUp => Wish::Scroll(Step::Rows(-WHEEL)),
            _ => Wish::Nothing,
        },
        Event::Resize(..) => Wish::Redraw,
        _ => Wish::Nothing,
    }
}

fn of_key(key: KeyEvent) -> Wish {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if is_control => Wish::End,
        KeyCode::Char('q') => Wish::End,
        KeyCode::Up | KeyCode::Char('k') => Wish::Scroll(Step::Rows(-1)),
        KeyCode::Down | KeyCode::Char('j') => Wish::Scroll(Step::Rows(1)),
        KeyCode::PageUp => Wish::Scroll(Step::Pages(-1)),
        KeyCode::PageDown | KeyCode::Char(' ') => Wish::Scroll(Step::Pages(1)),
        KeyCode::Home | KeyCode::Char('g') => Wish::Scroll(Step::Begin),
        KeyCode::End | KeyCode::Char('G') => Wish::Scroll(Step::End),
        KeyCode::Char('l') if is_control => Wish::Redraw,
        _ => Wish::Nothing,
    }
}

/// Asks the program to end, as Ctrl-C does outside of raw mode.
pub(super) fn interrupt() {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        let _ = kill_process(getpid(), Signal::INT);
    }
    #[cfg(not(unix))]
    {
        super::terminal::restore();
        std::process::exit(0);
    }
}

/// Which row is the first on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scroll {
    first: usize,
    /// Rows of the last picture.
    page: usize,
}

impl Scroll {
    pub(super) fn by(&mut self, step: Step) {
        let page = isize::try_from(self.page.max(1)).unwrap_or(isize::MAX);
        self.first = match step {
            Step::Rows(rows) => self.first.saturating_add_signed(rows),
            Step::Pages(pages) => self.first.saturating_add_signed(pages.saturating_mul(page)),
            Step::Begin => 0,
            Step::End => usize::MAX,
        };
    }

    /// Returns the first row, of so many, on a screen for so many.
    pub(super) fn first(&mut self, all: usize, page: usize) -> usize {
        self.page = page;
        self.first = self.first.min(all.saturating_sub(page));
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_stays_within_the_table() {
        let mut scroll = Scroll::default();
        assert_eq!(scroll.first(100, 10), 0);
        for (step, expected) in [
            (Step::Rows(-1), 0),
            (Step::Rows(3), 3),
            (Step::Pages(1), 13),
            (Step::End, 90),
            (Step::Rows(1), 90),
            (Step::Pages(-2), 70),
            (Step::Begin, 0),
        ] {
            scroll.by(step);
            assert_eq!(scroll.first(100, 10), expected, "{step:?}");
        }
        scroll.by(Step::End);
        assert_eq!(scroll.first(3, 10), 0);
    }

    #[test]
    fn q_and_control_c_end_it() {
        let key = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Wish::End);
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Wish::End);
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), Wish::Nothing);
    }
}
