//! System calls of a program, recorded by strace: writes to files and sockets, and syncs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::Program;

/// A system call that changes what is on the disk, or what the other end of a connection knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Bytes are written to a file, at an offset; without one (`None`), at its end.
    Write {
        /// Which file.
        file: PathBuf,
        /// Where.
        at: Option<u64>,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file gets another length.
    Truncate {
        /// Which file.
        file: PathBuf,
        /// Its new length.
        length: u64,
    },
    /// A file is no longer there.
    Remove {
        /// Which file.
        file: PathBuf,
    },
    /// A sync of a file begins.
    SyncBegins {
        /// Which file.
        file: PathBuf,
    },
    /// The sync has ended: everything that was written before its beginning is on the disk.
    SyncEnds {
        /// Which file.
        file: PathBuf,
    },
    /// Bytes go to a TCP connection.
    Send {
        /// The port at its other end.
        port: u16,
        /// What.
        bytes: Vec<u8>,
    },
    /// Bytes have come from a TCP connection.
    Receive {
        /// The port at its other end.
        port: u16,
        /// What.
        bytes: Vec<u8>,
    },
}

const CALLS: &str = "trace=write,pwrite64,writev,sendto,sendmsg,read,readv,recvfrom,recvmsg,fsync,fdatasync,ftruncate,\
                     unlink,unlinkat";
const RECEIVING: [&str; 4] = ["read", "readv", "recvfrom", "recvmsg"];

/// Returns the program under strace, which writes into `trace`.
pub fn traced(program: impl AsRef<Path>, trace: &Path) -> Program {
    Program::new("strace")
        // The program keeps our signals and its parent.
        .args([
            "-D",
            "-f",
            "-yy",
            "-xx",
            "-s",
            "100000000",
            "-e",
            CALLS,
            "-o",
        ])
        .args([trace, program.as_ref()])
}

/// Reads what strace has written: the calls in the order in which they began, and in between the
/// ends of syncs, and what was received when it was there.
///
/// # Panics
/// Where `trace` can't be read.
pub fn read_trace(trace: &Path) -> Vec<Call> {
    let text = fs::read_to_string(trace).expect("strace has written its trace");
    let mut calls = Vec::new();
    let mut unfinished: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            calls.extend(begins(begun));
            unfinished.push((thread, begun.to_owned()));
        } else if let Some(resumed) = call.strip_prefix("<... ") {
            let Some(index) = unfinished.iter().position(|(of, _)| *of == thread) else {
                continue;
            };
            let (_, begun) = unfinished.remove(index);
            let succeeded = !call.contains(" = -1 ");
            let rest = resumed.split_once(" resumed>").map_or("", |(_, rest)| rest);
            calls.extend(ends(&format!("{begun}{rest}")).filter(|_| succeeded));
        } else if !call.contains(") = -1 ") {
            calls.extend(begins(call));
            calls.extend(ends(call));
        }
    }
    calls
}

/// The buffers of a call, joined.
fn bytes(arguments: &str) -> Vec<u8> {
    let strings = arguments.split('"').skip(1).step_by(2);
    strings.flat_map(unescape).collect()
}

/// The port at the other end, if it is about a connection.
fn port(arguments: &str) -> Option<u16> {
    // 9<TCP:[127.0.0.1:40000->127.0.0.1:1883]>, with a `>` of its own.
    let (_, peer) = arguments.split_once("<TCP:[")?.1.split_once("->")?;
    let (_, port) = peer.split_once("]>")?.0.rsplit_once(':')?;
    port.parse().ok()
}

fn begins(call: &str) -> Option<Call> {
    let (name, arguments) = call.split_once('(')?;
    if RECEIVING.contains(&name) {
        return None;
    }
    let target = arguments
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    if let Some(port) = port(arguments) {
        let bytes = bytes(arguments);
        return (!bytes.is_empty()).then_some(Call::Send { port, bytes });
    }
    let file =
        |target: &str| PathBuf::from(String::from_utf8_lossy(&unescape(target)).into_owned());
    match name {
        "unlink" | "unlinkat" => {
            let path = arguments.split('"').nth(1)?;
            Some(Call::Remove { file: file(path) })
        }
        "write" | "pwrite64" => {
            let rest = arguments.rsplit_once('"')?.1;
            let at = rest.split(", ").nth(2).and_then(number);
            let (target, _) = target?;
            Some(Call::Write {
                file: file(target),
                at,
                bytes: bytes(arguments),
            })
        }
        "ftruncate" => {
            let (target, rest) = target?;
            let length = number(rest.strip_prefix(", ")?)?;
            Some(Call::Truncate {
                file: file(target),
                length,
            })
        }
        "fsync" | "fdatasync" => Some(Call::SyncBegins {
            file: file(target?.0),
        }),
        _ => None,
    }
}

fn ends(call: &str) -> Option<Call> {
    let (name, arguments) = call.split_once('(')?;
    if RECEIVING.contains(&name) {
        let (port, bytes) = (port(arguments)?, bytes(arguments));
        return (!bytes.is_empty()).then_some(Call::Receive { port, bytes });
    }
    match begins(call)? {
        Call::SyncBegins { file } => Some(Call::SyncEnds { file }),
        _ => None,
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = text.split(|digit: char| !digit.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Decodes `\x61\x62`, and characters that strace prints as they are.
fn unescape(text: &str) -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        if let [b'\\', b'x', high, low, others @ ..] = rest
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push(high << 4 | low);
            rest = others;
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn reads_calls_that_other_threads_interrupt() {
        let folder = TempDir::new().expect("a temporary folder");
        let trace = folder.path().join("trace");
        let text = r#"12 pwrite64(9<\x2f\x61>, "\x62\x63", 2, 4096) = 2
12 fsync(9<\x2f\x61> <unfinished ...>
13 sendto(7<TCP:[127.0.0.1:40000->127.0.0.1:1883]>, "\x40\x02", 2, MSG_NOSIGNAL, NULL, 0) = 2
12 <... fsync resumed>) = 0
13 recvfrom(7<TCP:[127.0.0.1:40000->127.0.0.1:1883]>,  <unfinished ...>
12 recvfrom(7<TCP:[127.0.0.1:40000->127.0.0.1:1883]>, 0x1, 9, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
13 <... recvfrom resumed>"\x62", 9, 0, NULL, NULL) = 1
12 read(7<\x2f\x61>, "\x62", 9) = 1
12 fsync(9<\x2f\x61>) = -1 EIO (Input/output error)
12 ftruncate(9<\x2f\x61>, 100) = 0
12 unlink("\x2f\x61") = 0
12 +++ exited with 0 +++
"#;
        fs::write(&trace, text).expect("the folder can be written");
        let file = PathBuf::from("/a");
        assert_eq!(
            read_trace(&trace),
            [
                Call::Write {
                    file: file.clone(),
                    at: Some(4_096),
                    bytes: b"bc".into()
                },
                Call::SyncBegins { file: file.clone() },
                Call::Send {
                    port: 1_883,
                    bytes: vec![0x40, 2]
                },
                Call::SyncEnds { file: file.clone() },
                Call::Receive {
                    port: 1_883,
                    bytes: b"b".into()
                },
                Call::Truncate {
                    file: file.clone(),
                    length: 100
                },
                Call::Remove { file },
            ]
        );
    }
}
