//! Enough of MongoDB's protocol to send a command and to search its reply.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::wait::DEADLINE;

/// Returns a BSON document of these elements.
pub(super) fn document(elements: &[Vec<u8>]) -> Vec<u8> {
    let elements = elements.concat();
    let length = u32::try_from(elements.len() + 5).expect("a small document");
    [&length.to_le_bytes(), elements.as_slice(), &[0]].concat()
}

pub(super) fn element(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], value].concat()
}

pub(super) fn number(name: &str, value: i32) -> Vec<u8> {
    element(0x10, name, &value.to_le_bytes())
}

pub(super) fn text(name: &str, value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len() + 1).expect("a short text");
    let value = [&length.to_le_bytes(), value.as_bytes(), &[0]].concat();
    element(0x02, name, &value)
}

pub(super) fn truth(name: &str) -> Vec<u8> {
    element(0x08, name, &[1])
}

/// Sends one command to a server and returns the bytes of the reply.
pub(super) fn run(port: u16, database: &str, elements: &[Vec<u8>]) -> io::Result<Vec<u8>> {
    ask(port, DEADLINE, database, elements)
}

/// The same (an `OP_MSG`), with a timeout for the reply.
pub(super) fn ask(
    port: u16,
    timeout: Duration,
    database: &str,
    elements: &[Vec<u8>],
) -> io::Result<Vec<u8>> {
    const OP_MSG: i32 = 2013;
    let body = document(&[elements, &[text("$db", database)]].concat());
    let length = i32::try_from(body.len() + 21).expect("a small command");
    let head = [length, 1, 0, OP_MSG, 0].map(i32::to_le_bytes).concat();

    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(&[head, vec![0], body].concat())?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u32::from_le_bytes(length) as usize - length.len()];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}

pub(super) fn contains(reply: &[u8], part: &[u8]) -> bool {
    reply.windows(part.len()).any(|window| window == part)
}
