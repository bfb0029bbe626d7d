//! Asks on the terminal for what must not be seen.

use anyhow::Result;
#[cfg(unix)]
use {
    anyhow::{Context, anyhow, bail},
    rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    },
    std::fs::{File, OpenOptions},
    std::io::{Read, Write},
};

#[cfg(not(unix))]
pub(crate) fn ask(_prompt: &str) -> Result<String> {
    anyhow::bail!("cannot ask for the password on this system: give --password-file FILE")
}

/// Asks on the terminal that the program belongs to, whatever its standard input is.
#[cfg(unix)]
pub(crate) fn ask(prompt: &str) -> Result<String> {
    let open = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let mut terminal = open.map_err(|_| {
        anyhow!(
            "cannot ask for the password: there is no terminal; give --password-file FILE or set IOT_PASSWORD"
        )
    })?;
    let silence = Silence::over(&terminal).context("cannot hide the password on the terminal")?;
    terminal.write_all(prompt.as_bytes())?;
    let answer = read(&mut terminal);
    drop(silence);
    terminal.write_all(b"\n")?;
    answer
}

/// Shows nothing that is typed, and gives each key at once; until it is dropped.
#[cfg(unix)]
struct Silence {
    terminal: File,
    before: Termios,
}

#[cfg(unix)]
impl Silence {
    fn over(terminal: &File) -> Result<Self> {
        let terminal = terminal.try_clone()?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        // Ctrl-C comes as a key too: a signal would leave the terminal as it is now.
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that has gone needs no care.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Reads a line key by key.
#[cfg(unix)]
fn read(keys: &mut impl Read) -> Result<String> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const BACKSPACE: u8 = 8;
    const CTRL_U: u8 = 21;
    const DELETE: u8 = 127;
    let mut line = Vec::new();
    loop {
        let mut key = [0];
        if keys.read(&mut key)? == 0 {
            bail!("no password was given: the terminal has gone");
        }
        match key[0] {
            b'\n' | b'\r' => break,
            CTRL_D if line.is_empty() => bail!("no password was given"),
            CTRL_D => break,
            CTRL_C => bail!("no password was given"),
            CTRL_U => line.clear(),
            BACKSPACE | DELETE => {
                // All bytes of a character.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte => line.push(byte),
        }
    }
    String::from_utf8(line).map_err(|_| anyhow!("the password is not UTF-8"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[track_caller]
    fn case(keys: &[u8], expected: Result<&str, &str>) {
        let line = read(&mut &*keys).map_err(|error| error.to_string());
        assert_eq!(line.as_deref().map_err(|error| &**error), expected);
    }

    #[test]
    fn keys_make_a_line() {
        case(b"s3cret\n", Ok("s3cret"));
        case(b"s3cret\rrest", Ok("s3cret"));
        case("kä\u{7f}ase\n".as_bytes(), Ok("kase"));
        case(b"\x08wrong\x15right\x04", Ok("right"));
        case(b"\n", Ok(""));
        case(b"abc\x03\n", Err("no password was given"));
        case(b"\x04", Err("no password was given"));
        case(b"abc", Err("no password was given: the terminal has gone"));
        case(b"\xff\n", Err("the password is not UTF-8"));
    }
}
